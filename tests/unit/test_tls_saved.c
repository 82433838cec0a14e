/* A line that goes on elsewhere from the very record that it has come to. */
#include "tls_line_rig.h"

#include "../../proto/tls_saved.h"

static const uint8_t request[] = {24, 0, 0, 1, 1};

/* --- going on ----------------------------------------------------------------------------------
 */

/* Into other memory, of its very size, with contexts of its own. */
static void move(struct rig *rig)
{
	uint8_t saved[TLS_SAVED_MAX];
	enum tls_suite suite;
	const size_t len = tls_saved_write(rig->line, saved);
	uint8_t *copy = split_copy(saved, len);
	free(rig->line);
	tls_aead_finish(&rig->read);
	tls_aead_finish(&rig->write);
	assert_true(tls_saved_check(copy, len, &suite));
	rig->line = malloc(tls_line_size(suite));
	rig_check(rig->line != NULL);
	tls_saved_read(copy, rig->line);
	free(copy);
	assert_int_equal(tls_line_lend_read(rig->line, &rig->read), 0);
	assert_int_equal(tls_line_lend_write(rig->line, &rig->write), 0);
}

/* Bytes that are as they were before. */
static void expect_same(struct rig *rig)
{
	const size_t size = tls_line_size((enum tls_suite)rig->line->suite);
	const struct tls_suite_facts *facts = tls_suite_facts((enum tls_suite)rig->line->suite);
	const size_t used = sizeof(*rig->line) + 2u * facts->key_len + 2u * facts->secret_len;
	uint8_t *before = split_copy((const uint8_t *)rig->line, used);
	assert_true(used <= size);
	move(rig);
	assert_memory_equal(rig->line, before, used);
	free(before);
}

static void talk_on(struct rig *rig)
{
	expect_same(rig);
	for (int i = 0; i < 300; i++) {
		rig_expect_data(rig, "up", 2);
		rig_expect_sent(rig, "down", 4);
		if (i % 10 == 0) {
			expect_same(rig);
		}
	}
}

static void test_it_talks_on(void **state)
{
	rig_with_each(talk_on);
}

/* With a part of a KeyUpdate in, and with one that is owed. */
static void update_on(struct rig *rig)
{
	for (size_t piece = 1; piece < sizeof(request); piece++) {
		rig_expect_data(rig, "before", 6);
		assert_int_equal(rig_take_content(rig, 22, request, piece), TLS_EVENT_NOTHING);
		expect_same(rig);
		assert_int_equal(
			rig_take_content(rig, 22, request + piece, sizeof(request) - piece),
			TLS_EVENT_NOTHING);
		rig_end_update(&rig->theirs);
		expect_same(rig);
		rig_expect_data(rig, "after", 5);
		rig_expect_update(rig, 0);
		expect_same(rig);
		rig_expect_sent(rig, "likewise", 8);
	}
}

static void test_key_updates_go_on(void **state)
{
	rig_with_each(update_on);
}

/* Both numbers are as far as they come under one key. */
static void last_records(struct rig *rig)
{
	rig->line->read_seq = rig->theirs.seq = TLS_LINE_RECORDS_A_KEY - 1;
	rig->line->write_seq = rig->ours.seq = TLS_LINE_RECORDS_A_KEY - 1;
	expect_same(rig);
	rig_expect_data(rig, "last", 4);
	rig_expect_sent(rig, "last", 4);
	assert_true(tls_line_owes(rig->line));
	expect_same(rig);
	rig_expect_update(rig, 1);
	expect_same(rig);
	rig_expect_sent(rig, "new", 3);
	rig->line->read_seq = rig->theirs.seq = UINT64_MAX - 1;
	expect_same(rig);
	rig_expect_data(rig, "the very last", 13);
	assert_broken(rig, rig_take_content(rig, 23, "x", 1), TLS_ALERT_UNEXPECTED_MESSAGE);
}

static void test_numbers_go_on(void **state)
{
	rig_with_each(last_records);
}

/* What the peer may send in a row without data is counted on. */
static void quiet(struct rig *rig)
{
	for (int i = 0; i < TLS_LINE_QUIET_MAX; i++) {
		assert_int_equal(rig_take_content(rig, 23, "", 0), TLS_EVENT_DATA);
		expect_same(rig);
	}
	assert_broken(rig, rig_take_content(rig, 23, "", 0), TLS_ALERT_UNEXPECTED_MESSAGE);
	expect_same(rig);
}

static void test_silence_is_counted_on(void **state)
{
	rig_with_each(quiet);
}

