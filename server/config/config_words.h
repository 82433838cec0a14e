/* Options that are words, not numbers: how each is read and written. For config_options. */
#ifndef TIDEGATE_CONFIG_WORDS_H
#define TIDEGATE_CONFIG_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

#define CONFIG_NONE "none" /* takes an option back that is off by default */

enum {
	CONFIG_WORD_COUNT = 28,
};

/* What the user may set by a word. One that adds up has no functions here: config_lists has them.
 */
struct config_word {
	const char *name;
	/* Errors: -EINVAL with ret_error. */
	int (*set)(struct config *config, const char *value, char *ret_error);
	/* What `set` takes for the value at hand. */
	void (*write)(const struct config *config, char *ret_text);
	bool may_change; /* by SIGHUP */
};

/* In the order of the guide. */
extern const struct config_word config_words[CONFIG_WORD_COUNT];

/* Says what is allowed. Returns -EINVAL. */
__attribute__((format(printf, 2, 3))) int config_refuse(
	char ret_error[CONFIG_ERROR_MAX], const char *format, ...);

/* Takes a file's name; `none` leaves it empty. Errors: -EINVAL with ret_error. */
int config_read_path(
	const char *value, char ret_path[CONFIG_PATH_MAX], char ret_error[CONFIG_ERROR_MAX]);

#endif
