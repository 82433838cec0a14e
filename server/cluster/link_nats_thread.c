#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "link_nats_state.h"

enum {
	TICK_MS = 1000,  /* between looks at what libnats does not tell of itself */
	LATER_MS = 1,    /* until the queue is looked at whose producer was preempted */
	FLUSH_MS = 333,  /* for what is sent to reach the server, at the end */
	SETTLE_MS = 300, /* for what is on the way, in either direction */
};

/* --- waiting -----------------------------------------------------------------------------------
 */

/* Sleeps until something is to be done, `ms` at most. */
static void sleep_a_while(struct link_nats *self, int ms)
{
	uint64_t rings;
	int fd = mailbox_bell_fd(self->outgoing.mailbox);
	struct pollfd bell = {.fd = fd, .events = POLLIN};

	if (poll(&bell, 1, ms) > 0) {
		ssize_t size = read(fd, &rings, sizeof(rings));
		(void)size; /* it rings again for what comes from here on */
	}
}

/* Sleeps for all of `ms` unless the link is stopped: others ring, too. */
static void pause_for(struct link_nats *self, int ms)
{
	uint64_t until = link_nats_now_ms() + (uint64_t)ms;

	for (uint64_t now = link_nats_now_ms(); now < until && !link_nats_is_stopping(self);
		now = link_nats_now_ms()) {
		sleep_a_while(self, (int)(until - now));
	}
}

/* --- sending -----------------------------------------------------------------------------------
 */

/* Returns false when the line must be closed. */
static bool send_one(struct link_nats *self, const struct parcel *parcel)
{
	int err = nats_line_send(self->line, parcel);

	switch (err) {
	case 0:
		atomic_fetch_add_explicit(&self->sent, 1, memory_order_relaxed);
		return true;
	case -EMSGSIZE:
		link_nats_count_lost(self, LINK_LOST_TOO_BIG, 1);
		return true;
	case -ENOMEM:
		link_nats_count_lost(self, LINK_LOST_NO_MEMORY, 1);
		return true;
	case -EINVAL:
		link_nats_count_lost(self, LINK_LOST_REFUSED, 1);
		return true;
	default:
		link_nats_count_lost(self, LINK_LOST_DOWN, 1);
		return false;
	}
}

/* Returns for how many ms to sleep; -EPIPE when the line must be closed. */
static int send_all(struct link_nats *self)
{
	struct parcel *parcel;
	enum mailbox_status status = outgoing_take(&self->outgoing, &parcel);

	for (; status == MAILBOX_MAIL; status = outgoing_take(&self->outgoing, &parcel)) {
		bool goes_on = send_one(self, parcel);
		outgoing_free(&self->outgoing, &parcel);
		if (!goes_on) {
			return -EPIPE;
		}
	}
	return status == MAILBOX_LATER ? LATER_MS : TICK_MS;
}

static void tell_settled(struct link_nats *self, uint64_t ask, bool is_done)
{
	if (self->settled != ask) {
		self->settled = ask;
		link_nats_tell_settled(self, ask, is_done);
	}
}

/* All that was given to the queue before it was asked has been sent. */
static void settle(struct link_nats *self, uint64_t ask)
{
	if (self->settled != ask) {
		tell_settled(self, ask, nats_line_settle(self->line, SETTLE_MS));
	}
}

/* While the line is up. */
static void carry(struct link_nats *self)
{
	int wait_ms = 0;

	while (wait_ms >= 0 && !link_nats_is_stopping(self) && !nats_line_has_ended(self->line)) {
		sleep_a_while(self, wait_ms);
		const uint64_t ask = atomic_load(&self->settle_ask);
		wait_ms = nats_line_serve(self->line, atomic_load(&self->serves));
		if (!wait_ms) {
			wait_ms = send_all(self);
		}
		if (wait_ms == TICK_MS) {
			settle(self, ask);
		}
		link_nats_count_lost(self, LINK_LOST_LIBRARY, nats_line_dropped(self->line));
	}
}

static void drop_waiting(struct link_nats *self)
{
	link_nats_count_lost(self, LINK_LOST_DOWN, outgoing_drop(&self->outgoing));
}

/* --- up and down -------------------------------------------------------------------------------
 */

/* What waited from before would be late. */
static void go_up(struct link_nats *self)
{
	drop_waiting(self);
	atomic_store(&self->max_payload, nats_line_max_payload(self->line));
	atomic_fetch_add(&self->ups, 1);
	atomic_store(&self->is_up, true);
	link_nats_tell_up(self);
}

static void go_down(struct link_nats *self)
{
	char why[LINK_TEXT_MAX] = "stopped";

	if (link_nats_is_stopping(self)) {
		send_all(self);
		nats_line_flush(self->line, FLUSH_MS);
	} else {
		nats_line_why(self->line, why);
	}
	atomic_store(&self->is_up, false);
	atomic_store(&self->max_payload, 0);
	drop_waiting(self);
	tell_settled(self, atomic_load(&self->settle_ask), false);
	if (!link_nats_is_stopping(self)) {
		link_nats_tell_down(self, LINK_DOWN, 0, why);
	}
	nats_line_close(&self->line);
}

/* Others than the one that was asked for are as good. */
static void choose_first(struct link_nats *self)
{
	const struct nats_urls *urls = &self->setup.urls;
	size_t url = randombytes_uniform((uint32_t)urls->count);

	for (size_t i = 0; i < urls->count; i++) {
		url = strcmp(urls->urls[i], self->setup.first) == 0 ? i : url;
	}
	atomic_store(&self->url, url);
}

void *link_nats_run(void *context)
{
	struct link_nats *self = context;

	choose_first(self);
	while (!link_nats_is_stopping(self)) {
		int retry_ms = link_nats_connect(self);
		if (retry_ms == 0) {
			go_up(self);
			carry(self);
			go_down(self);
			retry_ms = (int)randombytes_uniform(LINK_NATS_RETRY_MS);
		}
		atomic_store(&self->url, (link_nats_url(self) + 1) % self->setup.urls.count);
		pause_for(self, retry_ms);
	}
	nats_line_thread_end();
	pthread_mutex_lock(&self->mutex);
	self->has_thread_ended = true;
	pthread_cond_broadcast(&self->changed);
	pthread_mutex_unlock(&self->mutex);
	link_nats_unref(self);
	return NULL;
}
