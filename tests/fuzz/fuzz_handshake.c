/* Request heads: pieces lead to what the whole leads to, and only what was scanned is parsed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/handshake.h"
#include "../../proto/utf8.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char *copy_of(const uint8_t *data, size_t len)
{
	char *copy = malloc(len ? len : 1);
	assert(copy);
	return memcpy(copy, data, len);
}

/* Each time the head so far lies in memory of its very size. */
static enum handshake_progress scan_pieces(
	struct pieces *pieces, const uint8_t *data, size_t len, size_t *ret_head_len)
{
	struct handshake_scan scan = {0};
	enum handshake_progress progress = HANDSHAKE_MORE;

	for (size_t fed = 0; fed < len && progress == HANDSHAKE_MORE;) {
		fed += pieces_next(pieces, len - fed);
		char *copy = copy_of(data, fed);
		progress = handshake_scan(&scan, copy, fed, ret_head_len);
		free(copy);
	}
	return progress;
}

static void check_request(const struct handshake_request *request)
{
	char answer[HANDSHAKE_ANSWER_MAX];
	const size_t len = handshake_answer(request, answer);
	assert(len > 0 && len <= HANDSHAKE_ANSWER_MAX);
	assert(memcmp(answer, "HTTP/1.1 ", 9) == 0);

	switch (request->status) {
	case 101:
		assert(strlen(request->accept) == HANDSHAKE_ACCEPT_LEN);
		break;
	case 400:
	case 405:
	case 426:
	case 431:
		assert(!request->user_valid);
		break;
	default:
		assert(false);
	}
	if (request->user_valid) {
		assert(request->user_len >= 1 && request->user_len <= HANDSHAKE_USER_MAX);
		assert(strlen(request->user) == request->user_len);
		assert(utf8_valid((const uint8_t *)request->user, request->user_len));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct pieces pieces = pieces_take(&data, &len);
	struct pieces whole = {0};
	size_t head_len = 0;
	size_t pieces_head_len = 0;

	const enum handshake_progress progress = scan_pieces(&whole, data, len, &head_len);
	assert(scan_pieces(&pieces, data, len, &pieces_head_len) == progress);
	assert(pieces_head_len == head_len);
	assert(head_len <= len && head_len <= HANDSHAKE_HEAD_MAX);

	const bool is_complete = progress == HANDSHAKE_COMPLETE;
	const size_t parsed_len = is_complete ? head_len : len;
	struct handshake_request request;
	char *head = copy_of(data, parsed_len);
	handshake_parse(head, parsed_len, &request);
	free(head);
	assert(is_complete || request.status == 400 || request.status == 431);
	check_request(&request);
	return 0;
}
