/* What a simulation found: rows of figures, as a table for people and as JSON. */
#ifndef TIDEGATE_BENCH_SCALE_RESULT_H
#define TIDEGATE_BENCH_SCALE_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "stand_in.h"

enum {
	RESULT_ROWS_MAX = 16,
	RESULT_NOTE_MAX = 160,
	RESULT_ROOM_BYTES = 200, /* what a room itself may take */
};

/* One phase. */
struct result_row {
	const char *name;      /* in JSON with underscores for spaces */
	const char *operation; /* what is counted */
	uint64_t count;
	uint64_t cpu_ns; /* of the whole process, the thread that frees users' entries included */
	struct stand_in_calls calls;
	char note[RESULT_NOTE_MAX];
};

/* Owner: main; plain data. */
struct result {
	uint32_t sessions;
	uint32_t workers;
	uint64_t resident_before; /* bytes, nobody logged in */
	uint64_t resident_half;   /* with half of the sessions */
	uint64_t resident_full;
	uint64_t resident_after;  /* everybody gone again */
	double bytes_per_session; /* (full - before) / sessions */
	double bytes_slope;       /* (full - half) / (sessions / 2) */
	uint32_t rooms;           /* that there were, of so many members each */
	uint32_t members;
	double bytes_per_room;  /* all that has come with a room and its memberships, by rooms */
	double heartbeat_cores; /* of one core, for all at one heartbeat in 50 s */
	double slice_ns;        /* a turn with a slice of the fan-out, median */
	uint64_t housekeep_ns;  /* growth of the user table, by the gateway's main thread */
	uint32_t row_count;
	struct result_row rows[RESULT_ROWS_MAX];
};

void result_print(const struct result *result);

/* Errors: -errno. */
int result_write_json(const struct result *result, const char *path);

/* One line that is overwritten by the next, where standard error is a terminal; NULL wipes it. */
void progress(const char *what, uint64_t done, uint64_t total);

#endif
