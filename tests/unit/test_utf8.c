#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/utf8.h"
#include "split.h"

/* The plain way: decode a character, then ask whether it had to be written like this. Returns its
 * length, or 0 when there is none at `data`. */
static size_t decode_character(const uint8_t *data, size_t len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t size = 0;

	while (size < 5 && data[0] & 0x80 >> size) {
		size++;
	}
	if (size == 0) {
		return 1;
	}
	if (size == 1 || size > 4 || size > len) {
		return 0;
	}
	uint32_t character = data[0] & (0x7fU >> size);
	for (size_t i = 1; i < size; i++) {
		if (data[i] >> 6 != 2) {
			return 0;
		}
		character = character << 6 | (data[i] & 0x3f);
	}
	const bool is_surrogate = character >= 0xd800 && character <= 0xdfff;
	return character >= least[size] && character <= 0x10ffff && !is_surrogate ? size : 0;
}

/* Returns how many bytes are whole characters. */
static size_t valid_len(const uint8_t *data, size_t len)
{
	size_t at = 0;
	while (at < len) {
		const size_t size = decode_character(data + at, len - at);
		if (size == 0) {
			break;
		}
		at += size;
	}
	return at;
}

static bool is_valid(const uint8_t *data, size_t len)
{
	return valid_len(data, len) == len;
}

/* Whether any bytes could follow that make a valid text. At most three can be missing, and where a
 * character can be completed, one of these bounds completes it. */
static bool may_go_on(const uint8_t *data, size_t len)
{
	static const uint8_t bounds[] = {0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf};
	uint8_t text[8];
	const size_t done = valid_len(data, len);
	const size_t left = len - done;

	if (left == 0) {
		return true;
	}
	if (left > 3) {
		return false;
	}
	memcpy(text, data + done, left);
	for (size_t a = 0; a < sizeof bounds; a++) {
		text[left] = bounds[a];
		memset(text + left + 1, 0x80, 3);
		for (size_t more = 1; more <= 3; more++) {
			if (is_valid(text, left + more)) {
				return true;
			}
		}
	}
	return false;
}

static void one_and_two_bytes_exhaustively(void **state)
{
	for (unsigned value = 0; value <= 0xffff; value++) {
		const uint8_t text[] = {(uint8_t)(value >> 8), (uint8_t)value};
		assert_int_equal(utf8_valid(text + 1, 1), is_valid(text + 1, 1));
		assert_int_equal(utf8_valid(text, 2), is_valid(text, 2));
	}
}

static void three_bytes_exhaustively(void **state)
{
	for (uint32_t value = 0; value <= 0xffffff; value++) {
		const uint8_t text[] = {
			(uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
		if (utf8_valid(text, 3) != is_valid(text, 3)) {
			fail_msg("%06x", value);
		}
	}
}

/* The bytes at which some rule begins or ends. */
static const uint8_t edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1,
	0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};

enum {
	EDGE_COUNT = sizeof edges
};

static void for_each_edge_text(void (*check)(const uint8_t text[4]))
{
	for (size_t i = 0; i < (size_t)EDGE_COUNT * EDGE_COUNT * EDGE_COUNT * EDGE_COUNT; i++) {
		size_t rest = i;
		uint8_t text[4];
		for (size_t at = 0; at < 4; at++) {
			text[at] = edges[rest % EDGE_COUNT];
			rest /= EDGE_COUNT;
		}
		check(text);
	}
}

static void check_whole(const uint8_t text[4])
{
	assert_int_equal(utf8_valid(text, 4), is_valid(text, 4));
}

static void four_bytes_at_the_edges(void **state)
{
	for_each_edge_text(check_whole);
}

static void check_pieces(const uint8_t text[4])
{
	for (size_t split = 0; split <= 4; split++) {
		struct utf8_state utf8 = {0};
		size_t fed = 0;
		while (fed < 4) {
			const size_t piece = split_piece(split, fed, 4);
			const bool good = utf8_check(&utf8, text + fed, piece);
			fed += piece;
			/* Neither later nor earlier than it can be known. */
			assert_int_equal(good, may_go_on(text, fed));
			if (!good) {
				break;
			}
			assert_int_equal(utf8_complete(&utf8), is_valid(text, fed));
		}
	}
}

static void pieces_fail_as_soon_as_they_can(void **state)
{
	for_each_edge_text(check_pieces);
}

/* Places the text at each offset of longer ones, so that each lane of a block and both of its ends
 * see it. */
static void check_inside(const char *filling, size_t filling_len, const uint8_t *text, size_t len)
{
	enum {
		AROUND = 90
	};
	uint8_t whole[2 * AROUND + 4 + 4];

	for (size_t before = 0; before <= AROUND; before += filling_len) {
		for (size_t after = 0; after <= AROUND; after += 7 * filling_len) {
			size_t at = 0;
			while (at < before) {
				memcpy(whole + at, filling, filling_len);
				at += filling_len;
			}
			memcpy(whole + at, text, len);
			at += len;
			for (size_t end = at + after; at < end; at += filling_len) {
				memcpy(whole + at, filling, filling_len);
			}
			assert_int_equal(utf8_valid(whole, at), is_valid(whole, at));
		}
	}
}

static void texts_of_any_length_and_place(void **state)
{
	static const char *const texts[] = {"\xc3\xa9", "\xe6\xbd\xae", "\xf0\x9f\x8c\x8a",
		"\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\x9f\xbf",
		"\xf0\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		"\x80", "\xff", "\xc3", "\xe6\xbd", "\xf0\x9f\x8c", "\xc3\xa9\xa9",
		"\xe6\xbd\xae\xae", "x"};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		const uint8_t *text = (const uint8_t *)texts[i];
		check_inside("a", 1, text, strlen(texts[i]));
		check_inside("\xc3\xa9", 2, text, strlen(texts[i]));
		check_inside("\xe6\xb0\xb4", 3, text, strlen(texts[i]));
		check_inside("\xf0\x9f\x90\x9f", 4, text, strlen(texts[i]));
	}
}

