#include "waiting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST = 64, /* logins that there is room for at first */
};

/* What has gone round lies behind the rest afterwards. */
static int grow(struct waiting *waiting)
{
	const uint32_t capacity = waiting->capacity ? waiting->capacity * 2 : FIRST;
	handle_t *grown = realloc(waiting->handles, capacity * sizeof(*grown));
	if (!grown) {
		return -ENOMEM;
	}
	memcpy(grown + waiting->capacity, grown, waiting->head * sizeof(*grown));
	waiting->handles = grown;
	waiting->capacity = capacity;
	return 0;
}

int waiting_put(struct waiting *waiting, handle_t handle)
{
	if (waiting->count == waiting->capacity) {
		int err = grow(waiting);
		if (err) {
			return err;
		}
	}
	const uint32_t tail = (waiting->head + waiting->count) & (waiting->capacity - 1);
	waiting->handles[tail] = handle;
	waiting->count++;
	return 0;
}

bool waiting_take(struct waiting *waiting, handle_t *ret_handle)
{
	if (waiting->count == 0) {
		return false;
	}
	*ret_handle = waiting->handles[waiting->head];
	waiting->head = (waiting->head + 1) & (waiting->capacity - 1);
	waiting->count--;
	return true;
}

void waiting_finish(struct waiting *waiting)
{
	free(waiting->handles);
	*waiting = (struct waiting){.count = 0};
}
