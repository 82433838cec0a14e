#include "log_line.h"

#include <stdio.h>
#include <string.h>

#include "../../proto/utf8.h"
#include "handle.h"

enum {
	MESSAGE_COLUMNS = 44, /* to which a message is padded, as logrus does */
	PIECE_MAX = 8,        /* bytes of one character, escaped: two of \xNN */
	TAIL_MAX = 64,        /* bytes of a line's end */
	ELLIPSIS_LEN = 3,
	LISTEN_RESERVE = 64, /* bytes of the fields that an id leaves to what follows */
};

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* U+FFFD */

static const struct level_style {
	const char *name;
	const char *word;
	const char *coloured;
} level_styles[] = {
	[LOG_LEVEL_DEBUG] = {"debug", "DEBU", "\x1b[37mDEBU\x1b[0m"},
	[LOG_LEVEL_INFO] = {"info", "INFO", "\x1b[36mINFO\x1b[0m"},
	[LOG_LEVEL_WARN] = {"warn", "WARN", "\x1b[33mWARN\x1b[0m"},
	[LOG_LEVEL_ERROR] = {"error", "ERRO", "\x1b[31mERRO\x1b[0m"},
};

/* Where a text stands. */
enum place {
	PLACE_BARE,   /* a message or a value without quotes */
	PLACE_QUOTED, /* a value in quotes */
	PLACE_JSON,   /* a JSON string */
};

/* Text under way: [at, end) is still free. */
struct span {
	char *at;
	char *end;
};

static size_t span_room(const struct span *span)
{
	return (size_t)(span->end - span->at);
}

/* Appends as much as fits. */
static void put(struct span *span, const char *text, size_t len)
{
	size_t fits = len < span_room(span) ? len : span_room(span);
	memcpy(span->at, text, fits);
	span->at += fits;
}

