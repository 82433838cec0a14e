/* What a run is to do, as the command line says. */
#ifndef TIDEGATE_BENCH_OPTIONS_H
#define TIDEGATE_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "address.h"
#include "tokens.h"

struct scenario;
struct ssl_ctx_st;

enum payload_kind {
	PAYLOAD_BINARY, /* a binary message that comes back as it is */
	PAYLOAD_PACKET, /* packet 100, answered by 101 */
	PAYLOAD_PING,   /* a protocol Ping */
};

enum {
	PAYLOAD_MARK = 6, /* number and tag, in bytes */
	OPTIONS_PAYLOAD_MAX = 16 << 20,
	OPTIONS_NAME_LEN = 7, /* u000001, r000001; all the same so that fan-outs have one size */
	OPTIONS_NAME_MAX = 64,
	OPTIONS_SERVERS_MAX = 4,
	OPTIONS_USER_MAX = 999999,
	OPTIONS_SHARING_MIN = 1000, /* connections that share what a server touches for the first */
};

/* Owner:  main.
 * Shared: read by all threads; nobody changes it once they run. */
struct options {
	const struct scenario *scenario;
	struct address address;
	const char *url;
	uint32_t connections; /* in all; of a fan-out: the receivers */
	uint32_t senders;     /* of a fan-out, beside the receivers; else how many of them speak */
	uint32_t circles;     /* who hears whom: see circles.h */
	uint32_t circle_size; /* connections in one */
	uint32_t depth;       /* requests under way on one connection (--closed) */
	uint32_t payload;     /* bytes of one message */
	enum payload_kind kind;
	double rate;          /* requests a second in all; 0 with `is_closed` */
	double every_s;       /* between two heartbeats of a connection; 0: none */
	double churn;         /* logouts and logins a second */
	bool is_closed;       /* the next request leaves when an answer comes */
	bool is_blind;        /* answers are constant bytes of known size */
	bool is_among_others; /* others speak as well, and a cut is counted, not the end */
	bool spins;           /* never sleeps in epoll */
	double warmup_s;
	double duration_s; /* of the measured window; for a login storm: held after it */
	double timeout_s;  /* for openings, and for answers after the end */
	uint64_t count;    /* requests in all, after the warm-up; 0: as long as duration_s says */
	uint32_t tick_ms;  /* of a piece of the time series; 0: by duration_s */
	uint32_t ramp_ms;  /* over which the connections are opened */
	uint32_t openings; /* under way at once, in all */
	uint32_t first_user;
	uint32_t name_len; /* bytes of a user's name */
	uint32_t threads;
	uint32_t server_count; /* processes that the server is made of; 0: not known */
	pid_t server_pids[OPTIONS_SERVERS_MAX];
	const char *json;       /* file; NULL: none */
	const char *token_key;  /* file with what tokens are signed with; NULL: there are none */
	struct tokens tokens;   /* for each connection; made by main behind the command line */
	const char *ca;         /* file of who may have signed; NULL: the system's */
	const char *suite;      /* the only one offered; NULL: all */
	struct ssl_ctx_st *tls; /* NULL: plain; made by main, likewise */
	bool awaits;            /* begins when it is told to */
};

/* Reads the command line; ends the process with 2 when it is wrong. */
void options_parse(int argc, char **argv, struct options *ret_options);

/* How many connections the scenario opens, senders included. */
uint32_t options_connections(const struct options *options);

/* As one line tells it: "closed loop", "10,000 messages/s". */
const char *options_kind_name(enum payload_kind kind);

#endif
