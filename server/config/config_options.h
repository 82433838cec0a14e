/* Options one by one, as a file, a command line or a guide names them: words and numbers, in the
 * order of the guide. Thread: any. */
#ifndef TIDEGATE_CONFIG_OPTIONS_H
#define TIDEGATE_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

size_t config_option_count(void); /* at most CONFIG_OPTIONS_MAX */

const char *config_option_name(size_t option);

/* The option of that name, or of an old one, however it is spelled; -1 for none. */
int config_option_find(const char *typed);

/* Whether it may be given several times, and each adds one: `listen`. */
bool config_option_adds_up(size_t option);

/* How many values such an option has; of the others it is one. */
size_t config_option_values(const struct config *config, size_t option);

/* Takes all values of such an option back. */
void config_option_clear(struct config *config, size_t option);

/* Whether SIGHUP may change it. */
bool config_option_may_change(size_t option);

/* Whether the build at hand says what its default is. */
bool config_option_is_built(size_t option);

/* The unit behind its number for people, with a blank in front; "" where the number says it all. */
const char *config_option_unit(size_t option);

/* The option's value as config_set takes it. Where it adds up the nth is meant; of those that may
 * be empty one that is has the value that says so. Returns false when there are no more. */
bool config_option_text(
	const struct config *config, size_t option, size_t nth, char ret_text[CONFIG_VALUE_MAX]);

/* Whether both configs have the same values of it. */
bool config_option_is_same(const struct config *a, const struct config *b, size_t option);

/* Sets one option from its text, by the name it has in a file. One that adds up gets one value
 * more: who reads a source of options clears it before the first that the source names. Thread:
 * any. Errors: -ENOENT for an unknown name, -EINVAL for a bad value; ret_error then says what is
 * allowed, to stand behind the option and its value as they were typed. The config is untouched. */
int config_set(struct config *config, const char *name, const char *value,
	char ret_error[CONFIG_ERROR_MAX]);

#endif
