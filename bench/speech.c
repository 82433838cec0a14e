#include "speech.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../proto/frame.h"
#include "../proto/packet.h"
#include "../proto/say_packets.h"
#include "../proto/suffix.h"
#include "circles.h"
#include "scenario.h"

static const char suffix_start[] = SUFFIX_MARK "u";

enum {
	SUFFIX_START_LEN = sizeof(suffix_start) - 1,
	SUFFIX_LEN = SUFFIX_START_LEN + OPTIONS_NAME_LEN - 1,
	AUDIENCE_LEN = 1 + OPTIONS_NAME_LEN, /* with its mark */
	/* In front of a text: what packets 110 and 112 say of it. */
	SAY_LEN = PACKET_HEADER_LEN + 4 + 1 + 1 + AUDIENCE_LEN,
	MESSAGE_LEN = PACKET_HEADER_LEN + 1 + 8 + 1 + OPTIONS_NAME_LEN + 1 + AUDIENCE_LEN,
};

/* Any clock that is set shows a later time: 2020, in ms since 1970. */
static const uint64_t sent_ms_min = UINT64_C(1577836800000);

/* --- names -------------------------------------------------------------------------------------
 */

void speech_write_name(
	const struct options *options, char letter, uint32_t number, char to[OPTIONS_NAME_LEN])
{
	number += options->first_user;
	to[0] = letter;
	for (int i = OPTIONS_NAME_LEN - 1; i > 0; i--) {
		to[i] = (char)('0' + number % 10);
		number /= 10;
	}
}

/* Whom a sender's texts are for: his room, or the other one of two. */
static void write_audience(const struct options *options, uint32_t sender, char to[AUDIENCE_LEN])
{
	if (options->scenario->is_private) {
		to[0] = '@';
		speech_write_name(options, 'u', circle_partner(options, sender), to + 1);
	} else {
		to[0] = '#';
		speech_write_name(options, 'r', circle_of(options, sender), to + 1);
	}
}

/* --- saying ------------------------------------------------------------------------------------
 */

static bool is_v1(const struct speech *speech)
{
	return speech->options->scenario->subprotocol;
}

/* All in front of the text but the audience's name. Its id is 0: only a refusal is answered. */
static void write_say(struct speech *speech)
{
	const char audience[AUDIENCE_LEN] = "";
	const struct say_packet say = {
		.audience = {audience, AUDIENCE_LEN},
	};
	packet_header_write(speech->words, PACKET_SAY, speech->words_len - PACKET_HEADER_LEN);
	say_packet_write(speech->words + PACKET_HEADER_LEN, &say);
}

int speech_init(struct speech *speech, const struct options *options, const uint8_t mask[4])
{
	const uint32_t payload = options->payload;
	speech->options = options;
	memcpy(speech->mask, mask, sizeof(speech->mask));
	speech->text_at = is_v1(speech) ? SAY_LEN : 0;
	speech->words_len = speech->text_at + payload;
	speech->frame_len = (uint32_t)(frame_header_len(speech->words_len) + 4 + speech->words_len);
	const uint32_t answer = payload + (is_v1(speech) ? MESSAGE_LEN : SUFFIX_LEN);
	speech->answer_len = (uint32_t)(frame_header_len(answer) + answer);
	speech->words = calloc(1, speech->words_len);
	speech->frame = malloc(speech->frame_len);
	if (!speech->words || !speech->frame) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < payload; i++) {
		speech->words[speech->text_at + i] = (uint8_t)('a' + i * 7 % 26);
	}
	if (is_v1(speech)) {
		write_say(speech);
	}
	frame_header_write(speech->frame, is_v1(speech) ? FRAME_BINARY : FRAME_TEXT,
		speech->words_len, speech->mask);
	return 0;
}

void speech_finish(struct speech *speech)
{
	free(speech->words);
	free(speech->frame);
}

void speech_write(struct speech *speech, struct text_mark mark)
{
	uint8_t *words = speech->frame + speech->frame_len - speech->words_len;
	if (is_v1(speech)) {
		write_audience(speech->options, mark.sender,
			(char *)speech->words + SAY_LEN - AUDIENCE_LEN);
	}
	text_mark_write(speech->words + speech->text_at, mark);
	memcpy(words, speech->words, speech->words_len);
	frame_mask(words, speech->words_len, speech->mask, 0);
}

struct text_mark speech_last(const struct speech *speech)
{
	struct text_mark mark = {0};
	(void)text_mark_read(speech->words + speech->text_at, &mark);
	return mark;
}

/* --- hearing -----------------------------------------------------------------------------------
 */

bool speech_is_of_bench(const uint8_t *text, size_t len)
{
	if (len < SUFFIX_LEN ||
		memcmp(text + len - SUFFIX_LEN, suffix_start, SUFFIX_START_LEN) != 0) {
		return false;
	}
	for (size_t i = len - (OPTIONS_NAME_LEN - 1); i < len; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
	}
	return true;
}

/* Whether a text begins with the mark of a sender and goes on as all do. */
static bool read_text(
	const struct speech *speech, const uint8_t *text, size_t len, struct text_mark *ret_mark)
{
	const uint32_t payload = speech->options->payload;
	return len >= payload && text_mark_read(text, ret_mark) &&
	       ret_mark->sender < speech->options->senders &&
	       memcmp(text + TEXT_MARK_LEN, speech->words + speech->text_at + TEXT_MARK_LEN,
		       payload - TEXT_MARK_LEN) == 0;
}

/* Behind the text stands who said it; servers that add nothing are accepted as well. */
bool speech_read_text(
	const struct speech *speech, const uint8_t *text, size_t len, struct text_mark *ret_mark)
{
	const uint32_t payload = speech->options->payload;
	char suffix[SUFFIX_LEN];
	if (!read_text(speech, text, len, ret_mark)) {
		return false;
	}
	if (len == payload) {
		return true;
	}
	memcpy(suffix, suffix_start, SUFFIX_START_LEN);
	speech_write_name(
		speech->options, 'u', ret_mark->sender, suffix + SUFFIX_LEN - OPTIONS_NAME_LEN);
	return len == payload + SUFFIX_LEN && memcmp(text + payload, suffix, SUFFIX_LEN) == 0;
}

bool speech_read_message(
	const struct speech *speech, const uint8_t *payload, size_t len, struct text_mark *ret_mark)
{
	struct message_packet message;
	char from[OPTIONS_NAME_LEN];
	char audience[AUDIENCE_LEN];
	if (message_packet_decode(payload, len, &message) < 0 || message.flags != 0 ||
		message.sent_ms < sent_ms_min || message.text.len != speech->options->payload ||
		!read_text(
			speech, (const uint8_t *)message.text.data, message.text.len, ret_mark)) {
		return false;
	}
	speech_write_name(speech->options, 'u', ret_mark->sender, from);
	write_audience(speech->options, ret_mark->sender, audience);
	return slice_equals(message.from, (struct slice){from, sizeof(from)}) &&
	       slice_equals(message.audience, (struct slice){audience, sizeof(audience)});
}
