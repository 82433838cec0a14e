/* Each second a node tells how it is: HEARTBEAT. And by PROBE how long the way to each takes. */
#ifndef TIDEGATE_HEARTBEAT_H
#define TIDEGATE_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "directory.h"
#include "peers.h"
#include "sender.h"

enum {
	HEARTBEAT_MS = 1000,
	HEARTBEAT_SOONEST_MS = 50, /* between two, when something changes */
	HEARTBEAT_PROBE_MS = 5000, /* between probes of a node */
};

/* How this node is. Owner: the cluster. */
struct heartbeat {
	const struct directory *directory;
	struct peers *peers;
	struct sender *sender;
	const char *address; /* of the admin port; borrowed */
	const char *version;
	uint16_t ws_port;
	bool ws_tls; /* is spoken there */
	uint8_t max_devices;
	uint8_t pressure;
	bool is_draining;
	bool is_fenced;
	bool is_hasty; /* something has changed that others are to know at once */
	uint64_t sent_ms;
};

/* Sends one when it is due; all deltas so far must have been sent. Returns the ms until the next.
 */
uint64_t heartbeat_turn(struct heartbeat *heartbeat, uint64_t wall_ms);

/* One has come: `peer` is what it says. *ret_lost gets how many messages it shows to be lost. What
 * has changed may be seen by comparing with the peer before. Errors: -EBADMSG. */
int heartbeat_on_message(const struct codec_message *message, struct peers *peers,
	struct peer *peer, uint64_t own_random, uint32_t *ret_lost);

/* Sends probes that are due. */
void heartbeat_probe(struct heartbeat *heartbeat);

/* A probe, or its answer. Errors: -EBADMSG. */
int heartbeat_on_probe(struct heartbeat *heartbeat, struct peer *peer,
	const struct codec_message *message, uint64_t wall_ms);
int heartbeat_on_probe_answer(
	struct heartbeat *heartbeat, struct peer *peer, const struct codec_message *message);

#endif
