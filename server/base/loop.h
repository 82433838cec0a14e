/* One thread's epoll and clock. */
#ifndef TIDEGATE_LOOP_H
#define TIDEGATE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

enum {
	LOOP_TICK_MS = 250, /* the grain of all deadlines */
};

/* What is watched of a line: each news once. */
#define LOOP_STREAM_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

/* Owner:  one thread.
 * Shared: never. */
struct loop {
	int epoll_fd;
	int capacity;               /* most events of one wait */
	struct epoll_event *events; /* of the last wait */
	uint64_t now_us;            /* monotonic, read after each wait, and by loop_look */
	uint64_t now_ms;            /* the same */
	uint32_t now_tick;          /* now_ms in ticks, from 1 */
	uint32_t wait_us;           /* of the next wait, at most; 0: as it is told */
	uint64_t woke_us;           /* when the last wait ended */
	uint64_t wall_ms;           /* see loop_wall_ms */
	uint64_t wall_of_us;        /* the now_us that it belongs to */
	bool is_scripted;           /* the time is what loop_script says */
	uint32_t look_us;           /* of a scripted loop: how far each look moves it on */
};

#define LOOP_EMPTY ((struct loop){.epoll_fd = -1})

/* `capacity` is the most events a wait takes. Errors: -errno. */
int loop_init(struct loop *loop, int capacity);

/* Fine with LOOP_EMPTY and half-built loops. */
void loop_finish(struct loop *loop);

/* Watches a descriptor; `data` comes back with its events. Errors: -errno. */
int loop_watch(struct loop *loop, int fd, uint32_t events, uint64_t data);

/* Watches a descriptor no more. To be called ahead of close(2) where another process has the same
 * socket: as long as that is open, its events would go on. */
void loop_unwatch(struct loop *loop, int fd);

/* Waits for events and reads the clock. `timeout_ms` of -1 waits for ever.
 * Returns the number of events in loop->events; 0 after a signal or the time-out. */
int loop_wait(struct loop *loop, int timeout_ms);

/* The next wait takes no longer than that, whatever it is told; 0 says nothing. */
void loop_wait_at_most(struct loop *loop, uint32_t us);

/* Milliseconds until the tick after the present one begins, rounded up: 1 to LOOP_TICK_MS. */
int loop_ms_to_next_tick(const struct loop *loop);

/* Reads the clock again within a turn. */
void loop_look(struct loop *loop);

/* Milliseconds since 1970, as they were when this was asked first since the last look at the clock:
 * for what is said, of which there may be many between two looks. */
uint64_t loop_wall_ms(struct loop *loop);

/* For tests and simulations: the time is `now_us` from now on, and stands still but for what looks
 * take. */
void loop_script(struct loop *loop, uint64_t now_us);

/* Whether the time is `until_us` or later: looks at the clock. */
static inline bool loop_is_past(struct loop *loop, uint64_t until_us)
{
	loop_look(loop);
	return loop->now_us >= until_us;
}

/* Microseconds since the last wait ended: reads the clock. */
uint64_t loop_spent_us(const struct loop *loop);

/* The sooner of two waits in ms, of which -1 is for ever. */
static inline int loop_sooner(int a, int b)
{
	if (a < 0 || b < 0) {
		return a < 0 ? b : a;
	}
	return a < b ? a : b;
}

/* Ticks that cover `ms`, rounded up. */
static inline uint32_t loop_ticks(uint64_t ms)
{
	return (uint32_t)((ms + LOOP_TICK_MS - 1) / LOOP_TICK_MS);
}

#endif
