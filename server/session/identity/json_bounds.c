#include "json_bounds.h"

/* Behind the quote that ends a string, or at the text's end. `at` is behind the one that begins it.
 */
static size_t skip_string(const char *text, size_t len, size_t at)
{
	while (at < len && text[at] != '"') {
		at += text[at] == '\\' ? 2 : 1;
	}
	return at + 1;
}

bool json_bounds_hold(const struct json_bounds *bounds, const char *text, size_t len)
{
	size_t depth = 0;
	size_t values = 0;
	for (size_t at = 0; at < len;) {
		const char character = text[at++];
		if (character == '"') {
			at = skip_string(text, len, at);
		} else if (character == '{' || character == '[') {
			depth++;
			values++;
		} else if (character == ',') {
			values++;
		} else if ((character == '}' || character == ']') && depth > 0) {
			depth--;
		}
		if (depth > bounds->depth || values > bounds->values) {
			return false;
		}
	}
	return true;
}

json_t *json_bounds_read(const struct json_bounds *bounds, struct slice text)
{
	if (!json_bounds_hold(bounds, text.data, text.len)) {
		return NULL;
	}
	json_t *json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	if (json && !json_is_object(json)) {
		json_decref(json);
		return NULL;
	}
	return json;
}
