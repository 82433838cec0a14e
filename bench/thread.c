#include "thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "../server/base/clock.h"
#include "client.h"

enum {
	EVENTS = 1024,
	WAIT_MAX_MS = 100,
	RETRY_MS = 1, /* until a full backlog is tried again */
};

/* --- publishing ----------------------------------------------------------------------------------
 */

static void publish(struct generator *generator)
{
	pthread_mutex_lock(&generator->lock);
	histogram_merge(&generator->published, &generator->interval);
	pthread_mutex_unlock(&generator->lock);
	histogram_merge(&generator->total, &generator->interval);
	histogram_reset(&generator->interval);
}

static void publish_if_asked(struct generator *generator)
{
	uint32_t asked = atomic_load_explicit(&generator->run->publish, memory_order_relaxed);
	if (asked != generator->publish_seen) {
		generator->publish_seen = asked;
		publish(generator);
	}
}

/* --- openings ------------------------------------------------------------------------------------
 */

/* Opens what is due; returns when the next is. */
static uint64_t open_due(struct generator *generator)
{
	const uint64_t due = schedule_due(&generator->openings, generator->now_ns);
	while (generator->next_opening < due) {
		if (generator->opening_count >= generator->opening_max) {
			return UINT64_MAX; /* An answer will wake us. */
		}
		uint64_t intended_ns =
			generator->options->is_closed
				? clock_ns()
				: schedule_at(&generator->openings, generator->next_opening);
		int err = client_open(
			generator, &generator->clients[generator->next_opening], intended_ns);
		if (err == -EAGAIN) {
			return generator->now_ns + RETRY_MS * NS_PER_S / 1000;
		}
		generator->next_opening++;
		if (err) {
			int none = 0;
			count_add(&generator->counts.failed, 1);
			atomic_compare_exchange_strong(&generator->run->connect_error, &none, err);
			atomic_store(&generator->run->is_broken, true);
		}
	}
	if (generator->next_opening == generator->client_count) {
		if (generator->opening_count == 0) {
			atomic_store(&generator->is_open, true);
		}
		return UINT64_MAX;
	}
	return schedule_at(&generator->openings, generator->next_opening);
}

/* --- the thread ----------------------------------------------------------------------------------
 */

static void enter_phase(struct generator *generator)
{
	enum phase phase = (enum phase)atomic_load(&generator->run->phase);
	if (phase != generator->phase) {
		generator->phase = phase;
		if (phase == PHASE_RUN && generator->scenario->begin) {
			generator->scenario->begin(generator);
		}
	}
}

/* Does what is due; returns when more is. */
static uint64_t take_turn(struct generator *generator)
{
	const struct scenario *scenario = generator->scenario;
	uint64_t next_ns = UINT64_MAX;
	generator->now_ns = clock_ns();
	enter_phase(generator);
	if (generator->phase == PHASE_OPEN) {
		next_ns = open_due(generator);
	} else if (scenario->turn) {
		next_ns = scenario->turn(generator, generator->now_ns);
	}
	if (generator->phase == PHASE_DRAIN &&
		(!scenario->is_settled || scenario->is_settled(generator))) {
		atomic_store(&generator->is_settled, true);
	}
	return next_ns;
}

static void wait_and_serve(struct generator *generator, uint64_t next_ns)
{
	struct epoll_event events[EVENTS];
	struct timespec wait = {0};
	if (!generator->options->spins) {
		uint64_t now_ns = clock_ns();
		uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
		if (wait_ns > WAIT_MAX_MS * NS_PER_S / 1000) {
			wait_ns = WAIT_MAX_MS * NS_PER_S / 1000;
		}
		wait.tv_nsec = (long)wait_ns;
	}
	int count = epoll_pwait2(generator->epoll_fd, events, EVENTS, &wait, NULL);
	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr == NULL) {
			uint64_t rings;
			(void)!read(generator->bell, &rings, sizeof(rings));
		} else {
			client_on_events(generator, events[i].data.ptr, events[i].events);
		}
	}
}

