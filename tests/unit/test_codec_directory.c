#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../proto/user_name.h"
#include "../../server/cluster/codec_directory.h"
#include "codec_rig.h"
#include "payloads.h"

/* What `writer` holds; freed by the caller. */
static struct codec_message held(const struct codec_writer *writer)
{
	return rig_payload(writer->payload, (size_t)(writer->at - writer->payload));
}

static void release(uint8_t *payload)
{
	free(payload);
}

/* --- DELTAS ---------------------------------------------------------------------------------- */

static const struct codec_delta came = {
	.kind = CODEC_CAME,
	.key = 0x0102030405060708,
	.device = 9,
	.epoch = UINT64_MAX,
	.user = {"bob", 3},
	.device_name = {"phone", 5},
};

static const struct codec_delta gone = {
	.kind = CODEC_GONE,
	.key = 1,
	.device = 2,
	.epoch = 3,
};

static const struct codec_delta crowd = {
	.kind = CODEC_ROOM,
	.key = 4,
	.members = 5,
	.is_watched = true,
};

static void deltas_both_ways(void **state)
{
	struct codec_writer writer;
	struct codec_delta read;

	rig_begin(&writer, CODEC_DELTAS);
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_delta(&writer, &came));
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_delta(&writer, &gone));
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_delta(&writer, &crowd));

	struct codec_message message = held(&writer);
	uint8_t *memory = (uint8_t *)(uintptr_t)message.payload.at;
	assert_int_equal(codec_next_delta(&message, &read), 1);
	assert_int_equal(read.kind, CODEC_CAME);
	assert_int_equal(read.key, came.key);
	assert_int_equal(read.device, 9);
	assert_int_equal(read.epoch, UINT64_MAX);
	assert_slice(read.user, "bob");
	assert_slice(read.device_name, "phone");
	assert_int_equal(codec_next_delta(&message, &read), 1);
	assert_int_equal(read.kind, CODEC_GONE);
	assert_int_equal(read.key, 1);
	assert_int_equal(read.device, 2);
	assert_int_equal(read.epoch, 3);
	assert_int_equal(codec_next_delta(&message, &read), 1);
	assert_int_equal(read.kind, CODEC_ROOM);
	assert_int_equal(read.key, 4);
	assert_int_equal(read.members, 5);
	assert_true(read.is_watched);
	assert_int_equal(codec_next_delta(&message, &read), 0);
	assert_int_equal(codec_next_delta(&message, &read), 0);
	release(memory);
}

/* Takes all deltas of a payload. Returns how many, or -EBADMSG. */
static int take_all(const uint8_t *payload, size_t len)
{
	struct codec_message message = rig_payload(payload, len);
	uint8_t *memory = (uint8_t *)(uintptr_t)message.payload.at;
	struct codec_delta read;
	int count = 0;
	int found;
	while ((found = codec_next_delta(&message, &read)) > 0) {
		count++;
	}
	release(memory);
	return found < 0 ? found : count;
}

static void deltas_that_are_cut_are_taken_up_to_there(void **state)
{
	struct codec_writer writer;
	const struct codec_delta *const all[] = {&came, &gone, &crowd};
	size_t ends[4] = {0};

	rig_begin(&writer, CODEC_DELTAS);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(codec_put_delta(&writer, all[i]), 0);
		ends[i + 1] = (size_t)(writer.at - writer.payload);
	}
	for (size_t len = 0; len <= ends[3]; len++) {
		int whole = 0;
		while (whole < 3 && ends[whole + 1] <= len) {
			whole++;
		}
		assert_int_equal(
			take_all(writer.payload, len), len == ends[whole] ? whole : -EBADMSG);
	}
}

/* An entry that says it is shorter than its kind. */
static void a_delta_does_not_reach_into_the_next_one(void **state)
{
	struct codec_writer writer;

	rig_begin(&writer, CODEC_DELTAS);
	assert_int_equal(codec_put_delta(&writer, &gone), 0);
	assert_int_equal(codec_put_delta(&writer, &gone), 0);
	for (uint16_t len = 0; len < 21; len++) {
		store_be16(writer.payload, len);
		assert_int_equal(
			take_all(writer.payload, (size_t)(writer.at - writer.payload)), -EBADMSG);
	}
	/* Or longer than what there is. */
	for (unsigned len = 45; len <= UINT16_MAX; len += 997) {
		store_be16(writer.payload, (uint16_t)len);
		assert_int_equal(
			take_all(writer.payload, (size_t)(writer.at - writer.payload)), -EBADMSG);
	}
}

