#include "line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "../../proto/assert.h"
#include "../base/log.h"
#include "../tls/hello.h"
#include "audit.h"
#include "body.h"
#include "gate.h"
#include "routes.h"

enum {
	HEAD_MAX = 32 * 1024,       /* bytes of a request's head */
	IN_START = 8 * 1024,        /* bytes of a buffer that begins */
	BODY_ROOM = 8 * 1024,       /* bytes behind a head, for reading its body */
	REQUESTS_MOST = 16,         /* answered in one visit */
	SKIPPED_MOST = 1024 * 1024, /* bytes read of one who is told to go */
};

/* --- life --------------------------------------------------------------------------------------
 */

struct admin_line *admin_line_create(struct admin_context *context, struct admin_clients *clients,
	int fd, const struct sockaddr_storage *address)
{
	struct admin_line *line = calloc(1, sizeof(*line));
	char *in = malloc(IN_START);
	if (!line || !in || admin_socket_init(&line->socket, fd, context->tls) < 0) {
		free(line);
		free(in);
		return NULL;
	}
	line->clients = clients;
	line->context = context;
	admin_by_init(&line->by, fd, address);
	line->in = in;
	line->in_capacity = IN_START;
	context->clients++;
	admin_clients_add(clients, &line->client);
	return line;
}

/* The request is over, answered or not. */
static void drop_request(struct admin_line *line)
{
	struct admin_request *request = line->request;
	if (!request) {
		return;
	}
	ASSERT(!request->is_waiting);
	line->request = NULL;
	if (request->asks_for_drain) {
		/* Only now, as the port is gone when nobody is left to be sent away. */
		eventfd_write(line->context->drain_fd, 1);
	}
	if (request->asks_for_upgrade) {
		eventfd_write(line->context->upgrade_fd, 1);
	}
	admin_answer_finish(&request->answer);
	admin_body_drop(request);
	free(request->state);
	free(request->asked);
	outcome_finish(&request->ask.outcome);
	free(request);
	line->context->requests--;
	free(line->head_out);
	line->head_out = NULL;
}

void admin_line_destroy(struct admin_line *line)
{
	drop_request(line);
	admin_clients_remove(line->clients, &line->client);
	line->context->clients--;
	admin_socket_finish(&line->socket);
	free(line->in);
	free(line);
}

/* --- answering ---------------------------------------------------------------------------------
 */

static void end(struct admin_line *line)
{
	line->state = ADMIN_LINE_ENDED;
}

/* Whether what a call to the socket returned is its end. */
static bool is_over(ssize_t len)
{
	return len < 0 && len != -EAGAIN && len != -EINTR;
}

static void begin_answer(struct admin_line *line)
{
	struct admin_request *request = line->request;
	if (request->ends_connection || line->peer_has_ended) {
		line->keeps_alive = false;
	}
	admin_audit_log(request);
	line->head_out = admin_answer_head(&request->answer, line->keeps_alive,
		request->head.is_http_1_0, &line->head_out_len);
	line->sent = 0;
	line->state = ADMIN_LINE_ANSWERING;
	if (!line->head_out) {
		end(line);
	}
}

/* An answer to what is no request; what follows is not read. */
static void refuse(struct admin_line *line, enum problem problem, const char *detail)
{
	admin_answer_problem(&line->request->answer, problem, "%s", detail);
	line->request->ends_connection = true;
	begin_answer(line);
}

/* What was read of the request makes way for what lies behind it. */
static void begin_anew(struct admin_line *line)
{
	line->in_len -= line->head_len;
	memmove(line->in, line->in + line->head_len, line->in_len);
	line->head_len = 0;
	line->scan = (struct http_head_scan){.state = HTTP_HEAD_REQUEST};
	line->state = ADMIN_LINE_HEAD;
}

/* Closed at once, with bytes of the peer's unread, the socket would send a reset, which may
 * overtake the answer. */
static void leave(struct admin_line *line)
{
	line->in_len = 0;
	line->state = line->peer_has_ended ? ADMIN_LINE_ENDED : ADMIN_LINE_LEAVING;
	admin_socket_shutdown(&line->socket);
}

