/* The gateway's packet codec and close reasons against tests/vectors.json. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../proto/close_reason.h"
#include "../../proto/packet.h"
#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"
#include "../../proto/user_name.h"
#include "../../proto/utf8.h"
#include "split.h"
#include "vectors.h"

enum {
	MESSAGE_MAX = 256, /* bytes of the longest packet among the vectors */
};

static void packets_are_read(void **state)
{
	size_t index;
	json_t *row;

	json_array_foreach(vectors_section("packets"), index, row)
	{
		const struct packet untouched = {.command = 7};
		uint8_t bytes[MESSAGE_MAX];
		uint8_t payload[MESSAGE_MAX];
		const size_t len = vectors_bytes(row, "hex", bytes);
		uint8_t *message =
			split_copy(bytes, len); /* alone, so that reading beyond it is seen */
		struct packet packet = untouched;
		const int error = packet_decode(message, len, &packet);

		if (json_is_false(json_object_get(row, "valid"))) {
			assert_int_equal(error, -EBADMSG);
			assert_memory_equal(&packet, &untouched, sizeof packet);
			assert_string_equal(vectors_text(row, "gateway"), "close 4002");
		} else {
			const size_t payload_len = vectors_bytes(row, "payload", payload);
			assert_int_equal(error, 0);
			assert_int_equal(packet.command, vectors_number(row, "command"));
			assert_int_equal(packet.payload_len, payload_len);
			assert_memory_equal(packet.payload, payload, payload_len);
		}
		free(message);
	}
}

static void packets_are_written(void **state)
{
	size_t index;
	json_t *row;

	json_array_foreach(vectors_section("packets"), index, row)
	{
		uint8_t bytes[MESSAGE_MAX];
		uint8_t payload[MESSAGE_MAX];
		uint8_t header[PACKET_HEADER_LEN];

		if (json_is_false(json_object_get(row, "valid"))) {
			continue;
		}
		const size_t len = vectors_bytes(row, "hex", bytes);
		const size_t payload_len = vectors_bytes(row, "payload", payload);
		packet_header_write(
			header, (uint16_t)vectors_number(row, "command"), (uint32_t)payload_len);
		assert_int_equal(len, sizeof header + payload_len);
		assert_memory_equal(header, bytes, sizeof header);
	}
}

static int rows_with(const char *section, const char *key, int number)
{
	size_t index;
	json_t *row;
	int rows = 0;

	json_array_foreach(vectors_section(section), index, row)
	{
		json_t *value = json_object_get(row, key);
		rows += value && json_integer_value(value) == number;
	}
	return rows;
}

static void every_packet_has_its_vectors(void **state)
{
#define PACKET(name, number, speaks, from, on, payload, meaning)                                   \
	if (rows_with("packets", "command", number) == 0) {                                        \
		fail_msg("tests/vectors.json has no packet %d", number);                           \
	}
#include "../../proto/packet.def"
}

/* --- tidegate.v1 -------------------------------------------------------------------------------
 */

static void says_number(json_t *said, const char *key, uint64_t number)
{
	json_t *value = json_object_get(said, key);
	assert_true(json_is_integer(value));
	assert_int_equal(json_integer_value(value), number);
}

static void says_string(json_t *said, const char *key, struct slice string)
{
	json_t *value = json_object_get(said, key);
	assert_true(json_is_string(value));
	assert_int_equal(json_string_length(value), string.len);
	assert_memory_equal(json_string_value(value), string.data, string.len);
}

static int read_gap(const uint8_t *payload, size_t len, json_t *said)
{
	struct gap_packet gap;
	int err = gap_packet_decode(payload, len, &gap);
	if (!err && !json_is_null(said)) {
		says_number(said, "batches", gap.batches);
	}
	return err;
}

static int read_session(const uint8_t *payload, size_t len, json_t *said)
{
	struct session_packet session;
	int err = session_packet_decode(payload, len, &session);
	if (!err && !json_is_null(said)) {
		says_number(said, "result", session.result);
		says_number(said, "seconds", session.seconds_left);
		says_string(said, "user", session.user);
		says_string(said, "device", session.device);
	}
	return err;
}

static int read_say(const uint8_t *payload, size_t len, json_t *said)
{
	struct say_packet say;
	int err = say_packet_decode(payload, len, &say);
	if (!err && !json_is_null(said)) {
		says_number(said, "id", say.id);
		says_number(said, "flags", say.flags);
		says_string(said, "audience", say.audience);
		says_string(said, "text", say.text);
	}
	return err;
}

static int read_answer(const uint8_t *payload, size_t len, json_t *said)
{
	struct answer_packet answer;
	int err = answer_packet_decode(payload, len, &answer);
	if (!err && !json_is_null(said)) {
		says_number(said, "id", answer.id);
		says_number(said, "result", answer.result);
		says_number(said, "count", answer.count);
	}
	return err;
}

