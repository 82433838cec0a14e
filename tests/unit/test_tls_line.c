/* What records of an established line mean, and which alert each that breaks the rules gets. */
#include "tls_line_rig.h"

#include <openssl/err.h>

static char text[TLS_PLAIN_MAX + 240]; /* whatever it says; more than a record may hold */

/* --- suites ------------------------------------------------------------------------------------
 */

static void test_suites(void **state)
{
	static const uint16_t ids[] = {0x1301, 0x1302, 0x1303}; /* RFC 8446 appendix B.4 */
	enum tls_suite suite;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_true(tls_suite_from_id(ids[i], &suite));
		assert_int_equal(suite, i);
		assert_int_equal(tls_suite_facts(suite)->id, ids[i]);
		assert_int_equal(tls_suite_facts(suite)->key_len, rig_suites[i].key_len);
		assert_int_equal(tls_suite_facts(suite)->secret_len, rig_suites[i].secret_len);
	}
	assert_false(tls_suite_from_id(0x1300, &suite));
	assert_false(tls_suite_from_id(0x1304, &suite)); /* AES-128-CCM */
	assert_string_equal(tls_suite_facts(TLS_SUITE_AES_256_GCM)->name, "TLS_AES_256_GCM_SHA384");
}

/* All that a line keeps fits into the slot that is taken for it. */
static void test_sizes(void **state)
{
	for (enum tls_suite suite = 0; suite < TLS_SUITE_COUNT; suite++) {
		const struct tls_suite_facts *facts = tls_suite_facts(suite);
		assert_true(
			sizeof(struct tls_line) + 2u * facts->key_len + 2u * facts->secret_len <=
			tls_line_size(suite));
	}
	assert_int_equal(tls_line_size(TLS_SUITE_AES_128_GCM), 152);
	assert_int_equal(tls_line_size(TLS_SUITE_AES_256_GCM), 216);
	assert_int_equal(tls_line_size(TLS_SUITE_CHACHA20_POLY1305), 216);
}

/* --- headers -----------------------------------------------------------------------------------
 */

static void test_lengths(void **state)
{
	for (uint32_t len = 0; len <= UINT16_MAX; len++) {
		const uint8_t header[] = {23, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
		const int expected = len < 16      ? -20 /* bad_record_mac */
				     : len > 16640 ? -22 /* record_overflow: 2^14 + 256 */
						   : (int)len + 5;
		assert_int_equal(tls_record_len(header), expected);
	}
}

/* After a handshake nothing comes unsealed, a change_cipher_spec no more than an alert. */
static void test_kinds_outside(void **state)
{
	for (int kind = 0; kind <= UINT8_MAX; kind++) {
		const uint8_t header[] = {(uint8_t)kind, 3, 3, 0, 19};
		assert_int_equal(tls_record_len(header), kind == 23 ? 24 : -10);
	}
}

/* --- data --------------------------------------------------------------------------------------
 */

static void open_lengths(struct rig *rig)
{
	static const size_t lengths[] = {1, 2, 12, 15, 16, 17, 255, 1024, 16383, 16384};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		rig_expect_data(rig, text, lengths[i]);
	}
	rig_expect_data(rig, "", 0);
}

static void test_lengths_are_opened(void **state)
{
	rig_with_each(open_lengths);
}

/* Padding is whatever zeros fit behind the kind; data may end with zeros itself. */
static void open_padded(struct rig *rig)
{
	static const size_t paddings[] = {0, 1, 7, 255, 4000, TLS_PLAIN_MAX - 4};
	uint8_t inner[TLS_PLAIN_MAX + 1] = {'a', 'b', 0, 0, 23};
	for (size_t i = 0; i < sizeof(paddings) / sizeof(paddings[0]); i++) {
		assert_int_equal(rig_take_inner(rig, inner, 5 + paddings[i]), TLS_EVENT_DATA);
		assert_int_equal(rig->len, 4);
		assert_memory_equal(rig->opened + TLS_HEADER_LEN, "ab\0", 4);
	}
}

static void test_padding_is_stripped(void **state)
{
	rig_with_each(open_padded);
}

/* It is part of what the tag is over, but says nothing. */
static void open_versions(struct rig *rig)
{
	static const uint16_t versions[] = {0, 0x0301, 0x0304, 0xffff};
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		rig->theirs.version = versions[i];
		rig_expect_data(rig, "hello", 5);
	}
}

static void test_version_says_nothing(void **state)
{
	rig_with_each(open_versions);
}

/* --- what was not sealed like this -------------------------------------------------------------
 */

