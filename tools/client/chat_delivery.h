/* What is said, line by line, and what became of it.
 *
 * Lines wait in the input; one at a time is in the client's queue. It leaves the input when the
 * gateway has answered it, or, where it does not, when the kernel has it. So what a lost line to
 * the gateway has not taken is said again on the next one. Of what the kernel had taken nobody
 * knows, unless the gateway answered that or something sent behind it.
 *
 * So that a gateway which reads no faster than this user may say is not fed without measure, no
 * more than a portion is on its way: then a Ping is sent behind it, and its Pong waited for. A line
 * that was refused because the gateway is busy is said again after a while. */
#ifndef TIDEGATE_CHAT_DELIVERY_H
#define TIDEGATE_CHAT_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/packet.h"
#include "chat_input.h"
#include "chat_show.h"
#include "chat_speaker.h"
#include "tidegate-client.h"

enum {
	DELIVERY_TEXT_MAX = 65536, /* bytes of a line sent as a text message */
	DELIVERY_PACKET_MAX = DELIVERY_TEXT_MAX - PACKET_HEADER_LEN, /* as a packet */
};

/* Owner:  the chat.
 * Shared: never. What it points to is borrowed; the rest begins at zero. */
struct delivery {
	struct tg_client *client;
	struct input *input;
	struct show *show;
	struct speaker *speaker;

	bool is_in_flight; /* the first line of the input waits for what `speaker` says */
	bool was_refused;  /* a line could not be sent for what it is */

	/* Of the line to the gateway that stands: lines of text the kernel has taken, those of them
	 * before the last Ping, and those the gateway has read for sure. */
	uint64_t sent;
	uint64_t pinged;
	uint64_t confirmed;
	uint64_t doubtful; /* of all that were lost: sent, but not confirmed */

	size_t portion_len; /* bytes of lines sent since the last of them was confirmed */
	bool is_asking;     /* the Ping behind a portion is out */
	bool has_waited;    /* for its Pong, on the line that stands */
	bool is_busy;       /* the gateway has said so just now */
	bool was_busy;      /* and it was shown */
	uint64_t resume_at; /* ms: until then nothing is said, for that */
};

/* Sends what can be sent now, in ms of a clock that never goes back. Returns whether a line is
 * left. */
bool delivery_advance(struct delivery *delivery, uint64_t now_ms);

/* In how many ms delivery_advance() has something to do although nothing happens; -1: never. */
int delivery_wait_ms(const struct delivery *delivery, uint64_t now_ms);

/* A Ping goes out, and its Pong came. */
void delivery_on_ping(struct delivery *delivery);
void delivery_on_pong(struct delivery *delivery);

/* An answer has come, and may be that to the line in flight. */
void delivery_on_finding(struct delivery *delivery, enum speaker_finding finding);

/* The gateway has answered our Close. */
void delivery_on_farewell(struct delivery *delivery);

/* The line to the gateway is gone, and `unsent_len` bytes that the client had taken with it. */
void delivery_on_end(struct delivery *delivery, size_t unsent_len);

/* Shows what is left in the input; nothing is sent any more. Returns whether there was anything. */
bool delivery_finish(struct delivery *delivery);

#endif