static void on_answered(struct admin_line *line)
{
	drop_request(line);
	admin_clients_renew(line->clients, &line->client);
	if (line->keeps_alive) {
		begin_anew(line);
	} else {
		leave(line);
	}
}

/* Returns whether all of it is out. */
static bool send_answer(struct admin_line *line)
{
	const struct admin_answer *answer = &line->request->answer;
	bool has_body = strcmp(line->request->head.method, "HEAD") != 0;
	size_t body_len = has_body ? answer->body_len : 0;
	size_t head_sent = line->sent < line->head_out_len ? line->sent : line->head_out_len;
	size_t body_sent = line->sent - head_sent;
	struct iovec parts[2] = {
		{line->head_out + head_sent, line->head_out_len - head_sent},
		{body_len ? (void *)(uintptr_t)(answer->body + body_sent) : NULL,
			body_len - body_sent},
	};
	ssize_t taken = admin_socket_write(&line->socket, parts, 2);
	if (is_over(taken)) {
		end(line);
		return false;
	}
	line->sent += taken > 0 ? (size_t)taken : 0;
	return line->sent == line->head_out_len + body_len;
}

/* --- the head ----------------------------------------------------------------------------------
 */

static bool reserve(struct admin_line *line, size_t capacity)
{
	if (line->in_capacity >= capacity) {
		return true;
	}
	char *grown = realloc(line->in, capacity);
	if (!grown) {
		return false;
	}
	line->in = grown;
	line->in_capacity = capacity;
	return true;
}

static bool begin_request(struct admin_line *line)
{
	line->request = calloc(1, sizeof(*line->request));
	if (!line->request) {
		return false;
	}
	line->context->requests++;
	line->request->context = line->context;
	line->request->line = line;
	line->request->by = &line->by;
	line->request->on_answer = line->on_answer;
	line->request->head.method = "";
	errand_init(&line->request->errand, line->context->node, line->context->mailbox,
		ADMIN_MAIL_ORDER);
	return true;
}

static void run_handler(struct admin_line *line)
{
	struct admin_request *request = line->request;
	if (!admin_answer_is_made(&request->answer)) {
		request->route->handle(request);
	}
	if (request->is_waiting) {
		line->state = ADMIN_LINE_WAITING;
		line->client.is_busy = true;
	} else {
		begin_answer(line);
	}
}

/* Clients who ask whether to go on with their body wait for this. RFC 9110 section 10.1.1. */
static void say_continue(struct admin_line *line)
{
	static char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const struct iovec part = {go_on, sizeof(go_on) - 1};
	const char *expect = admin_request_header(line->request, "Expect");
	if (!expect || strcasecmp(expect, "100-continue") != 0 || line->request->head.is_http_1_0 ||
		line->in_len > line->head_len) {
		return;
	}
	if (admin_socket_write(&line->socket, &part, 1) != (ssize_t)part.iov_len) {
		end(line);
	}
}

static void begin_body(struct admin_line *line)
{
	const struct admin_head *head = &line->request->head;
	line->keeps_alive = admin_head_keeps_alive(head);
	admin_gate_judge(line->request);
	if (admin_body_is_not_worth_waiting(line->request)) {
		line->request->ends_connection = true;
		begin_answer(line);
		return;
	}
	admin_intake_begin(&line->intake, head);
	line->state = ADMIN_LINE_BODY;
	if (!admin_intake_has_ended(&line->intake)) {
		say_continue(line);
	}
}

static void on_head(struct admin_line *line)
{
	switch (admin_head_read(line->in, line->head_len, &line->request->head)) {
	case ADMIN_HEAD_SOUND:
		begin_body(line);
		break;
	case ADMIN_HEAD_BAD_TARGET:
		refuse(line, PROBLEM_BAD_REQUEST,
			"the target must be a path, or a whole URL of http or https");
		break;
	case ADMIN_HEAD_BAD_VERSION:
		refuse(line, PROBLEM_VERSION, "HTTP/1.1 and HTTP/1.0 are spoken here");
		break;
	case ADMIN_HEAD_TOO_MANY:
		refuse(line, PROBLEM_HEAD_TOO_LARGE, "a head may have 100 fields here");
		break;
	}
}

