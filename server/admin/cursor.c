#include "cursor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../proto/ascii.h"
#include "../base/handle.h"

void admin_cursor_write(uint8_t worker, uint32_t index, char ret_cursor[ADMIN_CURSOR_MAX])
{
	snprintf(ret_cursor, ADMIN_CURSOR_MAX, "%u.%u", worker, index);
}

int admin_cursor_read(
	const char *cursor, uint32_t worker_count, uint8_t *ret_worker, uint32_t *ret_index)
{
	uint64_t worker;
	uint64_t index;
	size_t worker_len = strcspn(cursor, ".");
	if (cursor[worker_len] != '.' || worker_count == 0 ||
		!ascii_number(cursor, worker_len, worker_count - 1, &worker) ||
		!ascii_number(cursor + worker_len + 1, strlen(cursor + worker_len + 1),
			HANDLE_INDEX_MAX, &index)) {
		return -EINVAL;
	}
	*ret_worker = (uint8_t)worker;
	*ret_index = (uint32_t)index;
	return 0;
}
