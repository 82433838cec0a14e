/* The mailbox: posting and taking, alone and from one to four producers against one owner who
 * sleeps on its bell, as a worker does. */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../../server/base/clock.h"
#include "../../server/base/mailbox.h"
#include "../measure.h"

enum {
	PRODUCERS_MAX = 4,
	ITEMS = 400000, /* of one run, over all producers */
	ALONE = 65536,
	BURST = 256,
};

/* Owner: its producer until posted. */
struct item {
	struct mail mail; /* its kind is the producer's number */
	uint32_t number;
};

struct producer {
	pthread_t thread;
	pthread_barrier_t *start;
	struct mailbox *mailbox;
	struct item *items;
	uint32_t id;
	uint32_t count;
};

struct alone {
	struct mailbox *mailbox;
	struct item *items;
	uint32_t burst;
};

/* --- one thread ------------------------------------------------------------------------------- */

static void post_and_take(void *context)
{
	struct alone *alone = context;
	for (uint32_t i = 0; i < ALONE; i += alone->burst) {
		struct mail *mail;
		for (uint32_t n = 0; n < alone->burst; n++) {
			mailbox_post(alone->mailbox, &alone->items[i + n].mail);
		}
		for (uint32_t n = 0; n < alone->burst; n++) {
			CHECK(mailbox_take(alone->mailbox, &mail) == MAILBOX_MAIL);
			CHECK(mail == &alone->items[i + n].mail);
		}
		CHECK(mailbox_take(alone->mailbox, &mail) == MAILBOX_EMPTY);
	}
}

static void measure_alone(void)
{
	struct alone alone = {.burst = 1};
	CHECK(mailbox_create(&alone.mailbox) == 0);
	alone.items = calloc(ALONE, sizeof(*alone.items));
	CHECK(alone.items);
	measure_run(&(struct measure){.name = "one thread, one by one, each rings the bell",
		.ops = ALONE,
		.run = post_and_take,
		.context = &alone});
	alone.burst = BURST;
	measure_run(&(struct measure){.name = "one thread, 256 at a time",
		.ops = ALONE,
		.run = post_and_take,
		.context = &alone});
	mailbox_destroy(&alone.mailbox);
	free(alone.items);
}

/* --- producers and an owner ------------------------------------------------------------------- */

static void *produce(void *context)
{
	struct producer *producer = context;
	pthread_barrier_wait(producer->start);
	for (uint32_t i = 0; i < producer->count; i++) {
		producer->items[i].number = i;
		producer->items[i].mail.kind = producer->id;
		mailbox_post(producer->mailbox, &producer->items[i].mail);
	}
	return NULL;
}

/* Takes `count` items and checks that those of one producer come in order. Returns how often it
 * slept. */
static uint64_t take_all(struct mailbox *mailbox, int epoll_fd, uint64_t count)
{
	uint32_t next[PRODUCERS_MAX] = {0};
	uint64_t sleeps = 0;
	for (uint64_t taken = 0; taken < count;) {
		struct epoll_event event;
		struct mail *mail;
		switch (mailbox_take(mailbox, &mail)) {
		case MAILBOX_MAIL:
			CHECK(((struct item *)mail)->number == next[mail->kind]);
			next[mail->kind]++;
			taken++;
			break;
		case MAILBOX_EMPTY:
			sleeps++;
			CHECK(epoll_wait(epoll_fd, &event, 1, 10000) == 1);
			break;
		case MAILBOX_LATER:
			sched_yield();
			break;
		}
	}
	return sleeps;
}

static void run_producers(struct mailbox *mailbox, int epoll_fd, struct item *items,
	uint32_t producer_count, uint64_t *ret_ns, uint64_t *ret_sleeps)
{
	struct producer producers[PRODUCERS_MAX];
	pthread_barrier_t start;
	uint32_t share = ITEMS / producer_count;
	pthread_barrier_init(&start, NULL, producer_count + 1);
	for (uint32_t i = 0; i < producer_count; i++) {
		producers[i] = (struct producer){.start = &start,
			.mailbox = mailbox,
			.items = items + (size_t)i * share,
			.id = i,
			.count = share};
		CHECK(pthread_create(&producers[i].thread, NULL, produce, &producers[i]) == 0);
	}
	uint64_t begin = clock_ns();
	pthread_barrier_wait(&start);
	*ret_sleeps += take_all(mailbox, epoll_fd, (uint64_t)share * producer_count);
	*ret_ns = clock_ns() - begin;
	for (uint32_t i = 0; i < producer_count; i++) {
		pthread_join(producers[i].thread, NULL);
	}
	pthread_barrier_destroy(&start);
}

static void measure_producers(uint32_t producer_count)
{
	enum {
		RUNS = 15,
	};
	uint64_t times[RUNS];
	uint64_t sleeps = 0;
	struct mailbox *mailbox;
	char line[64];
	struct item *items = calloc(ITEMS, sizeof(*items));
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	CHECK(items && epoll_fd >= 0);
	CHECK(mailbox_create(&mailbox) == 0);
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, mailbox_bell_fd(mailbox), &event) == 0);
	for (int i = 0; i < RUNS; i++) {
		run_producers(mailbox, epoll_fd, items, producer_count, &times[i], &sleeps);
	}
	snprintf(line, sizeof(line), "%u producer%s, by the clock", producer_count,
		producer_count > 1 ? "s" : "");
	measure_times(line, ITEMS / producer_count * producer_count, 0, times, RUNS);
	printf("  the owner slept once in %.0f items\n",
		(double)ITEMS * RUNS / (double)(sleeps > 0 ? sleeps : 1));
	mailbox_destroy(&mailbox);
	close(epoll_fd);
	free(items);
}

int main(void)
{
	measure_begin("mailbox, an item posted and taken");
	measure_alone();
	for (uint32_t producers = 1; producers <= PRODUCERS_MAX; producers++) {
		measure_producers(producers);
	}
	return 0;
}