static void a_long_text_in_all_pieces(void **state)
{
	static const char text[] =
		"Tide, mar\xc3\xa9"
		"e, \xe6\xbd\xae\xe6\xb1\x90, \xf0\x9f\x8c\x8a. The quick brown fox "
		"jumps over the lazy dog, and the dog does not mind it at all. "
		"\xe6\xbd\xae\xe6\xb0\xb4\xe6\x9d\xa5\xe4\xba\x86\xe5\x8f\x88\xe5\x8e\xbb";
	const size_t len = sizeof text - 1;

	for (size_t split = 0; split <= len; split++) {
		struct utf8_state utf8 = {0};
		for (size_t fed = 0; fed < len;) {
			const size_t piece = split_piece(split, fed, len);
			uint8_t *copy = split_copy(text + fed, piece);
			assert_true(utf8_check(&utf8, copy, piece));
			free(copy);
			fed += piece;
			assert_int_equal(
				utf8_complete(&utf8), is_valid((const uint8_t *)text, fed));
		}
		assert_true(utf8_complete(&utf8));
	}
}

static void random_bytes_in_random_pieces(void **state)
{
	uint32_t random = 20240229;

	for (unsigned round = 0; round < 20000; round++) {
		uint8_t text[200];
		const size_t len = split_random(&random) % sizeof text;
		/* Mostly valid: characters of all sizes, with now and then a bad byte. */
		for (size_t i = 0; i < len; i++) {
			static const char pattern[] = "a\xe6\xbd\xae\xf0\x9f\x8c\x8a\xc3\xa9";
			text[i] = (uint8_t)pattern[(i + round) % (sizeof pattern - 1)];
		}
		if (len > 0 && round % 2) {
			text[split_random(&random) % len] =
				edges[split_random(&random) % EDGE_COUNT];
		}

		struct utf8_state utf8 = {0};
		bool good = true;
		for (size_t fed = 0; good && fed < len;) {
			const size_t piece = 1 + split_random(&random) % (len - fed);
			good = utf8_check(&utf8, text + fed, piece);
			fed += piece;
			assert_int_equal(good, may_go_on(text, fed));
		}
		assert_int_equal(good && utf8_complete(&utf8), is_valid(text, len));
		assert_int_equal(utf8_valid(text, len), is_valid(text, len));
	}
}

static void nothing_is_valid(void **state)
{
	struct utf8_state utf8 = {0};

	assert_true(utf8_valid(NULL, 0));
	assert_true(utf8_check(&utf8, NULL, 0));
	assert_true(utf8_complete(&utf8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_and_two_bytes_exhaustively),
		cmocka_unit_test(three_bytes_exhaustively),
		cmocka_unit_test(four_bytes_at_the_edges),
		cmocka_unit_test(pieces_fail_as_soon_as_they_can),
		cmocka_unit_test(texts_of_any_length_and_place),
		cmocka_unit_test(a_long_text_in_all_pieces),
		cmocka_unit_test(random_bytes_in_random_pieces),
		cmocka_unit_test(nothing_is_valid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
