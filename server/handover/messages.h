/* What the two processes of a hand-over say to each other, in the order in which they say it.
 *
 *   giver                                  taker
 *   HELLO      what there is           ──>
 *   LISTENERS  with their descriptors  ──>   one or more; it makes everything
 *                                      <──   READY | NOT_NOW
 *   ... all threads of the giver stand still ...
 *   NODE       what is the node's own  ──>
 *   BUFFERS    bytes that many queue   ──>   any number, each before the lines that name it
 *   LINES      with their descriptors  ──>   any number
 *                                      <──   ACK of each of BUFFERS and LINES
 *   END        totals                  ──>
 *                                      <──   HAVE_ALL | NOT_NOW
 *   GO | ABORT                         ──>   serves | exits
 *
 * The taker may say NOT_NOW in the place of everything it says. The giver may say ABORT in the
 * place of everything but GO. Each goes by one message of channel.h, written as pack.h does. */
#ifndef TIDEGATE_MESSAGES_H
#define TIDEGATE_MESSAGES_H

#include <stdint.h>

#include "../../proto/slice.h"
#include "../base/pack.h"

enum {
	/* Of all that is said here and of every X_pack: to be changed with each of them. Equal on
	 * both sides, or nothing is handed over: the same binary, and each that says the same,
	 * works in both directions. A record of this version is played to takers of today by
	 * tests/e2e/test_handover_recorded.py, so that nobody forgets. */
	HANDOVER_VERSION = 1,
	HANDOVER_TEXT_MAX = 256, /* bytes of a line for people, NUL included */
};

enum handover_message {
	HANDOVER_HELLO = 1,
	HANDOVER_LISTENERS, /* its body is the gateway's */
	HANDOVER_READY,     /* no body */
	HANDOVER_NOT_NOW,   /* a line for people: why */
	HANDOVER_NODE,
	HANDOVER_BUFFERS,
	HANDOVER_LINES,
	HANDOVER_ACK, /* no body */
	HANDOVER_END,
	HANDOVER_HAVE_ALL, /* no body */
	HANDOVER_GO,       /* its body is the gateway's */
	HANDOVER_ABORT,    /* no body */
	HANDOVER_MESSAGES, /* one more than the last */
};

/* What the giver has, as the taker judges whether it can take it. Plain data. */
struct handover_hello {
	uint32_t version;    /* HANDOVER_VERSION */
	struct slice binary; /* the giver's TIDEGATE_VERSION; borrowed from the message */
	uint64_t files;      /* descriptors that are to come, listeners and lines, about */
	uint64_t lines;      /* connections now; some more may come until it parks */
	uint64_t memory;     /* bytes of budget_used, which will be held twice */
	uint64_t skip_us;    /* of clock.h: the time that was frozen so far */
};

void handover_hello_pack(const struct handover_hello *hello, struct pack *pack);

/* What follows it in the message is the gateway's. Of another version only `version` and `binary`
 * are read: the rest may be different there. Errors: -EINVAL. */
int handover_hello_unpack(struct unpack *unpack, struct handover_hello *ret_hello);

/* A line for people, cut to HANDOVER_TEXT_MAX. */
void handover_text_pack(const char *text, struct pack *pack);

/* Errors: -EINVAL; ret_text holds a line all the same. */
int handover_text_unpack(struct unpack *unpack, char ret_text[HANDOVER_TEXT_MAX]);

/* The name of a kind, for people: "LINES". */
const char *handover_message_name(enum handover_message message);

#endif
