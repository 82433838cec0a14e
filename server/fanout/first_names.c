#include "first_names.h"

#include <string.h>

void first_names_begin(struct first_names *first, struct slice after, uint32_t most)
{
	first->after = after;
	first->most = most < FIRST_NAMES_MAX ? most : FIRST_NAMES_MAX;
	first->count = 0;
}

static int compare(struct slice a, struct slice b)
{
	int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool is_full(const struct first_names *first)
{
	return first->count > first->most;
}

void first_names_add(struct first_names *first, struct slice name)
{
	uint32_t low = 0;
	uint32_t high = first->count;
	/* Most are behind all of a list that is full. */
	if (compare(name, first->after) <= 0 ||
		(is_full(first) && compare(first->names[first->most], name) <= 0)) {
		return;
	}
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		int order = compare(first->names[middle], name);
		if (order == 0) {
			return;
		}
		low = order < 0 ? middle + 1 : low;
		high = order < 0 ? high : middle;
	}
	if (is_full(first)) {
		first->count--;
	}
	memmove(&first->names[low + 1], &first->names[low],
		(first->count - low) * sizeof(first->names[0]));
	first->names[low] = name;
	first->count++;
}
