#include "sources.h"

#include <stdio.h>
#include <string.h>

#include "config_options.h"

void sources_init(struct sources *ret_sources)
{
	*ret_sources = (struct sources){.options = {{.line = 0}}};
	for (size_t i = 0; i < config_option_count(); i++) {
		ret_sources->options[i].from =
			config_option_is_built(i) ? SOURCE_BUILD : SOURCE_DEFAULT;
	}
}

void sources_add_line(struct sources *sources, size_t option, size_t nth, int line)
{
	if (config_option_adds_up(option)) {
		sources->options[option].lines[nth] = line;
	} else {
		sources->options[option].overruled_line = sources->options[option].line;
	}
	sources->options[option].line = line;
	sources->options[option].from = SOURCE_FILE;
}

static int line_of(const struct sources *sources, size_t option, size_t nth)
{
	return config_option_adds_up(option) ? sources->options[option].lines[nth]
					     : sources->options[option].line;
}

void sources_name(const struct sources *sources, const struct config *config, size_t option,
	size_t nth, char ret_text[SOURCES_TEXT_MAX])
{
	static const char *const names[] = {
		[SOURCE_DEFAULT] = "default",
		[SOURCE_BUILD] = "build",
		[SOURCE_COMMAND_LINE] = "command line",
	};
	enum source from = sources->options[option].from;

	if (from == SOURCE_FILE) {
		snprintf(ret_text, SOURCES_TEXT_MAX, "%.200s:%d", config->file,
			line_of(sources, option, nth));
	} else {
		strcpy(ret_text, names[from]);
	}
}

/* `--name=value`, as one would type it. */
static void cite_argument(const char *name, const char *value, char ret_text[SOURCES_TEXT_MAX])
{
	snprintf(ret_text, SOURCES_TEXT_MAX, "--%s=%.128s", name, value);
	for (char *character = ret_text; *character != '='; character++) {
		*character = *character == '_' ? '-' : *character;
	}
}

void sources_cite(const struct sources *sources, const struct config *config, size_t option,
	size_t nth, char ret_text[SOURCES_TEXT_MAX])
{
	const char *name = config_option_name(option);
	char value[CONFIG_VALUE_MAX];
	char place[SOURCES_TEXT_MAX];

	config_option_text(config, option, nth, value);
	sources_name(sources, config, option, nth, place);
	switch (sources->options[option].from) {
	case SOURCE_FILE:
		snprintf(ret_text, SOURCES_TEXT_MAX, "%.256s: %s = %.128s", place, name, value);
		break;
	case SOURCE_COMMAND_LINE:
		cite_argument(name, value, ret_text);
		break;
	case SOURCE_BUILD:
	case SOURCE_DEFAULT:
		snprintf(ret_text, SOURCES_TEXT_MAX, "%s = %.128s (%.32s)", name, value, place);
		break;
	}
}
