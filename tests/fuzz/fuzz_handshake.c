/* Request heads: pieces lead to what the whole leads to, and a head that was found can be judged
 * and answered. */
#include "../../proto/handshake.h"
#include "../../proto/utf8.h"
#include "heads.h"

enum {
	HEAD_MAX = 8192, /* bytes that a head may have here */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_user(const struct handshake_request *request)
{
	assert(request->user_len >= 1 && request->user_len <= USER_NAME_MAX);
	assert(strlen(request->user) == request->user_len);
	assert(utf8_valid((const uint8_t *)request->user, request->user_len));
}

static void check_answer(const struct handshake_request *request)
{
	char answer[HANDSHAKE_ANSWER_MAX];
	const size_t len = handshake_answer(request, answer);
	assert(len > 0 && len <= HANDSHAKE_ANSWER_MAX);
	assert(memcmp(answer, "HTTP/1.1 ", 9) == 0);
}

static void check_slice(struct slice slice, struct slice head)
{
	assert(slice.data >= head.data && slice.data + slice.len <= head.data + head.len);
}

static void check_field(const struct handshake_field *field, struct slice head)
{
	if (field->count > 0) {
		check_slice(field->value, head);
	}
}

static void check_request(const struct handshake_request *request, struct slice head)
{
	switch (request->status) {
	case 101:
		assert(strlen(request->accept) == ACCEPT_LEN);
		break;
	case 400:
		assert(!request->user_valid && !request->wants_page);
		break;
	case 405:
	case 426:
		assert(!request->user_valid);
		break;
	default:
		assert(false);
	}
	if (request->user_valid) {
		check_user(request);
	}
	check_slice(request->target, head);
	check_slice(request->query, request->target);
	check_slice(request->fields, head);
	check_field(&request->protocols, head);
	check_field(&request->origin, head);
	check_field(&request->authorization, head);
	check_field(&request->forwarded, head);
	check_field(&request->x_forwarded_for, head);
}

/* Whatever has come, and whether or not something is wrong with it. */
static void check_given_up(const uint8_t *data, size_t len)
{
	char *copy = heads_copy(data, len);
	struct handshake_request request;
	handshake_give_up((struct slice){copy, len}, 400, &request);
	assert(request.detail && strlen(request.detail) > 0);
	check_answer(&request);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice head = heads_take(HTTP_HEAD_REQUEST, HEAD_MAX, data, len);
	struct handshake_request request;

	if (head.data) {
		handshake_judge(head, &request);
		check_request(&request, head);
		check_answer(&request);
		free((char *)head.data);
	}
	check_given_up(data, len);
	return 0;
}
