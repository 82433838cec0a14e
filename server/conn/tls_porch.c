#include "tls_porch.h"

#include <errno.h>
#include <unistd.h>

int tls_porch_init(struct tls_porch *porch, struct loop *loop)
{
	*porch = TLS_PORCH_NONE;
	porch->loop = loop;
	porch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (porch->epoll_fd < 0) {
		return -errno;
	}
	int err = loop_watch(loop, porch->epoll_fd, EPOLLIN | EPOLLET, TLS_PORCH_BELL);
	if (err) {
		tls_porch_finish(porch);
	}
	return err;
}

void tls_porch_finish(struct tls_porch *porch)
{
	if (porch->epoll_fd >= 0) {
		close(porch->epoll_fd);
	}
	*porch = TLS_PORCH_NONE;
}

int tls_porch_enter(struct tls_porch *porch, int fd, handle_t handle)
{
	struct epoll_event event = {.events = LOOP_STREAM_EVENTS, .data.u64 = handle};
	return epoll_ctl(porch->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void tls_porch_forget(struct tls_porch *porch, int fd)
{
	(void)epoll_ctl(porch->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

int tls_porch_leave(struct tls_porch *porch, int fd, handle_t handle)
{
	tls_porch_forget(porch, fd);
	return loop_watch(porch->loop, fd, LOOP_STREAM_EVENTS, handle);
}

void tls_porch_ring(struct tls_porch *porch)
{
	porch->may_have_more = true;
}

/* What comes behind a wait that was not full rings again. */
static void wait_for_some(struct tls_porch *porch)
{
	const int count = epoll_wait(porch->epoll_fd, porch->events, TLS_PORCH_EVENTS, 0);
	porch->at = 0;
	porch->count = count > 0 ? count : 0;
	porch->may_have_more = porch->count == TLS_PORCH_EVENTS;
}

const struct epoll_event *tls_porch_next(struct tls_porch *porch)
{
	if (porch->at == porch->count && porch->may_have_more) {
		wait_for_some(porch);
	}
	return porch->at < porch->count ? &porch->events[porch->at++] : NULL;
}