static void names_that_nobody_may_have_are_refused(void **state)
{
	static char longer[USER_NAME_MAX + 1];
	struct codec_writer writer;
	memset(longer, 'x', sizeof(longer));
	const struct slice users[] = {SLICE(""), SLICE(" bob"), SLICE("b\nob"), SLICE("\xff"),
		SLICE("a -- FROM b"), {longer, sizeof(longer)}};
	const struct slice devices[] = {SLICE(" "), SLICE("\xc3"), {longer, DEVICE_NAME_MAX + 1}};
	struct codec_delta delta = came;

	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		delta.user = users[i];
		rig_begin(&writer, CODEC_DELTAS);
		assert_int_equal(codec_put_delta(&writer, &delta), 0);
		assert_int_equal(
			take_all(writer.payload, (size_t)(writer.at - writer.payload)), -EBADMSG);
	}
	delta.user = (struct slice){longer, USER_NAME_MAX};
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		delta.device_name = devices[i];
		rig_begin(&writer, CODEC_DELTAS);
		assert_int_equal(codec_put_delta(&writer, &delta), 0);
		assert_int_equal(
			take_all(writer.payload, (size_t)(writer.at - writer.payload)), -EBADMSG);
	}
	delta.device_name = (struct slice){longer, DEVICE_NAME_MAX};
	rig_begin(&writer, CODEC_DELTAS);
	assert_int_equal(codec_put_delta(&writer, &delta), 0);
	assert_int_equal(take_all(writer.payload, (size_t)(writer.at - writer.payload)), 1);
}

/* --- CLAIM ----------------------------------------------------------------------------------- */

static void a_claim_both_ways(void **state)
{
	const struct codec_claim claim = {
		.epoch = 7, .user = SLICE("bob"), .device = SLICE("phone")};
	struct codec_claim read;
	struct codec_writer writer;

	rig_begin(&writer, CODEC_CLAIM);
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_claim(&writer, &claim));
	ASSERT_READS_WHOLE_ONLY(codec_read_claim, &writer, &read);

	const struct codec_message message = held(&writer);
	assert_int_equal(codec_read_claim(&message, &read), 0);
	assert_int_equal(read.epoch, 7);
	assert_slice(read.user, "bob");
	assert_slice(read.device, "phone");
	release((uint8_t *)(uintptr_t)message.payload.at);
}

static void a_claim_of_nobody_is_refused(void **state)
{
	struct codec_claim claim = {.user = SLICE(""), .device = SLICE("")};
	struct codec_claim read = {.epoch = 5};
	struct codec_writer writer;

	rig_begin(&writer, CODEC_CLAIM);
	assert_int_equal(codec_put_claim(&writer, &claim), 0);
	struct codec_message message = held(&writer);
	assert_int_equal(codec_read_claim(&message, &read), -EBADMSG);
	assert_int_equal(read.epoch, 5);
	release((uint8_t *)(uintptr_t)message.payload.at);
}

/* --- DIGESTS_ASK, SHARD_ASK, DIGESTS -----------------------------------------------------------
 */

static void asks_both_ways(void **state)
{
	const struct codec_ask ask = {.ask = 8, .kind = CODEC_ROOMS, .first = 0x0201};
	struct codec_ask read;
	struct codec_writer writer;

	rig_begin(&writer, CODEC_DIGESTS_ASK);
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_digests_ask(&writer, &ask));
	ASSERT_READS_WHOLE_ONLY(codec_read_digests_ask, &writer, &read);
	assert_int_equal(read.ask, 8);
	assert_int_equal(read.kind, CODEC_ROOMS);

	rig_begin(&writer, CODEC_SHARD_ASK);
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_shard_ask(&writer, &ask));
	ASSERT_READS_WHOLE_ONLY(codec_read_shard_ask, &writer, &read);
	assert_int_equal(read.ask, 8);
	assert_int_equal(read.kind, CODEC_ROOMS);
	assert_int_equal(read.first, 0x0201);
}

