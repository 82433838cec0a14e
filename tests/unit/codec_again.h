/* Reads the payload of a message between nodes, and writes what it has read. */
#ifndef TIDEGATE_TESTS_CODEC_AGAIN_H
#define TIDEGATE_TESTS_CODEC_AGAIN_H

#include <errno.h>

#include "../../server/cluster/codec.h"
#include "../../server/cluster/codec_directory.h"
#include "../../server/cluster/codec_node.h"
#include "../../server/cluster/codec_traffic.h"

/* All of these: 0, or -EBADMSG for what is not that payload, or -ENOSPC. */

static inline int again_heartbeat(struct codec_message *message, struct codec_writer *writer)
{
	struct codec_heartbeat heartbeat;
	struct codec_sent sent;
	int err = codec_read_heartbeat(message, &heartbeat);
	if (!err) {
		err = codec_put_heartbeat(writer, &heartbeat);
	}
	while (!err && codec_next_sent(&heartbeat, &sent)) {
		err = codec_put_sent(writer, &sent);
	}
	return err;
}

static inline int again_deltas(struct codec_message *message, struct codec_writer *writer)
{
	struct codec_delta delta;
	int err;
	while ((err = codec_next_delta(message, &delta)) > 0) {
		err = codec_put_delta(writer, &delta);
		if (err) {
			break;
		}
	}
	return err;
}

static inline int again_batch(struct codec_message *message, struct codec_writer *writer)
{
	struct codec_said said;
	int err;
	while ((err = codec_next_said(message, &said)) > 0) {
		err = codec_put_said(writer, &said);
		if (err) {
			break;
		}
	}
	return err;
}

static inline int again_say(struct codec_message *message, struct codec_writer *writer)
{
	struct codec_say say;
	int err = codec_read_say(message, &say);
	return err ? err : codec_put_say(writer, &say);
}

/* A piece as it is, of which the rest is not there. */
static inline int again_piece(struct codec_writer *writer, const struct codec_piece *piece)
{
	uint8_t numbers[12];
	fields_put_u32(fields_put_u32(fields_put_u32(numbers, piece->whole), piece->at),
		(uint32_t)piece->bytes.len);
	const int err = codec_put_bytes(writer, (struct slice){(char *)numbers, sizeof(numbers)});
	return err ? err : codec_put_bytes(writer, piece->bytes);
}

static inline int again_call(struct codec_message *message, struct codec_writer *writer)
{
	struct codec_call call;
	uint32_t at = 0;
	uint8_t head[9];
	int err = codec_read_call(message, &call);
	if (err) {
		return err;
	}
	if (call.piece.bytes.len == call.piece.whole) {
		return codec_put_call(writer, call.ask, call.op, call.piece.bytes, &at);
	}
	fields_put_u8(fields_put_u64(head, call.ask), call.op);
	err = codec_put_bytes(writer, (struct slice){(char *)head, sizeof(head)});
	return err ? err : again_piece(writer, &call.piece);
}

static inline int again_answer(struct codec_message *message, struct codec_writer *writer)
{
	struct codec_answer its;
	uint32_t at = 0;
	uint8_t head[13];
	int err = codec_read_answer(message, &its);
	if (err) {
		return err;
	}
	if (its.piece.bytes.len == its.piece.whole) {
		return codec_put_answer(
			writer, its.ask, its.result, its.count, its.piece.bytes, &at);
	}
	fields_put_u32(fields_put_u8(fields_put_u64(head, its.ask), its.result), its.count);
	err = codec_put_bytes(writer, (struct slice){(char *)head, sizeof(head)});
	return err ? err : again_piece(writer, &its.piece);
}

static inline int again_claim(struct codec_message *message, struct codec_writer *writer)
{
	struct codec_claim claim;
	int err = codec_read_claim(message, &claim);
	return err ? err : codec_put_claim(writer, &claim);
}

static inline int again_digests_ask(struct codec_message *message, struct codec_writer *writer)
{
	struct codec_ask ask;
	int err = codec_read_digests_ask(message, &ask);
	return err ? err : codec_put_digests_ask(writer, &ask);
}

static inline int again_digests(struct codec_message *message, struct codec_writer *writer)
{
	struct codec_digests digests;
	uint64_t values[CODEC_SHARDS];
	uint16_t count;
	int err = codec_read_digests(message, &digests);
	if (err) {
		return err;
	}
	for (uint16_t i = 0; i < digests.count; i++) {
		values[digests.first + i] = codec_digest(&digests, i);
	}
	/* No room for more than there were. */
	uint8_t *end = writer->at + 12 + 8 * (size_t)digests.count;
	if (end > writer->end) {
		return -ENOSPC;
	}
	writer->end = end;
	/* What lies behind is not looked at, or a sanitizer says so. */
	return codec_put_digests(writer, digests.ask, digests.kind, digests.first, values, &count);
}

static inline int again_shard_ask(struct codec_message *message, struct codec_writer *writer)
{
	struct codec_ask ask;
	int err = codec_read_shard_ask(message, &ask);
	return err ? err : codec_put_shard_ask(writer, &ask);
}

static inline int again_shard(struct codec_message *message, struct codec_writer *writer)
{
	struct codec_shard shard;
	int err = codec_read_shard(message, &shard);
	if (!err) {
		err = codec_put_shard(writer, &shard);
	}
	for (uint32_t i = 0; !err && i < shard.count; i++) {
		const struct codec_entry entry = codec_entry(&shard, (uint16_t)i);
		err = codec_put_entry(writer, &entry);
	}
	return err;
}

static inline int again_probe(struct codec_message *message, struct codec_writer *writer)
{
	struct codec_probe probe;
	int err = codec_read_probe(message, &probe);
	return err ? err : codec_put_probe(writer, &probe);
}

static inline int again_probe_answer(struct codec_message *message, struct codec_writer *writer)
{
	struct codec_probe probe;
	int err = codec_read_probe_answer(message, &probe);
	return err ? err : codec_put_probe_answer(writer, &probe);
}

static inline int again_bye(struct codec_message *message, struct codec_writer *writer)
{
	uint8_t reason;
	int err = codec_read_bye(message, &reason);
	return err ? err : codec_put_bye(writer, reason);
}

static inline int codec_again(struct codec_message *message, struct codec_writer *writer)
{
	switch (message->type) {
	case CODEC_HEARTBEAT:
		return again_heartbeat(message, writer);
	case CODEC_DELTAS:
		return again_deltas(message, writer);
	case CODEC_BATCH:
		return again_batch(message, writer);
	case CODEC_SAY:
		return again_say(message, writer);
	case CODEC_ANSWER:
		return again_answer(message, writer);
	case CODEC_CALL:
		return again_call(message, writer);
	case CODEC_CLAIM:
		return again_claim(message, writer);
	case CODEC_DIGESTS_ASK:
		return again_digests_ask(message, writer);
	case CODEC_DIGESTS:
		return again_digests(message, writer);
	case CODEC_SHARD_ASK:
		return again_shard_ask(message, writer);
	case CODEC_SHARD:
		return again_shard(message, writer);
	case CODEC_PROBE:
		return again_probe(message, writer);
	case CODEC_PROBE_ANSWER:
		return again_probe_answer(message, writer);
	case CODEC_BYE:
		return again_bye(message, writer);
	default:
		return -EBADMSG;
	}
}

#endif
