#include "sort.h"

#include <string.h>

enum {
	SORT_KEYS_MAX = 15,
};

bool admin_sort_take(
	struct admin_request *request, const struct admin_sort_key *keys, struct admin_order *order)
{
	static const char *const orders[] = {"asc", "desc", NULL};
	const char *names[SORT_KEYS_MAX + 1] = {NULL};
	uint32_t key = SORT_KEYS_MAX;
	uint32_t is_descending = false;
	for (int i = 0; keys[i].name && i < SORT_KEYS_MAX; i++) {
		names[i] = keys[i].name;
	}
	if (!admin_request_take_choice(request, ADMIN_SORT_BY, names, &key) ||
		!admin_request_take_choice(request, ADMIN_SORT_ORDER, orders, &is_descending)) {
		return false;
	}
	if (key != SORT_KEYS_MAX) {
		order->compare = keys[key].compare;
	}
	order->is_descending = is_descending;
	return true;
}

int admin_sort_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return order ? order : ADMIN_COMPARE(a_len, b_len);
}