/* Kinds that are not known are asked by a later version that should have known. */
static void an_ask_of_another_kind_is_refused(void **state)
{
	for (unsigned kind = 0; kind <= UINT8_MAX; kind++) {
		const struct codec_ask ask = {.kind = (uint8_t)kind};
		const int expected = kind == CODEC_USERS || kind == CODEC_ROOMS ? 0 : -EBADMSG;
		struct codec_ask read;
		struct codec_writer writer;

		rig_begin(&writer, CODEC_DIGESTS_ASK);
		assert_int_equal(codec_put_digests_ask(&writer, &ask), 0);
		struct codec_message message = held(&writer);
		assert_int_equal(codec_read_digests_ask(&message, &read), expected);
		release((uint8_t *)(uintptr_t)message.payload.at);
		rig_begin(&writer, CODEC_SHARD_ASK);
		assert_int_equal(codec_put_shard_ask(&writer, &ask), 0);
		message = held(&writer);
		assert_int_equal(codec_read_shard_ask(&message, &read), expected);
		release((uint8_t *)(uintptr_t)message.payload.at);
	}
}

/* In as many pages as it takes, at each size of a message. */
static void digests_in_pages(void **state)
{
	uint64_t digests[CODEC_SHARDS];
	for (unsigned i = 0; i < CODEC_SHARDS; i++) {
		digests[i] = UINT64_MAX - i;
	}
	for (size_t room = 20; room < 12 + 8 * CODEC_SHARDS + 20; room += 7) {
		unsigned next = 0;
		while (next < CODEC_SHARDS) {
			struct codec_writer writer;
			struct codec_digests read;
			uint16_t count;
			rig_begin(&writer, CODEC_DIGESTS);
			writer.end = writer.at + room;
			assert_int_equal(codec_put_digests(&writer, 9, CODEC_USERS, (uint8_t)next,
						 digests, &count),
				0);
			const struct codec_message message = held(&writer);
			assert_int_equal(codec_read_digests(&message, &read), 0);
			assert_int_equal(read.ask, 9);
			assert_int_equal(read.kind, CODEC_USERS);
			assert_int_equal(read.first, next);
			assert_int_equal(read.count, count);
			for (uint16_t i = 0; i < count; i++) {
				assert_true(codec_digest(&read, i) == digests[next + i]);
			}
			release((uint8_t *)(uintptr_t)message.payload.at);
			next += count;
		}
		assert_int_equal(next, CODEC_SHARDS);
	}
}

static void digests_that_are_cut_or_too_many_are_refused(void **state)
{
	static const uint64_t digests[CODEC_SHARDS];
	struct codec_writer writer;
	struct codec_digests read;
	uint16_t count;

	rig_begin(&writer, CODEC_DIGESTS);
	writer.end = writer.at + 19;
	assert_int_equal(codec_put_digests(&writer, 9, CODEC_USERS, 0, digests, &count), -ENOSPC);
	rig_begin(&writer, CODEC_DIGESTS);
	assert_int_equal(codec_put_digests(&writer, 9, CODEC_USERS, 250, digests, &count), 0);
	ASSERT_READS_WHOLE_ONLY(codec_read_digests, &writer, &read);
	for (uint16_t wrong = 7; wrong >= 7; wrong = (uint16_t)(wrong + 4001)) {
		struct codec_message message;
		store_be16(writer.payload + 10, wrong);
		message = rig_payload(writer.payload, RIG_MESSAGE_MAX / 2);
		assert_int_equal(codec_read_digests(&message, &read), -EBADMSG);
		release((uint8_t *)(uintptr_t)message.payload.at);
	}
	store_be16(writer.payload + 10, 0);
	struct codec_message message = held(&writer);
	assert_int_equal(codec_read_digests(&message, &read), -EBADMSG);
	release((uint8_t *)(uintptr_t)message.payload.at);
}

/* --- SHARD ----------------------------------------------------------------------------------- */

static const struct codec_shard page = {
	.ask = 10,
	.kind = CODEC_USERS,
	.first = 0x0200000000000000,
	.last = 0x02ffffffffffffff,
};

static const struct codec_entry entry = {
	.key = 0x0200000000000001,
	.value = UINT64_MAX,
	.device = 11,
	.is_watched = true,
};

