#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>

#include "../../server/cluster/codec_node.h"
#include "codec_rig.h"
#include "payloads.h"

/* A PROBE to the reader; its bytes are in rig_buffer. */
static size_t write_probe(void)
{
	struct codec_writer writer;
	rig_begin(&writer, CODEC_PROBE);
	assert_int_equal(codec_put_probe(&writer, &(struct codec_probe){.us = 0x0102}), 0);
	return codec_seal(&writer, &rig_to_reader);
}

/* A BYE to all. */
static size_t write_bye(void)
{
	struct codec_writer writer;
	const struct codec_to all = codec_to_all(12);
	rig_begin(&writer, CODEC_BYE);
	assert_int_equal(codec_put_bye(&writer, CODEC_BYE_STOPS), 0);
	return codec_seal(&writer, &all);
}

/* Signs a message again that a test has changed. */
static void sign(uint8_t *message, size_t len, const char *destination)
{
	crypto_generichash_state state;
	const uint8_t destination_len = (uint8_t)strlen(destination);
	store_be32(message + 4, (uint32_t)(len - 8));
	crypto_generichash_init(&state, rig_key.mac, sizeof(rig_key.mac), CODEC_MAC_LEN);
	crypto_generichash_update(&state, &destination_len, 1);
	crypto_generichash_update(&state, (const uint8_t *)destination, destination_len);
	crypto_generichash_update(&state, message, len - CODEC_MAC_LEN);
	crypto_generichash_final(&state, message + len - CODEC_MAC_LEN, CODEC_MAC_LEN);
}

/* Opens a copy of its very size. */
static enum codec_verdict open_as(const struct codec_self *self, bool is_to_all,
	const uint8_t *data, size_t len, struct codec_message *ret_message)
{
	uint8_t *copy = split_copy(data, len);
	const enum codec_verdict verdict = codec_open(self, is_to_all, copy, len, ret_message);
	free(copy);
	return verdict;
}

static enum codec_verdict verdict_of(bool is_to_all, size_t len)
{
	struct codec_message message;
	return open_as(&rig_reader, is_to_all, rig_buffer, len, &message);
}

static void the_header_is_what_the_page_says(void **state)
{
	static const uint8_t front[] = {1, 1, CODEC_PROBE, 0, 0, 0, 0, 69, 4, 'g', 'w', '-', '1', 0,
		0, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
		0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0,
		0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 2};
	const size_t len = write_probe();
	uint8_t mac[CODEC_MAC_LEN];

	assert_int_equal(len, sizeof(front) + CODEC_MAC_LEN);
	assert_memory_equal(rig_buffer, front, sizeof(front));
	memcpy(mac, rig_buffer + sizeof(front), sizeof(mac));
	sign(rig_buffer, len, "node.gw-2");
	assert_memory_equal(mac, rig_buffer + sizeof(front), sizeof(mac));
}

static void what_was_sealed_is_opened(void **state)
{
	struct codec_message message;
	struct codec_probe probe;
	size_t len = write_probe();

	assert_int_equal(codec_open(&rig_reader, false, rig_buffer, len, &message), CODEC_OK);
	assert_int_equal(message.version, 1);
	assert_int_equal(message.least, 1);
	assert_int_equal(message.type, CODEC_PROBE);
	assert_false(message.is_to_all);
	assert_slice(message.source, "gw-1");
	assert_true(incarnation_is_same(&message.incarnation, &rig_writer.incarnation));
	assert_int_equal(message.all_number, 4);
	assert_int_equal(message.number, 7);
	assert_int_equal(codec_read_probe(&message, &probe), 0);
	assert_int_equal(probe.us, 0x0102);

	len = write_bye();
	assert_int_equal(codec_open(&rig_reader, true, rig_buffer, len, &message), CODEC_OK);
	assert_true(message.is_to_all);
	assert_int_equal(message.all_number, 12);
	assert_int_equal(message.number, 12);
}

static void a_beginning_is_no_message(void **state)
{
	const size_t whole = write_probe();
	for (size_t len = 0; len < whole; len++) {
		assert_int_equal(verdict_of(false, len), CODEC_BROKEN);
	}
	rig_buffer[whole] = 0;
	assert_int_equal(verdict_of(false, whole + 1), CODEC_BROKEN);
}

