#include "answer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const struct {
	unsigned status;
	const char *type;
	const char *title;
} problems[] = {
#define PROBLEM(name, status, type, title) {status, "/problems/" type, title},
#include "problem.def"
#undef PROBLEM
};

/* --- making it ---------------------------------------------------------------------------------
 */

void admin_answer_header(struct admin_answer *answer, const char *name, const char *value)
{
	if (answer->response) {
		MHD_add_response_header(answer->response, name, value);
	}
}

/* What every answer says. A page of ours that shows up where it was not meant to must not be able
 * to do anything there. */
static void set_answer(struct admin_answer *answer, unsigned status, const char *type,
	struct MHD_Response *response)
{
	admin_answer_finish(answer);
	answer->response = response;
	answer->status = status;
	if (type) {
		admin_answer_header(answer, "Content-Type", type);
	}
	admin_answer_header(answer, "X-Content-Type-Options", "nosniff");
	admin_answer_header(answer, "Referrer-Policy", "no-referrer");
	admin_answer_header(answer, "Cross-Origin-Resource-Policy", "same-origin");
}

void admin_answer_static(struct admin_answer *answer, unsigned status, const char *type,
	const void *data, size_t len)
{
	set_answer(answer, status, type,
		MHD_create_response_from_buffer(
			len, (void *)(uintptr_t)data, MHD_RESPMEM_PERSISTENT));
}

/* What changes from one request to the next. */
static void set_fresh(struct admin_answer *answer, unsigned status, const char *type,
	struct MHD_Response *response)
{
	set_answer(answer, status, type, response);
	admin_answer_header(answer, "Cache-Control", "no-store");
	admin_answer_header(
		answer, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
}

void admin_answer_data(struct admin_answer *answer, const char *type, char *data, size_t len)
{
	if (!data) {
		admin_answer_problem(answer, ADMIN_PROBLEM_NO_MEMORY, "for the answer");
		return;
	}
	set_fresh(answer, 200, type,
		MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE));
}

void admin_answer_text(struct admin_answer *answer, unsigned status, const char *text)
{
	set_fresh(answer, status, "text/plain; charset=utf-8",
		MHD_create_response_from_buffer(
			strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY));
}

void admin_answer_nothing(struct admin_answer *answer)
{
	set_fresh(answer, 204, NULL,
		MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

static void set_json(struct admin_answer *answer, unsigned status, const char *type, json_t *json)
{
	/* Of constant size, so that it cannot run out as well. */
	static const char LAST[] =
		"{\"type\":\"/problems/no-memory\",\"title\":\"There is no memory for this "
		"request\",\"status\":503,\"detail\":\"for the answer\"}";
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (text) {
		set_fresh(answer, status, type,
			MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
	} else {
		set_fresh(answer, 503, "application/problem+json",
			MHD_create_response_from_buffer(
				sizeof(LAST) - 1, (void *)(uintptr_t)LAST, MHD_RESPMEM_PERSISTENT));
	}
	if (answer->status == 503) {
		admin_answer_header(answer, "Retry-After", "1");
	}
}

void admin_answer_json(struct admin_answer *answer, unsigned status, json_t *json)
{
	set_json(answer, status, "application/json", json);
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
	struct admin_answer *answer, enum admin_problem problem, const char *detail, ...)
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
	set_json(answer, problems[problem].status, "application/problem+json", json);
	if (problem == ADMIN_PROBLEM_UNAUTHORIZED) {
		admin_answer_header(answer, "WWW-Authenticate", "Bearer realm=\"tidegate\"");
	}
}

/* --- giving it ---------------------------------------------------------------------------------
 */

enum MHD_Result admin_answer_send(
	const struct admin_answer *answer, struct MHD_Connection *connection)
{
	return answer->response ? MHD_queue_response(connection, answer->status, answer->response)
				: MHD_NO;
}

void admin_answer_finish(struct admin_answer *answer)
{
	if (answer->response) {
		MHD_destroy_response(answer->response);
	}
	*answer = (struct admin_answer){0};
}
