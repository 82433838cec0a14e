/* tests/cluster_stream.json: what version 1 says, recorded, and what a version 2 may say. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "codec_again.h"
#include "hex.h"
#include "split.h"

enum {
	MESSAGE_MAX = 1024, /* bytes of the longest */
	LINES_MAX = 8,
	LINE_MAX_LEN = 512,
};

static json_t *stream;
static struct cluster_key key;
static struct codec_self reader = {.key = &key, .speaks = CODEC_VERSION};
static struct codec_self source = {.key = &key, .speaks = CODEC_VERSION};

static const char *text_of(json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));
	assert_non_null(text);
	return text;
}

static uint64_t random_of(json_t *node)
{
	return strtoull(text_of(node, "random"), NULL, 16);
}

static int load_stream(void **state)
{
	char path[4096];
	uint8_t secret[CLUSTER_KEY_LEN];
	const char *root = getenv("TIDEGATE_ROOT");

	assert_non_null(root);
	snprintf(path, sizeof(path), "%s/tests/cluster_stream.json", root);
	stream = json_load_file(path, JSON_ALLOW_NUL, NULL);
	assert_non_null(stream);
	assert_int_equal(hex_read_at_most(text_of(stream, "secret"), secret, sizeof(secret)),
		sizeof(secret));
	cluster_key_derive(secret, &key);
	json_t *its_reader = json_object_get(stream, "reader");
	json_t *its_source = json_object_get(stream, "source");
	reader.id = slice_of(text_of(its_reader, "id"));
	reader.incarnation = (struct incarnation){1, random_of(its_reader)};
	source.id = slice_of(text_of(its_source, "id"));
	source.incarnation = (struct incarnation){
		(uint64_t)json_integer_value(json_object_get(its_source, "wall_ms")),
		random_of(its_source)};
	return 0;
}

static int free_stream(void **state)
{
	json_decref(stream);
	return 0;
}

/* --- what a message says, in lines -------------------------------------------------------------
 */

struct lines {
	char text[LINES_MAX][LINE_MAX_LEN];
	size_t count;
};

__attribute__((format(printf, 2, 3))) static void tell(struct lines *lines, const char *format, ...)
{
	va_list arguments;
	assert_true(lines->count < LINES_MAX);
	va_start(arguments, format);
	vsnprintf(lines->text[lines->count++], LINE_MAX_LEN, format, arguments);
	va_end(arguments);
}

#define STR(slice) (int)(slice).len, (slice).data

static void tell_heartbeat(struct codec_message *message, struct lines *lines)
{
	struct codec_heartbeat its;
	struct codec_sent sent;
	assert_int_equal(codec_read_heartbeat(message, &its), 0);
	tell(lines,
		"wall=%" PRIu64 " sessions=%u rooms=%u devices=%u pressure=%u flags=%u "
		"users=%016" PRIx64 " rooms=%016" PRIx64 " address=%.*s version=%.*s ws_port=%u",
		its.wall_ms, its.sessions, its.rooms, its.max_devices, its.pressure, its.flags,
		its.users_root, its.rooms_root, STR(its.address), STR(its.version), its.ws_port);
	while (codec_next_sent(&its, &sent)) {
		tell(lines, "sent node=%016" PRIx64 " number=%" PRIu64, sent.random, sent.number);
	}
}

static void tell_deltas(struct codec_message *message, struct lines *lines)
{
	struct codec_delta its;
	int found;
	while ((found = codec_next_delta(message, &its)) > 0) {
		if (its.kind == CODEC_ROOM) {
			tell(lines, "room key=%016" PRIx64 " members=%u watched=%d", its.key,
				its.members, its.is_watched);
		} else if (its.kind == CODEC_GONE) {
			tell(lines, "gone key=%016" PRIx64 " device=%08x epoch=%" PRIu64, its.key,
				its.device, its.epoch);
		} else {
			tell(lines,
				"came key=%016" PRIx64 " device=%08x epoch=%" PRIu64
				" user=%.*s device_name=%.*s",
				its.key, its.device, its.epoch, STR(its.user),
				STR(its.device_name));
		}
	}
	assert_int_equal(found, 0);
}

static void tell_batch(struct codec_message *message, struct lines *lines)
{
	struct codec_said its;
	int found;
	while ((found = codec_next_said(message, &its)) > 0) {
		const struct slice sender = codec_sender(&its);
		char hex[LINE_MAX_LEN] = "";
		assert_true(2 * its.frame.len < sizeof(hex));
		for (size_t i = 0; i < its.frame.len; i++) {
			sprintf(hex + 2 * i, "%02x", (uint8_t)its.frame.data[i]);
		}
		tell(lines, "said aim=%u device=%08x sender=%.*s room=%.*s frame=%s", its.aim,
			its.sender_device, STR(sender), STR(its.room), hex);
	}
	assert_int_equal(found, 0);
}

