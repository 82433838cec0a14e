/* Letters, their bytes and their columns. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/client/chat_glyph.h"
#include "split.h"

static const struct {
	const char *text;
	uint32_t code;
	unsigned columns;
	bool is_harmful;
} glyphs[] = {
	{"a", 'a', 1, false}, {" ", ' ', 1, false}, {"\t", '\t', 1, false},
	{"\xc3\xa9", 0xe9, 1, false}, {"\xe4\xb8\xad", 0x4e2d, 2, false},
	{"\xf0\x9f\x98\x80", 0x1f600, 2, false},
	{"\xcc\x81", 0x301, 0, false},      /* an accent of its own */
	{"\xef\xb8\x8f", 0xfe0f, 0, false}, /* a variation selector */
	{"\x1b", 0x1b, 1, true}, {"\x7f", 0x7f, 1, true},
	{"\xc2\x9b", 0x9b, 1, true},       /* CSI as one character */
	{"\xe2\x80\xae", 0x202e, 1, true}, /* right-to-left override */
	{"\xe2\x80\xa8", 0x2028, 1, true}, /* a line separator */
};

static void each_is_known(void **state)
{
	for (size_t i = 0; i < sizeof(glyphs) / sizeof(glyphs[0]); i++) {
		const size_t len = strlen(glyphs[i].text);
		uint8_t *text = split_copy(glyphs[i].text, len);
		const struct glyph glyph = glyph_at((const char *)text, len);
		assert_int_equal(glyph.len, len);
		assert_int_equal(glyph.code, glyphs[i].code);
		assert_int_equal(glyph.columns, glyphs[i].columns);
		assert_int_equal(glyph.is_harmful, glyphs[i].is_harmful);
		free(text);
	}
}

/* Each byte for itself, and never one behind the end. */
static void what_is_no_utf8_is_a_byte(void **state)
{
	static const char *const texts[] = {"\xff", "\x80", "\xc3", "\xc3(", "\xe4\xb8",
		"\xe4\xb8x", "\xed\xa0\x80", "\xc0\xaf", "\xf0\x9f\x98", "\xf4\x90\x80\x80",
		"\xfe\xfe\xfe\xfe"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const size_t len = strlen(texts[i]);
		uint8_t *text = split_copy(texts[i], len);
		const struct glyph glyph = glyph_at((const char *)text, len);
		assert_int_equal(glyph.len, 1);
		assert_int_equal(glyph.code, text[0]);
		assert_int_equal(glyph.columns, 1);
		assert_true(glyph.is_harmful);
		free(text);
	}
}

/* To the end and back again by the same steps. */
static void there_and_back(void **state)
{
	static const char text[] =
		"a\xcc\x81\xcc\x82\xe4\xb8\xad\xff\x80\xf0\x9f\x98\x80\xef\xb8\x8f"
		"b\xc3";
	static const size_t places[] = {0, 5, 8, 9, 10, 17, 18, 19};
	const size_t count = sizeof(places) / sizeof(places[0]);
	const size_t len = sizeof(text) - 1;

	assert_int_equal(places[count - 1], len);
	for (size_t i = 0; i + 1 < count; i++) {
		assert_int_equal(glyph_behind(text, len, places[i]), places[i + 1]);
		assert_int_equal(glyph_before(text, places[i + 1]), places[i]);
	}
	assert_int_equal(glyph_behind(text, len, len), len);
}

static int know_widths(void **state)
{
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_known),
		cmocka_unit_test(what_is_no_utf8_is_a_byte),
		cmocka_unit_test(there_and_back),
	};
	return cmocka_run_group_tests(tests, know_widths, NULL);
}
