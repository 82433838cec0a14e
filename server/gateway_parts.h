/* The parts that a gateway is made of: making and starting them in an order in which each finds
 * what it needs, and the way back. */
#ifndef TIDEGATE_GATEWAY_PARTS_H
#define TIDEGATE_GATEWAY_PARTS_H

#include <stdint.h>

#include "cluster/cluster_key.h"
#include "config/config.h"
#include "config/sources.h"
#include "node/listener.h"
#include "node/node.h"
#include "signals.h"
#include "summary.h"

struct acceptor;
struct admin;
struct registrar;
struct taker;

/* Owner:  main.
 * Shared: `node`, as said there. */
struct gateway {
	struct config config;
	struct sources sources; /* as it was started */
	struct node node;
	struct cluster_key cluster_key; /* in a cluster */
	struct listeners listeners;
	struct acceptor **acceptors;
	struct registrar *registrar; /* NULL where nobody asks for it */
	struct admin *admin;         /* NULL without an admin port */
	struct signals signals;
	struct summary summary;
	struct taker *taker;  /* NULL: no process was here before */
	bool has_reloaded;    /* while another process was getting ready */
	int drain_fd;         /* eventfd: the admin port asks for a drain */
	int upgrade_fd;       /* eventfd: it asks for another process to take this one's place */
	uint64_t files_taken; /* descriptors that are no connections */
	int argc;
	char **argv;
};

/* Makes all of it, with the listeners of the process before where there was one; no thread of it
 * runs, but for those of the log and of TLS. What is wrong has been said when it fails. The caller,
 * registered with the user table, stops and frees what there is by then, or, where another process
 * serves on, exits. Thread: main. Errors: -errno. */
int gateway_parts_make(struct gateway *gateway);

/* Starts the threads behind that, and says so. Errors: as above. */
int gateway_parts_start(struct gateway *gateway);

/* Tells systemd that it serves, and where. Thread: main. */
void gateway_parts_notify(const struct gateway *gateway);

/* Shares out what the machine gives again, which may have changed, under the config at hand.
 * Thread: main. */
void gateway_parts_reset_limits(struct gateway *gateway);

/* Ends the threads; connections that are left are cut off. Thread: main. */
void gateway_parts_stop(struct gateway *gateway);

/* Frees everything, behind that. Thread: main. */
void gateway_parts_free(struct gateway *gateway);

#endif
