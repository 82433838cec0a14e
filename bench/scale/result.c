#include "result.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "../../server/base/clock.h"
#include "../../server/node/serving.h"
#include "../measure.h"

enum {
	PROGRESS_EVERY_MS = 100,
};

static double each(uint64_t total, uint64_t count)
{
	return count > 0 ? (double)total / (double)count : 0;
}

void result_print(const struct result *result)
{
	printf("%u sessions on %u simulated worker%s\n\n", result->sessions, result->workers,
		result->workers == 1 ? "" : "s");
	printf("memory     %.0f bytes resident per session (%.0f from half to all of them); %.0f MB in "
	       "all, %.0f MB after everybody has left\n",
		result->bytes_per_session, result->bytes_slope, (double)result->resident_full / 1e6,
		(double)result->resident_after / 1e6);
	printf("rooms      %.0f bytes for each of %u, its %u memberships included: %.1f for a "
	       "membership if a room takes %d\n",
		result->bytes_per_room, result->rooms, result->members,
		(result->bytes_per_room - RESULT_ROOM_BYTES) / result->members, RESULT_ROOM_BYTES);
	printf("heartbeats %.2f %% of one core for all at one in 50 s, the kernel's share left out\n",
		result->heartbeat_cores * 100);
	printf("fan-out    %.1f us for a slice of %d receivers of all: what it delays a heartbeat by\n",
		result->slice_ns / 1e3, SERVING_OF_ALL_MAX);
	printf("user table %.2f s to grow, by the main thread, beside the logins\n\n",
		(double)result->housekeep_ns / 1e9);
	printf("%-22s %12s %9s %9s %8s %6s %6s %6s\n", "", "operations", "CPU s", "ns each",
		"M/s/core", "recv", "send", "other");
	for (uint32_t i = 0; i < result->row_count; i++) {
		const struct result_row *row = &result->rows[i];
		const struct stand_in_calls *calls = &row->calls;
		printf("%-22s %12llu %9.3f %9.0f %8.2f %6.2f %6.2f %6.2f  %s\n", row->name,
			(unsigned long long)row->count, (double)row->cpu_ns / 1e9,
			each(row->cpu_ns, row->count), 1e3 / each(row->cpu_ns, row->count),
			each(calls->recv, row->count), each(calls->send, row->count),
			each(calls->epoll_ctl + calls->close + calls->other, row->count),
			row->note);
	}
	printf("\nrecv, send, other: system calls per operation that the stand-ins took, whose time "
	       "comes on top.\n");
}

static void write_row(FILE *file, const struct result_row *row, bool is_last)
{
	fprintf(file,
		"    {\"name\": \"%s\", \"operation\": \"%s\", \"count\": %llu, \"cpu_ns\": %llu, "
		"\"ns_each\": %.1f, \"recv\": %llu, \"send\": %llu, \"epoll_ctl\": %llu, \"close\": "
		"%llu, \"other_calls\": %llu, \"note\": \"%s\"}%s\n",
		row->name, row->operation, (unsigned long long)row->count,
		(unsigned long long)row->cpu_ns, each(row->cpu_ns, row->count),
		(unsigned long long)row->calls.recv, (unsigned long long)row->calls.send,
		(unsigned long long)row->calls.epoll_ctl, (unsigned long long)row->calls.close,
		(unsigned long long)row->calls.other, row->note, is_last ? "" : ",");
}

int result_write_json(const struct result *result, const char *path)
{
	FILE *file = fopen(path, "w");
	if (!file) {
		return -errno;
	}
	fprintf(file,
		"{\n  \"kind\": \"tidegate-scale\",\n  \"sessions\": %u,\n  \"workers\": %u,\n"
		"  \"resident_before\": %llu,\n  \"resident_half\": %llu,\n  \"resident_full\": %llu,\n"
		"  \"resident_after\": %llu,\n  \"bytes_per_session\": %.1f,\n  \"bytes_slope\": %.1f,\n"
		"  \"rooms\": %u,\n  \"members\": %u,\n  \"bytes_per_room\": %.1f,\n"
		"  \"heartbeat_cores\": %.5f,\n  \"fanout_slice_ns\": %.0f,\n"
		"  \"housekeep_ns\": %llu,\n  \"phases\": [\n",
		result->sessions, result->workers, (unsigned long long)result->resident_before,
		(unsigned long long)result->resident_half,
		(unsigned long long)result->resident_full,
		(unsigned long long)result->resident_after, result->bytes_per_session,
		result->bytes_slope, result->rooms, result->members, result->bytes_per_room,
		result->heartbeat_cores, result->slice_ns,
		(unsigned long long)result->housekeep_ns);
	for (uint32_t i = 0; i < result->row_count; i++) {
		write_row(file, &result->rows[i], i + 1 == result->row_count);
	}
	fprintf(file, "  ]\n}\n");
	int err = ferror(file) ? -EIO : 0;
	return fclose(file) == 0 ? err : -errno;
}

void progress(const char *what, uint64_t done, uint64_t total)
{
	static uint64_t shown_ns;
	if (!isatty(STDERR_FILENO)) {
		return;
	}
	uint64_t now_ns = clock_ns();
	if (!what) {
		fprintf(stderr, "\r\033[K");
	} else if (now_ns - shown_ns >= (uint64_t)PROGRESS_EVERY_MS * 1000000) {
		shown_ns = now_ns;
		fprintf(stderr, "\r\033[K%-16s %3.0f %%  %llu of %llu", what,
			100 * each(done, total), (unsigned long long)done,
			(unsigned long long)total);
	}
	fflush(stderr);
}
