/* A line of the input, taken apart: a text, or a command behind a slash. */
#ifndef TIDEGATE_CHAT_COMMAND_H
#define TIDEGATE_CHAT_COMMAND_H

#include <stddef.h>

#include "../../proto/audience.h"

enum command_kind {
	COMMAND_SAY, /* a text for whoever is spoken to now */
	COMMAND_TO,
	COMMAND_IN,
	COMMAND_JOIN,
	COMMAND_LEAVE,
	COMMAND_WHO,
	COMMAND_REQUEST,
	COMMAND_HELP,
	COMMAND_NONE, /* no command is called that */
	COMMAND_MISUSED,
};

/* What it points to is borrowed from the line. */
struct command {
	enum command_kind kind;
	struct slice word; /* the command itself, its slash included */
	struct audience
		audience;  /* of TO, IN, JOIN, LEAVE and WHO; everybody where none is named */
	struct slice text; /* of SAY, TO and REQUEST */
	const char *usage; /* of MISUSED: how it is used */
};

/* Takes a line apart. A name that has blanks stands in quotes, which may be behind its mark. */
struct command command_of(const char *line, size_t len);

/* All commands, for people: one a line, from 0 on; NULL: no more. */
const char *command_help(size_t number);

#endif
