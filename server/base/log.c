#include "log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "journal.h"

enum {
	QUEUE_MAX = 256 * 1024, /* bytes of lines that wait for the writer */
	STOP_MAX_S = 1,
	US_PER_S = 1000000,
};

enum log_state {
	LOG_DIRECT, /* no writer: lines are written where they come up */
	LOG_RUNNING,
	LOG_STOPPING, /* the writer ends when all is written; stuck for good, it stays here */
};

/* Lines on their way: threads fill one buffer while the writer writes the other. */
struct queue {
	size_t len;
	char data[QUEUE_MAX];
};

/* Owner:  the process; static, so that a writer abandoned in a stuck write harms nobody.
 * Shared: all threads that log; guarded by `lock` where no other way is said. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;  /* the writer has something to do */
	pthread_cond_t ended; /* the writer has ended */
	pthread_t writer;
	_Atomic enum log_state state; /* written under the lock; read without by the rate limit */
	uint64_t start_us;            /* of the monotonic clock; set before other threads log */
	struct log_style style;       /* set before other threads log */
	struct queue queues[2];
	struct queue *filling;
	uint64_t dropped;          /* lines that found `filling` full */
	struct log_tally *tallies; /* all that ever left something out */
	uint64_t report_us;        /* when to say what was left out; 0: nothing was */
} the_log = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.state = LOG_DIRECT,
	.filling = &the_log.queues[0],
};

_Atomic int log_threshold = LOG_LEVEL_INFO;

static uint64_t uptime_s(void)
{
	return the_log.start_us > 0 ? (clock_us() - the_log.start_us) / US_PER_S : 0;
}

static struct timespec to_timespec(uint64_t us)
{
	return (struct timespec){
		.tv_sec = (time_t)(us / US_PER_S),
		.tv_nsec = (long)(us % US_PER_S) * 1000,
	};
}

/* Adds the time to a line. */
static size_t format_line(struct log_line *line, char ret_text[LOG_LINE_MAX])
{
	line->uptime_s = uptime_s();
	clock_gettime(CLOCK_REALTIME, &line->time);
	return log_line_format(&the_log.style, line, ret_text);
}

/* Waits for the reader as long as it takes. Lines are lost when it is gone. */
static void write_out(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t written = write(STDERR_FILENO, data, len);
		if (written >= 0) {
			data += written;
			len -= (size_t)written;
		} else if (errno == EAGAIN) {
			/* Standard error is shared, and another process made it non-blocking. */
			struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
			poll(&ready, 1, -1);
		} else if (errno != EINTR) {
			return;
		}
	}
}

/* The writer's own words. */
__attribute__((format(printf, 2, 3))) static void write_line(
	enum log_level level, const char *format, ...)
{
	char message[LOG_LINE_MAX];
	char text[LOG_LINE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	struct log_line line = {.level = level, .message = message};
	write_out(text, format_line(&line, text));
}

/* --- the writer ------------------------------------------------------------------------------ */

/* What the writer has taken on. */
struct batch {
	struct queue *lines;
	uint64_t dropped;
	struct log_tally *tallies; /* to report on; NULL when it is not time */
};

/* Under the lock. Sleeps while there is nothing to do, without a time limit when nothing was left
 * out. */
static void wait_for_work(void)
{
	while (the_log.filling->len == 0 && the_log.dropped == 0 && the_log.state == LOG_RUNNING) {
		if (the_log.report_us == 0) {
			pthread_cond_wait(&the_log.wake, &the_log.lock);
			continue;
		}
		struct timespec due = to_timespec(the_log.report_us + clock_skipped_us());
		if (pthread_cond_timedwait(&the_log.wake, &the_log.lock, &due) == ETIMEDOUT) {
			return;
		}
	}
}

/* Under the lock. */
static struct batch detach_batch(void)
{
	struct batch batch = {.lines = the_log.filling, .dropped = the_log.dropped};

