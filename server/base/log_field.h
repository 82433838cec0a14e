/* What a line of the log says in parts, for machines: members of its JSON object. The other formats
 * leave them out, as the message says the same to people.
 *
 *	const struct log_field fields[] = {
 *		LOG_FIELD_TEXT("user", user),
 *		LOG_FIELD_NUMBER("code", code),
 *	};
 */
#ifndef TIDEGATE_LOG_FIELD_H
#define TIDEGATE_LOG_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "log_span.h"

enum log_field_kind {
	LOG_FIELD_KIND_TEXT,
	LOG_FIELD_KIND_NUMBER,
	LOG_FIELD_KIND_OBJECT,
	LOG_FIELD_KIND_ARRAY,
};

/* Owner: whoever declared it; plain data, read while the line is made and not kept. */
struct log_field {
	const char *name; /* ours, never escaped; of no meaning in an array */
	enum log_field_kind kind;
	const char *text; /* escaped; NULL: the field is left out */
	uint64_t number;
	const struct log_field *members; /* of an object or array, which may be empty */
	size_t count;
};

#define LOG_FIELD_TEXT(name_, text_) {.name = (name_), .kind = LOG_FIELD_KIND_TEXT, .text = (text_)}
#define LOG_FIELD_NUMBER(name_, number_)                                                           \
	{.name = (name_), .kind = LOG_FIELD_KIND_NUMBER, .number = (number_)}
#define LOG_FIELD_OBJECT(name_, members_, count_)                                                  \
	{.name = (name_), .kind = LOG_FIELD_KIND_OBJECT, .members = (members_), .count = (count_)}
#define LOG_FIELD_ARRAY(name_, members_, count_)                                                   \
	{.name = (name_), .kind = LOG_FIELD_KIND_ARRAY, .members = (members_), .count = (count_)}

/* Appends each as `,"name":value`. One that does not fit is left out, a text cut to what does; what
 * there is stays valid. Thread: any. */
void log_fields_put(struct log_span *span, const struct log_field *fields, size_t count);

#endif
