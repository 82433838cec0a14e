#include "explain.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "config_options.h"

enum {
	COLUMN = 32, /* where sources begin, unless a value is longer */
};

/* Whether it is as it would be if nobody had said anything of it, not even the build. */
static bool is_default(const struct config *config, size_t option)
{
	struct config unchanged;

	config_init(&unchanged);
	return !config_option_is_built(option) && config_option_is_same(config, &unchanged, option);
}

static void print_value(const struct config *config, const struct sources *sources, size_t option,
	size_t nth, const char *value)
{
	char source[SOURCES_TEXT_MAX];
	int len = printf("%s = %s", config_option_name(option), value);

	sources_name(sources, config, option, nth, source);
	for (char *character = source; *character; character++) {
		*character = iscntrl((unsigned char)*character) ? '?' : *character;
	}
	printf("%*s # %s\n", len < COLUMN ? COLUMN - len : 0, "", source);
}

int explain_print(const struct config *config, const struct sources *sources, bool only_changed)
{
	for (size_t option = 0; option < config_option_count(); option++) {
		char value[CONFIG_VALUE_MAX];
		if (only_changed && is_default(config, option)) {
			continue;
		}
		for (size_t nth = 0; config_option_text(config, option, nth, value); nth++) {
			print_value(config, sources, option, nth, value);
		}
	}
	if (fflush(stdout) != 0) {
		perror("tidegate: cannot write the configuration");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
