/* How a line of the log looks: text in the manner of the tutorial's logrus, or one JSON object.
 *
 *   INFO[0007] user aaa in    id=demo listen=":8000" module=Server conn=0.17.1
 *   {"time":"2026-01-02T03:04:05.678Z","level":"info","msg":"user aaa in","id":"demo",...}
 *
 * Nothing here writes or knows a clock. */
#ifndef TIDEGATE_LOG_LINE_H
#define TIDEGATE_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR,
};

enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
};

enum {
	LOG_LINE_MAX = 512,   /* bytes, newline included; longer messages end in an ellipsis */
	LOG_FIELDS_MAX = 224, /* bytes of what stands on every line */
};

/* What all lines have in common.
 * Owner: whoever declared it; plain data. Zero-initialised is text without fields. */
struct log_style {
	enum log_format format;
	bool is_coloured;
	size_t fields_len;
	char fields[LOG_FIELDS_MAX]; /* id, listen and module, as they stand on the line */
};

/* What one line says. */
struct log_line {
	enum log_level level;
	uint64_t conn;        /* a handle; 0 for none */
	uint64_t uptime_s;    /* for text */
	struct timespec time; /* of the real-time clock; for JSON */
	const char *message;
};

/* Thread: any. */
void log_style_init(struct log_style *ret_style, enum log_format format, bool is_coloured,
	const char *id, const char *listen);

/* Control characters and invalid UTF-8 are escaped: a peer cannot forge a line or steer a terminal.
 * Thread: any. Returns the bytes written, at most LOG_LINE_MAX; no NUL behind them. */
size_t log_line_format(
	const struct log_style *style, const struct log_line *line, char ret_text[LOG_LINE_MAX]);

#endif
