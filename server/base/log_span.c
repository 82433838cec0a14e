#include "log_span.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../../proto/utf8.h"

enum {
	PIECE_MAX = 8, /* bytes of one character, escaped: two of \xNN */
	ELLIPSIS_LEN = 3,
};

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* U+FFFD */

void log_span_put(struct log_span *span, const char *text, size_t len)
{
	size_t fits = len < log_span_room(span) ? len : log_span_room(span);
	memcpy(span->at, text, fits);
	span->at += fits;
}

void log_span_put_string(struct log_span *span, const char *text)
{
	log_span_put(span, text, strlen(text));
}

/* Bytes of the character that `text` begins with; 0 when it is not UTF-8. */
static size_t character_len(const char *text)
{
	if ((uint8_t)text[0] < 0x80) {
		return 1;
	}
	size_t left = strnlen(text, 4);
	for (size_t len = 1; len <= left; len++) {
		if (utf8_valid((const uint8_t *)text, len)) {
			return len;
		}
	}
	return 0;
}

/* C0, DEL and C1. */
static bool is_control(const char *character, size_t len)
{
	uint8_t lead = (uint8_t)character[0];
	return lead < 0x20 || lead == 0x7f ||
	       (len == 2 && lead == 0xc2 && (uint8_t)character[1] < 0xa0);
}

static size_t escape_control(
	const char *character, size_t len, enum log_place place, char *ret_piece)
{
	if (place == LOG_PLACE_JSON) {
		return (size_t)sprintf(ret_piece, "\\u%04x", (uint8_t)character[len - 1]);
	}
	size_t written = 0;
	for (size_t i = 0; i < len; i++) {
		written += (size_t)sprintf(ret_piece + written, "\\x%02x", (uint8_t)character[i]);
	}
	return written;
}

/* Renders the first character of `*text` and moves on behind it. Returns the bytes written. */
static size_t escape(const char **text, enum log_place place, char ret_piece[PIECE_MAX + 1])
{
	const char *character = *text;
	size_t len = character_len(character);

	*text += len > 0 ? len : 1;
	if (len == 0 && place == LOG_PLACE_JSON) {
		memcpy(ret_piece, REPLACEMENT, sizeof(REPLACEMENT) - 1);
		return sizeof(REPLACEMENT) - 1;
	}
	if (len == 0 || is_control(character, len)) {
		return escape_control(character, len > 0 ? len : 1, place, ret_piece);
	}
	if (place != LOG_PLACE_BARE && (*character == '"' || *character == '\\')) {
		ret_piece[0] = '\\';
		ret_piece[1] = *character;
		return 2;
	}
	memcpy(ret_piece, character, len);
	return len;
}

void log_span_put_escaped(
	struct log_span *span, const char *text, enum log_place place, size_t reserve)
{
	struct log_span inner = {span->at, span->end - reserve};
	char *before_ellipsis = inner.at;
	char piece[PIECE_MAX + 1];

	while (*text) {
		size_t len = escape(&text, place, piece);
		if (len > log_span_room(&inner)) {
			inner.at = before_ellipsis;
			log_span_put(&inner, "...", ELLIPSIS_LEN);
			break;
		}
		log_span_put(&inner, piece, len);
		if (log_span_room(&inner) >= ELLIPSIS_LEN) {
			before_ellipsis = inner.at;
		}
	}
	span->at = inner.at;
}

/* As logrus decides it. */
static bool needs_quotes(const char *value)
{
	return value[strspn(value, "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/@^+")] != '\0';
}

void log_span_put_value(struct log_span *span, const char *value, size_t reserve)
{
	if (!needs_quotes(value)) {
		log_span_put_escaped(span, value, LOG_PLACE_BARE, reserve);
		return;
	}
	log_span_put_string(span, "\"");
	log_span_put_escaped(span, value, LOG_PLACE_QUOTED, reserve + 1);
	log_span_put_string(span, "\"");
}
