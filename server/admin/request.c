#include "request.h"

#include <stdio.h>
#include <string.h>

#include "../../proto/ascii.h"
#include "../../proto/query.h"

const char *admin_request_header(const struct admin_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* --- query parameters --------------------------------------------------------------------------
 */

const char *admin_request_query(const struct admin_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

struct query_check {
	const char *const *names;
	uint32_t seen; /* a bit for each of them */
	const char *fault;
	char name[64];
};

static enum MHD_Result check_parameter(
	void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct query_check *check = context;
	(void)kind;
	for (unsigned i = 0; check->names[i]; i++) {
		if (strcmp(check->names[i], name) != 0) {
			continue;
		}
		if (check->seen & 1u << i) {
			check->fault = "comes twice";
		} else if (!value) {
			check->fault = "has no value";
		}
		check->seen |= 1u << i;
		snprintf(check->name, sizeof(check->name), "%s", name);
		return check->fault ? MHD_NO : MHD_YES;
	}
	check->fault = "is unknown here";
	/* What a stranger wrote: only what is surely text goes into the answer. */
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz_");
	snprintf(check->name, sizeof(check->name), "%.*s", (int)(len < 60 ? len : 60), name);
	return MHD_NO;
}

bool admin_request_check_query(struct admin_request *request, const char *const *names)
{
	struct query_check check = {.names = names};
	MHD_get_connection_values(
		request->connection, MHD_GET_ARGUMENT_KIND, check_parameter, &check);
	if (check.fault) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_BAD_QUERY, "\"%s\" %s",
			check.name, check.fault);
	}
	return !check.fault;
}

bool admin_request_take_number(struct admin_request *request, const char *name, uint32_t min,
	uint32_t max, uint32_t *number)
{
	const char *text = admin_request_query(request, name);
	uint64_t value;
	if (!text || !text[0]) {
		return true;
	}
	if (!ascii_number(text, strlen(text), max, &value) || value < min) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_BAD_QUERY,
			"\"%s\" must be a number from %u to %u", name, min, max);
		return false;
	}
	*number = (uint32_t)value;
	return true;
}

bool admin_request_take_text(struct admin_request *request, const char *name, size_t max,
	char *ret_text, size_t *ret_len)
{
	const char *text = admin_request_query(request, name);
	int len = text ? query_decode((struct slice){text, strlen(text)}, ret_text, max) : 0;
	if (len < 0) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_BAD_QUERY,
			"\"%s\" must be percent-encoded and have at most %zu bytes", name, max);
		return false;
	}
	ret_text[len] = '\0';
	*ret_len = (size_t)len;
	return true;
}
