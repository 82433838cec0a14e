/* A text that grows: what a scrape is written into. */
#ifndef TIDEGATE_ADMIN_TEXT_H
#define TIDEGATE_ADMIN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Owner: whoever declared it, from ADMIN_TEXT_EMPTY to admin_text_finish or admin_text_take. */
struct admin_text {
	char *data; /* NUL-terminated once something was added */
	size_t len;
	size_t capacity;
	bool has_failed; /* memory ran out: what was added since is missing */
};

#define ADMIN_TEXT_EMPTY ((struct admin_text){0})

/* Appends, as printf. Errors: has_failed. */
void admin_text_add(struct admin_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Hands the text over to the caller, to be freed; NULL when it has failed. The text is empty then.
 */
char *admin_text_take(struct admin_text *text, size_t *ret_len);

void admin_text_finish(struct admin_text *text);

#endif
