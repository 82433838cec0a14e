/* The last minutes of what the gateway counts, a moment a second, so that whoever looks when
 * something is wrong sees how it began. Its memory is fixed, and touched at the start. */
#ifndef TIDEGATE_ADMIN_HISTORY_H
#define TIDEGATE_ADMIN_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "moment.h"
#include "sample.h"

/* Owner:  the admin thread.
 * Shared: never. */
struct admin_history;

/* Errors: NULL: no memory. */
struct admin_history *admin_history_create(uint32_t worker_count);

/* Frees it and nulls the giver's pointer. *history may be NULL. */
void admin_history_destroy(struct admin_history **history);

/* Adds a moment. The first one is only what the next grows from. `busy_us` is how long each worker
 * has worked since its start, in microseconds. */
void admin_history_add(struct admin_history *history, uint64_t at_ms,
	const struct admin_sample *sample, const uint64_t *busy_us);

/* How many there ever were. Their numbers go from 0. */
uint32_t admin_history_count(const struct admin_history *history);

/* The number of the oldest that is kept. */
uint32_t admin_history_first(const struct admin_history *history);

/* One that is kept, by its number. */
const struct admin_moment *admin_history_moment(
	const struct admin_history *history, uint32_t number);

/* Which part of that moment's interval a worker worked, in thousandths: 0 to 1000. */
unsigned admin_history_busy(const struct admin_history *history, uint32_t number, uint32_t worker);

#endif
