/* Keys, whatever pieces their bytes come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/client/chat_keys.h"
#include "split.h"

enum {
	DIARY_SIZE = 512,
};

/* Text as it is, other keys by their numbers in brackets. */
static void note_keys(struct keys *keys, const char *data, size_t len, char *diary)
{
	uint8_t *copy = split_copy(data, len);
	struct key key;

	keys_feed(keys, (const char *)copy, len);
	while (keys_next(keys, &key)) {
		const size_t at = strlen(diary);
		if (key.kind == KEY_TEXT) {
			snprintf(diary + at, DIARY_SIZE - at, "%.*s", (int)key.len, key.text);
		} else {
			snprintf(diary + at, DIARY_SIZE - at, "[%d]", (int)key.kind);
		}
	}
	free(copy);
}

/* The keys of `typed` are `expected`, whole, in two pieces and byte by byte. */
static void check(const char *typed, size_t len, const char *expected)
{
	for (size_t split = 0; split <= len; split++) {
		struct keys keys = {0};
		char diary[DIARY_SIZE] = "";
		note_keys(&keys, typed, split, diary);
		note_keys(&keys, typed + split, len - split, diary);
		assert_string_equal(diary, expected);
	}
	struct keys keys = {0};
	char diary[DIARY_SIZE] = "";
	for (size_t i = 0; i < len; i++) {
		note_keys(&keys, typed + i, 1, diary);
	}
	assert_string_equal(diary, expected);
}

#define CHECK(typed, expected) check(typed, sizeof(typed) - 1, expected)

static void text_is_text(void **state)
{
	CHECK("", "");
	CHECK("hello, \xe4\xb8\xad\t\xff!", "hello, \xe4\xb8\xad\t\xff!");
}

static void expect_key(const char *typed, enum key_kind kind)
{
	char expected[32];
	snprintf(expected, sizeof(expected), "a[%d]b", (int)kind);
	char between[32];
	const int len = snprintf(between, sizeof(between), "a%sb", typed);
	check(between, (size_t)len, expected);
}

static void each_key_is_known(void **state)
{
	static const struct {
		const char *typed;
		enum key_kind kind;
	} rows[] = {
		{"\r", KEY_ENTER},
		{"\n", KEY_ENTER},
		{"\x04", KEY_LEAVE},
		{"\x01", KEY_HOME},
		{"\x1b[H", KEY_HOME},
		{"\x1bOH", KEY_HOME},
		{"\x1b[1~", KEY_HOME},
		{"\x1b[7~", KEY_HOME},
		{"\x05", KEY_END},
		{"\x1b[F", KEY_END},
		{"\x1bOF", KEY_END},
		{"\x1b[4~", KEY_END},
		{"\x1b[8~", KEY_END},
		{"\x02", KEY_LEFT},
		{"\x1b[D", KEY_LEFT},
		{"\x1bOD", KEY_LEFT},
		{"\x06", KEY_RIGHT},
		{"\x1b[C", KEY_RIGHT},
		{"\x1bOC", KEY_RIGHT},
		{"\x1b[1;5D", KEY_WORD_LEFT},
		{"\x1b[1;3D", KEY_WORD_LEFT},
		{"\x1b"
		 "b",
			KEY_WORD_LEFT},
		{"\x1b[1;5C", KEY_WORD_RIGHT},
		{"\x1b[1;3C", KEY_WORD_RIGHT},
		{"\x1b"
		 "f",
			KEY_WORD_RIGHT},
		{"\x10", KEY_OLDER},
		{"\x1b[A", KEY_OLDER},
		{"\x1bOA", KEY_OLDER},
		{"\x0e", KEY_NEWER},
		{"\x1b[B", KEY_NEWER},
		{"\x1bOB", KEY_NEWER},
		{"\x7f", KEY_BACKSPACE},
		{"\x08", KEY_BACKSPACE},
		{"\x1b[3~", KEY_DELETE},
		{"\x17", KEY_CUT_WORD},
		{"\x1b\x7f", KEY_CUT_WORD},
		{"\x1b\x08", KEY_CUT_WORD},
		{"\x15", KEY_CUT_LEFT},
		{"\x0b", KEY_CUT_RIGHT},
		{"\x0c", KEY_REDRAW},
		{"\x12", KEY_REDRAW},
		{"\x1b\x1b[A", KEY_OLDER},     /* as some send Alt-Up */
		{"\x1b[12\x15", KEY_CUT_LEFT}, /* a sequence that was cut short */
		{"\x1b\x15", KEY_CUT_LEFT},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_key(rows[i].typed, rows[i].kind);
	}
}

static void what_means_nothing_is_passed_over(void **state)
{
	CHECK("a\x1b[5~b\x1bOPc\x1b[15;2~d\x1b[1;2;3;4;5;6;7;8;9Ze\x1bxf\x1b[<0;1;2Mg", "abcdefg");
	CHECK("a\0b\x07\x1c\x1d\x1e\x1f"
	      "c\x14\x16",
		"abc");
	CHECK("a\x1b", "a");
	CHECK("a\x1b[", "a");
}

static void a_paste_is_text(void **state)
{
	/* 1: Enter. */
	CHECK("\x1b[200~a\x15\x04\x01\tb\x1b[A\x1b"
	      "bc\nd\re\x1b[201~",
		"a\tbc[1]d[1]e");
	CHECK("\x1b[200~\x1b[201~\x15", "[14]");
	assert_int_equal(KEY_ENTER, 1);
	assert_int_equal(KEY_CUT_LEFT, 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_text),
		cmocka_unit_test(each_key_is_known),
		cmocka_unit_test(what_means_nothing_is_passed_over),
		cmocka_unit_test(a_paste_is_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
