#include "config_reload.h"

#include <stdio.h>
#include <string.h>

#include "config_options.h"

/* All values of an option, separated by commas. */
static void describe(
	const struct config *config, size_t option, char ret_text[CONFIG_CHANGE_TEXT_MAX])
{
	char value[CONFIG_VALUE_MAX];
	size_t len = 0;

	ret_text[0] = '\0';
	for (size_t nth = 0;
		len < CONFIG_CHANGE_TEXT_MAX && config_option_text(config, option, nth, value);
		nth++) {
		len += (size_t)snprintf(ret_text + len, CONFIG_CHANGE_TEXT_MAX - len, "%s%s%s",
			nth > 0 ? ", " : "", value, config_option_unit(option));
	}
}

static void take(struct config *config, const struct config *fresh, size_t option)
{
	char text[CONFIG_VALUE_MAX];
	char unused[CONFIG_ERROR_MAX];

	if (config_option_adds_up(option)) {
		config_option_clear(config, option);
	}
	for (size_t nth = 0; config_option_text(fresh, option, nth, text); nth++) {
		config_set(config, config_option_name(option), text, unused);
	}
}

size_t config_reload(struct config *config, const struct config *fresh,
	void (*tell)(void *user, const struct config_change *change), void *user)
{
	size_t changed = 0;

	for (size_t i = 0; i < config_option_count(); i++) {
		struct config_change change = {
			.name = config_option_name(i), .is_taken = config_option_may_change(i)};
		if (config_option_is_same(config, fresh, i)) {
			continue;
		}
		describe(config, i, change.before);
		describe(fresh, i, change.after);
		if (change.is_taken) {
			take(config, fresh, i);
			changed++;
		}
		tell(user, &change);
	}
	return changed;
}
