#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../server/base/clock.h"
#include "client.h"
#include "progress.h"
#include "server.h"
#include "thread.h"

enum {
	TICK_MS = 100,       /* of the time series */
	LONG_TICK_MS = 1000, /* of one that is longer than LONG_S */
	LONG_S = 60,
	POLL_MS = 2,      /* between two looks at whether a phase has ended */
	SPARE_FILES = 64, /* descriptors that are no connections */
	MS = 1000000,     /* ns */
};

/* Owner:  main, on its stack.
 * Shared: `run`, with the generators. */
struct conductor {
	struct run run;
	const struct options *options;
	struct measurement *measurement;
	uint32_t made; /* generators to be finished */
	uint32_t started;
	uint64_t cpu_begin[256];
	/* of the time series */
	uint64_t tick_ns;
	uint64_t next_tick_ns;
	uint64_t last_ns;
	uint64_t last_answered;
	struct sample now;
	struct histogram interval;
};

static volatile sig_atomic_t is_interrupted;

static void on_signal(int number)
{
	(void)number;
	is_interrupted = 1;
}

/* --- snapshots -----------------------------------------------------------------------------------
 */

static void take_snapshot(struct conductor *conductor, struct snapshot *ret_snapshot)
{
	struct snapshot snapshot = {.ns = clock_ns()};
	for (uint32_t i = 0; i < conductor->made; i++) {
		const struct counts *counts = &conductor->run.generators[i].counts;
		snapshot.sent += count_of(&counts->sent);
		snapshot.answered += count_of(&counts->answered);
		snapshot.opened += count_of(&counts->opened);
		snapshot.closed += count_of(&counts->closed);
		snapshot.heartbeats += count_of(&counts->heartbeats);
		snapshot.lost += count_of(&counts->lost);
		snapshot.duplicated += count_of(&counts->duplicated);
		snapshot.reordered += count_of(&counts->reordered);
		snapshot.corrupt += count_of(&counts->corrupt);
		snapshot.misdelivered += count_of(&counts->misdelivered);
		snapshot.refused += count_of(&counts->refused);
		snapshot.cut += count_of(&counts->cut);
		snapshot.failed += count_of(&counts->failed);
		snapshot.unsent += count_of(&counts->unsent);
		snapshot.of_others += count_of(&counts->of_others);
	}
	*ret_snapshot = snapshot;
}

/* A figure of the whole server, which may be several processes; 0: not known. */
static uint64_t of_servers(const struct conductor *conductor, uint64_t (*figure)(pid_t))
{
	const struct options *options = conductor->options;
	uint64_t sum = 0;
	for (uint32_t i = 0; i < options->server_count; i++) {
		sum += figure(options->server_pids[i]);
	}
	return sum;
}

/* At the edges of the window the server's CPU time belongs to it; it takes a while to read. */
static void take_edge(struct conductor *conductor, struct snapshot *ret_snapshot)
{
	uint64_t server_ns = of_servers(conductor, server_cpu_ns);
	take_snapshot(conductor, ret_snapshot);
	ret_snapshot->server_cpu_ns = server_ns;
}

static void begin_window(struct conductor *conductor)
{
	for (uint32_t i = 0; i < conductor->started; i++) {
		conductor->cpu_begin[i] = thread_cpu_ns(&conductor->run.generators[i]);
	}
	take_edge(conductor, &conductor->measurement->begin);
	conductor->last_ns = conductor->measurement->begin.ns;
	conductor->last_answered = conductor->measurement->begin.answered;
	conductor->next_tick_ns = conductor->last_ns + conductor->tick_ns;
}

static void end_window(struct conductor *conductor)
{
	struct measurement *measurement = conductor->measurement;
	take_edge(conductor, &measurement->end);
	const double window_ns = (double)(measurement->end.ns - measurement->begin.ns);
	for (uint32_t i = 0; i < conductor->started; i++) {
		uint64_t used =
			thread_cpu_ns(&conductor->run.generators[i]) - conductor->cpu_begin[i];
		measurement->thread_cpu[i] = window_ns > 0 ? (double)used / window_ns : 0;
	}
}

/* --- the time series -----------------------------------------------------------------------------
 */

