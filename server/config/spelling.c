#include "spelling.h"

#include <string.h>

#include "../base/least.h"

enum {
	TYPED_MAX = 32, /* bytes; longer ones resemble no name */
};

static bool is_same(char name, char typed)
{
	return name == typed || (name == '_' && typed == '-');
}

bool spelling_is(const char *name, const char *typed)
{
	while (*name && is_same(*name, *typed)) {
		name++;
		typed++;
	}
	return *name == *typed;
}

/* Levenshtein's distance: how many characters to put in, take out or change. One row of the table
 * is kept: costs[j] is the distance of what was read of `name` to the first j characters of
 * `typed`. */
static size_t distance_of(const char *name, const char *typed)
{
	size_t costs[TYPED_MAX + 1];
	size_t len = strlen(typed);

	for (size_t j = 0; j <= len; j++) {
		costs[j] = j;
	}
	for (size_t i = 1; *name; i++, name++) {
		size_t diagonal = costs[0];
		costs[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t changed = diagonal + !is_same(*name, typed[j - 1]);
			diagonal = costs[j];
			costs[j] = least(changed, least(costs[j - 1], diagonal) + 1);
		}
	}
	return costs[len];
}

const char *spelling_nearest(const char *typed, size_t count, const char *(*name_of)(size_t index))
{
	const char *nearest = NULL;
	size_t limit = strlen(typed) / 3 + 1;

	if (strlen(typed) > TYPED_MAX) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		size_t distance = distance_of(name_of(i), typed);
		if (distance <= limit) {
			nearest = name_of(i);
			limit = distance;
		}
	}
	return nearest;
}
