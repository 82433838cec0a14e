/* Answers to the client's opening: pieces lead to what the whole leads to, and a head that was
 * found can be judged. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/client_handshake.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
	struct pieces pieces = pieces_take(&data, &len);
	struct client_handshake_scan whole_scan = {0};
	struct client_handshake_scan scan = {0};
	struct client_handshake_answer answer;
	enum client_handshake_progress progress = CLIENT_HANDSHAKE_MORE;
	size_t whole_len = 0;
	size_t head_len = 0;

	const enum client_handshake_progress whole =
		client_handshake_scan(&whole_scan, (const char *)data, len, &whole_len);
	for (size_t at = 0; at < len && progress == CLIENT_HANDSHAKE_MORE;) {
		at += pieces_next(&pieces, len - at);
		/* In memory of its very size, so that reading beyond is seen. */
		char *copy = malloc(at);
		assert(copy);
		memcpy(copy, data, at);
		progress = client_handshake_scan(&scan, copy, at, &head_len);
		free(copy);
	}
	assert(progress == whole);
	if (whole == CLIENT_HANDSHAKE_COMPLETE) {
		assert(head_len == whole_len && head_len <= len);
		char *head = malloc(head_len);
		assert(head);
		memcpy(head, data, head_len);
		client_handshake_parse(head, head_len, key, &answer);
		free(head);
		assert(answer.fault != CLIENT_HANDSHAKE_NO_HTTP);
		assert(answer.status <= 999 && answer.retry_after_s >= -1);
		assert((answer.status == 101) == (answer.fault != CLIENT_HANDSHAKE_STATUS));
	} else {
		client_handshake_parse((const char *)data, len, key, &answer);
		assert(answer.fault == CLIENT_HANDSHAKE_NO_HTTP);
	}
	return 0;
}