static void collect(struct conductor *conductor)
{
	histogram_reset(&conductor->interval);
	for (uint32_t i = 0; i < conductor->started; i++) {
		struct generator *generator = &conductor->run.generators[i];
		pthread_mutex_lock(&generator->lock);
		histogram_merge(&conductor->interval, &generator->published);
		histogram_reset(&generator->published);
		pthread_mutex_unlock(&generator->lock);
	}
	atomic_fetch_add(&conductor->run.publish, 1);
}

static void keep_sample(struct conductor *conductor)
{
	struct measurement *measurement = conductor->measurement;
	struct sample *samples = reallocarray(
		measurement->samples, measurement->sample_count + 1, sizeof(samples[0]));
	if (samples) {
		measurement->samples = samples;
		samples[measurement->sample_count++] = conductor->now;
	}
}

static void tick(struct conductor *conductor)
{
	struct snapshot snapshot;
	take_snapshot(conductor, &snapshot);
	collect(conductor);
	const double seconds = (double)(snapshot.ns - conductor->last_ns) / 1e9;
	conductor->now = (struct sample){
		.at_s = (double)(snapshot.ns - conductor->measurement->begin.ns) / 1e9,
		.rate = (double)(snapshot.answered - conductor->last_answered) / seconds,
		.p50_ns = histogram_percentile(&conductor->interval, 50),
		.p99_ns = histogram_percentile(&conductor->interval, 99),
		.max_ns = conductor->interval.max,
	};
	conductor->last_ns = snapshot.ns;
	conductor->last_answered = snapshot.answered;
	conductor->next_tick_ns += conductor->tick_ns;
	if (conductor->next_tick_ns < snapshot.ns) {
		conductor->next_tick_ns = snapshot.ns + conductor->tick_ns;
	}
}

/* --- waiting -------------------------------------------------------------------------------------
 */

static bool is_over(const struct conductor *conductor)
{
	return is_interrupted || atomic_load(&conductor->run.is_broken);
}