	the_log.filling = &the_log.queues[batch.lines == &the_log.queues[0]];
	the_log.filling->len = 0;
	the_log.dropped = 0;
	if (the_log.report_us > 0 &&
		(the_log.state == LOG_STOPPING || clock_us() >= the_log.report_us)) {
		the_log.report_us = 0;
		batch.tallies = the_log.tallies;
	}
	return batch;
}

static void report_left_out(struct log_tally *tallies)
{
	for (struct log_tally *tally = tallies; tally; tally = tally->next) {
		uint32_t left_out = log_tally_take(tally);
		if (left_out > 0) {
			write_line(tally->level, "left out %u lines like \"%s\"", left_out,
				atomic_load_explicit(&tally->what, memory_order_relaxed));
		}
	}
}

static void write_batch(const struct batch *batch)
{
	write_out(batch->lines->data, batch->lines->len);
	if (batch->dropped > 0) {
		write_line(LOG_LEVEL_WARN, "%llu lines dropped: the log's reader is too slow",
			(unsigned long long)batch->dropped);
	}
	report_left_out(batch->tallies);
}

static bool is_all_written(void)
{
	return the_log.filling->len == 0 && the_log.dropped == 0 && the_log.report_us == 0;
}

/* The whole thread: detach under the lock, write outside. */
static void *run_writer(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&the_log.lock);
	while (the_log.state == LOG_RUNNING || !is_all_written()) {
		wait_for_work();
		struct batch batch = detach_batch();
		pthread_mutex_unlock(&the_log.lock);
		write_batch(&batch);
		pthread_mutex_lock(&the_log.lock);
	}
	the_log.state = LOG_DIRECT;
	pthread_cond_signal(&the_log.ended);
	pthread_mutex_unlock(&the_log.lock);
	return NULL;
}

/* --- start and stop -------------------------------------------------------------------------- */

static void init_conditions(void)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&the_log.wake, &attributes);
	pthread_cond_init(&the_log.ended, &attributes);
	pthread_condattr_destroy(&attributes);
}

/* Signals are for the threads that know what to do with them. */
static int create_writer(void)
{
	sigset_t all;
	sigset_t before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&the_log.writer, NULL, run_writer, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err == 0) {
		pthread_setname_np(the_log.writer, "log");
	}
	return -err;
}

bool log_is_on_terminal(void)
{
	return isatty(STDERR_FILENO);
}

static void init_style(enum log_format format, const char *id, const char *listen)
{
	bool is_on_terminal = log_is_on_terminal();
	if (format == LOG_FORMAT_AUTO) {
		format = is_on_terminal ? LOG_FORMAT_TUTORIAL : LOG_FORMAT_TEXT;
	}
	log_style_init(&the_log.style, format, id, listen);
	the_log.style.is_coloured = is_on_terminal;
	the_log.style.has_priority = journal_reads(STDERR_FILENO);
}

int log_start(enum log_format format, enum log_level level, const char *id, const char *listen)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init_conditions);
	pthread_mutex_lock(&the_log.lock);
	int err = the_log.state == LOG_DIRECT ? 0 : -EBUSY;
	if (err == 0) {
		init_style(format, id, listen);
		log_set_level(level);
		if (the_log.start_us == 0) { /* tallies remember seconds across a restart */
			the_log.start_us = clock_us();
		}
		the_log.state = LOG_RUNNING;
		err = create_writer();
		if (err < 0) {
			the_log.state = LOG_DIRECT;
		}
	}
	pthread_mutex_unlock(&the_log.lock);
	return err;
}

