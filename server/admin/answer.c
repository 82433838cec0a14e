#include "answer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- making it ---------------------------------------------------------------------------------
 */

void admin_answer_header(struct admin_answer *answer, const char *name, const char *value)
{
	if (admin_answer_is_made(answer)) {
		admin_text_add(&answer->headers, "%s: %s\r\n", name, value);
	}
}

/* What every answer says. A page of ours that shows up where it was not meant to must not be able
 * to do anything there. */
static void set_answer(struct admin_answer *answer, unsigned status, const char *type,
	const char *body, size_t len)
{
	admin_answer_finish(answer);
	answer->status = status;
	answer->body = body;
	answer->body_len = len;
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
	set_answer(answer, status, type, data, len);
}

/* What changes from one request to the next. `owned` may be NULL: then the body stays. */
static void set_fresh(struct admin_answer *answer, unsigned status, const char *type,
	const char *body, size_t len, char *owned)
{
	set_answer(answer, status, type, body, len);
	answer->owned = owned;
	admin_answer_header(answer, "Cache-Control", "no-store");
	admin_answer_header(
		answer, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
}

void admin_answer_data(struct admin_answer *answer, const char *type, char *data, size_t len)
{
	if (!data) {
		admin_answer_problem(answer, PROBLEM_NO_MEMORY, "for the answer");
		return;
	}
	set_fresh(answer, 200, type, data, len, data);
}

void admin_answer_text(struct admin_answer *answer, unsigned status, const char *text)
{
	set_fresh(answer, status, "text/plain; charset=utf-8", text, strlen(text), NULL);
}

void admin_answer_nothing(struct admin_answer *answer)
{
	set_fresh(answer, 204, NULL, NULL, 0, NULL);
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
		set_fresh(answer, status, type, text, strlen(text), text);
	} else {
		set_fresh(answer, 503, "application/problem+json", LAST, sizeof(LAST) - 1, NULL);
	}
	if (answer->status == 503) {
		admin_answer_header(answer, "Retry-After", "1");
	}
}

void admin_answer_json(struct admin_answer *answer, unsigned status, json_t *json)
{
	set_json(answer, status, "application/json", json);
}

void admin_answer_problem_json(struct admin_answer *answer, enum problem problem, json_t *json)
{
	set_json(answer, problem_status(problem), "application/problem+json", json);
	answer->problem = problem_name(problem);
	if (problem == PROBLEM_UNAUTHORIZED) {
		admin_answer_header(answer, "WWW-Authenticate", "Bearer realm=\"tidegate\"");
	}
}

void admin_answer_problem(
	struct admin_answer *answer, enum problem problem, const char *detail, ...)
{
	char text[PROBLEM_DETAIL_MAX];
	va_list args;
	va_start(args, detail);
	vsnprintf(text, sizeof(text), detail, args);
	va_end(args);
	admin_answer_problem_json(answer, problem, problem_to_json(problem, text));
}

/* --- giving it ---------------------------------------------------------------------------------
 */

static const char *phrase_of(unsigned status)
{
	static const struct {
		unsigned status;
		const char *phrase;
	} phrases[] = {
		{200, "OK"},
		{202, "Accepted"},
		{204, "No Content"},
		{304, "Not Modified"},
		{307, "Temporary Redirect"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{409, "Conflict"},
		{410, "Gone"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{415, "Unsupported Media Type"},
		{421, "Misdirected Request"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"},
	};
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (phrases[i].status == status) {
			return phrases[i].phrase;
		}
	}
	return "";
}

/* RFC 9110 section 5.6.7, whatever the locale. */
static void add_date(struct admin_text *head)
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t now = time(NULL);
	struct tm tm;
	gmtime_r(&now, &tm);
	admin_text_add(head, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday],
		tm.tm_mday, months[tm.tm_mon], 1900 + tm.tm_year, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

char *admin_answer_head(
	const struct admin_answer *answer, bool keeps_alive, bool is_http_1_0, size_t *ret_len)
{
	struct admin_text head = ADMIN_TEXT_EMPTY;
	head.has_failed = answer->headers.has_failed;
	admin_text_add(&head, "HTTP/1.1 %u %s\r\n", answer->status, phrase_of(answer->status));
	add_date(&head);
	if (!keeps_alive) {
		admin_text_add(&head, "Connection: close\r\n");
	} else if (is_http_1_0) {
		admin_text_add(&head, "Connection: keep-alive\r\n");
	}
	/* 204 and 304 have no body, nor a length of one. RFC 9110 section 8.6. */
	if (answer->status != 204 && answer->status != 304) {
		admin_text_add(&head, "Content-Length: %zu\r\n", answer->body_len);
	}
	admin_text_add(&head, "%s\r\n", answer->headers.data ? answer->headers.data : "");
	return admin_text_take(&head, ret_len);
}

void admin_answer_finish(struct admin_answer *answer)
{
	admin_text_finish(&answer->headers);
	free(answer->owned);
	*answer = (struct admin_answer){0};
}
