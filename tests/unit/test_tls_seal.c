/* What a line seals, and contexts that are lent to one line after the other. */
#include "tls_line_rig.h"

#include "openssl_count.h"

static uint8_t data[TLS_PLAIN_MAX];

static void test_lengths(void **state)
{
	static const size_t lengths[] = {0, 1, 12, 15, 16, 125, 4096, TLS_PLAIN_MAX};
	for (enum tls_suite suite = 0; suite < TLS_SUITE_COUNT; suite++) {
		struct rig rig;
		rig_init(&rig, suite, TLS_PLAIN_MAX);
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			rig_expect_sent(&rig, data, lengths[i]);
		}
		rig_finish(&rig);
	}
}

/* Whatever the pieces, it is one record. */
static void test_pieces(void **state)
{
	struct rig rig;
	uint32_t random = 1;
	rig_init(&rig, TLS_SUITE_AES_256_GCM, TLS_PLAIN_MAX);
	for (int round = 0; round < 1000; round++) {
		struct iovec pieces[8];
		size_t len = 0;
		for (int i = 0; i < 8; i++) {
			const size_t most = split_random(&random) % 4 ? 20 : 2000;
			pieces[i] = (struct iovec){data + len, split_random(&random) % most};
			len += pieces[i].iov_len;
		}
		uint8_t *record = malloc(len + TLS_OVERHEAD);
		rig_check(record != NULL);
		rig_expect_sealed(&rig, record,
			tls_line_seal(rig.line, &rig.write, pieces, 8, record), 23, data, len);
		free(record);
	}
	rig_finish(&rig);
}

/* Records that were sealed ahead, of which nothing has left: their numbers are free again. */
static void test_unsealed(void **state)
{
	struct rig rig;
	rig_init(&rig, TLS_SUITE_AES_128_GCM, TLS_PLAIN_MAX);
	rig_expect_sent(&rig, data, 10);
	for (int i = 0; i < 3; i++) {
		const struct iovec piece = {data, 100};
		uint8_t record[100 + TLS_OVERHEAD];
		tls_line_seal(rig.line, &rig.write, &piece, 1, record);
	}
	tls_line_unseal(rig.line, 3);
	rig_expect_sent(&rig, data, 20);
	rig_finish(&rig);
}

/* The level is still written: a warning for a plain end, else fatal. RFC 8446 section 6. */
static void test_alerts(void **state)
{
	static const uint8_t expected[][2] = {{1, 0}, {2, 10}, {2, 20}, {2, 22}, {2, 47}, {2, 80}};
	for (enum tls_suite suite = 0; suite < TLS_SUITE_COUNT; suite++) {
		struct rig rig;
		rig_init(&rig, suite, 512);
		for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
			uint8_t record[TLS_ALERT_RECORD_LEN];
			const size_t len =
				tls_line_seal_alert(rig.line, &rig.write, expected[i][1], record);
			rig_expect_sealed(&rig, record, len, 21, expected[i], 2);
		}
		rig_finish(&rig);
	}
}

/* One context a direction for lines of all suites: each is set to what the line has by then. */
static void test_lent_contexts(void **state)
{
	struct rig rigs[TLS_SUITE_COUNT];
	struct tls_aead read = {.context = NULL};
	struct tls_aead write = {.context = NULL};
	for (enum tls_suite suite = 0; suite < TLS_SUITE_COUNT; suite++) {
		rig_init(&rigs[suite], suite, TLS_PLAIN_MAX);
		tls_aead_finish(&rigs[suite].read);
		tls_aead_finish(&rigs[suite].write);
	}
	for (int round = 0; round < 12; round++) {
		struct rig *rig = &rigs[round % 3];
		assert_int_equal(tls_line_lend_read(rig->line, &read), 0);
		assert_int_equal(tls_line_lend_write(rig->line, &write), 0);
		rig->read = read;
		rig->write = write;
		rig_expect_data(rig, "mine", 4);
		rig_expect_sent(rig, "yours", 5);
		assert_int_equal(rig_take_content(rig, 22, "\30\0\0\1\1", 5), TLS_EVENT_NOTHING);
		rig_end_update(&rig->theirs);
		rig_expect_update(rig, 0);
		rig_expect_data(rig, "mine", 4);
		rig_expect_sent(rig, "yours", 5);
		rig->read = rig->write = (struct tls_aead){.context = NULL};
	}
	for (enum tls_suite suite = 0; suite < TLS_SUITE_COUNT; suite++) {
		rig_finish(&rigs[suite]);
	}
	tls_aead_finish(&read);
	tls_aead_finish(&write);
}

/* Neither a record, nor a KeyUpdate, nor another line's key of the same suite. */
static void test_nothing_is_allocated(void **state)
{
	for (enum tls_suite suite = 0; suite < TLS_SUITE_COUNT; suite++) {
		struct rig rig;
		uint8_t records[4][64];
		size_t lens[4];
		uint8_t ours[2 * TLS_OVERHEAD + 20];
		const struct iovec piece = {data, 12};
		size_t len;
		uint8_t alert;
		rig_init(&rig, suite, TLS_PLAIN_MAX);
		lens[0] = rig_seal_content(&rig.theirs, 23, "hello", 5, records[0]);
		lens[1] = rig_seal_content(&rig.theirs, 22, "\30\0\0\1\1", 5, records[1]);
		rig_end_update(&rig.theirs);
		lens[2] = rig_seal_content(&rig.theirs, 23, "hello", 5, records[2]);
		lens[3] = rig_seal_content(&rig.theirs, 21, "\1\0", 2, records[3]);
		const size_t before = openssl_allocations;
		for (int i = 0; i < 4; i++) {
			assert_int_not_equal(tls_line_open(rig.line, &rig.read, records[i], lens[i],
						     &len, &alert),
				TLS_EVENT_BROKEN);
			tls_line_seal(rig.line, &rig.write, &piece, 1, ours);
		}
		tls_line_seal_owed(rig.line, &rig.write, ours);
		tls_line_seal_alert(rig.line, &rig.write, TLS_ALERT_CLOSE_NOTIFY, ours);
		assert_int_equal(tls_line_lend_read(rig.line, &rig.read), 0);
		assert_int_equal(tls_line_lend_write(rig.line, &rig.write), 0);
		assert_int_equal(openssl_allocations, before);
		rig_finish(&rig);
	}
	assert_int_not_equal(openssl_allocations, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_unsealed),
		cmocka_unit_test(test_alerts),
		cmocka_unit_test(test_lent_contexts),
		cmocka_unit_test(test_nothing_is_allocated),
	};
	rig_check(openssl_count_begin());
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t)(i * 7);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