static void sleep_until(uint64_t until_ns)
{
	const struct timespec until = {
		.tv_sec = (time_t)(until_ns / NS_PER_S),
		.tv_nsec = (long)(until_ns % NS_PER_S),
	};
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void show(const struct conductor *conductor, const char *what, double done)
{
	progress_show(what, done, &conductor->now, conductor->options->scenario->unit);
}

static bool all_opened(const struct conductor *conductor)
{
	for (uint32_t i = 0; i < conductor->started; i++) {
		if (!atomic_load(&conductor->run.generators[i].is_open)) {
			return false;
		}
	}
	return true;
}

static bool all_settled(const struct conductor *conductor)
{
	for (uint32_t i = 0; i < conductor->started; i++) {
		if (!atomic_load(&conductor->run.generators[i].is_settled)) {
			return false;
		}
	}
	return true;
}

/* Until then, or until the run is over, with a sample for each tick; with `or_settled` also until
 * the requests of --count have their answers. */
static void pass_time(struct conductor *conductor, const char *what, uint64_t until_ns,
	bool samples, bool or_settled)
{
	const uint64_t begin_ns = clock_ns();
	uint64_t now_ns = begin_ns;
	while (now_ns < until_ns && !is_over(conductor) &&
		!(or_settled && all_settled(conductor))) {
		uint64_t wake_ns = conductor->next_tick_ns;
		if (or_settled && wake_ns > now_ns + POLL_MS * MS) {
			wake_ns = now_ns + POLL_MS * MS;
		}
		sleep_until(wake_ns < until_ns ? wake_ns : until_ns);
		now_ns = clock_ns();
		if (now_ns >= conductor->next_tick_ns) {
			tick(conductor);
			if (samples) {
				keep_sample(conductor);
			}
			show(conductor, what,
				(double)(now_ns - begin_ns) / (double)(until_ns - begin_ns));
		}
	}
}

static void enter(struct conductor *conductor, enum phase phase)
{
	atomic_store(&conductor->run.phase, phase);
	for (uint32_t i = 0; i < conductor->started; i++) {
		generator_ring(&conductor->run.generators[i]);
	}
}

/* --- phases --------------------------------------------------------------------------------------
 */

/* Until all connections are open. False when there is no use going on. */
static bool open_all(struct conductor *conductor)
{
	const uint64_t timeout_ns = (uint64_t)(conductor->options->timeout_s * 1e9);
	const uint32_t wanted = options_connections(conductor->options);
	uint64_t seen = 0;
	uint64_t news_ns = clock_ns();
	while (!all_opened(conductor) && !is_over(conductor)) {
		struct snapshot snapshot;
		sleep_until(clock_ns() + POLL_MS * MS);
		take_snapshot(conductor, &snapshot);
		if (snapshot.opened != seen || conductor->options->ramp_ms > 0) {
			seen = snapshot.opened;
			news_ns = snapshot.ns;
		} else if (snapshot.ns - news_ns > timeout_ns) {
			break;
		}
		if (snapshot.ns >= conductor->next_tick_ns) {
			tick(conductor);
			if (conductor->options->scenario->measures_opening) {
				keep_sample(conductor);
			}
			show(conductor, "opening", (double)snapshot.opened / wanted);
		}
	}
	conductor->measurement->opening_s = (double)(clock_ns() - conductor->run.open_ns) / 1e9;
	return all_opened(conductor) && !is_over(conductor);
}

static void run_window(struct conductor *conductor)
{
	const struct options *options = conductor->options;
	struct run *run = &conductor->run;
	run->start_ns = clock_ns();
	const uint64_t from_ns = run->start_ns + (uint64_t)(options->warmup_s * 1e9);
	const uint64_t until_ns =
		options->count > 0 ? UINT64_MAX : from_ns + (uint64_t)(options->duration_s * 1e9);
	atomic_store(&run->measure_from, from_ns);
	atomic_store(&run->measure_until, until_ns);
	if (options->warmup_s > 0) {
		conductor->next_tick_ns = run->start_ns + conductor->tick_ns;
		enter(conductor, PHASE_RUN);
		pass_time(conductor, "warm-up", from_ns, false, false);
		begin_window(conductor);
	} else {
		/* Not one request is outside the window. */
		begin_window(conductor);
		enter(conductor, PHASE_RUN);
	}
	if (options->count > 0) {
		/* A count has no end to show progress by but its own. */
		pass_time(conductor, "running", until_ns, true, true);
	} else {
		pass_time(conductor, "running", until_ns, true, false);
	}
	atomic_store(&run->measure_until, clock_ns());
	end_window(conductor);
}

static void drain(struct conductor *conductor)
{
	const uint64_t timeout_ns = (uint64_t)(conductor->options->timeout_s * 1e9);
	const uint64_t deadline_ns = clock_ns() + timeout_ns;
	for (uint32_t i = 0; i < conductor->started; i++) {
		atomic_store(&conductor->run.generators[i].is_settled, false);
	}
	enter(conductor, PHASE_DRAIN);
	while (!all_settled(conductor) && !atomic_load(&conductor->run.is_broken) &&
		clock_ns() < deadline_ns) {
		sleep_until(clock_ns() + POLL_MS * MS);
	}
}

static void lead(struct conductor *conductor)
{
	const struct options *options = conductor->options;
	struct measurement *measurement = conductor->measurement;
	bool is_complete = open_all(conductor);
	end_window(conductor);
	if (!is_complete) {
		measurement->is_unreachable = !is_interrupted;
		return;
	}
	if (options->awaits) {
		puts("open");
		fflush(stdout);
	}
	if (options->scenario->measures_opening) {
		measurement->last = measurement->end;
		pass_time(conductor, "holding", clock_ns() + (uint64_t)(options->duration_s * 1e9),
			false, false);
	} else {
		run_window(conductor);
	}
	measurement->rss_after = of_servers(conductor, server_rss);
	drain(conductor);
}

/* --- begin and end -------------------------------------------------------------------------------
 */

static int raise_file_limit(const struct options *options)
{
	struct rlimit files;
	const rlim_t wanted = options_connections(options) + SPARE_FILES;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0) {
		return -errno;
	}
	if (files.rlim_cur < wanted) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (files.rlim_max < wanted) {
		fprintf(stderr,
			"tidegate-bench: %u connections need %llu open files, %llu are allowed: raise "
			"the hard limit, or share the load among several benches with --first-user\n",
			options_connections(options), (unsigned long long)wanted,
			(unsigned long long)files.rlim_max);
		return -EMFILE;
	}
	return 0;
}

