#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"

static void read_clock(struct loop *loop)
{
	loop->now_us = clock_us();
	loop->now_ms = loop->now_us / 1000;
	loop->now_tick = (uint32_t)(loop->now_ms / LOOP_TICK_MS) + 1;
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
	read_clock(loop);
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

int loop_wait(struct loop *loop, int timeout_ms)
{
	int count = epoll_wait(loop->epoll_fd, loop->events, loop->capacity, timeout_ms);
	read_clock(loop);
	return count < 0 ? 0 : count;
}

int loop_ms_to_next_tick(const struct loop *loop)
{
	return LOOP_TICK_MS - (int)(loop->now_ms % LOOP_TICK_MS);
}

uint64_t loop_spent_us(const struct loop *loop)
{
	return clock_us() - loop->now_us;
}
