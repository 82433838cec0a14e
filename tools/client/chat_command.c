#include "chat_command.h"

#include <string.h>

/* What may stand behind a command. */
enum operand {
	OPERAND_NONE,
	OPERAND_TEXT,         /* an audience with its mark, and a text */
	OPERAND_REST,         /* what stands there, whatever it is */
	OPERAND_ROOM,         /* a room, whose mark may be left out */
	OPERAND_ROOM_OR_NONE, /* likewise, or nothing */
	OPERAND_ANY,          /* a room, a user with his mark, or nothing */
};

/* Rows of the help, in its order. */
static const struct row {
	struct slice word;
	enum command_kind kind;
	enum operand operand;
	const char *usage;
	const char *help;
} rows[] = {
#define ROW(word, kind, operand, usage, help)                                                      \
	{{word, sizeof(word) - 1}, COMMAND_##kind, OPERAND_##operand, word usage,                  \
		word usage "  " help}
	ROW("/to", TO, TEXT, " @USER|#ROOM TEXT", "says a text to a user, or in a room"),
	ROW("/in", IN, ANY, " [#ROOM|@USER]", "says from now on to them; alone: to everybody"),
	ROW("/join", JOIN, ROOM, " ROOM", "is in a room, and told who comes and goes"),
	ROW("/leave", LEAVE, ROOM, " ROOM", "leaves a room"),
	ROW("/who", WHO, ROOM_OR_NONE, " [ROOM]", "shows who is in a room"),
	ROW("/request", REQUEST, REST, " TEXT", "asks the backend, and shows what it replies"),
	ROW("/help", HELP, NONE, "", "shows this; a line that begins with // says /..."),
#undef ROW
};

enum {
	ROW_COUNT = sizeof(rows) / sizeof(rows[0]),
};

const char *command_help(size_t number)
{
	return number < ROW_COUNT ? rows[number].help : NULL;
}

static void drop_blanks(struct slice *rest)
{
	while (rest->len > 0 && rest->data[0] == ' ') {
		slice_drop(rest, 1);
	}
}

/* Cuts off a word and the blanks behind it. */
static struct slice cut_word(struct slice *rest)
{
	const struct slice word = slice_cut(rest, ' ');
	drop_blanks(rest);
	return word;
}

static bool ends_word(struct slice rest)
{
	return rest.len == 0 || rest.data[0] == ' ';
}

/* Cuts off a name, which may be in quotes. Without its closing one, a quote is a letter. */
static struct slice cut_name(struct slice *rest)
{
	if (rest->len > 0 && rest->data[0] == '"') {
		struct slice behind = *rest;
		slice_drop(&behind, 1);
		const struct slice name = slice_cut(&behind, '"');
		const bool is_closed = name.data + name.len < rest->data + rest->len;
		if (is_closed && ends_word(behind)) {
			*rest = behind;
			drop_blanks(rest);
			return name;
		}
	}
	return cut_word(rest);
}

/* Cuts off an audience; without a mark it is a room. */
static struct audience cut_audience(struct slice *rest, bool *ret_has_mark)
{
	struct audience audience = {.kind = AUDIENCE_ROOM};

	*ret_has_mark = rest->len > 0 && (rest->data[0] == '@' || rest->data[0] == '#');
	if (*ret_has_mark) {
		audience.kind = rest->data[0] == '@' ? AUDIENCE_USER : AUDIENCE_ROOM;
		slice_drop(rest, 1);
	}
	audience.name = cut_name(rest);
	return audience;
}

/* Reads what stands behind the command of a row. Returns whether it is what should. */
static bool take_operand(const struct row *row, struct slice rest, struct command *command)
{
	bool has_mark = false;
	const bool is_there = rest.len > 0;

	if (row->operand == OPERAND_REST) {
		command->text = rest;
		return is_there;
	}
	if (is_there) {
		command->audience = cut_audience(&rest, &has_mark);
	}
	const bool is_room = command->audience.kind == AUDIENCE_ROOM;
	switch (row->operand) {
	case OPERAND_TEXT:
		command->text = rest;
		return has_mark && rest.len > 0;
	case OPERAND_ROOM:
		return is_room && rest.len == 0;
	case OPERAND_ROOM_OR_NONE:
		return (!is_there || is_room) && rest.len == 0;
	case OPERAND_ANY:
		return rest.len == 0;
	case OPERAND_REST:
	case OPERAND_NONE:
		break;
	}
	return !is_there;
}

static struct command say(struct slice text)
{
	return (struct command){.kind = COMMAND_SAY, .text = text};
}

struct command command_of(const char *line, size_t len)
{
	struct slice rest = {line, len};

	if (!slice_begins(rest, SLICE("/"))) {
		return say(rest);
	}
	if (slice_begins(rest, SLICE("//"))) {
		slice_drop(&rest, 1);
		return say(rest);
	}
	struct command command = {.kind = COMMAND_NONE};
	command.word = cut_word(&rest);
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (slice_equals(command.word, rows[i].word)) {
			command.kind = rows[i].kind;
			if (!take_operand(&rows[i], rest, &command)) {
				command.kind = COMMAND_MISUSED;
				command.usage = rows[i].usage;
			}
			break;
		}
	}
	return command;
}
