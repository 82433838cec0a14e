/* How much a text of JSON would make of itself, before a parser is let near it: what a stranger
 * sends costs memory and time by its values, not by its bytes. */
#ifndef TIDEGATE_JSON_BOUNDS_H
#define TIDEGATE_JSON_BOUNDS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "../../../proto/slice.h"

/* Owner: static tables; plain data. */
struct json_bounds {
	size_t depth;  /* lists and objects in one another, the outermost included */
	size_t values; /* members of lists and objects in all, give or take one for each of them */
};

/* Whether it keeps within them. A text that is no JSON may do so, too. Thread: any. */
bool json_bounds_hold(const struct json_bounds *bounds, const char *text, size_t len);

/* The object that the text is, which keeps within them and has no member said twice; NULL for
 * anything else, and without memory. Thread: any. */
json_t *json_bounds_read(const struct json_bounds *bounds, struct slice text);

#endif