static int make_generators(struct conductor *conductor)
{
	const struct options *options = conductor->options;
	struct run *run = &conductor->run;
	if (options->scenario->share) {
		int err = options->scenario->share(options, &run->shared);
		if (err) {
			return err;
		}
	}
	run->generators = aligned_alloc(64, options->threads * sizeof(run->generators[0]));
	if (!run->generators) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < options->threads; i++) {
		int err = thread_init(&run->generators[i], run, i);
		conductor->made++;
		if (err) {
			return err;
		}
	}
	return 0;
}

/* Signals are for the main thread. */
static int start_generators(struct conductor *conductor)
{
	sigset_t all;
	sigset_t before;
	int err = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	conductor->run.open_ns = clock_ns();
	for (uint32_t i = 0; i < conductor->made && !err; i++) {
		err = thread_start(&conductor->run.generators[i]);
		conductor->started += err == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static void collect_longest(const struct generator *generator, struct histogram *longest)
{
	for (uint32_t i = 0; i < generator->client_count; i++) {
		if (generator->clients[i].longest_ns > 0) {
			histogram_record(longest, generator->clients[i].longest_ns, 1);
		}
	}
}

static void stop_generators(struct conductor *conductor)
{
	struct measurement *measurement = conductor->measurement;
	enter(conductor, PHASE_STOP);
	for (uint32_t i = 0; i < conductor->started; i++) {
		struct generator *generator = &conductor->run.generators[i];
		pthread_join(generator->thread, NULL);
		histogram_merge(&measurement->latency, &generator->total);
		histogram_merge(&measurement->lag, &generator->lag);
		histogram_merge(&measurement->openings, &generator->openings_taken);
		histogram_merge(&measurement->completions, &generator->completions);
		collect_longest(generator, &measurement->longest);
	}
	for (uint32_t i = 0; i < conductor->started; i++) {
		struct generator *generator = &conductor->run.generators[i];
		if (generator->scenario->account) {
			generator->scenario->account(generator);
		}
	}
	take_snapshot(conductor, &measurement->last);
	measurement->connect_error = atomic_load(&conductor->run.connect_error);
	measurement->close_code = atomic_load(&conductor->run.close_code);
	measurement->refusal = atomic_load(&conductor->run.refusal);
	measurement->tls_fault = atomic_load(&conductor->run.tls_fault);
	measurement->suite = atomic_load(&conductor->run.suite);
	measurement->is_interrupted = is_interrupted;
}

static void finish(struct conductor *conductor)
{
	for (uint32_t i = 0; i < conductor->made; i++) {
		thread_finish(&conductor->run.generators[i]);
	}
	free(conductor->run.generators);
	if (conductor->run.shared) {
		conductor->options->scenario->unshare(conductor->options, conductor->run.shared);
	}
}

static uint32_t tick_ms(const struct options *options)
{
	if (options->tick_ms > 0) {
		return options->tick_ms;
	}
	return options->duration_s > LONG_S ? LONG_TICK_MS : TICK_MS;
}

int run_scenario(const struct options *options, struct measurement *ret_measurement)
{
	static struct conductor conductor;
	const struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
	memset(ret_measurement, 0, sizeof(*ret_measurement));
	memset(&conductor, 0, sizeof(conductor));
	conductor.options = options;
	conductor.measurement = ret_measurement;
	conductor.run.options = options;
	conductor.tick_ns = tick_ms(options) * (uint64_t)MS;
	atomic_init(
		&conductor.run.measure_from, options->scenario->measures_opening ? 0 : UINT64_MAX);
	atomic_init(&conductor.run.measure_until, UINT64_MAX);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	int err = raise_file_limit(options);
	if (!err) {
		err = make_generators(&conductor);
	}
	if (!err) {
		ret_measurement->rss_before = of_servers(&conductor, server_rss);
		begin_window(&conductor);
		err = start_generators(&conductor);
	}
	if (!err) {
		lead(&conductor);
	}
	stop_generators(&conductor);
	progress_clear();
	finish(&conductor);
	return err;
}

void measurement_finish(struct measurement *measurement)
{
	free(measurement->samples);
	measurement->samples = NULL;
	measurement->sample_count = 0;
}
