#include "log_field.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	NUMBER_MAX = 24, /* bytes of a number, NUL included */
	TEXT_MIN = 8,    /* bytes of room below which a text is left out: two quotes, an ellipsis */
};

static bool put_whole(struct log_span *span, const char *text)
{
	size_t len = strlen(text);
	bool fits = len <= log_span_room(span);
	if (fits) {
		log_span_put(span, text, len);
	}
	return fits;
}

static bool put_text(struct log_span *span, const char *text)
{
	if (!text || log_span_room(span) < TEXT_MIN) {
		return false;
	}
	log_span_put_string(span, "\"");
	log_span_put_escaped(span, text, LOG_PLACE_JSON, 1);
	log_span_put_string(span, "\"");
	return true;
}

static bool put_number(struct log_span *span, uint64_t number)
{
	char text[NUMBER_MAX];
	snprintf(text, sizeof(text), "%" PRIu64, number);
	return put_whole(span, text);
}

static bool put_field(
	struct log_span *span, const struct log_field *field, const char *before, bool is_named);

/* Those that fit, if any: an empty one would be a statement. The bracket that closes them has its
 * place from the start. */
static bool put_members(struct log_span *span, const struct log_field *field)
{
	bool is_object = field->kind == LOG_FIELD_KIND_OBJECT;
	const char *before = "";
	if (log_span_room(span) < 2) {
		return false;
	}
	log_span_put_string(span, is_object ? "{" : "[");
	span->end--;
	for (size_t i = 0; i < field->count; i++) {
		if (put_field(span, &field->members[i], before, is_object)) {
			before = ",";
		}
	}
	span->end++;
	log_span_put_string(span, is_object ? "}" : "]");
	return before[0] != '\0' || field->count == 0;
}

static bool put_value(struct log_span *span, const struct log_field *field)
{
	switch (field->kind) {
	case LOG_FIELD_KIND_TEXT:
		return put_text(span, field->text);
	case LOG_FIELD_KIND_NUMBER:
		return put_number(span, field->number);
	case LOG_FIELD_KIND_OBJECT:
	case LOG_FIELD_KIND_ARRAY:
		return put_members(span, field);
	}
	return false;
}

static bool put_name(struct log_span *span, const char *name)
{
	return put_whole(span, "\"") && put_whole(span, name) && put_whole(span, "\":");
}

/* All of it or nothing. */
static bool put_field(
	struct log_span *span, const struct log_field *field, const char *before, bool is_named)
{
	char *start = span->at;
	bool fits = put_whole(span, before) && (!is_named || put_name(span, field->name)) &&
		    put_value(span, field);
	if (!fits) {
		span->at = start;
	}
	return fits;
}

void log_fields_put(struct log_span *span, const struct log_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put_field(span, &fields[i], ",", true);
	}
}
