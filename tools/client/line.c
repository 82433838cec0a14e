#include "line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"
#include "../../proto/bytes.h"
#include "../../proto/client_handshake.h"
#include "../../proto/close_reason.h"
#include "../../proto/frame.h"
#include "../../proto/message.h"
#include "../../proto/packet.h"
#include "../../proto/utf8.h"
#include "send_queue.h"

enum {
	PING_LEN = 4, /* bytes of payload: the Ping's number */
};

enum line_phase {
	PHASE_HEAD, /* the answer to the request is awaited */
	PHASE_FRAMES,
	PHASE_OVER, /* a Close came or the line was failed: what comes is passed over */
};

/* Owner:  a login.
 * Shared: never.
 * Freed:  line_destroy. */
struct line {
	struct entropy *entropy;
	enum line_phase phase;
	enum subprotocol subprotocol; /* offered; from PHASE_FRAMES on: taken */
	struct send_queue queue;
	struct message_reader *reader;
	uint32_t ping_count;
	bool is_ping_open; /* the newest Ping has not been answered */

	/* Of PHASE_HEAD. */
	char key[ACCEPT_KEY_LEN + 1];
	struct http_head_scan scan;
	char *head; /* CLIENT_HANDSHAKE_HEAD_MAX bytes */
	size_t head_len;
	uint8_t *fed; /* not looked at yet */
	size_t fed_len;
};

static const struct message_rules rules = {
	.max_message = LINE_INBOUND_MAX,
	.peer_masks = false,
};

/* --- life ------------------------------------------------------------------------------------ */

static int queue_request(struct line *line, const struct line_request *request)
{
	const size_t len = client_handshake_request(request->target, request->authority, line->key,
		request->offers, request->token, NULL, 0);
	char *text = malloc(len + 1);
	if (!text) {
		return -ENOMEM;
	}
	client_handshake_request(request->target, request->authority, line->key, request->offers,
		request->token, text, len + 1);
	const int err = send_queue_put_request(&line->queue, (const uint8_t *)text, len);
	free(text);
	return err;
}

int line_create(struct entropy *entropy, const struct line_request *request,
	size_t send_queue_limit, struct line **ret_line)
{
	uint8_t nonce[CLIENT_HANDSHAKE_NONCE_LEN];
	struct line *line = calloc(1, sizeof(*line));
	if (!line) {
		return -ENOMEM;
	}
	line->entropy = entropy;
	line->subprotocol = request->offers;
	line->scan.state = HTTP_HEAD_ANSWER;
	line->queue.limit = send_queue_limit;

	int err = entropy_take(entropy, nonce, sizeof(nonce));
	if (err < 0) {
		goto fail;
	}
	client_handshake_key(nonce, line->key);
	err = -ENOMEM;
	line->head = malloc(CLIENT_HANDSHAKE_HEAD_MAX);
	if (!line->head) {
		goto fail;
	}
	err = message_reader_create(&rules, &line->reader);
	if (err < 0) {
		goto fail;
	}
	err = queue_request(line, request);
	if (err < 0) {
		goto fail;
	}
	*ret_line = line;
	return 0;

fail:
	line_destroy(&line);
	return err;
}

void line_destroy(struct line **line)
{
	if (*line) {
		send_queue_finish(&(*line)->queue);
		message_reader_destroy(&(*line)->reader);
		free((*line)->head);
		free(*line);
		*line = NULL;
	}
}

/* --- what goes out --------------------------------------------------------------------------- */

int line_send_text(struct line *line, const uint8_t *text, size_t len)
{
	uint8_t mask[4];
	const int err = entropy_take(line->entropy, mask, sizeof(mask));
	return err < 0 ? err
		       : send_queue_put_message(&line->queue, FRAME_TEXT, NULL, 0, text, len, mask);
}

int line_send_packet_of(struct line *line, uint16_t command, const uint8_t *head, size_t head_len,
	const uint8_t *rest, size_t rest_len)
{
	uint8_t prefix[PACKET_HEADER_LEN + LINE_PACKET_HEAD_MAX];
	uint8_t mask[4];
	ASSERT(head_len <= LINE_PACKET_HEAD_MAX);
	const int err = entropy_take(line->entropy, mask, sizeof(mask));
	if (err < 0) {
		return err;
	}
	packet_header_write(prefix, command, (uint32_t)(head_len + rest_len));
	if (head_len > 0) {
		memcpy(prefix + PACKET_HEADER_LEN, head, head_len);
	}
	return send_queue_put_message(&line->queue, FRAME_BINARY, prefix,
		PACKET_HEADER_LEN + head_len, rest, rest_len, mask);
}