static void a_shard_both_ways(void **state)
{
	struct codec_writer writer;
	struct codec_shard read;

	rig_begin(&writer, CODEC_SHARD);
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_shard(&writer, &page));
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_entry(&writer, &entry));
	assert_int_equal(codec_put_entry(&writer, &(struct codec_entry){.key = 5}), 0);
	codec_set_last(&writer, 0x0200000000000009);
	ASSERT_READS_WHOLE_ONLY(codec_read_shard, &writer, &read);

	const struct codec_message message = held(&writer);
	assert_int_equal(codec_read_shard(&message, &read), 0);
	assert_int_equal(read.ask, 10);
	assert_int_equal(read.kind, CODEC_USERS);
	assert_true(read.first == page.first);
	assert_true(read.last == 0x0200000000000009);
	assert_int_equal(read.count, 2);
	struct codec_entry got = codec_entry(&read, 0);
	assert_true(got.key == entry.key);
	assert_true(got.value == UINT64_MAX);
	assert_int_equal(got.device, 11);
	assert_true(got.is_watched);
	got = codec_entry(&read, 1);
	assert_int_equal(got.key, 5);
	assert_false(got.is_watched);
	release((uint8_t *)(uintptr_t)message.payload.at);
}

static void as_many_entries_fit_as_was_said(void **state)
{
	for (size_t room = 0; room < 300; room++) {
		struct codec_writer writer;
		uint32_t count = 0;
		rig_begin(&writer, CODEC_SHARD);
		writer.end = writer.at + room;
		const uint32_t said = codec_entries_that_fit(&writer);
		if (codec_put_shard(&writer, &page) == 0) {
			while (codec_put_entry(&writer, &entry) == 0) {
				count++;
			}
		}
		assert_int_equal(count, said);
	}
}

static void a_range_lies_in_one_shard(void **state)
{
	static const struct {
		uint64_t first;
		uint64_t last;
		int err;
	} rows[] = {
		{0, 0, 0},
		{0, UINT64_MAX >> 8, 0},
		{0, (UINT64_MAX >> 8) + 1, -EBADMSG},
		{0, UINT64_MAX, -EBADMSG},
		{1, 0, -EBADMSG},
		{UINT64_MAX, UINT64_MAX, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct codec_shard its = page;
		struct codec_shard read;
		struct codec_writer writer;
		its.first = rows[i].first;
		its.last = rows[i].last;
		rig_begin(&writer, CODEC_SHARD);
		assert_int_equal(codec_put_shard(&writer, &its), 0);
		const struct codec_message message = held(&writer);
		assert_int_equal(codec_read_shard(&message, &read), rows[i].err);
		release((uint8_t *)(uintptr_t)message.payload.at);
	}
}

static void entries_are_as_long_as_what_is_known_at_least(void **state)
{
	struct codec_writer writer;
	struct codec_shard read;

	rig_begin(&writer, CODEC_SHARD);
	assert_int_equal(codec_put_shard(&writer, &page), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(codec_put_entry(&writer, &entry), 0);
	}
	for (unsigned len = 0; len <= UINT8_MAX; len++) {
		writer.payload[27] = (uint8_t)len;
		const struct codec_message message = held(&writer);
		assert_int_equal(
			codec_read_shard(&message, &read), len == CODEC_ENTRY_LEN ? 0 : -EBADMSG);
		release((uint8_t *)(uintptr_t)message.payload.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deltas_both_ways),
		cmocka_unit_test(deltas_that_are_cut_are_taken_up_to_there),
		cmocka_unit_test(a_delta_does_not_reach_into_the_next_one),
		cmocka_unit_test(names_that_nobody_may_have_are_refused),
		cmocka_unit_test(a_claim_both_ways),
		cmocka_unit_test(a_claim_of_nobody_is_refused),
		cmocka_unit_test(asks_both_ways),
		cmocka_unit_test(an_ask_of_another_kind_is_refused),
		cmocka_unit_test(digests_in_pages),
		cmocka_unit_test(digests_that_are_cut_or_too_many_are_refused),
		cmocka_unit_test(a_shard_both_ways),
		cmocka_unit_test(as_many_entries_fit_as_was_said),
		cmocka_unit_test(a_range_lies_in_one_shard),
		cmocka_unit_test(entries_are_as_long_as_what_is_known_at_least),
	};
	return cmocka_run_group_tests(tests, rig_setup, NULL);
}