static void put_string(struct span *span, const char *text)
{
	put(span, text, strlen(text));
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

static size_t escape_control(const char *character, size_t len, enum place place, char *ret_piece)
{
	if (place == PLACE_JSON) {
		return (size_t)sprintf(ret_piece, "\\u%04x", (uint8_t)character[len - 1]);
	}
	size_t written = 0;
	for (size_t i = 0; i < len; i++) {
		written += (size_t)sprintf(ret_piece + written, "\\x%02x", (uint8_t)character[i]);
	}
	return written;
}

/* Renders the first character of `*text` and moves on behind it. Returns the bytes written. */
static size_t escape(const char **text, enum place place, char ret_piece[PIECE_MAX + 1])
{
	const char *character = *text;
	size_t len = character_len(character);

	*text += len > 0 ? len : 1;
	if (len == 0 && place == PLACE_JSON) {
		memcpy(ret_piece, REPLACEMENT, sizeof(REPLACEMENT) - 1);
		return sizeof(REPLACEMENT) - 1;
	}
	if (len == 0 || is_control(character, len)) {
		return escape_control(character, len > 0 ? len : 1, place, ret_piece);
	}
	if (place != PLACE_BARE && (*character == '"' || *character == '\\')) {
		ret_piece[0] = '\\';
		ret_piece[1] = *character;
		return 2;
	}
	memcpy(ret_piece, character, len);
	return len;
}

/* Appends whole characters and leaves `reserve` bytes; where they do not all fit, an ellipsis ends
 * them. Wants room for that. */
static void put_escaped(struct span *span, const char *text, enum place place, size_t reserve)
{
	struct span inner = {span->at, span->end - reserve};
	char *before_ellipsis = inner.at;
	char piece[PIECE_MAX + 1];

	while (*text) {
		size_t len = escape(&text, place, piece);
		if (len > span_room(&inner)) {
			inner.at = before_ellipsis;
			put(&inner, "...", ELLIPSIS_LEN);
			break;
		}
		put(&inner, piece, len);
		if (span_room(&inner) >= ELLIPSIS_LEN) {
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

/* Leaves `reserve` bytes. */
static void put_value(struct span *span, const char *value, size_t reserve)
{
	if (!needs_quotes(value)) {
		put_escaped(span, value, PLACE_BARE, reserve);
		return;
	}
	put_string(span, "\"");
	put_escaped(span, value, PLACE_QUOTED, reserve + 1);
	put_string(span, "\"");
}

void log_style_init(struct log_style *ret_style, enum log_format format, bool is_coloured,
	const char *id, const char *listen)
{
	static const char module[] = " module=Server";
	static const char json_module[] = "\",\"module\":\"Server\"";
	struct span span = {ret_style->fields, ret_style->fields + LOG_FIELDS_MAX};

	ret_style->format = format;
	ret_style->is_coloured = is_coloured;
	if (format == LOG_FORMAT_JSON) {
		put_string(&span, ",\"id\":\"");
		put_escaped(&span, id, PLACE_JSON, LISTEN_RESERVE);
		put_string(&span, "\",\"listen\":\"");
		put_escaped(&span, listen, PLACE_JSON, sizeof(json_module) - 1);
		put_string(&span, json_module);
	} else {
		put_string(&span, " id=");
		put_value(&span, id, LISTEN_RESERVE);
		put_string(&span, " listen=");
		put_value(&span, listen, sizeof(module) - 1);
		put_string(&span, module);
	}
	ret_style->fields_len = (size_t)(span.at - ret_style->fields);
}

/* Writes the connection's name and what closes the line. */
static size_t format_tail(enum log_format format, uint64_t conn, char ret_tail[TAIL_MAX])
{
	const char *conn_format =
		format == LOG_FORMAT_JSON ? ",\"conn\":\"%u.%u.%u\"" : " conn=%u.%u.%u";
	const char *end = format == LOG_FORMAT_JSON ? "}\n" : "\n";
	int len = 0;

	if (conn != 0) {
		len = snprintf(ret_tail, TAIL_MAX, conn_format, handle_worker(conn),
			handle_index(conn), handle_generation(conn));
	}
	return (size_t)(len + snprintf(ret_tail + len, TAIL_MAX - (size_t)len, "%s", end));
}

static void put_time(struct span *span, const struct timespec *time)
{
	char text[sizeof("2026-01-02T03:04:05")];
	char millis[sizeof(".678Z")];
	struct tm utc;

	gmtime_r(&time->tv_sec, &utc);
	put(span, text, strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc));
	snprintf(millis, sizeof(millis), ".%03uZ", (unsigned)(time->tv_nsec / 1000000) % 1000);
	put_string(span, millis);
}

static void put_json_message(struct span *span, const struct log_line *line)
{
	put_string(span, "{\"time\":\"");
	put_time(span, &line->time);
	put_string(span, "\",\"level\":\"");
	put_string(span, level_styles[line->level].name);
	put_string(span, "\",\"msg\":\"");
	put_escaped(span, line->message, PLACE_JSON, 1);
	put_string(span, "\"");
}

static size_t count_columns(const char *text, const char *end)
{
	size_t columns = 0;
	for (; text < end; text++) {
		columns += ((uint8_t)*text & 0xc0) != 0x80;
	}
	return columns;
}

static void put_text_message(
	struct span *span, const struct log_style *style, const struct log_line *line)
{
	const struct level_style *level = &level_styles[line->level];
	char seconds[TAIL_MAX];

	snprintf(seconds, sizeof(seconds), "[%04llu] ", (unsigned long long)line->uptime_s);
	put_string(span, style->is_coloured ? level->coloured : level->word);
	put_string(span, seconds);
	const char *message = span->at;
	put_escaped(span, line->message, PLACE_BARE, 1);
	if (style->fields_len > 0) {
		size_t columns = count_columns(message, span->at);
		put_string(span, " ");
		for (size_t i = columns; i < MESSAGE_COLUMNS; i++) {
			put_string(span, " ");
		}
	}
}

size_t log_line_format(
	const struct log_style *style, const struct log_line *line, char ret_text[LOG_LINE_MAX])
{
	char tail[TAIL_MAX];
	size_t tail_len = format_tail(style->format, line->conn, tail);
	size_t reserved = style->fields_len + tail_len;
	struct span span = {ret_text, ret_text + LOG_LINE_MAX - reserved};

	if (style->format == LOG_FORMAT_JSON) {
		put_json_message(&span, line);
	} else {
		put_text_message(&span, style, line);
	}
	span.end += reserved;
	put(&span, style->fields, style->fields_len);
	put(&span, tail, tail_len);
	return (size_t)(span.at - ret_text);
}
