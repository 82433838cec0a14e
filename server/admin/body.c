#include "body.h"

#include <stdlib.h>
#include <string.h>

#include "routes.h"

enum {
	ESCAPED_LEN = 6,    /* bytes that JSON may take for one of a message: \u00XX */
	OVERHEAD = 4096,    /* bytes around a message */
	SKIPPED_MAX = 16,   /* times the largest body: what is still read to be thrown away */
	ALL_MAX = 64 << 20, /* bytes of all bodies at one moment */
};

/* However a message is written. */
static size_t body_max(const struct admin_context *context)
{
	size_t most = context->config.max_message * ESCAPED_LEN + OVERHEAD;
	return most < ALL_MAX ? most : ALL_MAX;
}

static void refuse(struct admin_request *request)
{
	if (!admin_answer_is_made(&request->answer)) {
		admin_answer_problem(&request->answer, PROBLEM_TOO_LARGE,
			"a body may have %zu bytes here", body_max(request->context));
	}
}

bool admin_body_is_not_worth_waiting(struct admin_request *request)
{
	uint64_t declared = request->head.content_len;
	if (declared > body_max(request->context)) {
		refuse(request);
	}
	return admin_answer_is_made(&request->answer) &&
	       (request->ends_connection || admin_request_header(request, "Expect") ||
		       declared > SKIPPED_MAX * body_max(request->context));
}

/* Makes room for `len` bytes more, of at most `most` in all. */
static bool reserve(struct admin_request *request, size_t len, size_t most)
{
	struct admin_context *context = request->context;
	size_t wanted = request->body_len + len;
	if (wanted <= request->body_capacity) {
		return true;
	}
	size_t room = ALL_MAX - context->body_bytes + request->body_capacity;
	size_t capacity = wanted * 2 < most ? wanted * 2 : most;
	capacity = capacity < room ? capacity : room;
	if (capacity < wanted) {
		return false;
	}
	struct budget *budget = &context->node->budget;
	size_t more = capacity - request->body_capacity;
	/* Nobody else has to go for it. */
	uint8_t *grown = budget_has_room(budget, more) ? realloc(request->body, capacity) : NULL;
	if (!grown) {
		return false;
	}
	budget_change(budget, BUDGET_BODIES, (ptrdiff_t)more);
	context->body_bytes += more;
	request->body = grown;
	request->body_capacity = capacity;
	return true;
}

void admin_body_take(struct admin_request *request, const char *data, size_t len)
{
	if (admin_answer_is_made(&request->answer) || !request->route->takes_body) {
		/* Read to its end, so that the answer is not overtaken by a reset. */
		request->body_skipped += len;
		return;
	}
	size_t most = body_max(request->context);
	if (len == 0) {
		return; /* Between chunks: there may be no body yet to append to. */
	}
	/* The limit may have become lower. */
	if (request->body_len + len > most) {
		refuse(request);
	} else if (!reserve(request, len, most)) {
		admin_answer_problem(&request->answer, PROBLEM_NO_MEMORY, "for the body");
	} else {
		memcpy(request->body + request->body_len, data, len);
		request->body_len += len;
	}
}

bool admin_body_is_endless(const struct admin_request *request)
{
	return request->body_skipped > SKIPPED_MAX * body_max(request->context);
}

void admin_body_drop(struct admin_request *request)
{
	free(request->body);
	request->context->body_bytes -= request->body_capacity;
	budget_change(
		&request->context->node->budget, BUDGET_BODIES, -(ptrdiff_t)request->body_capacity);
	request->body = NULL;
	request->body_len = request->body_capacity = 0;
}
