/* Where a page of users ends and the next one begins: a worker, and a record of its table; and of
 * rooms: where a walk over all has come to. */
#ifndef TIDEGATE_ADMIN_CURSOR_H
#define TIDEGATE_ADMIN_CURSOR_H

#include <stdint.h>

#include "../fanout/rooms_list.h"

enum {
	ADMIN_CURSOR_MAX = 24, /* bytes, NUL included */
};

void admin_cursor_write(uint8_t worker, uint32_t index, char ret_cursor[ADMIN_CURSOR_MAX]);

/* Errors: -EINVAL. */
int admin_cursor_read(
	const char *cursor, uint32_t worker_count, uint8_t *ret_worker, uint32_t *ret_index);

void admin_cursor_write_walk(const struct rcu_walk *walk, char ret_cursor[ADMIN_CURSOR_MAX]);

/* Errors: -EINVAL. */
int admin_cursor_read_walk(const char *cursor, struct rcu_walk *ret_walk);

#endif