/* Cut anywhere, with a length and a MAC that fit: from a node that has lost its mind. */
static void a_signed_beginning_is_read_as_far_as_it_goes(void **state)
{
	const size_t whole = write_probe();
	const size_t header_len = whole - CODEC_MAC_LEN - 8;
	uint8_t message[RIG_MESSAGE_MAX] = {0};

	for (size_t len = 0; len < whole - CODEC_MAC_LEN; len++) {
		const enum codec_verdict expected = len < header_len ? CODEC_BROKEN : CODEC_OK;
		struct codec_message opened;
		memcpy(message, rig_buffer, len);
		if (len >= 8) {
			sign(message, len + CODEC_MAC_LEN, "node.gw-2");
		}
		assert_int_equal(open_as(&rig_reader, false, message, len + CODEC_MAC_LEN, &opened),
			expected);
	}
}

static void any_bit_that_changes_is_seen(void **state)
{
	const size_t len = write_probe();
	for (size_t bit = 0; bit < 8 * len; bit++) {
		rig_buffer[bit / 8] ^= (uint8_t)(1 << bit % 8);
		const enum codec_verdict verdict = verdict_of(false, len);
		assert_true(verdict == CODEC_FOREIGN || verdict == CODEC_BROKEN);
		rig_buffer[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(verdict_of(false, len), CODEC_OK);
}

static void another_key_is_foreign(void **state)
{
	const uint8_t secret[CLUSTER_KEY_LEN] = {1, 2, 4};
	struct cluster_key key;
	struct codec_self other = rig_reader;
	struct codec_message message;
	const size_t len = write_probe();

	cluster_key_derive(secret, &key);
	other.key = &key;
	assert_int_equal(codec_open(&other, false, rig_buffer, len, &message), CODEC_FOREIGN);
}

static void another_destination_is_foreign(void **state)
{
	struct codec_self other = rig_reader;
	struct codec_message message;
	size_t len = write_probe();

	assert_int_equal(verdict_of(true, len), CODEC_FOREIGN);
	other.id = SLICE("gw-3");
	assert_int_equal(codec_open(&other, false, rig_buffer, len, &message), CODEC_FOREIGN);
	len = write_bye();
	assert_int_equal(verdict_of(false, len), CODEC_FOREIGN);
	/* A node may be called so. */
	other.id = SLICE("all");
	assert_int_equal(codec_open(&other, false, rig_buffer, len, &message), CODEC_FOREIGN);
	assert_int_equal(codec_open(&other, true, rig_buffer, len, &message), CODEC_OK);
}

static void what_was_for_an_earlier_incarnation_is_stale(void **state)
{
	struct codec_self later = rig_reader;
	struct codec_message message;
	const size_t len = write_probe();

	later.incarnation.random++;
	assert_int_equal(codec_open(&later, false, rig_buffer, len, &message), CODEC_STALE);
	assert_slice(message.source, "gw-1");
}

static void a_type_by_the_wrong_subject_is_broken(void **state)
{
	struct codec_writer writer;
	const struct codec_to all = codec_to_all(1);
	size_t len;

	rig_begin(&writer, CODEC_PROBE);
	len = codec_seal(&writer, &all);
	assert_int_equal(verdict_of(true, len), CODEC_BROKEN);
	rig_begin(&writer, CODEC_BYE);
	len = codec_seal(&writer, &rig_to_reader);
	assert_int_equal(verdict_of(false, len), CODEC_BROKEN);
	rig_begin(&writer, CODEC_BATCH);
	len = codec_seal(&writer, &all);
	assert_int_equal(verdict_of(true, len), CODEC_OK);
	rig_begin(&writer, CODEC_BATCH);
	len = codec_seal(&writer, &rig_to_reader);
	assert_int_equal(verdict_of(false, len), CODEC_OK);
}

static void a_later_type_is_unknown(void **state)
{
	for (unsigned type = 0; type <= UINT8_MAX; type++) {
		struct codec_message message;
		const size_t len = write_bye();
		rig_buffer[2] = (uint8_t)type;
		sign(rig_buffer, len, "all");
		const enum codec_verdict verdict =
			codec_open(&rig_reader, true, rig_buffer, len, &message);
		if (!codec_type_name((uint8_t)type)) {
			assert_int_equal(verdict, CODEC_UNKNOWN);
			assert_int_equal(message.number, 12);
		}
	}
	assert_string_equal(codec_type_name(CODEC_HEARTBEAT), "HEARTBEAT");
	assert_null(codec_type_name(0));
	assert_null(codec_type_name(UINT8_MAX));
}

static void a_later_version_is_understood_or_named(void **state)
{
	static const struct {
		uint8_t version;
		uint8_t least;
		enum codec_verdict verdict;
	} rows[] = {
		{2, 1, CODEC_OK},
		{255, 1, CODEC_OK},
		{2, 2, CODEC_TOO_NEW},
		{255, 255, CODEC_TOO_NEW},
		{1, 2, CODEC_BROKEN},
		{0, 0, CODEC_BROKEN},
		{1, 0, CODEC_BROKEN},
		{255, 0, CODEC_BROKEN},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct codec_message message = {0};
		const size_t len = write_bye();
		rig_buffer[0] = rows[i].version;
		rig_buffer[1] = rows[i].least;
		sign(rig_buffer, len, "all");
		assert_int_equal(
			codec_open(&rig_reader, true, rig_buffer, len, &message), rows[i].verdict);
		if (rows[i].verdict != CODEC_BROKEN) {
			assert_int_equal(message.version, rows[i].version);
			assert_int_equal(message.least, rows[i].least);
			assert_slice(message.source, "gw-1");
		}
	}
}

/* Nothing but the front and the MAC is known of it. */
static void a_version_that_is_too_new_may_be_any_length(void **state)
{
	const size_t front_len = 8 + 5;
	for (size_t more = 0; more < 64; more++) {
		const size_t len = front_len + more + CODEC_MAC_LEN;
		struct codec_message message;
		write_bye();
		rig_buffer[0] = 2;
		rig_buffer[1] = 2;
		memset(rig_buffer + front_len, 0xff, more);
		sign(rig_buffer, len, "all");
		assert_int_equal(
			open_as(&rig_reader, true, rig_buffer, len, &message), CODEC_TOO_NEW);
		/* Nobody who has not the key can have it said. */
		rig_buffer[len - 1] ^= 1;
		assert_int_equal(
			open_as(&rig_reader, true, rig_buffer, len, &message), CODEC_FOREIGN);
	}
}

static void a_source_has_a_name_and_an_incarnation(void **state)
{
	struct codec_self writer_self = rig_writer;
	struct codec_writer writer;
	const struct codec_to all = codec_to_all(1);
	static const char *const ids[] = {"gw.1", "gw 1", "gw*", "g\xc3\xb6", "gw-1>"};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		writer_self.id = slice_of(ids[i]);
		codec_begin(&writer, rig_buffer, sizeof(rig_buffer), &writer_self, CODEC_BYE);
		assert_int_equal(verdict_of(true, codec_seal(&writer, &all)), CODEC_BROKEN);
	}
	writer_self = rig_writer;
	writer_self.incarnation.random = 0;
	codec_begin(&writer, rig_buffer, sizeof(rig_buffer), &writer_self, CODEC_BYE);
	assert_int_equal(verdict_of(true, codec_seal(&writer, &all)), CODEC_BROKEN);
}

static void ids(void **state)
{
	assert_true(codec_id_is_valid(SLICE("a")));
	assert_true(codec_id_is_valid(SLICE("gw-1_A")));
	assert_true(codec_id_is_valid(SLICE("0123456789012345678901234567890z")));
	assert_false(codec_id_is_valid(SLICE("")));
	assert_false(codec_id_is_valid(SLICE("0123456789012345678901234567890zz")));
	assert_false(codec_id_is_valid(SLICE("a.b")));
	assert_false(codec_id_is_valid(SLICE("a\0b")));
}

static void the_lowest_version_is_common(void **state)
{
	static const uint8_t versions[] = {3, 2, 1, 4};
	assert_int_equal(codec_common_version(NULL, 0), CODEC_VERSION);
	assert_int_equal(codec_common_version(versions, 2), CODEC_VERSION);
	assert_int_equal(codec_common_version(versions, 4), 1);
}

static void a_full_message_is_as_long_as_it_may_be(void **state)
{
	static const uint8_t bytes[200] = {0};
	struct codec_self self = rig_writer;
	struct codec_writer writer;
	struct codec_message message;
	const struct codec_to all = codec_to_all(1);

	self.id = SLICE("0123456789012345678901234567890z");
	codec_begin(&writer, rig_buffer, CODEC_OVERHEAD_MAX + 20, &self, CODEC_BATCH);
	assert_true(codec_is_empty(&writer));
	assert_int_equal(codec_room(&writer), 20);
	assert_int_equal(codec_put_bytes(&writer, (struct slice){(char *)bytes, 21}), -ENOSPC);
	assert_true(codec_is_empty(&writer));
	assert_int_equal(codec_put_bytes(&writer, (struct slice){(char *)bytes, 20}), 0);
	assert_int_equal(codec_put_bytes(&writer, (struct slice){(char *)bytes, 1}), -ENOSPC);
	const size_t len = codec_seal(&writer, &all);
	assert_int_equal(len, CODEC_OVERHEAD_MAX + 20);
	assert_int_equal(codec_open(&rig_reader, true, rig_buffer, len, &message), CODEC_OK);
	assert_int_equal(message.payload.left, 20);
}

static void a_payload_alone_is_put_into_a_message(void **state)
{
	uint8_t buffer[9];
	struct codec_writer alone;
	struct codec_writer writer;
	struct codec_message message;
	struct codec_probe probe;

	codec_begin_payload(&alone, buffer, sizeof(buffer));
	assert_int_equal(codec_room(&alone), sizeof(buffer));
	assert_int_equal(codec_put_probe(&alone, &(struct codec_probe){.us = 3}), 0);
	assert_int_equal(codec_room(&alone), 1);
	rig_begin(&writer, CODEC_PROBE);
	assert_int_equal(codec_put_bytes(&writer, (struct slice){(char *)alone.payload,
							  (size_t)(alone.at - alone.payload)}),
		0);
	const size_t len = codec_seal(&writer, &rig_to_reader);
	assert_int_equal(codec_open(&rig_reader, false, rig_buffer, len, &message), CODEC_OK);
	assert_int_equal(codec_read_probe(&message, &probe), 0);
	assert_int_equal(probe.us, 3);
}

/* Anything at all, with and without the MAC that it should have. */
static void noise_is_no_message(void **state)
{
	uint32_t random = 1;
	uint8_t message[128];

	for (unsigned round = 0; round < 20000; round++) {
		struct codec_message opened;
		const size_t len = split_random(&random) % sizeof(message);
		for (size_t i = 0; i < len; i++) {
			message[i] = (uint8_t)split_random(&random);
		}
		enum codec_verdict verdict = open_as(&rig_reader, true, message, len, &opened);
		assert_true(verdict == CODEC_BROKEN || verdict == CODEC_FOREIGN);
		if (len >= 8 + CODEC_MAC_LEN) {
			message[0] = 1;
			message[1] = 1;
			sign(message, len, "all");
			verdict = open_as(&rig_reader, true, message, len, &opened);
			assert_int_not_equal(verdict, CODEC_FOREIGN);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_is_what_the_page_says),
		cmocka_unit_test(what_was_sealed_is_opened),
		cmocka_unit_test(a_beginning_is_no_message),
		cmocka_unit_test(a_signed_beginning_is_read_as_far_as_it_goes),
		cmocka_unit_test(any_bit_that_changes_is_seen),
		cmocka_unit_test(another_key_is_foreign),
		cmocka_unit_test(another_destination_is_foreign),
		cmocka_unit_test(what_was_for_an_earlier_incarnation_is_stale),
		cmocka_unit_test(a_type_by_the_wrong_subject_is_broken),
		cmocka_unit_test(a_later_type_is_unknown),
		cmocka_unit_test(a_later_version_is_understood_or_named),
		cmocka_unit_test(a_version_that_is_too_new_may_be_any_length),
		cmocka_unit_test(a_source_has_a_name_and_an_incarnation),
		cmocka_unit_test(ids),
		cmocka_unit_test(the_lowest_version_is_common),
		cmocka_unit_test(a_full_message_is_as_long_as_it_may_be),
		cmocka_unit_test(a_payload_alone_is_put_into_a_message),
		cmocka_unit_test(noise_is_no_message),
	};
	return cmocka_run_group_tests(tests, rig_setup, NULL);
}