static void tell_say(struct codec_message *message, struct lines *lines)
{
	struct codec_say its;
	assert_int_equal(codec_read_say(message, &its), 0);
	tell(lines,
		"ask=%" PRIu64 " ms=%" PRIu64 " flags=%u device=%08x from=%.*s to=%.*s text=%.*s",
		its.ask, its.sent_ms, its.flags, its.from_device, STR(its.from), STR(its.to),
		STR(its.text));
}

static void tell_answer(struct codec_message *message, struct lines *lines)
{
	struct codec_answer its;
	assert_int_equal(codec_read_answer(message, &its), 0);
	tell(lines, "ask=%" PRIu64 " result=%u count=%u whole=%u at=%u bytes=%.*s", its.ask,
		its.result, its.count, its.piece.whole, its.piece.at, STR(its.piece.bytes));
}

static void tell_call(struct codec_message *message, struct lines *lines)
{
	struct codec_call its;
	assert_int_equal(codec_read_call(message, &its), 0);
	tell(lines, "ask=%" PRIu64 " op=%u whole=%u at=%u bytes=%.*s", its.ask, its.op,
		its.piece.whole, its.piece.at, STR(its.piece.bytes));
}

static void tell_claim(struct codec_message *message, struct lines *lines)
{
	struct codec_claim its;
	assert_int_equal(codec_read_claim(message, &its), 0);
	tell(lines, "epoch=%" PRIu64 " user=%.*s device=%.*s", its.epoch, STR(its.user),
		STR(its.device));
}

static void tell_ask(struct codec_message *message, struct lines *lines)
{
	struct codec_ask its;
	if (message->type == CODEC_DIGESTS_ASK) {
		assert_int_equal(codec_read_digests_ask(message, &its), 0);
		tell(lines, "ask=%" PRIu64 " kind=%u", its.ask, its.kind);
	} else {
		assert_int_equal(codec_read_shard_ask(message, &its), 0);
		tell(lines, "ask=%" PRIu64 " kind=%u first=%016" PRIx64, its.ask, its.kind,
			its.first);
	}
}

static void tell_digests(struct codec_message *message, struct lines *lines)
{
	struct codec_digests its;
	assert_int_equal(codec_read_digests(message, &its), 0);
	tell(lines, "ask=%" PRIu64 " kind=%u first=%u count=%u", its.ask, its.kind, its.first,
		its.count);
	for (uint16_t i = 0; i < its.count; i++) {
		tell(lines, "digest %016" PRIx64, codec_digest(&its, i));
	}
}

static void tell_shard(struct codec_message *message, struct lines *lines)
{
	struct codec_shard its;
	assert_int_equal(codec_read_shard(message, &its), 0);
	tell(lines, "ask=%" PRIu64 " kind=%u first=%016" PRIx64 " last=%016" PRIx64 " count=%u",
		its.ask, its.kind, its.first, its.last, its.count);
	for (uint16_t i = 0; i < its.count; i++) {
		const struct codec_entry entry = codec_entry(&its, i);
		tell(lines, "entry key=%016" PRIx64 " value=%" PRIu64 " device=%08x watched=%d",
			entry.key, entry.value, entry.device, entry.is_watched);
	}
}

static void tell_small(struct codec_message *message, struct lines *lines)
{
	struct codec_probe probe;
	uint8_t reason;
	if (message->type == CODEC_PROBE) {
		assert_int_equal(codec_read_probe(message, &probe), 0);
		tell(lines, "us=%" PRIu64, probe.us);
	} else if (message->type == CODEC_PROBE_ANSWER) {
		assert_int_equal(codec_read_probe_answer(message, &probe), 0);
		tell(lines, "us=%" PRIu64 " wall=%" PRIu64, probe.us, probe.wall_ms);
	} else {
		assert_int_equal(message->type, CODEC_BYE);
		assert_int_equal(codec_read_bye(message, &reason), 0);
		tell(lines, "reason=%u", reason);
	}
}

