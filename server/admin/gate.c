#include "gate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../../proto/query.h"
#include "../base/clock.h"
#include "routes.h"

/* What the headers say about where the request ends. */
struct framing {
	unsigned hosts;
	unsigned lengths;
	unsigned encodings;
	bool is_odd; /* a name no header may have, or an encoding that is not chunked */
};

static enum MHD_Result look_at_header(
	void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct framing *framing = context;
	(void)kind;
	framing->hosts += strcasecmp(name, "Host") == 0;
	framing->lengths += strcasecmp(name, "Content-Length") == 0;
	framing->is_odd = framing->is_odd || name[strcspn(name, " \t")] != '\0';
	if (strcasecmp(name, "Transfer-Encoding") == 0) {
		framing->encodings++;
		framing->is_odd = framing->is_odd || !value || strcasecmp(value, "chunked") != 0;
	}
	return MHD_YES;
}

/* Whether everybody on the way, a proxy too, must agree on where the request ends, which the
 * library does not insist on; makes a problem else, and what follows is not read. RFC 9112,
 * sections 5.1 and 6.3. */
static bool pass_framing(struct admin_request *request, const struct framing *framing)
{
	if (framing->lengths + framing->encodings <= 1 && !framing->is_odd) {
		return true;
	}
	admin_answer_problem(&request->answer, ADMIN_PROBLEM_BAD_REQUEST,
		"one Content-Length, or the Transfer-Encoding chunked, and header names without blanks");
	admin_answer_header(&request->answer, "Connection", "close");
	request->ends_connection = true;
	return false;
}

/* Whether it comes from where it may; makes a problem else. */
static bool pass_origin(struct admin_request *request, unsigned host_count)
{
	struct admin_origin_head head = {
		.host_count = host_count,
		.host = admin_request_header(request, "Host"),
		.origin = admin_request_header(request, "Origin"),
		.fetch_site = admin_request_header(request, "Sec-Fetch-Site"),
		.fetch_mode = admin_request_header(request, "Sec-Fetch-Mode"),
		.authorization = admin_request_header(request, "Authorization"),
		.is_page = request->route && request->route->is_page,
		.is_open = request->route && request->route->is_open,
	};
	switch (admin_origin_judge(&request->context->origin, &head)) {
	case ADMIN_WELCOME:
		return true;
	case ADMIN_BAD_HOST:
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_BAD_HOST,
			"one Host header with a host is needed");
		break;
	case ADMIN_WRONG_HOST:
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_WRONG_HOST,
			"without a token this port answers to localhost, loopback addresses and the "
			"host in --admin");
		break;
	case ADMIN_FOREIGN_ORIGIN:
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_FOREIGN_ORIGIN,
			"the request comes from a page that was not served here");
		break;
	case ADMIN_NO_TOKEN:
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_UNAUTHORIZED,
			"this request needs \"Authorization: Bearer TOKEN\"");
		break;
	case ADMIN_WRONG_TOKEN:
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_UNAUTHORIZED,
			"this is not the gateway's token");
		break;
	}
	return false;
}

static enum admin_method method_of(const char *text)
{
	if (strcmp(text, MHD_HTTP_METHOD_GET) == 0 || strcmp(text, MHD_HTTP_METHOD_HEAD) == 0) {
		return ADMIN_GET;
	}
	if (strcmp(text, MHD_HTTP_METHOD_POST) == 0) {
		return ADMIN_POST;
	}
	return strcmp(text, MHD_HTTP_METHOD_DELETE) == 0 ? ADMIN_DELETE : ADMIN_OTHER;
}

static bool is_json(const char *type)
{
	static const char JSON[] = "application/json";
	size_t len = sizeof(JSON) - 1;
	return type && strncasecmp(type, JSON, len) == 0 &&
	       (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

/* Whether this may change something now; makes a problem else. */
static bool pass_rate(struct admin_request *request)
{
	struct admin_context *context = request->context;
	char seconds[24];
	uint64_t wait_ms = admin_rate_take(&context->rate, context->config.admin_rate, clock_ms());
	if (wait_ms == 0) {
		return true;
	}
	admin_answer_problem(&request->answer, ADMIN_PROBLEM_RATE,
		"more than %llu a second (--admin-rate); come back in %llu ms",
		(unsigned long long)context->config.admin_rate, (unsigned long long)wait_ms);
	snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)(wait_ms + 999) / 1000);
	admin_answer_header(&request->answer, "Retry-After", seconds);
	return false;
}

static void take_name(struct admin_request *request, struct slice encoded)
{
	int len = query_decode(encoded, request->name, USER_NAME_MAX);
	if (len < 0 || !user_name_is_valid(request->name, (size_t)len)) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_BAD_NAME,
			"a name is 1 to %d bytes of percent-encoded UTF-8 " USER_NAME_RULE,
			USER_NAME_MAX);
		return;
	}
	request->name_len = (size_t)len;
}

void admin_gate_judge(struct admin_request *request, const char *path, const char *method)
{
	struct framing framing = {0};
	const char *name;
	size_t name_len = 0;
	char allow[ADMIN_ALLOW_MAX];
	request->method = method_of(method);
	request->route = admin_routes_find(
		request->method, path, request->context->config.demo, &name, &name_len, allow);
	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, look_at_header, &framing);
	if (!pass_framing(request, &framing) || !pass_origin(request, framing.hosts)) {
		return;
	}
	if (!request->route && allow[0]) {
		admin_answer_problem(
			&request->answer, ADMIN_PROBLEM_METHOD, "this path takes %s", allow);
		admin_answer_header(&request->answer, "Allow", allow);
	} else if (!request->route) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_NOT_FOUND,
			"the paths of this port are described in /openapi.json");
	} else if (request->route->takes_body &&
		   !is_json(admin_request_header(request, "Content-Type"))) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_MEDIA_TYPE,
			"the header Content-Type must be application/json");
	} else if (request->route->is_limited && !pass_rate(request)) {
		return;
	} else if (name) {
		take_name(request, (struct slice){name, name_len});
	}
}
