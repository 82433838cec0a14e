#include "request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/user_name.h"

static const struct {
	unsigned status;
	const char *type;
	const char *title;
} problems[] = {
#define PROBLEM(name, status, type, title) {status, "/problems/" type, title},
#include "problem.def"
#undef PROBLEM
};

/* --- answers -----------------------------------------------------------------------------------
 */

void admin_answer_header(struct admin_request *request, const char *name, const char *value)
{
	if (request->answer) {
		MHD_add_response_header(request->answer, name, value);
	}
}

/* What every answer says. A page of ours that shows up where it was not meant to must not be able
 * to do anything there. */
static void set_answer(struct admin_request *request, unsigned status, const char *type,
	struct MHD_Response *response)
{
	if (request->answer) {
		MHD_destroy_response(request->answer);
	}
	request->answer = response;
	request->status = status;
	if (type) {
		admin_answer_header(request, "Content-Type", type);
	}
	admin_answer_header(request, "X-Content-Type-Options", "nosniff");
	admin_answer_header(request, "Referrer-Policy", "no-referrer");
	admin_answer_header(request, "Cross-Origin-Resource-Policy", "same-origin");
}

void admin_answer_static(
	struct admin_request *request, const char *type, const void *data, size_t len)
{
	set_answer(request, 200, type,
		MHD_create_response_from_buffer(
			len, (void *)(uintptr_t)data, MHD_RESPMEM_PERSISTENT));
}

/* What changes from one request to the next. */
static void set_fresh(struct admin_request *request, unsigned status, const char *type,
	struct MHD_Response *response)
{
	set_answer(request, status, type, response);
	admin_answer_header(request, "Cache-Control", "no-store");
	admin_answer_header(
		request, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
}

void admin_answer_data(struct admin_request *request, const char *type, char *data, size_t len)
{
	if (!data) {
		admin_answer_problem(request, ADMIN_PROBLEM_NO_MEMORY, "for the answer");
		return;
	}
	set_fresh(request, 200, type,
		MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE));
}

void admin_answer_text(struct admin_request *request, unsigned status, const char *text)
{
	set_fresh(request, status, "text/plain; charset=utf-8",
		MHD_create_response_from_buffer(
			strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY));
}

void admin_answer_nothing(struct admin_request *request)
{
	set_fresh(request, 204, NULL,
		MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

static void set_json(struct admin_request *request, unsigned status, const char *type, json_t *json)
{
	/* Of constant size, so that it cannot run out as well. */
	static const char LAST[] =
		"{\"type\":\"/problems/no-memory\",\"title\":\"There is no memory for this "
		"request\",\"status\":503,\"detail\":\"for the answer\"}";
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (text) {
		set_fresh(request, status, type,
			MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
	} else {
		set_fresh(request, 503, "application/problem+json",
			MHD_create_response_from_buffer(
				sizeof(LAST) - 1, (void *)(uintptr_t)LAST, MHD_RESPMEM_PERSISTENT));
	}
	if (request->status == 503) {
		admin_answer_header(request, "Retry-After", "1");
	}
}

void admin_answer_json(struct admin_request *request, unsigned status, json_t *json)
{
	set_json(request, status, "application/json", json);
}

/* What a backend looks at first: whether the message is on its way. */
static const char *result_of(enum admin_problem problem)
{
	switch (problem) {
	case ADMIN_PROBLEM_OFFLINE:
		return "offline";
	case ADMIN_PROBLEM_OVERFLOW:
		return "overflow";
	default:
		return NULL;
	}
}

void admin_answer_problem(
	struct admin_request *request, enum admin_problem problem, const char *detail, ...)
{
	char text[512];
	va_list args;
	va_start(args, detail);
	vsnprintf(text, sizeof(text), detail, args);
	va_end(args);
	json_t *json = json_pack("{s:s, s:s, s:i, s:s}", "type", problems[problem].type, "title",
		problems[problem].title, "status", (int)problems[problem].status, "detail", text);
	const char *result = result_of(problem);
	if (json && result) {
		json_object_set_new(json, "result", json_string(result));
	}
	set_json(request, problems[problem].status, "application/problem+json", json);
	if (problem == ADMIN_PROBLEM_UNAUTHORIZED) {
		admin_answer_header(request, "WWW-Authenticate", "Bearer realm=\"tidegate\"");
	}
}

/* --- the way in --------------------------------------------------------------------------------
 */

const char *admin_request_header(const struct admin_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

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
		admin_answer_problem(
			request, ADMIN_PROBLEM_BAD_QUERY, "\"%s\" %s", check.name, check.fault);
	}
	return !check.fault;
}

bool admin_request_name_is_valid(const char *name, size_t len)
{
	return user_name_is_valid(name, len);
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9') {
		return digit - '0';
	}
	digit |= 0x20;
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

int admin_request_decode(
	const char *text, size_t text_len, char *ret_text, size_t size, size_t *ret_len)
{
	size_t len = 0;
	for (size_t i = 0; i < text_len; i++) {
		char byte = text[i];
		if (byte == '%') {
			int high = i + 2 < text_len ? hex_digit(text[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
			if (low < 0) {
				return -EINVAL;
			}
			byte = (char)(high << 4 | low);
			i += 2;
		}
		if (len + 1 >= size) {
			return -ENOBUFS;
		}
		ret_text[len++] = byte;
	}
	ret_text[len] = '\0';
	*ret_len = len;
	return 0;
}
