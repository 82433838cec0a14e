/* Answers to the client's opening: pieces lead to what the whole leads to, and a head that was
 * found can be judged. */
#include "../../proto/client_handshake.h"
#include "heads.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
	struct slice head = heads_take(HTTP_HEAD_ANSWER, CLIENT_HANDSHAKE_HEAD_MAX, data, len);
	struct client_handshake_answer answer;

	if (head.data) {
		client_handshake_judge(head, key, SUBPROTOCOL_V1, &answer);
		const bool is_open = answer.fault == CLIENT_HANDSHAKE_OPEN;
		const bool is_v1 = is_open && answer.subprotocol == SUBPROTOCOL_V1;
		assert(answer.fault != CLIENT_HANDSHAKE_NO_HTTP);
		assert(answer.status <= 999 && answer.retry_after_s >= -1);
		assert((answer.status == 101) == (answer.fault != CLIENT_HANDSHAKE_STATUS));
		/* Who offers nothing takes what names nothing. */
		client_handshake_judge(head, key, SUBPROTOCOL_NONE, &answer);
		assert((answer.fault == CLIENT_HANDSHAKE_OPEN) == (is_open && !is_v1));
		free((char *)head.data);
	}
	return 0;
}
