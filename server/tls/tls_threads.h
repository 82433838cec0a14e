/* Threads for handshakes whose signature takes so long that a worker's other lines would wait for
 * it: one step is done here, and comes back to the worker as mail.
 *
 * Few may wait here at once, so that whoever has more to choose from chooses late; of each worker
 * as many, and they are done in the order in which they came, so that who has many takes no more
 * than his share. */
#ifndef TIDEGATE_TLS_THREADS_H
#define TIDEGATE_TLS_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/handle.h"
#include "../base/mailbox.h"
#include "tls_handshake.h"

enum {
	TLS_THREADS = 2,
	TLS_THREADS_WAITING = 4, /* steps of one worker that may wait for a thread */
};

/* One step of a handshake, out of its owner's hands until it is back.
 * Owner: the worker, of which the threads have borrowed it meanwhile. It is embedded in what the
 * worker keeps of the handshake; that, and the bytes, stay until it is back. */
struct tls_step {
	struct mail mail;      /* `kind` is the worker's own */
	struct tls_step *next; /* of those that wait */
	struct mailbox *back;  /* where it is posted to when it is done */
	handle_t handle; /* of the connection, which may have gone meanwhile; tells its worker */
	struct tls_handshake *handshake;
	const uint8_t *data; /* what is fed */
	size_t len;
	/* When it is back: */
	enum tls_progress progress;
	size_t used; /* of `len` */
};

/* Owner:  the node, with a pair that is slow.
 * Shared: by the workers. */
struct tls_threads;

/* Starts them. Errors: -ENOMEM, -EAGAIN. */
int tls_threads_create(struct tls_threads **ret_threads);

/* Does what waits, ends the threads and nulls the giver's pointer; what they did has been posted.
 * NULL is fine. Thread: one that is the last to post. */
void tls_threads_destroy(struct tls_threads **threads);

/* Whether a step of this worker would be taken now. Thread: any. */
bool tls_threads_have_room(struct tls_threads *threads, uint8_t worker);

/* Steps that have been handed over and not been posted back. Thread: any. */
uint32_t tls_threads_under_way(struct tls_threads *threads);

/* Hands a step over. Returns false, and takes nothing, while TLS_THREADS_WAITING of its worker
 * wait. Thread: any. Never waits. */
bool tls_threads_post(struct tls_threads *threads, struct tls_step *step);

#endif
