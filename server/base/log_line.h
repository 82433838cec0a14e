/* How a line of the log looks: in the manner of the tutorial's logrus, as text with the time of
 * day, or as one JSON object.
 *
 *   INFO[0007] user aaa in    id=demo listen=":8000" module=Server conn=0.17.1
 *   2026-01-02T03:04:05.678Z INFO  user aaa in conn=0.17.1
 *   {"time":"2026-01-02T03:04:05.678Z","level":"info","msg":"user aaa in","id":"demo",...}
 *
 * Nothing here writes or knows a clock. */
#ifndef TIDEGATE_LOG_LINE_H
#define TIDEGATE_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "log_field.h"

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR,
};

enum log_format {
	LOG_FORMAT_AUTO, /* the tutorial's on a terminal, else text */
	LOG_FORMAT_TUTORIAL,
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
};

enum {
	LOG_LINE_MAX = 1280,  /* bytes, newline included; longer messages end in an ellipsis */
	LOG_FIELDS_MAX = 224, /* bytes of what stands on every line */
};

/* What all lines have in common.
 * Owner: whoever declared it; plain data. Zero-initialised is text. */
struct log_style {
	enum log_format format; /* AUTO is taken as TEXT: it is for `log` to choose */
	bool is_coloured;       /* the level; not in JSON */
	bool has_priority;      /* lines begin in `<6>`, which is for the journal */
	size_t fields_len;
	char fields[LOG_FIELDS_MAX]; /* id, listen and module, as they stand on the line; none in
					text */
};

/* What one line says. */
struct log_line {
	enum log_level level;
	uint64_t conn;        /* a handle; 0 for none */
	uint64_t uptime_s;    /* for the tutorial's form */
	struct timespec time; /* of the real-time clock; for the others */
	const char *message;
	const struct log_field *fields; /* for JSON */
	size_t field_count;
};

/* What the journal takes a level for, as sd-daemon(3) has it: `<6>`. Thread: any. */
const char *log_level_priority(enum log_level level);

/* Neither coloured nor with priorities. Thread: any. */
void log_style_init(
	struct log_style *ret_style, enum log_format format, const char *id, const char *listen);

/* Control characters and invalid UTF-8 are escaped: a peer cannot forge a line or steer a terminal.
 * Thread: any. Returns the bytes written, at most LOG_LINE_MAX; no NUL behind them. */
size_t log_line_format(
	const struct log_style *style, const struct log_line *line, char ret_text[LOG_LINE_MAX]);

#endif