/* What the transport keeps in a line is not the line's. */
static void test_what_is_the_transports(void **state)
{
	struct rig rig;
	uint8_t saved[TLS_SAVED_MAX];
	struct tls_line *line = malloc(TLS_LINE_SIZE_LONG);
	rig_init(&rig, TLS_SUITE_AES_256_GCM, 512);
	rig.line->hold = (struct tls_hold *)(void *)&rig;
	rig.line->reason = 3;
	rig.line->alert = 4;
	assert_int_equal(tls_saved_write(rig.line, saved), TLS_SAVED_MAX);
	tls_saved_read(saved, line);
	assert_null(line->hold);
	assert_int_equal(line->reason, 0);
	assert_int_equal(line->alert, 0);
	assert_int_equal(line->fragment_len, 512);
	free(line);
	rig_finish(&rig);
}

/* --- what is none ------------------------------------------------------------------------------
 */

static bool passes(const uint8_t *saved, size_t len)
{
	enum tls_suite suite = TLS_SUITE_COUNT;
	uint8_t *copy = split_copy(saved, len);
	const bool is_one = tls_saved_check(copy, len, &suite);
	assert_int_equal(is_one, suite != TLS_SUITE_COUNT);
	free(copy);
	return is_one;
}

/* Whether it passes with one byte in the place of another. */
static bool passes_with(const uint8_t *saved, size_t len, size_t at, uint8_t byte)
{
	uint8_t altered[TLS_SAVED_MAX];
	memcpy(altered, saved, len);
	altered[at] = byte;
	return passes(altered, len);
}

static void lengths(struct rig *rig)
{
	uint8_t saved[TLS_SAVED_MAX + 1] = {0};
	const size_t len = tls_saved_write(rig->line, saved);
	for (size_t other = 0; other <= sizeof(saved); other++) {
		assert_int_equal(passes(saved, other), other == len);
	}
}

static void test_lengths(void **state)
{
	rig_with_each(lengths);
}

/* Every value of every byte in front of the numbers. */
static void fronts(struct rig *rig)
{
	uint8_t saved[TLS_SAVED_MAX];
	const size_t len = tls_saved_write(rig->line, saved);
	for (int byte = 0; byte <= UINT8_MAX; byte++) {
		const uint8_t value = (uint8_t)byte;
		assert_int_equal(passes_with(saved, len, 0, value), value == TLS_SAVED_VERSION);
		assert_int_equal(passes_with(saved, len, 1, value), value == saved[1]);
		/* Of a fragment of 16 KiB only the last bit of its first byte is free. */
		assert_int_equal(passes_with(saved, len, 3, value), value >= 2 && value <= 0x40);
		assert_int_equal(passes_with(saved, len, 4, value), value == 0);
		assert_int_equal(passes_with(saved, len, 5, value), value < 4);
		assert_int_equal(
			passes_with(saved, len, 6, value), value <= TLS_LINE_QUIET_MAX + 1);
		assert_int_equal(passes_with(saved, len, 7, value), value <= 4);
	}
}

static void test_fronts(void **state)
{
	rig_with_each(fronts);
}

/* Another suite's length would be needed, but for those that have one. */
static void suites(struct rig *rig)
{
	uint8_t saved[TLS_SAVED_MAX];
	const size_t len = tls_saved_write(rig->line, saved);
	for (int id = 0; id <= UINT8_MAX; id++) {
		assert_int_equal(passes_with(saved, len, 2, (uint8_t)id), id == saved[2]);
	}
}

static void test_suites(void **state)
{
	rig_with_each(suites);
}

/* A number that no key of ours comes to: it would never be replaced, or be used up at once. */
static void test_numbers_beyond(void **state)
{
	struct rig rig;
	uint8_t saved[TLS_SAVED_MAX];
	rig_init(&rig, TLS_SUITE_AES_128_GCM, TLS_PLAIN_MAX);
	rig.line->write_seq = 2 * (uint64_t)TLS_LINE_RECORDS_A_KEY - 1;
	assert_true(passes(saved, tls_saved_write(rig.line, saved)));
	rig.line->write_seq++;
	assert_false(passes(saved, tls_saved_write(rig.line, saved)));
	rig.line->write_seq = UINT64_MAX;
	assert_false(passes(saved, tls_saved_write(rig.line, saved)));
	rig_finish(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_talks_on),
		cmocka_unit_test(test_key_updates_go_on),
		cmocka_unit_test(test_numbers_go_on),
		cmocka_unit_test(test_silence_is_counted_on),
		cmocka_unit_test(test_what_is_the_transports),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_fronts),
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_numbers_beyond),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
