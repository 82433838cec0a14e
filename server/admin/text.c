#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	CAPACITY_MIN = 4096,
};

static bool grow(struct admin_text *text, size_t wanted)
{
	size_t capacity = text->capacity ? text->capacity : CAPACITY_MIN;
	while (capacity < wanted) {
		capacity *= 2;
	}
	char *grown = realloc(text->data, capacity);
	if (!grown) {
		text->has_failed = true;
		return false;
	}
	text->data = grown;
	text->capacity = capacity;
	return true;
}

void admin_text_add(struct admin_text *text, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	size_t room = text->capacity - text->len;
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(room ? text->data + text->len : NULL, room, format, args);
	if (len < 0) {
		text->has_failed = true;
	} else if ((size_t)len < room) {
		text->len += (size_t)len;
	} else if (grow(text, text->len + (size_t)len + 1)) {
		vsnprintf(text->data + text->len, (size_t)len + 1, format, again);
		text->len += (size_t)len;
	}
	va_end(again);
	va_end(args);
}

char *admin_text_take(struct admin_text *text, size_t *ret_len)
{
	char *data = text->data;
	if (text->has_failed) {
		admin_text_finish(text);
		return NULL;
	}
	*ret_len = text->len;
	*text = ADMIN_TEXT_EMPTY;
	return data;
}

void admin_text_finish(struct admin_text *text)
{
	free(text->data);
	*text = ADMIN_TEXT_EMPTY;
}
