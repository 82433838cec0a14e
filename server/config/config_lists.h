/* Words that add up: each time such an option is given it has one value more. For config_options.
 */
#ifndef TIDEGATE_CONFIG_LISTS_H
#define TIDEGATE_CONFIG_LISTS_H

#include <stddef.h>

#include "config.h"

enum {
	CONFIG_LIST_COUNT = 5,
};

/* One of them, beside its row of config_words. */
struct config_list {
	const char *name;
	/* Adds a value, or takes all back by the word that says so. Errors: -EINVAL with ret_error.
	 */
	int (*set)(struct config *config, const char *value, char *ret_error);
	/* What `set` takes for the nth value. */
	void (*write)(const struct config *config, size_t nth, char *ret_text);
	size_t (*count)(const struct config *config);
	void (*clear)(struct config *config);
	const char *empty; /* what says that it has no values; NULL: it must have some */
};

extern const struct config_list config_lists[CONFIG_LIST_COUNT];

#endif
