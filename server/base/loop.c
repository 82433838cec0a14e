#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"

static void set_time(struct loop *loop, uint64_t now_us)
{
	loop->now_us = now_us;
	loop->now_ms = now_us / 1000;
	loop->now_tick = (uint32_t)(loop->now_ms / LOOP_TICK_MS) + 1;
}

void loop_script(struct loop *loop, uint64_t now_us)
{
	loop->is_scripted = true;
	set_time(loop, now_us);
}

void loop_look(struct loop *loop)
{
	set_time(loop, loop->is_scripted ? loop->now_us + loop->look_us : clock_us());
}

uint64_t loop_wall_ms(struct loop *loop)
{
	if (loop->wall_of_us != loop->now_us) {
		loop->wall_of_us = loop->now_us;
		loop->wall_ms = clock_wall_ms();
	}
	return loop->wall_ms;
}

int loop_init(struct loop *loop, int capacity)
{
	*loop = LOOP_EMPTY;
	loop->events = calloc((size_t)capacity, sizeof(*loop->events));
	if (!loop->events) {
		return -ENOMEM;
	}
	loop->capacity = capacity;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		int err = -errno;
		loop_finish(loop);
		return err;
	}
	loop_look(loop);
	loop->woke_us = loop->now_us;
	return 0;
}

void loop_finish(struct loop *loop)
{
	if (loop->epoll_fd >= 0) {
		close(loop->epoll_fd);
	}
	free(loop->events);
	*loop = LOOP_EMPTY;
}

int loop_watch(struct loop *loop, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};
	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void loop_unwatch(struct loop *loop, int fd)
{
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void loop_wait_at_most(struct loop *loop, uint32_t us)
{
	if (us > 0 && (loop->wait_us == 0 || us < loop->wait_us)) {
		loop->wait_us = us;
	}
}

/* Apart from loop_wait, which is on everybody's way. */
static __attribute__((noinline)) int wait_shorter(struct loop *loop, int timeout_ms)
{
	const uint32_t us = loop->wait_us;
	const struct timespec timeout = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
	loop->wait_us = 0;
	if (timeout_ms >= 0 && (uint64_t)timeout_ms * 1000 <= us) {
		return epoll_wait(loop->epoll_fd, loop->events, loop->capacity, timeout_ms);
	}
	int count = epoll_pwait2(loop->epoll_fd, loop->events, loop->capacity, &timeout, NULL);
	if (count < 0 && errno != EINTR) {
		/* Kernels before 5.11 and some sandboxes do not have it. */
		count = epoll_wait(
			loop->epoll_fd, loop->events, loop->capacity, (int)(us / 1000 + 1));
	}
	return count;
}

int loop_wait(struct loop *loop, int timeout_ms)
{
	int count = loop->wait_us > 0
			    ? wait_shorter(loop, timeout_ms)
			    : epoll_wait(loop->epoll_fd, loop->events, loop->capacity, timeout_ms);
	loop_look(loop);
	loop->woke_us = loop->now_us;
	return count < 0 ? 0 : count;
}

int loop_ms_to_next_tick(const struct loop *loop)
{
	return LOOP_TICK_MS - (int)(loop->now_ms % LOOP_TICK_MS);
}

uint64_t loop_spent_us(const struct loop *loop)
{
	return (loop->is_scripted ? loop->now_us : clock_us()) - loop->woke_us;
}
