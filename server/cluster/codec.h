/* Messages from node to node: their frame. README.md, "The wire".
 *
 *	0          1              2     3      4       8            8+n
 *	version u8 | least u8 | type u8 | flags u8 | length u32 | source str |
 *	incarnation u64 wall ms, u64 random | to u64 | all number u64 | number u64 |
 *	payload | MAC, 16 bytes
 *
 * Big-endian; `length` counts the bytes behind itself. What stands in front of the incarnation and
 *the MAC are the same in all versions. The MAC is a keyed BLAKE2b over the destination, as a string
 *("all" or "node.ID"), and all that stands before it: what was meant for one node says nothing to
 *another, and what anybody else on the message bus says is not listened to.
 *
 * This file opens and seals. Payloads: codec_node.h (how a node is), codec_directory.h (who is
 * where), codec_traffic.h (what is said and asked). Pure: no sockets, no clock, no log; lengths of
 * the sender's are never trusted. Thread: any.
 *
 * Writing: codec_begin(), what the type needs, codec_seal(). What is appended fits wholly or is not
 * there: -ENOSPC, and what stands before can be sealed as it is.
 *
 *	codec_begin(&writer, buffer, sizeof(buffer), &self, CODEC_DELTAS);
 *	while (more && codec_put_delta(&writer, &delta) == 0) ...
 *	to = codec_to_all(number);
 *	len = codec_seal(&writer, &to);
 *
 * Reading: codec_open(), then the payload's decoder. Strings and bytes are borrowed from the
 * message. Decoders look at the form only: names and flags are judged by who acts on them; but the
 * lengths of names are within what `struct user_entry` takes. */
#ifndef TIDEGATE_CODEC_H
#define TIDEGATE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/fields.h"
#include "../base/incarnation.h"
#include "cluster_key.h"

enum codec_type {
#define CLUSTER_MESSAGE(name, number, on, payload, meaning) CODEC_##name = (number),
#include "message.def"
};

enum {
	CODEC_VERSION = 1,       /* what this node speaks */
	CODEC_VERSION_LEAST = 1, /* the oldest that it still can */
	CODEC_ID_MAX = 32,       /* bytes of a node's id */
	CODEC_MAC_LEN = 16,
	CODEC_HEADER_MAX = 8 + 1 + CODEC_ID_MAX + 5 * 8,
	CODEC_OVERHEAD_MAX = CODEC_HEADER_MAX + CODEC_MAC_LEN, /* bytes beside the payload */
};

/* Who writes and reads. Owner: the cluster; its id is borrowed. */
struct codec_self {
	const struct cluster_key *key;
	struct slice id;                /* 1 to CODEC_ID_MAX bytes */
	struct incarnation incarnation; /* its random is not 0 */
	/* What all of the others can read, codec_common_version(); at first CODEC_VERSION_LEAST. */
	uint8_t speaks;
};

/* Whether that can be a node's id: 1 to CODEC_ID_MAX of [A-Za-z0-9_-]. */
bool codec_id_is_valid(struct slice id);

/* The version to write in when the newest that the others speak are these: the lowest of them and
 * the own. */
uint8_t codec_common_version(const uint8_t *versions, size_t count);

/* --- writing ------------------------------------------------------------------------------------
 */

/* A message being written.
 * Owner: the caller, as is the buffer. */
struct codec_writer {
	const struct codec_self *self;
	uint8_t *begin;
	uint8_t *payload;
	uint8_t *at;
	uint8_t *end;   /* of the payload at most: the MAC still fits behind it */
	uint8_t *count; /* of a list that is being appended to: u16; else NULL */
};

/* Whom a message is for. */
struct codec_to {
	struct slice id;     /* of a node; empty: all */
	uint64_t random;     /* of its incarnation; with all 0 */
	uint64_t all_number; /* of the last message to all: with all, this one */
	uint64_t number;     /* of this one to that node; with all the same */
};

static inline struct codec_to codec_to_all(uint64_t number)
{
	return (struct codec_to){.all_number = number, .number = number};
}

/* Begins a message of at most `capacity` bytes in all, at least CODEC_OVERHEAD_MAX. */
void codec_begin(struct codec_writer *writer, uint8_t *buffer, size_t capacity,
	const struct codec_self *self, enum codec_type type);

/* Begins a payload alone, which is put into a message later: codec_put_bytes(). It is not sealed.
 */
void codec_begin_payload(struct codec_writer *writer, uint8_t *buffer, size_t capacity);

/* Ends it: length, numbers and MAC. Returns its bytes, from the buffer's begin on. */
size_t codec_seal(struct codec_writer *writer, const struct codec_to *to);

/* Bytes of payload that still fit. */
static inline size_t codec_room(const struct codec_writer *writer)
{
	return (size_t)(writer->end - writer->at);
}

static inline bool codec_is_empty(const struct codec_writer *writer)
{
	return writer->at == writer->payload;
}

/* Appends what is written already. Errors: -ENOSPC. */
int codec_put_bytes(struct codec_writer *writer, struct slice bytes);

/* --- reading ------------------------------------------------------------------------------------
 */

/* What is to be done with what came. */
enum codec_verdict {
	CODEC_OK,
	CODEC_UNKNOWN, /* a type of a later version: its number counts, else it is skipped */
	CODEC_TOO_NEW, /* this node cannot read it: version, least and source are told */
	CODEC_STALE,   /* for another incarnation of this node: an old one, or played again */
	CODEC_FOREIGN, /* the MAC does not fit: another key, or meant for somebody else */
	CODEC_BROKEN,  /* no message, or none for this subject */
};

/* A message that was opened. Borrowed from its bytes. */
struct codec_message {
	uint8_t version; /* the newest that its source speaks */
	uint8_t least;   /* the oldest that can read this one */
	uint8_t type;    /* enum codec_type, or a later one's */
	bool is_to_all;
	struct slice source;
	struct incarnation incarnation; /* its source's */
	uint64_t all_number;
	uint64_t number;
	struct fields payload; /* what trails behind what is known is of a later version */
};

/* Opens what came by the subject of all, or by that of this node. `ret_message` is set with
 * CODEC_OK, CODEC_UNKNOWN and CODEC_STALE; with CODEC_TOO_NEW its version, least and source are. A
 * source of the own id is told like any other. */
enum codec_verdict codec_open(const struct codec_self *self, bool is_to_all, const uint8_t *data,
	size_t len, struct codec_message *ret_message);

/* The name of a type, for people; NULL for one that is not known. */
const char *codec_type_name(uint8_t type);

#endif
