/* Where the value of each option came from, so that whoever reads of it knows where to look. */
#ifndef TIDEGATE_SOURCES_H
#define TIDEGATE_SOURCES_H

#include "config.h"

/* A later one wins over those before. */
enum source {
	SOURCE_DEFAULT,
	SOURCE_BUILD, /* meson -Dname=... */
	SOURCE_FILE,
	SOURCE_COMMAND_LINE,
};

/* Owner: whoever declared it; plain data, copied by assignment. */
struct sources {
	struct {
		enum source from;
		int line;           /* of the file; the last that sets it; 0: it does not */
		int overruled_line; /* of the file; an earlier one that set it too; 0: there is none
				     */
		int lines[CONFIG_LISTED_MAX]; /* of the file, for each value of one that adds up */
	} options[CONFIG_OPTIONS_MAX];
};

enum {
	SOURCES_TEXT_MAX = 512, /* bytes of what is written here, NUL included */
};

/* All are the build's. Thread: any. */
void sources_init(struct sources *ret_sources);

/* Notes that a line of the file has set an option; of one that adds up, its nth value. Thread: any.
 */
void sources_add_line(struct sources *sources, size_t option, size_t nth, int line);

/* Writes where the option's nth value came from: `default`, `build`, `FILE:LINE`, `command line`.
 * Thread: any. */
void sources_name(const struct sources *sources, const struct config *config, size_t option,
	size_t nth, char ret_text[SOURCES_TEXT_MAX]);

/* Writes the option as one would look for it: `FILE:LINE: name = value`, `--name=value`, or
 * `name = value (default)`. Thread: any. */
void sources_cite(const struct sources *sources, const struct config *config, size_t option,
	size_t nth, char ret_text[SOURCES_TEXT_MAX]);

#endif
