#include "request.h"

#include <errno.h>
#include <string.h>

#include "../../proto/ascii.h"
#include "../../proto/query.h"

enum {
	PARAMETER_MAX = 60, /* bytes of a parameter's name */
	NUMBER_MAX = 10,    /* digits */
	CHOICE_MAX = 60,    /* bytes */
};

const char *admin_request_header(const struct admin_request *request, const char *name)
{
	return admin_head_field(&request->head, name);
}

/* --- query parameters --------------------------------------------------------------------------
 */

/* Finds one and decodes it, with a NUL. Returns its length. Errors: as query_find; -EBADMSG: a NUL
 * is in it, behind which nobody would look. */
static int find(const struct admin_request *request, const char *name, char *ret_text, size_t max)
{
	int len = query_find(slice_of(request->head.query), slice_of(name), ret_text, max);
	if (len > 0 && memchr(ret_text, '\0', (size_t)len)) {
		len = -EBADMSG;
	}
	ret_text[len < 0 ? 0 : len] = '\0';
	return len;
}

/* Looks for one, whatever its value. Errors: as query_find. */
static int look_for(const struct admin_request *request, const char *name)
{
	char nothing[1];
	return query_find(slice_of(request->head.query), slice_of(name), nothing, 0);
}

bool admin_request_has(const struct admin_request *request, const char *name)
{
	return look_for(request, name) != -ENOENT;
}

/* The one of `names`, which ends with NULL, that a parameter's encoded name stands for; or NULL. */
static const char *known_name(const char *const *names, struct slice encoded)
{
	char name[PARAMETER_MAX + 1];
	int len = query_decode(encoded, name, PARAMETER_MAX);
	name[len < 0 ? 0 : len] = '\0';
	while (*names && strcmp(*names, name) != 0) {
		names++;
	}
	return *names;
}

/* Makes the problem; of what a stranger wrote only what is surely text goes into it. */
static bool fail(struct admin_request *request, struct slice name, const char *fault)
{
	size_t len = 0;
	while (len < name.len && len < PARAMETER_MAX &&
		(ascii_is_alnum(name.data[len]) || name.data[len] == '_')) {
		len++;
	}
	admin_answer_problem(
		&request->answer, PROBLEM_BAD_QUERY, "\"%.*s\" %s", (int)len, name.data, fault);
	return false;
}

bool admin_request_check_query(struct admin_request *request, const char *const *names)
{
	static const char *const stands_for_name[] = {ADMIN_REQUEST_NAME, NULL};
	static const char *const stands_for_room[] = {ADMIN_REQUEST_ROOM, NULL};
	struct slice rest = slice_of(request->head.query);
	while (rest.len > 0) {
		struct slice part = slice_cut(&rest, '&');
		bool has_value = part.len > 0 && memchr(part.data, '=', part.len);
		struct slice name = slice_cut(&part, '=');
		const char *known = known_name(names, name);
		if (!known && request->takes_name) {
			known = known_name(stands_for_name, name);
		}
		if (!known && request->takes_room) {
			known = known_name(stands_for_room, name);
		}
		if (!known) {
			return fail(request, name, "is unknown here");
		}
		if (!has_value) {
			return fail(request, name, "has no value");
		}
		if (look_for(request, known) == -EEXIST) {
			return fail(request, name, "comes twice");
		}
	}
	return true;
}

bool admin_request_take_number(struct admin_request *request, const char *name, uint32_t min,
	uint32_t max, uint32_t *number)
{
	char text[NUMBER_MAX + 1];
	uint64_t value;
	int len = find(request, name, text, NUMBER_MAX);
	if (len == -ENOENT || len == 0) {
		return true;
	}
	if (len < 0 || !ascii_number(text, (size_t)len, max, &value) || value < min) {
		admin_answer_problem(&request->answer, PROBLEM_BAD_QUERY,
			"\"%s\" must be a number from %u to %u", name, min, max);
		return false;
	}
	*number = (uint32_t)value;
	return true;
}

bool admin_request_take_text(struct admin_request *request, const char *name, size_t max,
	char *ret_text, size_t *ret_len)
{
	int len = find(request, name, ret_text, max);
	*ret_len = len < 0 ? 0 : (size_t)len;
	if (len < 0 && len != -ENOENT) {
		admin_answer_problem(&request->answer, PROBLEM_BAD_QUERY,
			"\"%s\" must be percent-encoded, without a NUL, and have at most %zu bytes",
			name, max);
		return false;
	}
	return true;
}

bool admin_request_take_choice(struct admin_request *request, const char *name,
	const char *const *choices, uint32_t *choice)
{
	char text[CHOICE_MAX + 1];
	struct admin_text known = ADMIN_TEXT_EMPTY;
	int len = find(request, name, text, CHOICE_MAX);
	if (len == -ENOENT || len == 0) {
		return true;
	}
	for (uint32_t i = 0; choices[i]; i++) {
		if (len > 0 && strcmp(choices[i], text) == 0) {
			*choice = i;
			admin_text_finish(&known);
			return true;
		}
		admin_text_add(&known, "%s%s", i > 0 ? ", " : "", choices[i]);
	}
	admin_answer_problem(&request->answer, PROBLEM_BAD_QUERY, "\"%s\" must be one of %s", name,
		known.data ? known.data : "those that /openapi.json names");
	admin_text_finish(&known);
	return false;
}

bool admin_request_take_prose(struct admin_request *request, const char *name, size_t max,
	char *ret_text, size_t *ret_len)
{
	char *query = request->head.query;
	while ((query = strchr(query, '+'))) {
		*query = ' ';
	}
	return admin_request_take_text(request, name, max, ret_text, ret_len);
}
