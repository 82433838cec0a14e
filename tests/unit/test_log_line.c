#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/utf8.h"
#include "../../server/base/handle.h"
#include "../../server/base/log_line.h"

static const struct timespec noon = {.tv_sec = 1767355445, .tv_nsec = 67899999};

static size_t format_with(const struct log_style *style, enum log_level level, uint64_t conn,
	const char *message, char ret_text[LOG_LINE_MAX + 1])
{
	struct log_line line = {
		.level = level, .conn = conn, .uptime_s = 7, .time = noon, .message = message};
	size_t len = log_line_format(style, &line, ret_text);

	assert_in_range(len, 1, LOG_LINE_MAX);
	assert_int_equal(ret_text[len - 1], '\n');
	ret_text[len] = '\0';
	return len;
}

static void check_line(enum log_format format, const char *id, const char *listen, uint64_t conn,
	const char *message, const char *expected)
{
	struct log_style style;
	char text[LOG_LINE_MAX + 1];

	log_style_init(&style, format, id, listen);
	format_with(&style, LOG_LEVEL_INFO, conn, message, text);
	assert_string_equal(text, expected);
}

/* `shown` takes `columns` on a terminal. */
static void check_text(const char *message, const char *shown, int columns)
{
	char expected[LOG_LINE_MAX];
	int padding = columns < 44 ? 44 - columns : 0;

	snprintf(expected, sizeof(expected),
		"INFO[0007] %s%*s  id=demo listen=\":8000\" module=Server\n", shown, padding, "");
	check_line(LOG_FORMAT_TUTORIAL, "demo", ":8000", 0, message, expected);
}

static void check_json(const char *message, const char *expected)
{
	check_line(LOG_FORMAT_JSON, "demo", ":8000", 0, message, expected);
}

#define TEXT_FIELDS " id=demo listen=\":8000\" module=Server"
#define JSON_HEAD   "{\"time\":\"2026-01-02T12:04:05.067Z\",\"level\":\"info\",\"msg\":\""
#define JSON_FIELDS "\",\"id\":\"demo\",\"listen\":\":8000\",\"module\":\"Server\"}\n"

static void test_the_tutorial_s_form(void **state)
{
	check_line(LOG_FORMAT_TUTORIAL, "demo", ":8000", 0, "user aaa in from 127.0.0.1:51564",
		"INFO[0007] user aaa in from 127.0.0.1:51564              id=demo listen=\":8000\" "
		"module=Server\n");
}

static void test_padding_counts_columns(void **state)
{
	check_text("", "", 0);
	check_text("1234567890123456789012345678901234567890123",
		"1234567890123456789012345678901234567890123", 43);
	check_text("12345678901234567890123456789012345678901234",
		"12345678901234567890123456789012345678901234", 44);
	check_text("123456789012345678901234567890123456789012345",
		"123456789012345678901234567890123456789012345", 45);
	check_text("\u00fc", "\u00fc", 1);
	check_text("\U0001f600", "\U0001f600", 1);
}

static void test_conn_is_named(void **state)
{
	check_line(LOG_FORMAT_TUTORIAL, "demo", ":8000",
		handle_make(254, HANDLE_INDEX_MAX, UINT32_MAX), "x",
		"INFO[0007] x                                            " TEXT_FIELDS
		" conn=254.16777215.4294967295\n");
	check_line(LOG_FORMAT_JSON, "demo", ":8000", handle_make(0, 17, 1), "x",
		JSON_HEAD "x\",\"id\":\"demo\",\"listen\":\":8000\",\"module\":\"Server\","
			  "\"conn\":\"0.17.1\"}\n");
}

static void test_values_are_quoted_when_they_need_it(void **state)
{
	check_line(LOG_FORMAT_TUTORIAL, "Az09-._/@^+", "unix", 0, "x",
		"INFO[0007] x                                             id=Az09-._/@^+ listen=unix "
		"module=Server\n");
	check_line(LOG_FORMAT_TUTORIAL, "a\"b\\c", "x y", 0, "x",
		"INFO[0007] x                                             id=\"a\\\"b\\\\c\" "
		"listen=\"x y\" module=Server\n");
}

/* The beginning of a line of each level. */
static void check_levels(struct log_style *style, const char *const beginnings[4])
{
	char text[LOG_LINE_MAX + 1];

	for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++) {
		format_with(style, (enum log_level)level, 0, "x", text);
		assert_memory_equal(text, beginnings[level], strlen(beginnings[level]));
	}
}

static void test_levels_of_the_tutorial(void **state)
{
	struct log_style style;

	log_style_init(&style, LOG_FORMAT_TUTORIAL, "demo", ":8000");
	check_levels(&style, (const char *const[]){"DEBU[0007] x ", "INFO[0007] x ",
				     "WARN[0007] x ", "ERRO[0007] x "});
	style.is_coloured = true;
	check_levels(&style, (const char *const[]){"\x1b[37mDEBU\x1b[0m[0007] x ",
				     "\x1b[36mINFO\x1b[0m[0007] x ", "\x1b[33mWARN\x1b[0m[0007] x ",
				     "\x1b[31mERRO\x1b[0m[0007] x "});
}

