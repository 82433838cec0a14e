/* How much the gateway takes on: what the config asks for, as far as the machine gives it. */
#ifndef TIDEGATE_LIMITS_H
#define TIDEGATE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

enum {
	LIMITS_TEXT_MAX = 256, /* bytes of a line, NUL included */
	LIMITS_LINK_FILES = 4, /* descriptors of the line to a cluster, which it opens by and by */
};

/* What the machine gives.
 * Owner: whoever declared it; plain data. */
struct limits_supply {
	uint64_t files;       /* descriptors that the process may have */
	uint64_t files_taken; /* of them, those that are no clients' connections */
	size_t memory;        /* bytes that all queues may take, unless the config says */
};

/* Plain data. */
struct limits {
	uint32_t connections; /* that are served; 0: there are no descriptors for any */
	uint32_t refusals;    /* beyond them, that wait for their 503 */
	size_t memory;        /* bytes that all queues may take */
	size_t backlog;       /* bytes of fan-out in hand before senders are held back */
	size_t rooms;         /* bytes that rooms and memberships may take */
};

/* Threads to serve with, where there are that many CPUs, of which a quota lets `quota` be busy.
 * Thread: any. */
uint32_t limits_workers(const struct config *config, uint32_t cpus, uint32_t quota);

/* Connections to the admin port, of which there are descriptors for few where there are few.
 * Thread: any. */
uint32_t limits_admin_clients(uint64_t files);

/* Descriptors that are no clients' connections: those in use, and those that may yet be needed,
 * with so many connections to the admin port. To be called before there are clients, who come and
 * go while it counts. Thread: main. */
uint64_t limits_files_taken(uint32_t admin_clients);

/* Shares out what there is. Thread: any. */
struct limits limits_share(
	const struct config *config, const struct limits_supply *supply, uint32_t workers);

/* What to do where there are no descriptors for a connection: one line. Thread: any. */
void limits_explain_files(const struct limits_supply *supply, char ret_text[LIMITS_TEXT_MAX]);

/* Calls `say` with what falls short for the connections that the config asks for, one line each.
 * Where it does not say how many, logs that there is memory for fewer than descriptors. `threads`
 * are still to be started; `is_inet` as for advice. Returns how many lines it has said. Thread:
 * main. */
size_t limits_advise(const struct config *config, const struct limits_supply *supply,
	const struct limits *limits, uint32_t threads, bool is_inet, void (*say)(const char *line));

#endif
