/* What the admin port is made of, for its own files:
 *
 *   admin.c         its life
 *   admin_thread.c  its thread, and how that stands still */
#ifndef TIDEGATE_ADMIN_INNER_H
#define TIDEGATE_ADMIN_INNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/loop.h"
#include "../base/mailbox.h"
#include "../base/park.h"
#include "../base/watched_file.h"
#include "../config/config.h"
#include "../node/listener.h"
#include "context.h"
#include "tokens.h"

struct admin_http;

/* Owner:  main until posted, then the admin thread, which frees it. */
struct admin_reload {
	struct mail mail;
	struct config config;
	struct admin_tokens tokens;
};

/* Owner:  main; all but the mailbox, is_stopping and what is said to be main's is the thread's own
 *         once it runs.
 * Shared: as said there. */
struct admin {
	struct admin_context context;
	struct admin_tokens tokens;     /* main's: as they were read last */
	struct watched_file token_file; /* main's */
	struct listeners listeners;
	struct loop loop;
	struct admin_http *http;
	struct mailbox *mailbox;
	uint32_t clients_max;
	atomic_bool is_stopping;
	bool is_started;
	pthread_t thread;
	struct park_seat seat;
};

/* The whole thread; `context` is the struct admin. */
void *admin_thread_run(void *context);

/* Frees what was to be taken over, and wipes its tokens. */
void admin_reload_drop(struct admin_reload *reload);

#endif
