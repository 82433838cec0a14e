/* The query parameters `sort` and `order`: by what a list is asked to be sorted. */
#ifndef TIDEGATE_ADMIN_SORT_H
#define TIDEGATE_ADMIN_SORT_H

#include <stdbool.h>
#include <stdint.h>

#include "best.h"
#include "request.h"

#define ADMIN_SORT_BY    "sort"
#define ADMIN_SORT_ORDER "order"

/* What a list can be sorted by. */
struct admin_sort_key {
	const char *name; /* a member of the list's items; NULL ends a table of keys */
	admin_compare *compare;
};

/* Reads both; where `sort` is left out order->compare stays. Makes a problem, and returns false,
 * when one is none of the table's, or of `asc` and `desc`. */
bool admin_sort_take(struct admin_request *request, const struct admin_sort_key *keys,
	struct admin_order *order);

#define ADMIN_COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

/* By bytes; what is the beginning of another comes first. */
int admin_sort_names(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