static void tell_message(struct codec_message message, struct lines *lines)
{
	static void (*const tellers[])(struct codec_message *, struct lines *) = {
		[CODEC_HEARTBEAT] = tell_heartbeat,
		[CODEC_DELTAS] = tell_deltas,
		[CODEC_BATCH] = tell_batch,
		[CODEC_SAY] = tell_say,
		[CODEC_ANSWER] = tell_answer,
		[CODEC_CALL] = tell_call,
		[CODEC_CLAIM] = tell_claim,
		[CODEC_DIGESTS_ASK] = tell_ask,
		[CODEC_DIGESTS] = tell_digests,
		[CODEC_SHARD_ASK] = tell_ask,
		[CODEC_SHARD] = tell_shard,
		[CODEC_PROBE] = tell_small,
		[CODEC_PROBE_ANSWER] = tell_small,
		[CODEC_BYE] = tell_small,
	};
	assert_true(message.type < sizeof(tellers) / sizeof(tellers[0]));
	tellers[message.type](&message, lines);
}

/* --- the rows ----------------------------------------------------------------------------------
 */

static enum codec_verdict verdict_called(const char *name)
{
	static const char *const names[] = {
		[CODEC_OK] = "OK",
		[CODEC_UNKNOWN] = "UNKNOWN",
		[CODEC_TOO_NEW] = "TOO_NEW",
		[CODEC_STALE] = "STALE",
		[CODEC_FOREIGN] = "FOREIGN",
		[CODEC_BROKEN] = "BROKEN",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			return (enum codec_verdict)i;
		}
	}
	fail_msg("%s is no verdict", name);
	return CODEC_BROKEN;
}

static void expect_lines(json_t *row, const struct codec_message *message)
{
	struct lines lines = {.count = 0};
	json_t *says = json_object_get(row, "says");
	tell_message(*message, &lines);
	assert_int_equal(lines.count, json_array_size(says));
	for (size_t i = 0; i < lines.count; i++) {
		assert_string_equal(lines.text[i], json_string_value(json_array_get(says, i)));
	}
}

/* What was read of it, written, is the same payload; of version 1 the same message. */
static void expect_again(
	struct codec_message message, const uint8_t *bytes, size_t len, const char *to)
{
	uint8_t buffer[MESSAGE_MAX];
	struct codec_writer writer;
	const struct fields payload = message.payload;
	const struct codec_to where = {
		.id = strcmp(to, "all") == 0 ? SLICE("") : reader.id,
		.random = strcmp(to, "all") == 0 ? 0 : reader.incarnation.random,
		.all_number = message.all_number,
		.number = message.number,
	};
	codec_begin(&writer, buffer, sizeof(buffer), &source, message.type);
	assert_int_equal(codec_again(&message, &writer), 0);
	assert_int_equal(writer.at - writer.payload, payload.left);
	assert_memory_equal(writer.payload, payload.at, payload.left);
	if (message.version == CODEC_VERSION) {
		assert_int_equal(codec_seal(&writer, &where), len);
		assert_memory_equal(buffer, bytes, len);
	}
}

static void expect_row(json_t *row)
{
	uint8_t bytes[MESSAGE_MAX];
	struct codec_message message;
	const size_t len = hex_read_at_most(text_of(row, "hex"), bytes, sizeof(bytes));
	const char *to = text_of(row, "to");
	uint8_t *copy = split_copy(bytes, len);
	const enum codec_verdict verdict =
		codec_open(&reader, strcmp(to, "all") == 0, copy, len, &message);

	if (verdict != verdict_called(text_of(row, "verdict"))) {
		fail_msg("%s: %d", text_of(row, "name"), verdict);
	}
	if (verdict == CODEC_OK) {
		assert_string_equal(codec_type_name(message.type), text_of(row, "type"));
		expect_lines(row, &message);
	}
	if (json_is_true(json_object_get(row, "again"))) {
		expect_again(message, bytes, len, to);
	}
	free(copy);
}

static void the_stream_is_read_and_written_again(void **state)
{
	size_t index;
	json_t *row;
	json_t *messages = json_object_get(stream, "messages");
	assert_true(json_array_size(messages) > 20);
	json_array_foreach(messages, index, row)
	{
		expect_row(row);
	}
}

static void expect_key(const char *name, const uint8_t *derived, size_t len)
{
	uint8_t recorded[CLUSTER_KEY_LEN];
	json_t *keys = json_object_get(stream, "keys");
	assert_int_equal(hex_read_at_most(text_of(keys, name), recorded, sizeof(recorded)), len);
	assert_memory_equal(derived, recorded, len);
}

static void the_keys_are_derived_as_the_page_says(void **state)
{
	expect_key("mac", key.mac, sizeof(key.mac));
	expect_key("names", key.names, sizeof(key.names));
	expect_key("digest", key.digest, sizeof(key.digest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stream_is_read_and_written_again),
		cmocka_unit_test(the_keys_are_derived_as_the_page_says),
	};
	return cmocka_run_group_tests(tests, load_stream, free_stream);
}