/* Each bit of it counts, but for those of kind and length, which tell another record. */
static void open_altered(struct rig *rig)
{
	const size_t len = rig_seal_content(&rig->theirs, 23, "hello", 5, rig->record);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		const size_t at = bit / 8;
		if (at == 0 || at == 3 || at == 4) {
			continue;
		}
		rig->record[at] ^= (uint8_t)(1 << bit % 8);
		assert_broken(rig, rig_take(rig, rig->record, len), TLS_ALERT_BAD_RECORD_MAC);
		assert_int_equal(rig->len, 0);
		rig->record[at] ^= (uint8_t)(1 << bit % 8);
	}
	/* No number was used up; and the thread's next handshake finds no error of ours. */
	assert_int_equal(rig_take(rig, rig->record, len), TLS_EVENT_DATA);
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_each_bit_counts(void **state)
{
	rig_with_each(open_altered);
}

static void open_out_of_order(struct rig *rig)
{
	const size_t len = rig_seal_content(&rig->theirs, 23, "hello", 5, rig->record);
	assert_int_equal(rig_take(rig, rig->record, len), TLS_EVENT_DATA);
	assert_broken(rig, rig_take(rig, rig->record, len), TLS_ALERT_BAD_RECORD_MAC);
	rig->theirs.seq++; /* one is left out */
	assert_broken(rig, rig_take_content(rig, 23, "hello", 5), TLS_ALERT_BAD_RECORD_MAC);
}

static void test_order_counts(void **state)
{
	rig_with_each(open_out_of_order);
}

/* A tag alone, too, is bad until it is found to be of nothing at all. */
static void open_tag_alone(struct rig *rig)
{
	const uint8_t record[TLS_HEADER_LEN + TLS_TAG_LEN] = {23, 3, 3, 0, TLS_TAG_LEN};
	assert_broken(rig, rig_take(rig, record, sizeof(record)), TLS_ALERT_BAD_RECORD_MAC);
	assert_broken(rig, rig_take_inner(rig, "", 0), TLS_ALERT_UNEXPECTED_MESSAGE);
}

static void test_tag_alone(void **state)
{
	rig_with_each(open_tag_alone);
}

/* --- what breaks the rules ---------------------------------------------------------------------
 */

/* Content, and what is due. RFC 8446 sections 5.1, 5.4, 6 and 4.6.3. */
static const struct {
	uint8_t kind;
	const char *content;
	size_t len;
	enum tls_alert alert;
} faults[] = {
	{20, "\1", 1, TLS_ALERT_UNEXPECTED_MESSAGE},     /* change_cipher_spec */
	{24, "\1\0\0", 3, TLS_ALERT_UNEXPECTED_MESSAGE}, /* heartbeat */
	{1, "hello", 5, TLS_ALERT_UNEXPECTED_MESSAGE},   /* no kind at all */
	{255, "", 0, TLS_ALERT_UNEXPECTED_MESSAGE},
	{0, "", 0, TLS_ALERT_UNEXPECTED_MESSAGE}, /* zeros only */
	{0, "\0\0\0\0", 4, TLS_ALERT_UNEXPECTED_MESSAGE},
	{21, "", 0, TLS_ALERT_UNEXPECTED_MESSAGE},
	{21, "\2", 1, TLS_ALERT_DECODE_ERROR},
	{21, "\1\0\1", 3, TLS_ALERT_DECODE_ERROR},
	{21, "\1\0\1\0", 4, TLS_ALERT_DECODE_ERROR}, /* two */
	{22, "", 0, TLS_ALERT_UNEXPECTED_MESSAGE},
	{22, "\1\0\0\0", 4, TLS_ALERT_UNEXPECTED_MESSAGE},   /* client_hello: renegotiation */
	{22, "\4\0\0\0", 4, TLS_ALERT_UNEXPECTED_MESSAGE},   /* new_session_ticket */
	{22, "\13\0\0\0", 4, TLS_ALERT_UNEXPECTED_MESSAGE},  /* certificate */
	{22, "\24\0\0\40", 4, TLS_ALERT_UNEXPECTED_MESSAGE}, /* finished */
	{22, "\30\1\0\1\0", 5, TLS_ALERT_DECODE_ERROR},
	{22, "\30\0\0\0", 4, TLS_ALERT_DECODE_ERROR},
	{22, "\30\0\0\2\0\0", 6, TLS_ALERT_DECODE_ERROR},
	{22, "\30\0\0\1\2", 5, TLS_ALERT_ILLEGAL_PARAMETER},
	{22, "\30\0\0\1\377", 5, TLS_ALERT_ILLEGAL_PARAMETER},
	{22, "\30\0\0\1\0\0", 6, TLS_ALERT_UNEXPECTED_MESSAGE}, /* behind it */
	{22, "\30\0\0\1\0\30\0\0\1\0", 10, TLS_ALERT_UNEXPECTED_MESSAGE},
};

