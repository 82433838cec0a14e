/* What the floor is to do, as the command line says. */
#ifndef TIDEGATE_BENCH_FLOOR_OPTIONS_H
#define TIDEGATE_BENCH_FLOOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum floor_mode {
	FLOOR_ECHO,
	FLOOR_FANOUT,
	FLOOR_LOGIN, /* accepts only: lines are idle behind that */
};

/* Owner:  main.
 * Shared: never. */
struct floor_options {
	enum floor_mode mode;
	uint32_t request_bytes; /* on the wire, or in records */
	uint32_t answer_bytes;
	bool gathers;         /* one send for each recv, not for each request */
	bool collects;        /* of a fan-out: one send for each receiver and turn */
	uint32_t room_count;  /* 0: all are in one */
	uint32_t member_most; /* of one room */
	uint32_t threads;     /* each with an epoll of its own; to echo */
	const char *listen_at;
	const char *certificate; /* file; NULL: plain */
	const char *key;
};

/* Reads the command line; ends the process with 2 when it is wrong. */
void floor_options_parse(int argc, char **argv, struct floor_options *ret_options);

#endif
