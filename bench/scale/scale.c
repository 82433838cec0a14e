/* The gateway at the scale of the internet, without the internet: its own code for connections,
 * sessions, timers, fan-out and users, with stand-ins for sockets. What it costs in memory and CPU
 * above the kernel. See SCALE.md. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "../arguments.h"
#include "../measure.h"
#include "allocator.h"
#include "phases.h"

enum {
	SESSIONS_MIN = 1000,
	SESSIONS_MAX = 100000000, /* users' names have eight digits */
	PER_WORKER_MAX = HANDLE_INDEX_MAX + 1 - SIMULATION_BATCH,
	TABLE_AT_ONCE = 65536, /* as in gateway.c: the rest of the table is housekeeping's */
};

struct options {
	uint32_t sessions;
	uint32_t workers;
	uint32_t members;
	const char *json;
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;
	switch (key) {
	case 's':
		options->sessions =
			arguments_count(state, "sessions", text, SESSIONS_MIN, SESSIONS_MAX);
		return 0;
	case 'w':
		options->workers =
			arguments_count(state, "workers", text, 1, SIMULATION_WORKERS_MAX);
		return 0;
	case 'm':
		options->members = arguments_count(state, "members", text, 2, SESSIONS_MIN);
		return 0;
	case 'j':
		options->json = text;
		return 0;
	case ARGP_KEY_END:
		if (options->sessions / options->workers >= PER_WORKER_MAX) {
			argp_error(state, "a worker holds at most %d sessions: give more --workers",
				PER_WORKER_MAX);
		}
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static struct options parse(int argc, char **argv)
{
	static const struct argp_option table[] = {
		{"sessions", 's', "N", 0, "users logged in (default: 1000000)", 0},
		{"workers", 'w', "N", 0,
			"simulated workers, which take turns on one thread (default: 2)", 0},
		{"members", 'm', "N", 0, "of each room (default: 10)", 0},
		{"json", 'j', "FILE", 0, "write the result there as well", 0},
		{0},
	};
	static const struct argp argp = {.options = table,
		.parser = parse_option,
		.doc = "Runs the gateway's own code for N sessions with stand-ins for sockets: memory, "
		       "logins, heartbeats, broadcasts, rooms, kicks and a drain.\v"
		       "Takes about 300 bytes of memory and 30 us of one core per session."};
	struct options options = {.sessions = 1000000, .workers = 2, .members = 10};
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	return options;
}

int main(int argc, char **argv)
{
	static struct scale scale;
	struct options options = parse(argc, argv);
	scale.count = options.sessions;
	scale.result.sessions = options.sessions;
	scale.result.workers = options.workers;
	scale.members = options.members;
	scale.sessions = malloc(scale.count * sizeof(*scale.sessions));
	CHECK(scale.sessions);
	memset(scale.sessions, 1, scale.count * sizeof(*scale.sessions));
	simulation_init(&scale.simulation, options.workers, TABLE_AT_ONCE);
	phase_herd(&scale);
	phase_shuffle(&scale);
	phase_heartbeats(&scale);
	phase_broadcast(&scale);
	phase_rooms(&scale);
	phase_kicks(&scale);
	phase_drain(&scale);
	simulation_finish(&scale.simulation);
	allocator_purge();
	scale.result.resident_after = measure_resident() - scale.count * sizeof(*scale.sessions);
	free(scale.sessions);
	progress(NULL, 0, 0);
	result_print(&scale.result);
	if (options.json) {
		int err = result_write_json(&scale.result, options.json);
		if (err) {
			fprintf(stderr, "tidegate-scale: cannot write %s: %s\n", options.json,
				strerror(-err));
			return 1;
		}
	}
	return 0;
}
