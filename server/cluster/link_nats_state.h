/* What a line over NATS is made of, for its own files:
 *
 *   link_nats.c          its life, and what is asked of it
 *   link_nats_told.c     what its owner is told: what was heard, and how the line is
 *   link_nats_connect.c  its thread: an attempt to connect
 *   link_nats_thread.c   its thread: what it does while there is a line, and while there is none */
#ifndef TIDEGATE_LINK_NATS_STATE_H
#define TIDEGATE_LINK_NATS_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "../config/nats_urls.h"
#include "link.h"
#include "link_message.h"
#include "nats_ear.h"
#include "nats_line.h"
#include "outgoing.h"

enum {
	LINK_NATS_RETRY_MS = 250, /* between attempts, and up to as much again by chance */
	LINK_NATS_ID_MAX = 64,
	LINK_NATS_PREFIX_MAX = 128,
	LINK_NATS_PATH_MAX = 4096,
};

/* What the link is made of, copied.
 * Owner: the link; nobody writes. */
struct link_nats_copy {
	struct nats_urls urls;
	char first[NATS_URL_MAX]; /* empty: any */
	char prefix[LINK_NATS_PREFIX_MAX];
	char id[LINK_NATS_ID_MAX];
	char creds[LINK_NATS_PATH_MAX];
	char ca[LINK_NATS_PATH_MAX];
	size_t payload_needed;
	size_t in_limit;
	struct mailbox *mailbox;
	uint32_t mail_kind;
};

/* Owner:  who created it, and its thread: the last of both frees it, for a thread that is stuck in
 *         libnats is left behind.
 * Shared: atomics, and what is under the mutex; the rest is the thread's. */
struct link_nats {
	struct link link; /* first */
	_Atomic int refs;
	struct link_nats_copy setup;
	struct outgoing outgoing;
	struct nats_ear *ear;
	pthread_t thread;

	_Atomic bool is_stopping;
	_Atomic bool serves;
	_Atomic bool is_up;
	_Atomic size_t max_payload;
	_Atomic size_t in_bytes;
	_Atomic uint64_t ups, taken, sent, received;
	_Atomic uint64_t lost[LINK_LOST_COUNT];
	_Atomic uint64_t settle_ask; /* what link_settle was asked last */
	_Atomic size_t url;          /* the server that is tried or used; the thread writes */

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool has_thread_ended; /* under the mutex, as the next one */
	bool is_left;          /* the thread is stuck and left alone: it says nothing any more */

	_Atomic uint64_t trouble_ms; /* when it was told last */
	struct nats_line *line;      /* NULL while it is down */
	uint64_t settled;            /* settle_ask, as far as the owner was told */
	/* Why it is down, as told last of each server; empty while it is up. */
	char told[NATS_URLS_MAX][LINK_TEXT_MAX];
};

static inline void link_nats_count_lost(struct link_nats *self, enum link_lost lost, uint64_t count)
{
	atomic_fetch_add_explicit(&self->lost[lost], count, memory_order_relaxed);
}

static inline bool link_nats_is_stopping(struct link_nats *self)
{
	return atomic_load_explicit(&self->is_stopping, memory_order_acquire);
}

/* The server that is tried or used. */
static inline size_t link_nats_url(struct link_nats *self)
{
	return atomic_load_explicit(&self->url, memory_order_relaxed);
}

static inline uint64_t link_nats_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline struct timespec link_nats_at_ms(uint64_t ms)
{
	return (struct timespec){
		.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
}

/* --- what the owner is told --- */

/* What the line's ear calls. */
extern const struct nats_ear_ops link_nats_ear_ops;

/* The line is up. */
void link_nats_tell_up(struct link_nats *self);

/* It is not, and why: each reason once for each server while it stays down. */
void link_nats_tell_down(
	struct link_nats *self, enum link_about about, size_t max_payload, const char *why);

/* What was asked for is done, or cannot be. */
void link_nats_tell_settled(struct link_nats *self, uint64_t ask, bool is_done);

/* --- its thread --- */

/* How the server of that number is reached; borrowed from the setup. */
struct nats_line_setup link_nats_line_setup(const struct link_nats *self, size_t url);

/* One attempt. Returns in how many ms to try the next server, 0 when the line is there. */
int link_nats_connect(struct link_nats *self);

/* Ends what its threads wait for in libnats. Thread: any. */
void link_nats_cut(struct link_nats *self);

/* Its thread, whose context it is. */
void *link_nats_run(void *context);

/* The last of both, the owner and the thread, frees it. */
void link_nats_unref(struct link_nats *self);

#endif
