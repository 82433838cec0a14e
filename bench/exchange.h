/* A request and its answer as they are on the wire: written from templates, checked against them.
 *
 *   binary, ping   header | number 4, tag 2 | filler
 *   packet         header | command 2, length 4 | number 4, tag 2 | filler
 *
 * An empty packet has neither number nor tag. */
#ifndef TIDEGATE_BENCH_EXCHANGE_H
#define TIDEGATE_BENCH_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "../proto/bytes.h"
#include "options.h"

/* Owner:  a generator; its requests all have its mask.
 * Shared: never.
 * Freed:  by exchange_finish. */
struct exchange {
	uint32_t request_len; /* bytes on the wire */
	uint32_t answer_len;
	uint32_t request_mark; /* where number and tag lie; 0: nowhere */
	uint32_t answer_mark;
	uint32_t tail_len; /* bytes of an answer behind its mark */
	uint8_t mask_at_mark[PAYLOAD_MARK];
	uint8_t *request; /* a template, masked but for the mark */
	uint8_t *answer;  /* likewise, unmasked */
};

/* Errors: -ENOMEM; exchange_finish is due all the same. */
int exchange_init(struct exchange *exchange, const struct options *options, const uint8_t mask[4]);
void exchange_finish(struct exchange *exchange);

/* Writes `count` requests one behind the other, numbered from `number`. */
void exchange_write(const struct exchange *exchange, uint16_t tag, uint32_t number, uint32_t count,
	uint8_t *out);

/* Whether an answer begins as it should, up to its mark. */
static inline bool exchange_begins(const struct exchange *exchange, const uint8_t *answer)
{
	const uint32_t head = exchange->answer_mark ? exchange->answer_mark : exchange->answer_len;
	return load_be16(answer) == load_be16(exchange->answer) &&
	       (head == 2 || memcmp(answer + 2, exchange->answer + 2, head - 2) == 0);
}

/* Whether it ends as it should, behind its mark. */
static inline bool exchange_ends(const struct exchange *exchange, const uint8_t *answer)
{
	const uint32_t tail = exchange->answer_mark + PAYLOAD_MARK;
	return exchange->tail_len == 0 ||
	       memcmp(answer + tail, exchange->answer + tail, exchange->tail_len) == 0;
}

#endif
