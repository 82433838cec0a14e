#include "gate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../../proto/query.h"
#include "../base/clock.h"
#include "audit.h"
#include "routes.h"

/* Whether everybody on the way, a proxy too, must agree on where the request ends; makes a problem
 * else, and what follows is not read. RFC 9112, section 6.3. */
static bool pass_framing(struct admin_request *request)
{
	if (!request->head.is_ambiguous) {
		return true;
	}
	admin_answer_problem(&request->answer, PROBLEM_BAD_REQUEST,
		"one Content-Length, which is a number, or the Transfer-Encoding chunked");
	request->ends_connection = true;
	return false;
}

/* Whether it is still this process that answers; makes a problem else: whoever connects anew comes
 * to the one that does. */
static bool pass_left(struct admin_request *request)
{
	if (!request->context->has_left) {
		return true;
	}
	admin_answer_problem(&request->answer, PROBLEM_MOVED, "connect anew and ask again");
	admin_answer_header(&request->answer, "Retry-After", "0");
	request->ends_connection = true;
	return false;
}

/* Whether it comes from where it may; makes a problem else. */
static bool pass_origin(struct admin_request *request)
{
	const char *authority = request->head.authority;
	struct admin_origin_head head = {
		.host_count = admin_head_count(&request->head, "Host"),
		/* Of a whole URL, its own counts. RFC 9112 section 3.2.2. */
		.host = authority ? authority : admin_request_header(request, "Host"),
		.may_lack_host = request->head.is_http_1_0,
		.origin = admin_request_header(request, "Origin"),
		.fetch_site = admin_request_header(request, "Sec-Fetch-Site"),
		.fetch_mode = admin_request_header(request, "Sec-Fetch-Mode"),
		.authorization = admin_request_header(request, "Authorization"),
		.is_page = request->route && request->route->is_page,
		.is_open = request->route && request->route->is_open,
	};
	switch (admin_origin_judge(&request->context->origin, &head)) {
	case ADMIN_WELCOME:
		request->is_let_in = true;
		return true;
	case ADMIN_BAD_HOST:
		admin_answer_problem(&request->answer, PROBLEM_BAD_HOST,
			"one Host header with a host is needed");
		break;
	case ADMIN_WRONG_HOST:
		admin_answer_problem(&request->answer, PROBLEM_WRONG_HOST,
			"without a token this port answers to localhost, loopback addresses and the "
			"host in --admin");
		break;
	case ADMIN_FOREIGN_ORIGIN:
		admin_answer_problem(&request->answer, PROBLEM_FOREIGN_ORIGIN,
			"the request comes from a page that was not served here");
		break;
	case ADMIN_NO_TOKEN:
		admin_answer_problem(&request->answer, PROBLEM_UNAUTHORIZED,
			"this request needs \"Authorization: Bearer TOKEN\"");
		break;
	case ADMIN_WRONG_TOKEN:
		request->has_wrong_token = true;
		admin_answer_problem(
			&request->answer, PROBLEM_UNAUTHORIZED, "this is not the gateway's token");
		break;
	}
	return false;
}

static enum admin_method method_of(const char *text)
{
	if (strcmp(text, "GET") == 0 || strcmp(text, "HEAD") == 0) {
		return ADMIN_GET;
	}
	if (strcmp(text, "POST") == 0) {
		return ADMIN_POST;
	}
	if (strcmp(text, "PUT") == 0) {
		return ADMIN_PUT;
	}
	return strcmp(text, "DELETE") == 0 ? ADMIN_DELETE : ADMIN_OTHER;
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
	admin_answer_problem(&request->answer, PROBLEM_RATE,
		"more than %llu a second (--admin-rate); come back in %llu ms",
		(unsigned long long)context->config.admin_rate, (unsigned long long)wait_ms);
	snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)(wait_ms + 999) / 1000);
	admin_answer_header(&request->answer, "Retry-After", seconds);
	return false;
}

/* In the path, or in the query where clients would take it out of the path. */
static int decode_name(const struct admin_request *request, struct slice encoded,
	struct slice parameter, char *ret_name)
{
	struct slice query = {request->head.query, strlen(request->head.query)};
	int len = query_find(query, parameter, ret_name, USER_NAME_MAX);
	if (len == -ENOENT) {
		return query_decode(encoded, ret_name, USER_NAME_MAX);
	}
	return slice_equals(encoded, SLICE(ADMIN_REQUEST_NAMELESS)) ? len : -EBADMSG;
}

/* Rooms are named under the rule of users. Makes a problem, and returns false, of what is no name.
 */
static bool take_name(struct admin_request *request, struct slice encoded, const char *parameter,
	const char *place, char *ret_name, size_t *ret_len)
{
	const struct slice key = {parameter, strlen(parameter)};
	int len = decode_name(request, encoded, key, ret_name);
	if (len < 0 || !user_name_is_valid(ret_name, (size_t)len)) {
		admin_answer_problem(&request->answer, PROBLEM_BAD_NAME,
			"a name is 1 to %d bytes of percent-encoded UTF-8 " USER_NAME_RULE
			"; where it is ?%s=%s, the path has - in its place",
			USER_NAME_MAX, parameter, place);
		return false;
	}
	*ret_len = (size_t)len;
	return true;
}

static void take_names(struct admin_request *request, const struct admin_path_names *names)
{
	if (request->takes_room && !take_name(request, names->room, ADMIN_REQUEST_ROOM, "ROOM",
					   request->room, &request->room_len)) {
		return;
	}
	if (request->takes_name) {
		take_name(request, names->name, ADMIN_REQUEST_NAME, "NAME", request->name,
			&request->name_len);
	}
}

void admin_gate_judge(struct admin_request *request)
{
	struct admin_path_names names;
	char allow[ADMIN_ALLOW_MAX];
	request->method = method_of(request->head.method);
	request->route = admin_routes_find(
		request->method, request->head.path, request->context->config.demo, &names, allow);
	request->takes_name = names.name.data != NULL;
	request->takes_room = names.room.data != NULL;
	if (!pass_framing(request) || !pass_left(request) || !pass_origin(request)) {
		return;
	}
	if (!request->route && allow[0]) {
		admin_answer_problem(&request->answer, PROBLEM_METHOD, "this path takes %s", allow);
		admin_answer_header(&request->answer, "Allow", allow);
	} else if (!request->route) {
		admin_answer_problem(&request->answer, PROBLEM_NOT_FOUND,
			"the paths of this port are described in /openapi.json");
	} else if (request->route->deed != ADMIN_DEED_NONE && !admin_audit_check_caller(request)) {
		return;
	} else if (request->route->takes_body &&
		   !is_json(admin_request_header(request, "Content-Type"))) {
		admin_answer_problem(&request->answer, PROBLEM_MEDIA_TYPE,
			"the header Content-Type must be application/json");
	} else if (request->route->is_limited && !pass_rate(request)) {
		return;
	} else {
		take_names(request, &names);
	}
}
