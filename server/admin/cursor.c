#include "cursor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../base/handle.h"

bool admin_cursor_number(const char *text, size_t len, uint32_t max, uint32_t *ret_number)
{
	uint64_t number = 0;
	if (len == 0) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
		number = number * 10 + (uint64_t)(text[i] - '0');
		if (number > max) {
			return false;
		}
	}
	*ret_number = (uint32_t)number;
	return true;
}

void admin_cursor_write(uint8_t worker, uint32_t index, char ret_cursor[ADMIN_CURSOR_MAX])
{
	snprintf(ret_cursor, ADMIN_CURSOR_MAX, "%u.%u", worker, index);
}

int admin_cursor_read(
	const char *cursor, uint32_t worker_count, uint8_t *ret_worker, uint32_t *ret_index)
{
	uint32_t worker;
	uint32_t index;
	size_t worker_len = strcspn(cursor, ".");
	if (cursor[worker_len] != '.' || worker_count == 0 ||
		!admin_cursor_number(cursor, worker_len, worker_count - 1, &worker) ||
		!admin_cursor_number(cursor + worker_len + 1, strlen(cursor + worker_len + 1),
			HANDLE_INDEX_MAX, &index)) {
		return -EINVAL;
	}
	*ret_worker = (uint8_t)worker;
	*ret_index = index;
	return 0;
}
