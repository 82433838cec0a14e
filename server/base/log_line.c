#include "log_line.h"

#include <stdio.h>
#include <string.h>

#include "handle.h"

enum {
	MESSAGE_COLUMNS = 44, /* to which the tutorial's form pads a message, as logrus does */
	SECONDS_MAX = 32,     /* bytes of the uptime and its brackets */
	CONN_MAX = 64,        /* bytes of a connection's name and its key */
	TAIL_MAX = 512,       /* bytes of a line's end, fields included */
	LISTEN_RESERVE = 64,  /* bytes of the fields that an id leaves to what follows */
};

static const char COLOUR_END[] = "\x1b[0m";

static const struct level_style {
	const char *name;   /* in JSON */
	const char *word;   /* in the tutorial's form */
	const char *column; /* in text */
	const char *colour;
	const char *priority; /* as sd-daemon(3) has it */
} level_styles[] = {
	[LOG_LEVEL_DEBUG] = {"debug", "DEBU", "DEBUG", "\x1b[37m", "<7>"},
	[LOG_LEVEL_INFO] = {"info", "INFO", "INFO ", "\x1b[36m", "<6>"},
	[LOG_LEVEL_WARN] = {"warn", "WARN", "WARN ", "\x1b[33m", "<4>"},
	[LOG_LEVEL_ERROR] = {"error", "ERRO", "ERROR", "\x1b[31m", "<3>"},
};

const char *log_level_priority(enum log_level level)
{
	return level_styles[level].priority;
}

/* --- what all lines have in common ------------------------------------------------------------ */

static void put_tutorial_fields(struct log_span *span, const char *id, const char *listen)
{
	static const char module[] = " module=Server";

	log_span_put_string(span, " id=");
	log_span_put_value(span, id, LISTEN_RESERVE);
	log_span_put_string(span, " listen=");
	log_span_put_value(span, listen, sizeof(module) - 1);
	log_span_put_string(span, module);
}

static void put_json_fields(struct log_span *span, const char *id, const char *listen)
{
	static const char module[] = "\",\"module\":\"Server\"";

	log_span_put_string(span, ",\"id\":\"");
	log_span_put_escaped(span, id, LOG_PLACE_JSON, LISTEN_RESERVE);
	log_span_put_string(span, "\",\"listen\":\"");
	log_span_put_escaped(span, listen, LOG_PLACE_JSON, sizeof(module) - 1);
	log_span_put_string(span, module);
}

void log_style_init(
	struct log_style *ret_style, enum log_format format, const char *id, const char *listen)
{
	struct log_span span = {ret_style->fields, ret_style->fields + LOG_FIELDS_MAX};

	ret_style->format = format;
	ret_style->is_coloured = false;
	ret_style->has_priority = false;
	if (format == LOG_FORMAT_JSON) {
		put_json_fields(&span, id, listen);
	} else if (format == LOG_FORMAT_TUTORIAL) {
		put_tutorial_fields(&span, id, listen);
	}
	ret_style->fields_len = (size_t)(span.at - ret_style->fields);
}

/* --- a line ----------------------------------------------------------------------------------- */

static void put_conn(struct log_span *span, bool is_json, uint64_t conn)
{
	char text[CONN_MAX];
	snprintf(text, sizeof(text), is_json ? ",\"conn\":\"%u.%u.%u\"" : " conn=%u.%u.%u",
		handle_worker(conn), handle_index(conn), handle_generation(conn));
	log_span_put_string(span, text);
}

/* Writes the connection's name, the line's own fields, and what closes it. */
static size_t format_tail(
	const struct log_style *style, const struct log_line *line, char ret_tail[TAIL_MAX])
{
	bool is_json = style->format == LOG_FORMAT_JSON;
	const char *end = is_json ? "}\n" : "\n";
	struct log_span span = {ret_tail, ret_tail + TAIL_MAX - strlen(end)};

	if (line->conn != 0) {
		put_conn(&span, is_json, line->conn);
	}
	if (is_json) {
		log_fields_put(&span, line->fields, line->field_count);
	}
	span.end += strlen(end);
	log_span_put_string(&span, end);
	return (size_t)(span.at - ret_tail);
}

