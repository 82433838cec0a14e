/* How a text of a crowd stands on the wire. Classic: a text message, which comes with ` -- FROM
 * user` behind it. In tidegate.v1: packet 110 for a room or a user, which comes as a 112.
 *
 * A text begins with its mark; behind it all letters are known. PROTOCOL sections 2 and 6. */
#ifndef TIDEGATE_BENCH_SPEECH_H
#define TIDEGATE_BENCH_SPEECH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "text_mark.h"

/* Owner:  one generator, inside its crowd.
 * Shared: never.
 * Freed:  by speech_finish. */
struct speech {
	const struct options *options;
	uint8_t mask[4];
	uint32_t answer_len; /* bytes of a text on the wire as it is delivered */
	uint32_t frame_len;  /* and as it is said */
	uint32_t words_len;  /* of the frame's payload */
	uint32_t text_at;    /* where in it the text begins */
	uint8_t *words;      /* the payload, a template, not masked */
	uint8_t *frame;      /* the one that is said */
};

/* Errors: -ENOMEM; speech_finish is due all the same. */
int speech_init(struct speech *speech, const struct options *options, const uint8_t mask[4]);
void speech_finish(struct speech *speech);

/* Makes speech->frame of a text with that mark. */
void speech_write(struct speech *speech, struct text_mark mark);

/* The mark of the text that was written last. */
struct text_mark speech_last(const struct speech *speech);

/* Whether one of the bench's users has said a text: those of others have other names. */
bool speech_is_of_bench(const uint8_t *text, size_t len);

/* Whether a text message is one of ours and intact, and its mark. */
bool speech_read_text(
	const struct speech *speech, const uint8_t *text, size_t len, struct text_mark *ret_mark);

/* The same of the payload of a packet 112. */
bool speech_read_message(const struct speech *speech, const uint8_t *payload, size_t len,
	struct text_mark *ret_mark);

/* Writes a letter and six digits: how users and rooms are called. `number` counts from the first
 * user on. */
void speech_write_name(
	const struct options *options, char letter, uint32_t number, char to[OPTIONS_NAME_LEN]);

#endif