int line_send_packet(struct line *line, uint16_t command, const uint8_t *payload, size_t len)
{
	return line_send_packet_of(line, command, NULL, 0, payload, len);
}

static int put_urgent(struct line *line, enum urgent_kind kind, const uint8_t *payload, size_t len)
{
	uint8_t mask[4];
	const int err = entropy_take(line->entropy, mask, sizeof(mask));
	if (err == 0) {
		send_queue_put_urgent(&line->queue, kind, payload, len, mask);
	}
	return err;
}

int line_ping(struct line *line)
{
	uint8_t payload[PING_LEN];
	store_be32(payload, line->ping_count + 1);
	const int err = put_urgent(line, URGENT_PING, payload, sizeof(payload));
	if (err == 0) {
		line->ping_count++;
		line->is_ping_open = true;
	}
	return err;
}

/* A Close that cannot be made is left out: the transport is closed all the same. */
static int put_close(struct line *line, const uint8_t *payload, size_t len, bool drop_waiting)
{
	uint8_t mask[4];
	const int err = entropy_take(line->entropy, mask, sizeof(mask));
	return err < 0 ? err : send_queue_put_close(&line->queue, payload, len, mask, drop_waiting);
}

int line_close(struct line *line)
{
	uint8_t payload[CLOSE_PAYLOAD_MAX];
	const size_t len = close_reason_payload(CLOSE_REASON_PEER_CLOSE, 0, payload);
	return put_close(line, payload, len, false);
}

size_t line_peek(struct line *line, const uint8_t **ret_data)
{
	return send_queue_peek(&line->queue, ret_data);
}

void line_advance(struct line *line, size_t len)
{
	send_queue_advance(&line->queue, len);
}

bool line_take_writable(struct line *line)
{
	return send_queue_take_writable(&line->queue);
}

size_t line_unsent_len(const struct line *line)
{
	return line->phase == PHASE_HEAD ? 0 : send_queue_unsent_len(&line->queue);
}

/* --- what comes in --------------------------------------------------------------------------- */

/* Each of the take_ functions fills *ret_event and returns true when there is something to tell. */

static bool fail_opening(
	struct line *line, enum tg_status status, const char *detail, struct line_event *ret_event)
{
	line->phase = PHASE_OVER;
	*ret_event = (struct line_event){
		.kind = LINE_BROKEN,
		.status = status,
		.detail = detail,
		.retry_after_s = -1,
	};
	return true;
}

/* Fails an open line with a Close. RFC 6455 section 7.1.7. */
static bool fail(struct line *line, enum tg_status status, enum close_reason reason,
	struct line_event *ret_event)
{
	uint8_t payload[CLOSE_PAYLOAD_MAX];
	const size_t len = close_reason_payload(reason, 0, payload);

	put_close(line, payload, len, true);
	fail_opening(line, status, close_reason_log(reason), ret_event);
	ret_event->code = close_reason_code(reason);
	return true;
}

static bool take_answer(struct line *line, struct slice head, struct line_event *ret_event)
{
	struct client_handshake_answer answer;

	client_handshake_judge(head, line->key, line->subprotocol, &answer);
	if (answer.fault == CLIENT_HANDSHAKE_STATUS) {
		fail_opening(line, TG_ERR_REFUSED, "", ret_event);
		ret_event->http_status = answer.status;
		ret_event->retry_after_s = answer.retry_after_s;
		return true;
	}
	if (answer.fault != CLIENT_HANDSHAKE_OPEN) {
		return fail_opening(line, TG_ERR_HANDSHAKE,
			client_handshake_fault_text(answer.fault), ret_event);
	}
	free(line->head);
	line->head = NULL;
	line->phase = PHASE_FRAMES;
	line->subprotocol = answer.subprotocol;
	message_reader_feed(line->reader, line->fed, line->fed_len);
	*ret_event = (struct line_event){.kind = LINE_OPEN};
	return true;
}

/* Bytes behind the head stay in `fed`: they are the first frames. */
static bool take_head(struct line *line, struct line_event *ret_event)
{
	const size_t space = CLIENT_HANDSHAKE_HEAD_MAX - line->head_len;
	const size_t step = line->fed_len < space ? line->fed_len : space;
	struct slice head;

	if (step == 0) {
		return false;
	}
	memcpy(line->head + line->head_len, line->fed, step);
	switch (http_head_scan(
		&line->scan, line->head, line->head_len + step, CLIENT_HANDSHAKE_HEAD_MAX, &head)) {
	case HTTP_HEAD_COMPLETE:
		line->fed += head.len - line->head_len;
		line->fed_len -= head.len - line->head_len;
		return take_answer(line, head, ret_event);
	case HTTP_HEAD_MORE:
		line->head_len += step;
		line->fed += step;
		line->fed_len -= step;
		return false;
	case HTTP_HEAD_TOO_LONG:
		return fail_opening(
			line, TG_ERR_HANDSHAKE, "the head of the answer is too long", ret_event);
	default:
		return fail_opening(line, TG_ERR_HANDSHAKE,
			client_handshake_fault_text(CLIENT_HANDSHAKE_NO_HTTP), ret_event);
	}
}