static int read_message(const uint8_t *payload, size_t len, json_t *said)
{
	struct message_packet message;
	int err = message_packet_decode(payload, len, &message);
	if (!err && !json_is_null(said)) {
		says_number(said, "flags", message.flags);
		says_number(said, "ms", message.sent_ms);
		says_string(said, "from", message.from);
		says_string(said, "audience", message.audience);
		says_string(said, "text", message.text);
	}
	return err;
}

static int read_join(const uint8_t *payload, size_t len, json_t *said)
{
	struct join_packet join;
	int err = join_packet_decode(payload, len, &join);
	if (!err && !json_is_null(said)) {
		says_number(said, "id", join.id);
		says_number(said, "flags", join.flags);
		says_string(said, "room", join.room);
	}
	return err;
}

static int read_leave(const uint8_t *payload, size_t len, json_t *said)
{
	struct leave_packet leave;
	int err = leave_packet_decode(payload, len, &leave);
	if (!err && !json_is_null(said)) {
		says_number(said, "id", leave.id);
		says_string(said, "room", leave.room);
	}
	return err;
}

static int read_members(const uint8_t *payload, size_t len, json_t *said)
{
	struct members_packet members;
	int err = members_packet_decode(payload, len, &members);
	if (!err && !json_is_null(said)) {
		says_string(said, "room", members.room);
		says_number(said, "count", members.count);
		says_number(said, "change", members.change);
		says_string(said, "user", members.user);
	}
	return err;
}

static int read_list(const uint8_t *payload, size_t len, json_t *said)
{
	struct list_packet list;
	int err = list_packet_decode(payload, len, &list);
	if (!err && !json_is_null(said)) {
		says_number(said, "id", list.id);
		says_string(said, "room", list.room);
		says_string(said, "after", list.after);
	}
	return err;
}

static int read_page(const uint8_t *payload, size_t len, json_t *said)
{
	struct page_packet page;
	struct slice users[PAGE_USERS_MAX];
	int err = page_packet_decode(payload, len, &page, users);
	if (!err && !json_is_null(said)) {
		json_t *names = json_object_get(said, "users");
		says_number(said, "id", page.id);
		says_number(said, "result", page.result);
		says_number(said, "last", page.is_last);
		assert_int_equal(json_array_size(names), page.count);
		for (uint16_t i = 0; i < page.count; i++) {
			const char *name = json_string_value(json_array_get(names, i));
			assert_int_equal(strlen(name), users[i].len);
			assert_memory_equal(name, users[i].data, users[i].len);
		}
	}
	return err;
}

static void says_bytes(json_t *said, struct slice bytes)
{
	uint8_t expected[MESSAGE_MAX];
	assert_int_equal(vectors_bytes(said, "payload", expected), bytes.len);
	assert_memory_equal(expected, bytes.data, bytes.len);
}

static int read_token(const uint8_t *payload, size_t len, json_t *said)
{
	says_string(said, "token", (struct slice){(const char *)payload, len});
	return 0;
}

static int read_request(const uint8_t *payload, size_t len, json_t *said)
{
	struct request_packet request;
	int err = request_packet_decode(payload, len, &request);
	if (!err && !json_is_null(said)) {
		says_number(said, "id", request.id);
		says_bytes(said, request.bytes);
	}
	return err;
}

static int read_reply(const uint8_t *payload, size_t len, json_t *said)
{
	struct reply_packet reply;
	int err = reply_packet_decode(payload, len, &reply);
	if (!err && !json_is_null(said)) {
		says_number(said, "id", reply.id);
		says_number(said, "result", reply.result);
		says_bytes(said, reply.bytes);
	}
	return err;
}

/* Each says what its row says, or does not fit its packet. */
static void packets_of_v1_are_read(void **state)
{
	static int (*const readers[])(const uint8_t *payload, size_t len, json_t *said) = {
		[PACKET_TOKEN] = read_token,
		[PACKET_SESSION] = read_session,
		[PACKET_GAP] = read_gap,
		[PACKET_SAY] = read_say,
		[PACKET_ANSWER] = read_answer,
		[PACKET_MESSAGE] = read_message,
		[PACKET_JOIN] = read_join,
		[PACKET_LEAVE] = read_leave,
		[PACKET_MEMBERS] = read_members,
		[PACKET_LIST] = read_list,
		[PACKET_PAGE] = read_page,
		[PACKET_REQUEST] = read_request,
		[PACKET_REPLY] = read_reply,
	};
	size_t index;
	json_t *row;
	int count = 0;

	json_array_foreach(vectors_section("packets"), index, row)
	{
		uint8_t payload[MESSAGE_MAX];
		json_t *said = json_object_get(row, "v1");
		if (!said) {
			continue;
		}
		const size_t len = vectors_bytes(row, "payload", payload);
		const int err = readers[vectors_number(row, "command")](payload, len, said);
		if (err != (json_is_null(said) ? -EBADMSG : 0)) {
			fail_msg("\"%s\": %d", vectors_text(row, "name"), err);
		}
		count++;
	}
	assert_true(count > 20);
}

