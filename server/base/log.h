/* The log, on standard error.
 *
 * A line is formatted by the thread that has something to say and written by a thread of its own: a
 * full pipe or a slow disk never stops a worker, lines are dropped and counted instead. Beyond
 * 1,000 lines a second from one place in the code the rest of that second is left out, and how many
 * were.
 */
#ifndef TIDEGATE_LOG_H
#define TIDEGATE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "log_line.h"
#include "log_tally.h"

enum {
	LOG_LINES_PER_S = 1000, /* from one place in the code */
};

/* Whether people read it as it comes. Thread: any. */
bool log_is_on_terminal(void);

/* Starts the writing thread. `id` and `listen` stand on every line but those of text; copied. What
 * goes to a terminal is coloured, what goes to systemd's journal has priorities. Until it is
 * started and after it is stopped lines are written directly, none left out. Errors: -ENOMEM,
 * -EAGAIN; -EBUSY while an earlier thread is stuck in its last lines. */
int log_start(enum log_format format, enum log_level level, const char *id, const char *listen);

/* Writes out what is left and ends the thread. A reader that is stuck for one second is left alone
 * with the thread: lines are then kept or dropped, never waited for.
 * Thread: the one that started it. */
void log_stop(void);

/* Thread: any. */
void log_set_level(enum log_level level);

extern _Atomic int log_threshold; /* read by the macros and log_is_enabled only */

/* Whether lines of this level are written, for those that are costly to make. Thread: any. */
static inline bool log_is_enabled(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

/* Whether a line of this level and kind is to be written now. Where there have been enough it is
 * counted, and their number is logged at this level when the second is over, as lines like `what`,
 * which is static. For what may come by the thousand, with a tally of its own, before anything
 * costly is done for the line:
 *
 *	static struct log_tally tally = LOG_TALLY(1);
 *	if (log_admits(&tally, LOG_LEVEL_WARN, "i/o timeout")) {
 *		log_write(LOG_LEVEL_WARN, conn, "read %s: i/o timeout", name);
 *	}
 *
 * Thread: any. */
bool log_admits(struct log_tally *tally, enum log_level level, const char *what);

/* Thread: any. Never waits for I/O. `conn` is a handle, 0 for none; printed as
 * conn=WORKER.INDEX.GENERATION. Control characters and invalid UTF-8 in the line are escaped: a
 * peer cannot forge a line. */
void log_write(enum log_level level, uint64_t conn, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, with what the message says in parts. Thread: any. */
void log_write_fields(enum log_level level, uint64_t conn, const struct log_field *fields,
	size_t field_count, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* For what ends the process before there is a log: plain words on standard error, behind the
 * program's name, which the journal takes for an error. Thread: main. */
void log_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The first of those lines; empty: there was none. Thread: main. */
const char *log_complaint(void);

#define LOG_FORMAT_OF(format, ...) format

#define LOG_AT(level, conn, ...)                                                                   \
	do {                                                                                       \
		static struct log_tally log_tally_here = LOG_TALLY(LOG_LINES_PER_S);               \
		if (log_is_enabled(level) &&                                                       \
			log_admits(&log_tally_here, (level), LOG_FORMAT_OF(__VA_ARGS__, ""))) {    \
			log_write((level), (conn), __VA_ARGS__);                                   \
		}                                                                                  \
	} while (0)

#define log_debug(conn, ...) LOG_AT(LOG_LEVEL_DEBUG, conn, __VA_ARGS__)
#define log_info(conn, ...)  LOG_AT(LOG_LEVEL_INFO, conn, __VA_ARGS__)
#define log_warn(conn, ...)  LOG_AT(LOG_LEVEL_WARN, conn, __VA_ARGS__)
#define log_error(conn, ...) LOG_AT(LOG_LEVEL_ERROR, conn, __VA_ARGS__)

#endif
