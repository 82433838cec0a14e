/* How a node is: the payloads of HEARTBEAT, PROBE, PROBE_ANSWER and BYE. codec.h.
 *
 * Writers: -ENOSPC when it does not fit; nothing of it is written then. Decoders: -EBADMSG when the
 * payload is too short; outputs stay as they were. Thread: any. */
#ifndef TIDEGATE_CODEC_NODE_H
#define TIDEGATE_CODEC_NODE_H

#include "codec.h"

enum {
	CODEC_NODE_DRAINING = 1 << 0,
	CODEC_NODE_FENCED = 1 << 1, /* its clock is off: it only serves its own */
	CODEC_NODE_WS_TLS = 1 << 2, /* TLS is spoken at its ws_port */
	CODEC_PRESSURE_MAX = 2,
};

/* The last number that was used to one node alone. */
struct codec_sent {
	uint64_t random; /* of that node's incarnation */
	uint64_t number;
};

struct codec_heartbeat {
	uint64_t wall_ms; /* since 1970 */
	uint32_t sessions;
	uint32_t rooms;
	uint8_t max_devices;
	uint8_t pressure;    /* 0 to CODEC_PRESSURE_MAX; what is read is cut there */
	uint8_t flags;       /* CODEC_NODE_; those that are not known are ignored */
	uint64_t users_root; /* digest of all of its users */
	uint64_t rooms_root;
	struct slice address; /* URL of its API; may be empty */
	struct slice version; /* of the program */
	uint16_t ws_port;     /* where browsers come to it, by TCP; 0: not told */
	struct fields sent;   /* read: struct codec_sent, codec_next_sent() */
};

/* Strings are cut at 255 bytes. */
int codec_put_heartbeat(struct codec_writer *writer, const struct codec_heartbeat *heartbeat);

/* Behind the heartbeat, for nodes to which something went since the last one but one. */
int codec_put_sent(struct codec_writer *writer, const struct codec_sent *sent);

int codec_read_heartbeat(
	const struct codec_message *message, struct codec_heartbeat *ret_heartbeat);

/* Returns false behind the last. */
bool codec_next_sent(struct codec_heartbeat *heartbeat, struct codec_sent *ret_sent);

/* A PROBE, and its answer, which gives `us` back. */
struct codec_probe {
	uint64_t us;      /* the asker's own clock */
	uint64_t wall_ms; /* PROBE_ANSWER: the clock of who answers */
};

int codec_put_probe(struct codec_writer *writer, const struct codec_probe *probe);
int codec_read_probe(const struct codec_message *message, struct codec_probe *ret_probe);
int codec_put_probe_answer(struct codec_writer *writer, const struct codec_probe *probe);
int codec_read_probe_answer(const struct codec_message *message, struct codec_probe *ret_probe);

enum codec_bye {
	CODEC_BYE_STOPS,
	CODEC_BYE_HANDS_OVER, /* another process of it goes on with its sessions */
};

int codec_put_bye(struct codec_writer *writer, uint8_t reason);
int codec_read_bye(const struct codec_message *message, uint8_t *ret_reason);

#endif