static void expect_code(int code)
{
	if (rows_with("close_codes", "code", code) != 1) {
		fail_msg("tests/vectors.json does not have close code %d once", code);
	}
}

/* Of a range its ends, and the codes beside them. */
static void every_close_code_has_its_vector(void **state)
{
#define CLOSE_CODE(name, code, action, fault, error, words) expect_code(code);
#define CLOSE_RANGE(first, last, action, fault, error, words)                                      \
	expect_code((first) - 1);                                                                  \
	expect_code(first);                                                                        \
	expect_code(last);                                                                         \
	expect_code((last) + 1);
#include "../../proto/close_reason.def"
}

static void texts_are_utf8(void **state)
{
	size_t index;
	json_t *row;

	json_array_foreach(vectors_section("packets"), index, row)
	{
		uint8_t payload[MESSAGE_MAX];

		if (json_is_false(json_object_get(row, "valid")) ||
			vectors_number(row, "command") != PACKET_TEXT) {
			continue;
		}
		const size_t len = vectors_bytes(row, "payload", payload);
		const char *gateway = vectors_text(row, "gateway");
		assert_string_equal(gateway, utf8_valid(payload, len) ? "text" : "close 4002");
	}
}

static enum close_reason reason_of(const char *counter)
{
	for (int reason = CLOSE_REASON_NONE; reason < CLOSE_REASON_COUNT; reason++) {
		if (strcmp(close_reason_counter(reason), counter) == 0) {
			return reason;
		}
	}
	fail_msg("no reason is counted as %s", counter);
	return CLOSE_REASON_NONE;
}

static void closes_are_those_of_the_table(void **state)
{
	bool tested[CLOSE_REASON_COUNT] = {false};
	size_t index;
	json_t *row;

	json_array_foreach(vectors_section("gateway_closes"), index, row)
	{
		const enum close_reason reason = reason_of(vectors_text(row, "counter"));
		const char *text = vectors_text(row, "text");
		const json_int_t retry_ms = json_integer_value(json_object_get(row, "retry_ms"));
		uint8_t payload[CLOSE_PAYLOAD_MAX];
		const size_t len = close_reason_payload(reason, (uint32_t)retry_ms, payload);

		assert_int_equal(len, 2 + strlen(text));
		assert_int_equal(payload[0] << 8 | payload[1], vectors_number(row, "code"));
		assert_memory_equal(payload + 2, text, strlen(text));
		tested[reason] = true;
	}
	for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++) {
		assert_int_equal(tested[reason], close_reason_code(reason) != 0);
	}
}

/* A client knows each code that the gateway sends, and heeds retry_ms exactly where it is sent. */
static void clients_know_the_codes(void **state)
{
	static const char retry[] = "retry_ms=";
	size_t index, other;
	json_t *sent, *known;

	json_array_foreach(vectors_section("gateway_closes"), index, sent)
	{
		const bool says_retry =
			strncmp(vectors_text(sent, "text"), retry, strlen(retry)) == 0;
		int rows = 0;

		json_array_foreach(vectors_section("close_codes"), other, known)
		{
			if (vectors_number(known, "code") == vectors_number(sent, "code")) {
				json_t *heeds = json_object_get(known, "retry_ms");
				assert_int_equal(json_is_true(heeds), says_retry);
				rows++;
			}
		}
		assert_int_equal(rows, 1);
	}
}

static void names_are_judged(void **state)
{
	size_t index;
	json_t *row;

	json_array_foreach(vectors_section("names"), index, row)
	{
		uint8_t bytes[MESSAGE_MAX];
		const size_t len = vectors_bytes(row, "hex", bytes);
		char *name = split_copy(bytes, len);
		if (user_name_is_valid(name, len) != json_is_true(json_object_get(row, "valid"))) {
			fail_msg("%s", vectors_text(row, "name"));
		}
		free(name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_read),
		cmocka_unit_test(packets_are_written),
		cmocka_unit_test(every_packet_has_its_vectors),
		cmocka_unit_test(packets_of_v1_are_read),
		cmocka_unit_test(names_are_judged),
		cmocka_unit_test(every_close_code_has_its_vector),
		cmocka_unit_test(texts_are_utf8),
		cmocka_unit_test(closes_are_those_of_the_table),
		cmocka_unit_test(clients_know_the_codes),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_unload);
}
