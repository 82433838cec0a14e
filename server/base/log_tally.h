/* Lines of one kind that repeat: so many a second are written, of the others only their number is
 * kept, to be said when the second is over. One for each place in the code that logs, and for
 * whatever else may come by the thousand.
 *
 * It counts, and no more: `log` has the clock, the lock and the writer. */
#ifndef TIDEGATE_LOG_TALLY_H
#define TIDEGATE_LOG_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "log_line.h"

/* Static: the log keeps a pointer to it.
 * Shared: all threads that log; what is not atomic is guarded by the log's lock. */
struct log_tally {
	uint32_t lines_per_s;    /* written in full; set once */
	_Atomic uint64_t window; /* second << 32 | lines in it */
	_Atomic uint32_t left_out;
	const char *_Atomic what; /* of the last line left out: names the kind */
	enum log_level level;
	bool is_listed;
	struct log_tally *next; /* of all that ever left something out */
};

/* What a tally begins as. */
#define LOG_TALLY(most_per_s) {.lines_per_s = (most_per_s)}

/* Counts a line of this second, which is one of the process's uptime. Returns whether it is to be
 * written; false when there have been enough. Thread: any. */
bool log_tally_admits(struct log_tally *tally, uint64_t second);

/* Counts a line that is not written; `what` is static and names its kind. Returns whether it is the
 * first since the number was last taken: somebody has to see that it is said. Thread: any. */
bool log_tally_leave_out(struct log_tally *tally, const char *what);

/* Takes the number of lines left out, to say it. Thread: any. */
uint32_t log_tally_take(struct log_tally *tally);

#endif
