/* Numbers, signs and sends what this node says to others: one sequence of numbers to all, and one
 * to each node (README.md, "Numbers"). What cannot be sent takes its number all the same: then the
 * others see that something is missing. */
#ifndef TIDEGATE_SENDER_H
#define TIDEGATE_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec.h"

struct link;

enum {
	SENDER_MESSAGE_MIN = 256 * 1024, /* bytes of the longest message, if the link takes it */
};

/* What goes to one incarnation of another node.
 * Owner: struct peer. Zeroed but for the name: nothing was sent yet. */
struct sender_line {
	char id[CODEC_ID_MAX + 1];
	uint64_t random;  /* of its incarnation */
	uint64_t number;  /* of the last message to it alone */
	uint64_t told[2]; /* `number` at the last heartbeat, and at the one before */
};

/* Owner: the cluster. */
struct sender {
	struct codec_self self;
	struct link *link;
	uint64_t all_number;
	size_t message_max; /* bytes that the link takes */
	uint64_t failed;    /* messages that the link did not take */
	size_t capacity;    /* bytes of `buffer`, and of others that messages are written in */
	uint8_t *buffer;    /* for what is written and sent at once */
};

/* `self` is copied, what it points to is borrowed. `capacity`: bytes of the longest message.
 * Errors: -ENOMEM. */
int sender_init(
	struct sender *sender, struct link *link, const struct codec_self *self, size_t capacity);

/* Fine with a zeroed one. */
void sender_finish(struct sender *sender);

/* What the link takes; 0 while it is down leaves it as it was. */
void sender_set_message_max(struct sender *sender, size_t message_max);

/* Bytes of payload that a message may have. */
static inline size_t sender_payload_max(const struct sender *sender)
{
	return sender->message_max - CODEC_OVERHEAD_MAX;
}

/* Begins a message in a buffer of `capacity` bytes; NULL: the sender's own, which is free
 * again once the message was sent. */
void sender_begin(
	struct sender *sender, struct codec_writer *writer, enum codec_type type, uint8_t *buffer);

/* Sends it to all other nodes. Errors: -errno of link_send. */
int sender_to_all(struct sender *sender, struct codec_writer *writer);

/* Sends it to one. Errors: likewise. */
int sender_to_node(struct sender *sender, struct sender_line *line, struct codec_writer *writer);

/* The same of a payload that was written elsewhere; `line` NULL: to all. Errors: likewise;
 * -EMSGSIZE beyond sender_payload_max(), which may have become less meanwhile. */
int sender_payload(struct sender *sender, struct sender_line *line, enum codec_type type,
	const uint8_t *payload, size_t len);

/* Leaves out numbers to all: so many messages were lost before they came here. */
static inline void sender_skip(struct sender *sender, uint64_t count)
{
	sender->all_number += count;
}

#endif