static bool take_packet(
	struct line *line, const struct message *message, struct line_event *ret_event)
{
	struct packet packet;

	if (packet_decode(message->data, message->len, &packet) < 0 ||
		(packet_is_fanned_out(packet.command) &&
			!utf8_valid(packet.payload, packet.payload_len))) {
		return fail(line, TG_ERR_PACKET, CLOSE_REASON_BAD_PACKET, ret_event);
	}
	*ret_event = (struct line_event){
		.kind = packet_is_fanned_out(packet.command) ? LINE_TEXT : LINE_PACKET,
		.data = packet.payload,
		.len = packet.payload_len,
		.command = packet.command,
	};
	return true;
}

static bool take_pong(
	struct line *line, const struct message *message, struct line_event *ret_event)
{
	if (!line->is_ping_open || message->len != PING_LEN ||
		load_be32(message->data) != line->ping_count) {
		return false;
	}
	line->is_ping_open = false;
	*ret_event = (struct line_event){.kind = LINE_PONG};
	return true;
}

/* Echoes the code. RFC 6455 section 5.5.1. */
static bool take_close(
	struct line *line, const struct message *message, struct line_event *ret_event)
{
	const bool has_code = message->len >= CLOSE_CODE_LEN;

	put_close(line, message->data, has_code ? CLOSE_CODE_LEN : 0, true);
	line->phase = PHASE_OVER;
	*ret_event = (struct line_event){
		.kind = LINE_CLOSE,
		.data = has_code ? message->data + CLOSE_CODE_LEN : message->data,
		.len = has_code ? message->len - CLOSE_CODE_LEN : 0,
		.code = has_code ? load_be16(message->data) : CLOSE_CODE_NONE,
	};
	return true;
}

static bool take_message(
	struct line *line, const struct message *message, struct line_event *ret_event)
{
	switch (message->kind) {
	case MESSAGE_TEXT:
		*ret_event = (struct line_event){
			.kind = LINE_TEXT,
			.data = message->data,
			.len = message->len,
		};
		return true;
	case MESSAGE_BINARY:
		return take_packet(line, message, ret_event);
	case MESSAGE_PING:
		/* Without random bytes there is no Pong, and the gateway will say so. */
		put_urgent(line, URGENT_PONG, message->data, message->len);
		return false;
	case MESSAGE_PONG:
		return take_pong(line, message, ret_event);
	case MESSAGE_CLOSE:
		return take_close(line, message, ret_event);
	default:
		return fail(line,
			message->broken == CLOSE_REASON_INTERNAL_ERROR ? TG_ERR_NO_MEMORY
								       : TG_ERR_PROTOCOL,
			message->broken, ret_event);
	}
}

void line_feed(struct line *line, uint8_t *data, size_t len)
{
	if (line->phase == PHASE_HEAD) {
		line->fed = data;
		line->fed_len = len;
	} else if (line->phase == PHASE_FRAMES) {
		message_reader_feed(line->reader, data, len);
	}
}

enum line_event_kind line_next(struct line *line, struct line_event *ret_event)
{
	struct message message;

	*ret_event = (struct line_event){.kind = LINE_MORE};
	if (line->phase == PHASE_HEAD) {
		take_head(line, ret_event);
		return ret_event->kind;
	}
	while (line->phase == PHASE_FRAMES &&
		message_reader_next(line->reader, &message) != MESSAGE_MORE) {
		if (take_message(line, &message, ret_event)) {
			break;
		}
	}
	return ret_event->kind;
}

void line_reject_packet(struct line *line, struct line_event *ret_event)
{
	fail(line, TG_ERR_PACKET, CLOSE_REASON_BAD_PACKET, ret_event);
}

enum subprotocol line_subprotocol(const struct line *line)
{
	const bool is_answered = !line->head;
	return is_answered ? line->subprotocol : SUBPROTOCOL_NONE;
}

bool line_is_open(const struct line *line)
{
	return line->phase == PHASE_FRAMES && !line->queue.is_sealed;
}

bool line_take_heard(struct line *line)
{
	return message_reader_take_frames(line->reader) > 0;
}