static void *run_thread(void *argument)
{
	struct generator *generator = argument;
	/* Requests leave when they are due, not up to 50 us later. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	while (atomic_load_explicit(&generator->run->phase, memory_order_relaxed) != PHASE_STOP) {
		uint64_t next_ns = take_turn(generator);
		wait_and_serve(generator, next_ns);
		publish_if_asked(generator);
	}
	publish(generator);
	return NULL;
}

/* --- life ----------------------------------------------------------------------------------------
 */

/* Evenly spread: client `index` of generator g is number index * threads + g of the run. */
static int make_clients(struct generator *generator)
{
	const uint32_t threads = generator->options->threads;
	const uint32_t all = options_connections(generator->options);
	generator->client_count = (all + threads - 1 - generator->id) / threads;
	generator->clients = calloc(generator->client_count + 1, sizeof(generator->clients[0]));
	if (!generator->clients) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < generator->client_count; i++) {
		generator->clients[i].wire = WIRE_CLOSED;
		generator->clients[i].index = i;
		generator->clients[i].number = i * threads + generator->id;
	}
	return 0;
}

static int make_epoll(struct generator *generator)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	generator->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	generator->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (generator->epoll_fd < 0 || generator->bell < 0 ||
		epoll_ctl(generator->epoll_fd, EPOLL_CTL_ADD, generator->bell, &event) < 0) {
		return -errno;
	}
	return 0;
}

int thread_init(struct generator *generator, struct run *run, uint32_t id)
{
	const struct options *options = run->options;
	memset(generator, 0, sizeof(*generator));
	generator->run = run;
	generator->options = options;
	generator->scenario = options->scenario;
	generator->id = id;
	generator->phase = PHASE_OPEN;
	generator->epoll_fd = -1;
	generator->bell = -1;
	pthread_mutex_init(&generator->lock, NULL);
	generator->opening_max = (options->openings + options->threads - 1) / options->threads;
	if (getrandom(generator->mask, sizeof(generator->mask), 0) < 0) {
		return -errno;
	}
	int err = make_clients(generator);
	if (!err) {
		err = make_epoll(generator);
	}
	generator->in = malloc(GENERATOR_BUFFER);
	generator->out = malloc(GENERATOR_BUFFER);
	if (!err && (!generator->in || !generator->out)) {
		err = -ENOMEM;
	}
	if (!err && generator->scenario->prepare) {
		err = generator->scenario->prepare(generator);
	}
	return err;
}

int thread_start(struct generator *generator)
{
	const struct options *options = generator->options;
	double rate = options->ramp_ms > 0 && !options->scenario->opens_later
			      ? options_connections(options) * 1000.0 / options->ramp_ms
			      : 0;
	uint64_t count = options->scenario->opens_later ? 0 : generator->client_count;
	generator->openings = schedule_make(
		generator->run->open_ns, rate, generator->id, options->threads, count);
	if (options->scenario->opens_later) {
		generator->next_opening = generator->client_count;
	}
	return -pthread_create(&generator->thread, NULL, run_thread, generator);
}

void thread_finish(struct generator *generator)
{
	if (generator->scenario->dispose && generator->state) {
		generator->scenario->dispose(generator);
	}
	for (uint32_t i = 0; i < generator->client_count && generator->clients; i++) {
		struct client *client = &generator->clients[i];
		client_reset(client);
		free(client->rest);
	}
	while (generator->spare_count > 0) {
		free(generator->spares[--generator->spare_count]);
	}
	free(generator->clients);
	free(generator->in);
	free(generator->out);
	if (generator->epoll_fd >= 0) {
		close(generator->epoll_fd);
	}
	if (generator->bell >= 0) {
		close(generator->bell);
	}
	pthread_mutex_destroy(&generator->lock);
}

uint64_t thread_cpu_ns(const struct generator *generator)
{
	clockid_t clock;
	struct timespec used;
	if (pthread_getcpuclockid(generator->thread, &clock) != 0 ||
		clock_gettime(clock, &used) != 0) {
		return 0;
	}
	return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}