/* Empty lines in front of a request are ignored. RFC 9112 section 2.2. */
static void skip_empty_lines(struct admin_line *line)
{
	size_t len = 0;
	while (line->scan.seen == 0 && line->in_len - len >= 2 && line->in[len] == '\r' &&
		line->in[len + 1] == '\n') {
		len += 2;
	}
	line->in_len -= len;
	memmove(line->in, line->in + len, line->in_len);
}

/* Who speaks TLS where it is not spoken can make nothing of an answer: the log tells of him. */
static const char *why_no_http(const struct admin_line *line)
{
	char address[REMOTE_NAME_MAX];
	size_t unused;
	const enum hello_kind kind =
		line->socket.tls ? HELLO_OTHER
				 : hello_look((const uint8_t *)line->in, line->in_len, &unused);
	if (kind != HELLO_TLS && kind != HELLO_MORE) {
		return "this is not HTTP";
	}
	remote_name(&line->by.remote, address);
	log_info(0,
		"TLS with %s at the admin port, where none is spoken: ask it under http://, or "
		"start it with --admin-tls",
		address);
	return "TLS is not spoken here: ask for it under http://";
}

static bool has_first_line(const struct admin_line *line)
{
	return memchr(line->in, '\n', line->in_len) != NULL;
}

/* Returns whether there is more to be done. */
static bool run_head(struct admin_line *line)
{
	struct slice head;
	skip_empty_lines(line);
	if (line->in_len == 0 || (line->in_len == 1 && line->in[0] == '\r')) {
		return false;
	}
	enum http_head_progress progress =
		http_head_scan(&line->scan, line->in, line->in_len, HEAD_MAX, &head);
	if (progress == HTTP_HEAD_MORE) {
		return false;
	}
	line->head_len = progress == HTTP_HEAD_COMPLETE ? head.len : line->in_len;
	if (!begin_request(line) || !reserve(line, line->head_len + BODY_ROOM)) {
		end(line);
	} else if (progress == HTTP_HEAD_COMPLETE) {
		on_head(line);
	} else if (progress == HTTP_HEAD_MALFORMED) {
		refuse(line, PROBLEM_BAD_REQUEST, why_no_http(line));
	} else if (has_first_line(line)) {
		refuse(line, PROBLEM_HEAD_TOO_LARGE, "a head may have 32 KiB here");
	} else {
		refuse(line, PROBLEM_TARGET_TOO_LONG, "a head may have 32 KiB here");
	}
	return true;
}

/* --- the body ----------------------------------------------------------------------------------
 */

/* Returns whether there is more to be done. */
static bool run_body(struct admin_line *line)
{
	char *body = line->in + line->head_len;
	size_t len = line->in_len - line->head_len;
	int64_t taken = admin_intake_take(&line->intake, line->request, body, len);
	if (taken < 0) {
		refuse(line, PROBLEM_BAD_REQUEST,
			taken == -EMSGSIZE ? "the lines around the chunks are too long"
					   : "the chunks of the body are broken");
		return true;
	}
	if (admin_body_is_endless(line->request)) {
		line->request->ends_connection = true;
		run_handler(line);
		return true;
	}
	line->in_len -= (size_t)taken;
	memmove(body, body + taken, len - (size_t)taken);
	if (!admin_intake_has_ended(&line->intake)) {
		return false;
	}
	run_handler(line);
	return true;
}

/* --- turns -------------------------------------------------------------------------------------
 */

/* Returns whether there is more to be done. */
static bool run_answer(struct admin_line *line)
{
	if (!send_answer(line)) {
		return false;
	}
	on_answered(line);
	return true;
}

/* Does the next step of what a line is at. Returns whether there is more to be done. */
static bool run_state(struct admin_line *line)
{
	switch (line->state) {
	case ADMIN_LINE_HEAD:
		return run_head(line);
	case ADMIN_LINE_BODY:
		return run_body(line);
	case ADMIN_LINE_ANSWERING:
		return run_answer(line);
	case ADMIN_LINE_WAITING:
	case ADMIN_LINE_LEAVING:
	case ADMIN_LINE_ENDED:
		return false;
	}
	return false;
}

