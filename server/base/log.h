/* Log lines in the tutorial's words, as text or JSON, on standard error.
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

enum {
	LOG_SITE_LINES_PER_S = 1000,
};

/* One place in the code that logs, and what it has logged this second. Static, made by the macros.
 * Shared: all threads; what is not atomic is guarded by the log's lock. */
struct log_site {
	_Atomic uint64_t window; /* second << 32 | lines in it */
	_Atomic uint32_t left_out;
	const char *_Atomic format; /* of the last line left out: names the kind */
	enum log_level level;
	bool is_listed;
	struct log_site *next; /* of all that ever left something out */
};

/* Starts the writing thread. `id` and `listen` stand on every line; copied. Until it is started and
 * after it is stopped lines are written directly, none left out.
 * Errors: -ENOMEM, -EAGAIN; -EBUSY while an earlier thread is stuck in its last lines. */
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

/* Thread: any. Never waits for I/O. `conn` is a handle, 0 for none; printed as
 * conn=WORKER.INDEX.GENERATION. Control characters and invalid UTF-8 in the line are escaped: a
 * peer cannot forge a line. */
void log_write(struct log_site *site, enum log_level level, uint64_t conn, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define LOG_AT(level, conn, ...)                                                                   \
	do {                                                                                       \
		if (log_is_enabled(level)) {                                                       \
			static struct log_site log_site_here;                                      \
			log_write(&log_site_here, (level), (conn), __VA_ARGS__);                   \
		}                                                                                  \
	} while (0)

#define log_debug(conn, ...) LOG_AT(LOG_LEVEL_DEBUG, conn, __VA_ARGS__)
#define log_info(conn, ...)  LOG_AT(LOG_LEVEL_INFO, conn, __VA_ARGS__)
#define log_warn(conn, ...)  LOG_AT(LOG_LEVEL_WARN, conn, __VA_ARGS__)
#define log_error(conn, ...) LOG_AT(LOG_LEVEL_ERROR, conn, __VA_ARGS__)

#endif