#define NOON "2026-01-02T12:04:05.067Z "

static void test_levels_of_text(void **state)
{
	struct log_style style;

	log_style_init(&style, LOG_FORMAT_TEXT, "demo", ":8000");
	check_levels(&style, (const char *const[]){NOON "DEBUG x\n", NOON "INFO  x\n",
				     NOON "WARN  x\n", NOON "ERROR x\n"});
	style.is_coloured = true;
	check_levels(
		&style, (const char *const[]){NOON "\x1b[37mDEBUG\x1b[0m x\n",
				NOON "\x1b[36mINFO \x1b[0m x\n", NOON "\x1b[33mWARN \x1b[0m x\n",
				NOON "\x1b[31mERROR\x1b[0m x\n"});
}

static void test_priorities_come_first(void **state)
{
	struct log_style style;

	log_style_init(&style, LOG_FORMAT_TEXT, "demo", ":8000");
	style.has_priority = true;
	check_levels(&style, (const char *const[]){"<7>" NOON, "<6>" NOON, "<4>" NOON, "<3>" NOON});
	log_style_init(&style, LOG_FORMAT_JSON, "demo", ":8000");
	style.has_priority = true;
	check_levels(&style, (const char *const[]){"<7>{\"time\":", "<6>{\"time\":",
				     "<4>{\"time\":", "<3>{\"time\":"});
}

/* What stands on every line tells nothing where a line goes to its own log. */
static void test_text_is_time_level_message_and_connection(void **state)
{
	check_line(LOG_FORMAT_TEXT, "demo", ":8000", handle_make(1, 2, 3), "user a in",
		NOON "INFO  user a in conn=1.2.3\n");
}

static void test_bare_style_is_text(void **state)
{
	struct log_style style = {.fields_len = 0};
	char text[LOG_LINE_MAX + 1];

	format_with(&style, LOG_LEVEL_ERROR, 0, "cannot listen", text);
	assert_string_equal(text, NOON "ERROR cannot listen\n");
}

static void test_text_cannot_be_forged(void **state)
{
	check_line(LOG_FORMAT_TEXT, "demo", ":8000", 0, "a\n" NOON "INFO  b\x1b[2J",
		NOON "INFO  a\\x0a" NOON "INFO  b\\x1b[2J\n");
	check_text("a\nINFO[0008] b\r\x1b[2J\x7f", "a\\x0aINFO[0008] b\\x0d\\x1b[2J\\x7f", 32);
	/* C1, a stray continuation, an overlong form, a surrogate, a cut character */
	check_text("\xc2\x9b \x80 \xc0\xaf \xed\xa0\x80 \xe2\x82",
		"\\xc2\\x9b \\x80 \\xc0\\xaf \\xed\\xa0\\x80 \\xe2\\x82", 44);
}

static void test_json_escapes(void **state)
{
	check_json("say \"\\\" \n\t\x1f\x7f",
		JSON_HEAD "say \\\"\\\\\\\" \\u000a\\u0009\\u001f\\u007f" JSON_FIELDS);
	check_json("\u00fc \xc2\x9b \xff \xe2\x82",
		JSON_HEAD "\u00fc \\u009b \ufffd \ufffd\ufffd" JSON_FIELDS);
}

/* Whether the line is `{`, strings and the signs between them, `}`, newline; in the ways of RFC
 * 8259 that a log line uses. */
static bool is_json_line(const char *text)
{
	bool is_inside = false;

	if (*text++ != '{') {
		return false;
	}
	for (; *text && *text != '\n'; text++) {
		if ((uint8_t)*text < 0x20) {
			return false;
		}
		if (*text == '"') {
			is_inside = !is_inside;
		} else if (is_inside && *text == '\\') {
			text++;
			if (*text == 'u') {
				if (strspn(text + 1, "0123456789abcdef") < 4) {
					return false;
				}
				text += 4;
			} else if (*text != '"' && *text != '\\') {
				return false;
			}
		} else if (!is_inside && !strchr(":,}", *text)) {
			return false;
		}
	}
	return !is_inside && text[-1] == '}' && text[0] == '\n' && text[1] == '\0';
}

static void check_untrusted(enum log_format format, const char *message)
{
	char text[LOG_LINE_MAX + 1];
	struct log_style style;

	log_style_init(&style, format, "demo", ":8000");
	size_t len = format_with(&style, LOG_LEVEL_WARN, handle_make(1, 2, 3), message, text);
	assert_int_equal(strlen(text), len);
	assert_true(utf8_valid((const uint8_t *)text, len));
	assert_true(format == LOG_FORMAT_TEXT || strstr(text, "module"));
	assert_non_null(strstr(text, "1.2.3"));
	for (size_t i = 0; i < len - 1; i++) {
		assert_true((uint8_t)text[i] >= 0x20 && text[i] != 0x7f);
	}
	if (format == LOG_FORMAT_JSON) {
		assert_true(is_json_line(text));
	}
}

static void check_untrusted_in_all(const char *message)
{
	for (int format = LOG_FORMAT_TUTORIAL; format <= LOG_FORMAT_JSON; format++) {
		check_untrusted((enum log_format)format, message);
	}
}