static void put_time(struct log_span *span, const struct timespec *time)
{
	char text[sizeof("2026-01-02T03:04:05")];
	char millis[sizeof(".678Z")];
	struct tm utc;

	gmtime_r(&time->tv_sec, &utc);
	log_span_put(span, text, strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc));
	snprintf(millis, sizeof(millis), ".%03uZ", (unsigned)(time->tv_nsec / 1000000) % 1000);
	log_span_put_string(span, millis);
}

static void put_json_message(struct log_span *span, const struct log_line *line)
{
	log_span_put_string(span, "{\"time\":\"");
	put_time(span, &line->time);
	log_span_put_string(span, "\",\"level\":\"");
	log_span_put_string(span, level_styles[line->level].name);
	log_span_put_string(span, "\",\"msg\":\"");
	log_span_put_escaped(span, line->message, LOG_PLACE_JSON, 1);
	log_span_put_string(span, "\"");
}

static size_t count_columns(const char *text, const char *end)
{
	size_t columns = 0;
	for (; text < end; text++) {
		columns += ((uint8_t)*text & 0xc0) != 0x80;
	}
	return columns;
}

static void put_level(struct log_span *span, const struct log_style *style, enum log_level level,
	const char *word)
{
	log_span_put_string(span, style->is_coloured ? level_styles[level].colour : "");
	log_span_put_string(span, word);
	log_span_put_string(span, style->is_coloured ? COLOUR_END : "");
}

static void put_text_message(
	struct log_span *span, const struct log_style *style, const struct log_line *line)
{
	put_time(span, &line->time);
	log_span_put_string(span, " ");
	put_level(span, style, line->level, level_styles[line->level].column);
	log_span_put_string(span, " ");
	log_span_put_escaped(span, line->message, LOG_PLACE_BARE, 0);
}

static void put_tutorial_message(
	struct log_span *span, const struct log_style *style, const struct log_line *line)
{
	char seconds[SECONDS_MAX];

	snprintf(seconds, sizeof(seconds), "[%04llu] ", (unsigned long long)line->uptime_s);
	put_level(span, style, line->level, level_styles[line->level].word);
	log_span_put_string(span, seconds);
	const char *message = span->at;
	log_span_put_escaped(span, line->message, LOG_PLACE_BARE, 1);
	size_t columns = count_columns(message, span->at);
	log_span_put_string(span, " ");
	for (size_t i = columns; i < MESSAGE_COLUMNS; i++) {
		log_span_put_string(span, " ");
	}
}

static void put_message(
	struct log_span *span, const struct log_style *style, const struct log_line *line)
{
	switch (style->format) {
	case LOG_FORMAT_JSON:
		put_json_message(span, line);
		break;
	case LOG_FORMAT_TUTORIAL:
		put_tutorial_message(span, style, line);
		break;
	case LOG_FORMAT_AUTO:
	case LOG_FORMAT_TEXT:
		put_text_message(span, style, line);
		break;
	}
}

size_t log_line_format(
	const struct log_style *style, const struct log_line *line, char ret_text[LOG_LINE_MAX])
{
	char tail[TAIL_MAX];
	size_t tail_len = format_tail(style, line, tail);
	size_t reserved = style->fields_len + tail_len;
	struct log_span span = {ret_text, ret_text + LOG_LINE_MAX - reserved};

	if (style->has_priority) {
		log_span_put_string(&span, log_level_priority(line->level));
	}
	put_message(&span, style, line);
	span.end += reserved;
	log_span_put(&span, style->fields, style->fields_len);
	log_span_put(&span, tail, tail_len);
	return (size_t)(span.at - ret_text);
}
