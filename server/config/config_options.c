#include "config_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "build_config.h"

#include "../../proto/quantity.h"
#include "config_lists.h"
#include "config_words.h"
#include "spelling.h"

/* A number that the user may set. */
static const struct number {
	const char *name;
	const char *unit;
	uint64_t min;
	uint64_t max;
	size_t offset; /* in struct config */
	bool may_change;
	bool is_built;
} numbers[] = {
#define OPTION(name, default_, min, max, reload, unit, help)                                       \
	{#name, unit, min, max, offsetof(struct config, name), reload, TIDEGATE_BUILD_##name >= 0},
#include "options.def"
#undef OPTION
};

/* What options were called before. */
static const struct {
	const char *old;
	const char *name;
} aliases[] = {
#define OPTION(...)
#define ALIAS(old, name) {#old, #name},
#include "options.def"
#undef OPTION
};

/* --- numbers -----------------------------------------------------------------------------------
 */

static enum quantity quantity_of(const struct number *number)
{
	if (strcmp(number->unit, "seconds") == 0) {
		return QUANTITY_SECONDS;
	}
	return strcmp(number->unit, "bytes") == 0 ? QUANTITY_BYTES : QUANTITY_COUNT;
}

static int set_number(struct config *config, const struct number *number, const char *value,
	char ret_error[CONFIG_ERROR_MAX])
{
	static const char *const units[] = {
		[QUANTITY_SECONDS] = " (s, m and h may follow it)",
		[QUANTITY_BYTES] = " (K, M and G may follow it)",
		[QUANTITY_COUNT] = "",
	};
	enum quantity quantity = quantity_of(number);
	uint64_t parsed;
	int err = quantity_parse(value, quantity, &parsed);

	if (err == -EDOM) {
		return config_refuse(ret_error, "not a number of whole seconds");
	}
	if (err || parsed < number->min || parsed > number->max) {
		return config_refuse(ret_error, "not a number of %s from %ju to %ju%s",
			number->unit, (uintmax_t)number->min, (uintmax_t)number->max,
			units[quantity]);
	}
	memcpy((char *)config + number->offset, &parsed, sizeof(parsed));
	return 0;
}

static void write_number(const struct config *config, const struct number *number, char *ret_text)
{
	uint64_t value;

	memcpy(&value, (const char *)config + number->offset, sizeof(value));
	quantity_write(value, quantity_of(number), ret_text);
}

/* --- options, one by one -----------------------------------------------------------------------
 */

enum {
	NUMBER_COUNT = sizeof(numbers) / sizeof(numbers[0]),
	ALIAS_COUNT = sizeof(aliases) / sizeof(aliases[0]),
};

_Static_assert(CONFIG_WORD_COUNT + NUMBER_COUNT <= CONFIG_OPTIONS_MAX, "options");

/* NULL for a word. */
static const struct number *number_of(size_t option)
{
	return option < CONFIG_WORD_COUNT ? NULL : &numbers[option - CONFIG_WORD_COUNT];
}

size_t config_option_count(void)
{
	return CONFIG_WORD_COUNT + NUMBER_COUNT;
}

const char *config_option_name(size_t option)
{
	const struct number *number = number_of(option);
	return number ? number->name : config_words[option].name;
}

/* As it is called now. */
static const char *present_name(const char *typed)
{
	for (size_t i = 0; i < ALIAS_COUNT; i++) {
		if (spelling_is(aliases[i].old, typed)) {
			return aliases[i].name;
		}
	}
	return typed;
}

int config_option_find(const char *typed)
{
	const char *name = present_name(typed);

	for (size_t i = 0; i < config_option_count(); i++) {
		if (spelling_is(config_option_name(i), name)) {
			return (int)i;
		}
	}
	return -1;
}

/* NULL for one that does not add up. */
static const struct config_list *list_of(size_t option)
{
	for (size_t i = 0; i < CONFIG_LIST_COUNT; i++) {
		if (strcmp(config_lists[i].name, config_option_name(option)) == 0) {
			return &config_lists[i];
		}
	}
	return NULL;
}

bool config_option_adds_up(size_t option)
{
	return list_of(option) != NULL;
}

size_t config_option_values(const struct config *config, size_t option)
{
	const struct config_list *list = list_of(option);
	return list ? list->count(config) : 1;
}

void config_option_clear(struct config *config, size_t option)
{
	const struct config_list *list = list_of(option);
	if (list) {
		list->clear(config);
	}
}

bool config_option_may_change(size_t option)
{
	const struct number *number = number_of(option);
	return number ? number->may_change : config_words[option].may_change;
}

bool config_option_is_built(size_t option)
{
	const struct number *number = number_of(option);
	return number && number->is_built;
}

const char *config_option_unit(size_t option)
{
	const struct number *number = number_of(option);
	return number && quantity_of(number) == QUANTITY_SECONDS ? " s" : "";
}

bool config_option_text(
	const struct config *config, size_t option, size_t nth, char ret_text[CONFIG_VALUE_MAX])
{
	const struct number *number = number_of(option);
	const struct config_list *list = list_of(option);

	if (nth >= config_option_values(config, option)) {
		if (nth > 0 || !list || !list->empty) {
			return false;
		}
		strcpy(ret_text, list->empty);
	} else if (number) {
		write_number(config, number, ret_text);
	} else if (list) {
		list->write(config, nth, ret_text);
	} else {
		config_words[option].write(config, ret_text);
	}
	return true;
}

bool config_option_is_same(const struct config *a, const struct config *b, size_t option)
{
	char a_text[CONFIG_VALUE_MAX];
	char b_text[CONFIG_VALUE_MAX];

	for (size_t nth = 0;; nth++) {
		bool is_in_a = config_option_text(a, option, nth, a_text);
		bool is_in_b = config_option_text(b, option, nth, b_text);
		if (!is_in_a || !is_in_b) {
			return is_in_a == is_in_b;
		}
		if (strcmp(a_text, b_text) != 0) {
			return false;
		}
	}
}

int config_set(struct config *config, const char *name, const char *value,
	char ret_error[CONFIG_ERROR_MAX])
{
	int option = config_option_find(name);

	if (option < 0) {
		const char *nearest =
			spelling_nearest(name, config_option_count(), config_option_name);
		if (nearest) {
			config_refuse(ret_error, "no such option; did you mean %s?", nearest);
		} else {
			config_refuse(ret_error, "no such option: tidegate --help names all");
		}
		return -ENOENT;
	}
	const struct number *number = number_of((size_t)option);
	const struct config_list *list = list_of((size_t)option);
	if (number) {
		return set_number(config, number, value, ret_error);
	}
	return list ? list->set(config, value, ret_error)
		    : config_words[option].set(config, value, ret_error);
}
