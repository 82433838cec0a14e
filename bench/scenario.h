/* What a load is made of. A scenario's functions run on the generators' threads. */
#ifndef TIDEGATE_BENCH_SCENARIO_H
#define TIDEGATE_BENCH_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../proto/subprotocol.h"

struct client;
struct generator;
struct options;

/* Owner: nobody, constant. Members but the first three may be NULL. */
struct scenario {
	const char *name;
	const char *help;
	const char *unit; /* what is counted: "messages" */
	/* The opening is what is measured; there is no run behind it. */
	bool measures_opening;
	/* Connections are opened by the scenario itself, during the run. */
	bool opens_later;
	/* Messages are texts that begin with their mark, from senders: see crowd.h. */
	bool says_texts;
	/* Texts are for one user, not for a room. With `subprotocol`. */
	bool is_private;
	/* What connections speak. One that does is open when the scenario says so, client_enter,
	 * and not with its 101. */
	enum subprotocol subprotocol;

	/* Completes the options, before any thread. Returns what is wrong with them, or NULL. */
	const char *(*check)(struct options *options);

	/* What the generators share. Errors: -ENOMEM. */
	int (*share)(const struct options *options, void **ret_shared);
	void (*unshare)(const struct options *options, void *shared);

	/* What one generator needs, generator->state. Errors: -ENOMEM. */
	int (*prepare)(struct generator *generator);
	void (*dispose)(struct generator *generator);

	/* The run begins: options and run->start_ns are known. */
	void (*begin)(struct generator *generator);

	/* Sends what is due; returns when to be called again at the latest, monotonic ns. */
	uint64_t (*turn)(struct generator *generator, uint64_t now_ns);

	/* A connection has its 101; `now_ns` is when. */
	void (*opened)(struct generator *generator, struct client *client, uint64_t now_ns);

	/* Bytes behind the 101. Returns how many were used: the rest comes again, with more. */
	size_t (*take)(struct generator *generator, struct client *client, const uint8_t *data,
		size_t len, uint64_t now_ns);

	/* The socket takes bytes again. */
	void (*writable)(struct generator *generator, struct client *client);

	/* The connection has ended as it was asked to. */
	void (*closed)(struct generator *generator, struct client *client, uint64_t now_ns);

	/* It was cut, or could not be opened, and the run goes on (--among-others). */
	void (*cut)(struct generator *generator, struct client *client);

	/* Whether nothing is under way that an answer may still come to. */
	bool (*is_settled)(struct generator *generator);

	/* After the run, on the main thread, all others stopped: counts what is missing. */
	void (*account)(struct generator *generator);
};

extern const struct scenario scenario_login;
extern const struct scenario scenario_heartbeat;
extern const struct scenario scenario_echo;
extern const struct scenario scenario_fanout;
extern const struct scenario scenario_chat;
extern const struct scenario scenario_rooms;
extern const struct scenario scenario_direct;
extern const struct scenario scenario_churn;

/* NULL-terminated. */
extern const struct scenario *const scenarios[];

#endif
