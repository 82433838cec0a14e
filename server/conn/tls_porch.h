/* Where lines are watched that are not open yet: an epoll of their own beneath the worker's.
 *
 *   the worker's epoll: people who are in, mail, and one bell for ──> this one: who is at the door
 *
 * Anybody can cause events at the door, by the ten thousand, each of which may come to work of a
 * handshake. In one epoll with those of people who are in, these would queue behind them: 350 ms,
 * when 10,000 said their hellos again and again. Here they have a part of the turn to themselves.
 *
 * Somebody who comes is watched here at once, and by the worker's epoll when he is in: three system
 * calls, one of which a plain line makes too. Thread: the worker. */
#ifndef TIDEGATE_TLS_PORCH_H
#define TIDEGATE_TLS_PORCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "../base/handle.h"
#include "../base/loop.h"

enum {
	TLS_PORCH_EVENTS = 64, /* of one wait */
};

/* What the worker's epoll says when something has come here. */
#define TLS_PORCH_BELL handle_make(HANDLE_WORKER_RESERVED, 1, 0)

/* Owner:  one worker.
 * Shared: never. */
struct tls_porch {
	struct loop *loop; /* the worker's */
	int epoll_fd;
	int at;             /* of `events`, the next */
	int count;          /* of the last wait */
	bool may_have_more; /* the bell has rung, or that wait was full */
	struct epoll_event events[TLS_PORCH_EVENTS];
};

#define TLS_PORCH_NONE ((struct tls_porch){.epoll_fd = -1})

/* Errors: -errno. */
int tls_porch_init(struct tls_porch *porch, struct loop *loop);

/* Fine with TLS_PORCH_NONE. */
void tls_porch_finish(struct tls_porch *porch);

/* A socket that nobody watches is watched here from now on. Errors: -errno: nowhere. */
int tls_porch_enter(struct tls_porch *porch, int fd, handle_t handle);

/* From now on the loop watches it, which tells anew of what has come meanwhile. Errors: -errno:
 * nowhere. */
int tls_porch_leave(struct tls_porch *porch, int fd, handle_t handle);

/* Watches it no more, as loop_unwatch says. */
void tls_porch_forget(struct tls_porch *porch, int fd);

/* TLS_PORCH_BELL has come. */
void tls_porch_ring(struct tls_porch *porch);

/* Whether tls_porch_next is to be called. */
static inline bool tls_porch_has_events(const struct tls_porch *porch)
{
	return porch->at < porch->count || porch->may_have_more;
}

/* The next event, whose connection may be gone; NULL: there is none by now. */
const struct epoll_event *tls_porch_next(struct tls_porch *porch);

#endif