static void test_any_length_of_any_character_fits(void **state)
{
	static const char *const characters[] = {
		"a", "\"", "\\", "\n", "\xff", "\u00fc", "\u20ac", "\U0001f600", "\xc2\x9b"};
	char message[LOG_LINE_MAX * 2];

	for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++) {
		size_t len = strlen(characters[i]);
		message[0] = '\0';
		for (size_t filled = 0; filled + len < sizeof(message); filled += len) {
			strcpy(message + filled, characters[i]);
			check_untrusted_in_all(message);
		}
	}
}

static void test_noise_fits(void **state)
{
	char message[LOG_LINE_MAX];

	srand(1);
	for (unsigned round = 0; round < 5000; round++) {
		size_t len = (size_t)rand() % sizeof(message);
		for (size_t i = 0; i < len; i++) {
			message[i] = (char)(1 + rand() % 255);
		}
		message[len] = '\0';
		check_untrusted_in_all(message);
	}
}

static void test_long_message_ends_in_an_ellipsis(void **state)
{
	char message[LOG_LINE_MAX];
	char text[LOG_LINE_MAX + 1];
	struct log_style style;

	memset(message, 'a', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	log_style_init(&style, LOG_FORMAT_TUTORIAL, "demo", ":8000");
	assert_int_equal(format_with(&style, LOG_LEVEL_INFO, 0, message, text), LOG_LINE_MAX);
	assert_non_null(strstr(text, "aaa... " TEXT_FIELDS "\n"));
	log_style_init(&style, LOG_FORMAT_JSON, "demo", ":8000");
	assert_int_equal(format_with(&style, LOG_LEVEL_INFO, 0, message, text), LOG_LINE_MAX);
	assert_non_null(strstr(text, "aaa..." JSON_FIELDS));
}

static void test_long_fields_are_cut_and_leave_room(void **state)
{
	char listen[1000];
	char text[LOG_LINE_MAX + 1];
	struct log_style style;
	char id[200];

	memset(listen, ':', sizeof(listen) - 1);
	listen[sizeof(listen) - 1] = '\0';
	memset(id, '"', sizeof(id) - 1); /* doubled by escapes, so that both are cut */
	id[sizeof(id) - 1] = '\0';
	for (int format = LOG_FORMAT_TUTORIAL; format <= LOG_FORMAT_JSON; format++) {
		if (format == LOG_FORMAT_TEXT) {
			continue;
		}
		log_style_init(&style, (enum log_format)format, id, listen);
		assert_in_range(style.fields_len, 1, LOG_FIELDS_MAX);
		format_with(&style, LOG_LEVEL_INFO, UINT64_MAX, "the message", text);
		assert_non_null(strstr(text, "the message"));
		assert_non_null(strstr(text, "\\\"\\\"...\""));
		assert_non_null(strstr(text, ":::...\""));
		assert_non_null(strstr(text, "Server"));
		assert_true(format == LOG_FORMAT_TUTORIAL || is_json_line(text));
	}
}

static void test_fields_end_a_line_of_json(void **state)
{
	const struct log_field fields[] = {
		LOG_FIELD_TEXT("user", "a\nb"), LOG_FIELD_NUMBER("code", 4001)};
	struct log_line line = {.level = LOG_LEVEL_INFO,
		.conn = handle_make(0, 17, 1),
		.time = noon,
		.message = "x",
		.fields = fields,
		.field_count = 2};
	char text[LOG_LINE_MAX + 1];
	struct log_style style;

	log_style_init(&style, LOG_FORMAT_JSON, "demo", ":8000");
	text[log_line_format(&style, &line, text)] = '\0';
	assert_string_equal(text, JSON_HEAD
		"x\",\"id\":\"demo\",\"listen\":\":8000\",\"module\":\"Server\",\"conn\":\"0.17.1\","
		"\"user\":\"a\\u000ab\",\"code\":4001}\n");
	log_style_init(&style, LOG_FORMAT_TEXT, "demo", ":8000");
	text[log_line_format(&style, &line, text)] = '\0';
	assert_string_equal(text, NOON "INFO  x conn=0.17.1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_tutorial_s_form),
		cmocka_unit_test(test_padding_counts_columns),
		cmocka_unit_test(test_conn_is_named),
		cmocka_unit_test(test_values_are_quoted_when_they_need_it),
		cmocka_unit_test(test_levels_of_the_tutorial),
		cmocka_unit_test(test_levels_of_text),
		cmocka_unit_test(test_priorities_come_first),
		cmocka_unit_test(test_text_is_time_level_message_and_connection),
		cmocka_unit_test(test_bare_style_is_text),
		cmocka_unit_test(test_text_cannot_be_forged),
		cmocka_unit_test(test_json_escapes),
		cmocka_unit_test(test_any_length_of_any_character_fits),
		cmocka_unit_test(test_noise_fits),
		cmocka_unit_test(test_long_message_ends_in_an_ellipsis),
		cmocka_unit_test(test_long_fields_are_cut_and_leave_room),
		cmocka_unit_test(test_fields_end_a_line_of_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
