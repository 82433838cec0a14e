#include "cursor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../proto/ascii.h"
#include "../base/handle.h"

void admin_cursor_write(uint8_t worker, uint32_t index, char ret_cursor[ADMIN_CURSOR_MAX])
{
	snprintf(ret_cursor, ADMIN_CURSOR_MAX, "%u.%u", worker, index);
}

/* Two numbers, up to what each may be. */
static int read_pair(const char *cursor, uint64_t first_max, uint64_t second_max,
	uint64_t *ret_first, uint64_t *ret_second)
{
	size_t first_len = strcspn(cursor, ".");
	if (cursor[first_len] != '.' || !ascii_number(cursor, first_len, first_max, ret_first) ||
		!ascii_number(cursor + first_len + 1, strlen(cursor + first_len + 1), second_max,
			ret_second)) {
		return -EINVAL;
	}
	return 0;
}

int admin_cursor_read(
	const char *cursor, uint32_t worker_count, uint8_t *ret_worker, uint32_t *ret_index)
{
	uint64_t worker;
	uint64_t index;
	if (worker_count == 0 ||
		read_pair(cursor, worker_count - 1, HANDLE_INDEX_MAX, &worker, &index) < 0) {
		return -EINVAL;
	}
	*ret_worker = (uint8_t)worker;
	*ret_index = (uint32_t)index;
	return 0;
}

void admin_cursor_write_walk(const struct rcu_walk *walk, char ret_cursor[ADMIN_CURSOR_MAX])
{
	snprintf(ret_cursor, ADMIN_CURSOR_MAX, "%" PRIu64 ".%u", walk->position, walk->skip);
}

int admin_cursor_read_walk(const char *cursor, struct rcu_walk *ret_walk)
{
	uint64_t position;
	uint64_t skip;
	if (read_pair(cursor, RCU_WALK_POSITION_MAX, UINT32_MAX, &position, &skip) < 0) {
		return -EINVAL;
	}
	*ret_walk = (struct rcu_walk){position, (uint32_t)skip};
	return 0;
}
