/* PROXY headers: pieces lead to what the whole leads to, and what is complete is bounded. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* In memory of its very size. */
static enum proxy_header_progress read_copy(
	const uint8_t *data, size_t len, struct proxy_header *ret_header)
{
	uint8_t *copy = malloc(len ? len : 1);
	assert(copy);
	memcpy(copy, data, len);
	enum proxy_header_progress progress = proxy_header_read(copy, len, ret_header);
	free(copy);
	return progress;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct proxy_header whole = {.len = 0};
	struct proxy_header piece = {.len = 0};
	const enum proxy_header_progress progress = read_copy(data, len, &whole);
	if (progress == PROXY_HEADER_COMPLETE) {
		assert(whole.len > 0 && whole.len <= len && whole.len <= PROXY_HEADER_MAX);
		assert(read_copy(data, whole.len, &piece) == PROXY_HEADER_COMPLETE);
		assert(piece.len == whole.len && piece.names_client == whole.names_client);
		assert(memcmp(&piece.client, &whole.client, sizeof(piece.client)) == 0);
		assert(read_copy(data, whole.len - 1, &piece) == PROXY_HEADER_MORE);
	}
	if (progress == PROXY_HEADER_MORE) {
		assert(len < PROXY_HEADER_MAX);
	}
	for (size_t at = 0; at < len && at < 128; at++) {
		/* Once malformed, malformed for ever; until it is complete there is more. */
		const enum proxy_header_progress before = read_copy(data, at, &piece);
		assert(before == PROXY_HEADER_MORE || before == progress);
	}
	return 0;
}
