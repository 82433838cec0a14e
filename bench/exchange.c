#include "exchange.h"

#include <errno.h>
#include <stdlib.h>

#include "../proto/frame.h"
#include "../proto/packet.h"

enum {
	SMALLEST = 12, /* bytes of a request with a payload of 6 */
	MASK_LEN = 4,
};

/* What lies behind mark and header: anything, as long as it is not constant. */
static void fill(uint8_t *data, size_t len)
{
	uint32_t state = 0x2545f491;
	for (size_t i = 0; i < len; i++) {
		state = state * 1664525 + 1013904223;
		data[i] = (uint8_t)(state >> 24);
	}
}

static uint8_t opcode_of(enum payload_kind kind, bool is_answer)
{
	if (kind != PAYLOAD_PING) {
		return FRAME_BINARY;
	}
	return is_answer ? FRAME_PONG : FRAME_PING;
}

/* Writes header and payload; returns where the mark lies. */
static uint32_t write_template(
	const struct options *options, const uint8_t *mask, bool is_answer, uint8_t *ret_frame)
{
	size_t at = frame_header_write(
		ret_frame, opcode_of(options->kind, is_answer), options->payload, mask);
	uint8_t *payload = ret_frame + at;
	uint32_t mark = 0;
	fill(payload, options->payload);
	if (options->kind == PAYLOAD_PACKET) {
		packet_header_write(payload, is_answer ? PACKET_PONG : PACKET_PING,
			options->payload - PACKET_HEADER_LEN);
		mark = PACKET_HEADER_LEN;
	}
	if (mask) {
		frame_mask(payload, options->payload, mask, 0);
	}
	return options->payload >= mark + PAYLOAD_MARK ? (uint32_t)at + mark : 0;
}

int exchange_init(struct exchange *exchange, const struct options *options, const uint8_t mask[4])
{
	const size_t header = frame_header_len(options->payload);
	exchange->answer_len = (uint32_t)(header + options->payload);
	exchange->request_len = exchange->answer_len + MASK_LEN;
	exchange->request = malloc(exchange->request_len);
	exchange->answer = malloc(exchange->answer_len);
	if (!exchange->request || !exchange->answer) {
		return -ENOMEM;
	}
	exchange->request_mark = write_template(options, mask, false, exchange->request);
	exchange->answer_mark = write_template(options, NULL, true, exchange->answer);
	if (exchange->answer_mark) {
		exchange->tail_len = exchange->answer_len - exchange->answer_mark - PAYLOAD_MARK;
		frame_mask(exchange->mask_at_mark, PAYLOAD_MARK, mask,
			exchange->answer_mark - (uint32_t)header);
	}
	return 0;
}

void exchange_finish(struct exchange *exchange)
{
	free(exchange->request);
	free(exchange->answer);
	exchange->request = NULL;
	exchange->answer = NULL;
}

void exchange_write(const struct exchange *exchange, uint16_t tag, uint32_t number, uint32_t count,
	uint8_t *out)
{
	const uint32_t len = exchange->request_len;
	const uint32_t number_mask = load_be32(exchange->mask_at_mark);
	const uint16_t masked_tag = (uint16_t)(tag ^ load_be16(exchange->mask_at_mark + 4));
	for (uint32_t i = 0; i < count; i++, out += len) {
		/* A length the compiler knows spares a call where there are millions. */
		if (len == SMALLEST) {
			memcpy(out, exchange->request, SMALLEST);
		} else {
			memcpy(out, exchange->request, len);
		}
		if (exchange->request_mark) {
			store_be32(out + exchange->request_mark, (number + i) ^ number_mask);
			store_be16(out + exchange->request_mark + 4, masked_tag);
		}
	}
}