/* Nobody may be there any more who waits for the answer. */
static void hurry(struct admin_request *request)
{
	void (*its_hurry)(struct admin_request *request) = request->hurry;
	request->hurry = NULL;
	if (its_hurry) {
		its_hurry(request);
	}
}

void admin_line_run(struct admin_line *line)
{
	if (line->state == ADMIN_LINE_WAITING && !line->request->is_waiting) {
		line->client.is_busy = false;
		begin_answer(line);
	} else if (line->state == ADMIN_LINE_WAITING) {
		hurry(line->request);
	}
	int requests = 0;
	line->has_more = false;
	while (!line->has_more && run_state(line)) {
		requests += line->state == ADMIN_LINE_HEAD;
		line->has_more = requests == (line->context->is_parking ? 1 : REQUESTS_MOST);
	}
	bool is_reading = line->state == ADMIN_LINE_HEAD || line->state == ADMIN_LINE_BODY;
	if (line->peer_has_ended && is_reading && !line->has_more) {
		end(line);
	}
}

/* Makes room for a head that goes on. */
static bool reserve_for_read(struct admin_line *line)
{
	if (line->in_len < line->in_capacity) {
		return true;
	}
	ASSERT(line->state == ADMIN_LINE_HEAD);
	return reserve(line, line->in_capacity * 2);
}

static void log_no_tls(const struct admin_line *line, const char *why)
{
	char address[REMOTE_NAME_MAX];
	remote_name(&line->by.remote, address);
	log_info(0, "no TLS with %s at the admin port: %s", address, why);
}

/* Who speaks no TLS is told so in what he does speak. What he has sent is not looked at. */
static void refuse_plain(struct admin_line *line)
{
	log_no_tls(line, "it speaks none");
	admin_socket_make_plain(&line->socket);
	if (!begin_request(line)) {
		end(line);
		return;
	}
	refuse(line, PROBLEM_BAD_REQUEST, "TLS is spoken here: ask for it under https://");
	admin_line_run(line);
}

/* An alert may be on its way, which a reset would overtake. */
static void on_broken_tls(struct admin_line *line)
{
	const struct tls_fault *fault = admin_tls_handshake_fault(line->socket.tls);
	if (fault) {
		char words[TLS_FAULT_WORDS_MAX];
		tls_fault_words(fault, words);
		log_no_tls(line, words);
	}
	leave(line);
}

/* `err` is what it returned. */
static void on_broken(struct admin_line *line, ssize_t err)
{
	if (err == -EPROTOTYPE) {
		refuse_plain(line);
	} else if (err == -EPROTO && line->socket.tls) {
		on_broken_tls(line);
	} else {
		end(line);
	}
}

void admin_line_read(struct admin_line *line)
{
	if (!reserve_for_read(line)) {
		end(line);
		return;
	}
	ssize_t len = admin_socket_read(
		&line->socket, line->in + line->in_len, line->in_capacity - line->in_len);
	if (is_over(len)) {
		on_broken(line, len);
		return;
	}
	line->peer_has_ended = len == 0;
	if (line->state == ADMIN_LINE_LEAVING) {
		line->skipped += len > 0 ? (size_t)len : 0;
		if (line->peer_has_ended || line->skipped > SKIPPED_MOST) {
			end(line);
		}
		return;
	}
	line->in_len += len > 0 ? (size_t)len : 0;
	admin_line_run(line);
}

bool admin_line_is_reading(const struct admin_line *line)
{
	return !line->has_more && line->state != ADMIN_LINE_WAITING &&
	       line->state != ADMIN_LINE_ANSWERING;
}

uint32_t admin_line_wants(const struct admin_line *line)
{
	if (line->state == ADMIN_LINE_WAITING) {
		return line->request->hurry ? EPOLLRDHUP : 0;
	}
	if (line->state == ADMIN_LINE_ENDED) {
		return 0;
	}
	/* A socket that takes bytes is reported at once, which is when to go on. */
	return admin_line_is_reading(line) ? admin_socket_wants(&line->socket) : EPOLLOUT;
}