static void open_faults(struct rig *rig)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const enum tls_event event =
			rig_take_content(rig, faults[i].kind, faults[i].content, faults[i].len);
		assert_broken(rig, event, faults[i].alert);
		rig->line->update_len = 0; /* a line would end here; this one goes on */
	}
}

static void test_faults(void **state)
{
	rig_with_each(open_faults);
}

/* More than 2^14 bytes of content, or so much padding that it is more than that. */
static void open_long(struct rig *rig)
{
	uint8_t inner[TLS_PLAIN_MAX + 2] = {'a', 23};
	assert_broken(
		rig, rig_take_content(rig, 23, text, TLS_PLAIN_MAX + 1), TLS_ALERT_RECORD_OVERFLOW);
	assert_broken(rig, rig_take_inner(rig, inner, sizeof(inner)), TLS_ALERT_RECORD_OVERFLOW);
	assert_broken(rig, rig_take_content(rig, 23, text, sizeof(text)),
		TLS_ALERT_RECORD_OVERFLOW); /* for its header alone */
}

static void test_long_records(void **state)
{
	rig_with_each(open_long);
}

/* What was negotiated holds for content; padding may be longer. RFC 6066 section 4. */
static void test_short_fragments(void **state)
{
	struct rig rig;
	uint8_t inner[2000] = {'a', 23};
	rig_init(&rig, TLS_SUITE_AES_128_GCM, 512);
	rig_expect_data(&rig, text, 512);
	assert_int_equal(rig_take_inner(&rig, inner, sizeof(inner)), TLS_EVENT_DATA);
	assert_int_equal(rig.len, 1);
	assert_broken(&rig, rig_take_content(&rig, 23, text, 513), TLS_ALERT_RECORD_OVERFLOW);
	rig_finish(&rig);
}

/* --- alerts ------------------------------------------------------------------------------------
 */

/* Its number tells which it is, whatever level it claims; those that nobody knows are fatal. */
static void open_alerts(struct rig *rig)
{
	for (int level = 0; level < 4; level++) {
		for (int number = 0; number <= UINT8_MAX; number++) {
			const uint8_t alert[] = {(uint8_t)level, (uint8_t)number};
			const enum tls_event event =
				rig_take_content(rig, 21, alert, sizeof(alert));
			if (number == 0) {
				assert_int_equal(event, TLS_EVENT_CLOSE_NOTIFY);
			} else if (number == 90) { /* user_canceled */
				assert_int_equal(event, TLS_EVENT_NOTHING);
			} else {
				assert_int_equal(event, TLS_EVENT_FATAL_ALERT);
				assert_int_equal(rig->alert, number);
			}
			assert_int_equal(rig->len, 0);
		}
	}
}

static void test_alerts(void **state)
{
	rig_with_each(open_alerts);
}

/* --- floods ------------------------------------------------------------------------------------
 */

/* Of what says nothing 32 records in a row are taken; data begins a new row. */
static void test_floods(void **state)
{
	static const struct {
		uint8_t kind;
		const char *content;
		size_t len;
		enum tls_event event;
	} quiet[] = {
		{23, "", 0, TLS_EVENT_DATA},
		{21, "\1\132", 2, TLS_EVENT_NOTHING}, /* user_canceled */
		{22, "\30\0\0\1\0", 5, TLS_EVENT_NOTHING},
	};
	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
		struct rig rig;
		rig_init(&rig, TLS_SUITE_CHACHA20_POLY1305, TLS_PLAIN_MAX);
		for (int n = 0; n < 64; n++) {
			if (n == 32) {
				rig_expect_data(&rig, "a", 1);
			}
			assert_int_equal(rig_take_content(&rig, quiet[i].kind, quiet[i].content,
						 quiet[i].len),
				quiet[i].event);
			assert_int_equal(rig.len, 0);
			if (quiet[i].kind == 22) {
				rig_end_update(&rig.theirs);
			}
		}
		assert_broken(&rig,
			rig_take_content(&rig, quiet[i].kind, quiet[i].content, quiet[i].len),
			TLS_ALERT_UNEXPECTED_MESSAGE);
		rig_finish(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_kinds_outside),
		cmocka_unit_test(test_lengths_are_opened),
		cmocka_unit_test(test_padding_is_stripped),
		cmocka_unit_test(test_version_says_nothing),
		cmocka_unit_test(test_each_bit_counts),
		cmocka_unit_test(test_order_counts),
		cmocka_unit_test(test_tag_alone),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_long_records),
		cmocka_unit_test(test_short_fragments),
		cmocka_unit_test(test_alerts),
		cmocka_unit_test(test_floods),
	};
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = (char)('a' + i % 26);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
