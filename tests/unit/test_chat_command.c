#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/client/chat_command.h"
#include "split.h"

static const struct row {
	const char *line;
	enum command_kind kind;
	enum audience_kind to;
	const char *name;
	const char *text;
} rows[] = {
	{"hello", COMMAND_SAY, AUDIENCE_EVERYBODY, "", "hello"},
	{"", COMMAND_SAY, AUDIENCE_EVERYBODY, "", ""},
	{" /to @bob hi", COMMAND_SAY, AUDIENCE_EVERYBODY, "", " /to @bob hi"},
	{"//to @bob hi", COMMAND_SAY, AUDIENCE_EVERYBODY, "", "/to @bob hi"},
	{"///", COMMAND_SAY, AUDIENCE_EVERYBODY, "", "//"},
	{"/to @bob hi", COMMAND_TO, AUDIENCE_USER, "bob", "hi"},
	{"/to  #dev  hi, all ", COMMAND_TO, AUDIENCE_ROOM, "dev", "hi, all "},
	{"/to @\"bob smith\" \"hi\"", COMMAND_TO, AUDIENCE_USER, "bob smith", "\"hi\""},
	{"/to @\"bob smith hi", COMMAND_TO, AUDIENCE_USER, "\"bob", "smith hi"},
	{"/to @\"bob\"smith hi", COMMAND_TO, AUDIENCE_USER, "\"bob\"smith", "hi"},
	{"/to @@bob #hi", COMMAND_TO, AUDIENCE_USER, "@bob", "#hi"},
	{"/to @\xe4\xb8\xad /in", COMMAND_TO, AUDIENCE_USER, "\xe4\xb8\xad", "/in"},
	{"/in", COMMAND_IN, AUDIENCE_EVERYBODY, "", ""},
	{"/in  ", COMMAND_IN, AUDIENCE_EVERYBODY, "", ""},
	{"/in #dev", COMMAND_IN, AUDIENCE_ROOM, "dev", ""},
	{"/in dev ", COMMAND_IN, AUDIENCE_ROOM, "dev", ""},
	{"/in @bob", COMMAND_IN, AUDIENCE_USER, "bob", ""},
	{"/join dev", COMMAND_JOIN, AUDIENCE_ROOM, "dev", ""},
	{"/join ##dev", COMMAND_JOIN, AUDIENCE_ROOM, "#dev", ""},
	{"/join \"a room\"", COMMAND_JOIN, AUDIENCE_ROOM, "a room", ""},
	{"/leave #dev", COMMAND_LEAVE, AUDIENCE_ROOM, "dev", ""},
	{"/who", COMMAND_WHO, AUDIENCE_EVERYBODY, "", ""},
	{"/who dev", COMMAND_WHO, AUDIENCE_ROOM, "dev", ""},
	{"/request {\"a\": 1}  @x ", COMMAND_REQUEST, AUDIENCE_EVERYBODY, "", "{\"a\": 1}  @x "},
	{"/request   #dev", COMMAND_REQUEST, AUDIENCE_EVERYBODY, "", "#dev"},
	{"/help", COMMAND_HELP, AUDIENCE_EVERYBODY, "", ""},
};

static bool is(struct slice slice, const char *text)
{
	return slice_equals(slice, (struct slice){text, strlen(text)});
}

static void lines_are_taken_apart(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		const size_t len = strlen(row->line);
		char *line = split_copy(row->line, len);
		const struct command command = command_of(line, len);

		if (command.kind != row->kind || !is(command.text, row->text) ||
			!is(command.audience.name, row->name)) {
			fail_msg("%s", row->line);
		}
		assert_int_equal(command.audience.kind, row->to);
		free(line);
	}
}

static void what_is_used_in_another_way_is_told(void **state)
{
	static const char *const lines[] = {"/to", "/to @bob", "/to @bob ", "/to bob hi",
		"/to #dev", "/to @\"bob smith\"", "/in a b", "/in @\"a b\" c", "/join",
		"/join @bob", "/join a b", "/leave", "/leave @bob", "/leave a b", "/who @bob",
		"/who a b", "/request", "/request ", "/help me"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const struct command command = command_of(lines[i], strlen(lines[i]));
		if (command.kind != COMMAND_MISUSED) {
			fail_msg("%s is taken", lines[i]);
		}
		/* It begins with the command itself, and so does its line of the help. */
		assert_memory_equal(command.usage, command.word.data, command.word.len);
	}
}

static void nothing_else_is_a_command(void **state)
{
	static const char *const lines[] = {
		"/", "/ to @bob hi", "/To @bob hi", "/too", "/t", "/help/", "/etc/passwd is there"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const struct command command = command_of(lines[i], strlen(lines[i]));
		assert_int_equal(command.kind, COMMAND_NONE);
		assert_memory_equal(command.word.data, lines[i], command.word.len);
	}
}

static void the_help_has_a_line_for_each(void **state)
{
	static const char *const words[] = {
		"/to ", "/in ", "/join ", "/leave ", "/who ", "/request ", "/help "};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_non_null(command_help(i));
		assert_memory_equal(command_help(i), words[i], strlen(words[i]));
	}
	assert_null(command_help(sizeof(words) / sizeof(words[0])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_taken_apart),
		cmocka_unit_test(what_is_used_in_another_way_is_told),
		cmocka_unit_test(nothing_else_is_a_command),
		cmocka_unit_test(the_help_has_a_line_for_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