void log_stop(void)
{
	struct timespec deadline =
		to_timespec(clock_machine_us() + (uint64_t)STOP_MAX_S * US_PER_S);
	int err = 0;

	pthread_mutex_lock(&the_log.lock);
	if (the_log.state != LOG_RUNNING) {
		pthread_mutex_unlock(&the_log.lock);
		return;
	}
	the_log.state = LOG_STOPPING;
	pthread_cond_signal(&the_log.wake);
	while (the_log.state == LOG_STOPPING && err != ETIMEDOUT) {
		err = pthread_cond_timedwait(&the_log.ended, &the_log.lock, &deadline);
	}
	bool has_ended = the_log.state == LOG_DIRECT;
	pthread_mutex_unlock(&the_log.lock);
	if (has_ended) {
		pthread_join(the_log.writer, NULL);
	} else {
		pthread_detach(the_log.writer);
	}
}

/* The first complaint, which the others often come of. */
static char complaint[LOG_LINE_MAX];

const char *log_complaint(void)
{
	return complaint;
}

void log_complain(const char *format, ...)
{
	va_list arguments;

	if (complaint[0] == '\0') {
		va_start(arguments, format);
		vsnprintf(complaint, sizeof(complaint), format, arguments);
		va_end(arguments);
	}
	fputs(journal_reads(STDERR_FILENO) ? log_level_priority(LOG_LEVEL_ERROR) : "", stderr);
	fputs("tidegate: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_threshold, (int)level, memory_order_relaxed);
}

/* --- who has something to say ---------------------------------------------------------------- */

/* The first line left out has the writer report when this second is over; the others only count. */
static void leave_out(struct log_tally *tally, enum log_level level, const char *what)
{
	if (!log_tally_leave_out(tally, what)) {
		return;
	}
	pthread_mutex_lock(&the_log.lock);
	if (!tally->is_listed) {
		tally->is_listed = true;
		tally->level = level;
		tally->next = the_log.tallies;
		the_log.tallies = tally;
	}
	if (the_log.report_us == 0) {
		the_log.report_us = the_log.start_us + (uptime_s() + 1) * US_PER_S;
		pthread_cond_signal(&the_log.wake);
	}
	pthread_mutex_unlock(&the_log.lock);
}

bool log_admits(struct log_tally *tally, enum log_level level, const char *what)
{
	if (!log_is_enabled(level)) {
		return false;
	}
	if (the_log.state == LOG_DIRECT || log_tally_admits(tally, uptime_s())) {
		return true;
	}
	leave_out(tally, level, what);
	return false;
}

/* Hands the line to the writer; false when there is none. */
static bool enqueue(const char *text, size_t len)
{
	pthread_mutex_lock(&the_log.lock);
	if (the_log.state == LOG_DIRECT) {
		pthread_mutex_unlock(&the_log.lock);
		return false;
	}
	struct queue *queue = the_log.filling;
	bool was_empty = queue->len == 0;
	if (len <= sizeof(queue->data) - queue->len) {
		memcpy(queue->data + queue->len, text, len);
		queue->len += len;
	} else {
		the_log.dropped++;
	}
	pthread_mutex_unlock(&the_log.lock);
	if (was_empty) {
		pthread_cond_signal(&the_log.wake);
	}
	return true;
}

static void write_any(struct log_line *line, const char *format, va_list arguments)
{
	char message[LOG_LINE_MAX];
	char text[LOG_LINE_MAX];

	vsnprintf(message, sizeof(message), format, arguments);
	line->message = message;
	size_t len = format_line(line, text);
	if (!enqueue(text, len)) {
		write_out(text, len);
	}
}

void log_write(enum log_level level, uint64_t conn, const char *format, ...)
{
	struct log_line line = {.level = level, .conn = conn};
	va_list arguments;

	va_start(arguments, format);
	write_any(&line, format, arguments);
	va_end(arguments);
}

void log_write_fields(enum log_level level, uint64_t conn, const struct log_field *fields,
	size_t field_count, const char *format, ...)
{
	struct log_line line = {
		.level = level, .conn = conn, .fields = fields, .field_count = field_count};
	va_list arguments;

	va_start(arguments, format);
	write_any(&line, format, arguments);
	va_end(arguments);
}
