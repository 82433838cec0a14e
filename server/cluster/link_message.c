#include "link_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Takes `charge` bytes of what is allowed, or nothing. */
static bool charge_it(_Atomic size_t *charged, size_t charge, size_t limit)
{
	if (!charged) {
		return true;
	}
	if (atomic_fetch_add_explicit(charged, charge, memory_order_relaxed) + charge <= limit) {
		return true;
	}
	atomic_fetch_sub_explicit(charged, charge, memory_order_relaxed);
	return false;
}

/* Copies the bytes and a NUL behind them to `*at`, which goes on behind that. */
static void *put(uint8_t **at, const void *bytes, size_t len)
{
	uint8_t *start = *at;

	if (len > 0) {
		memcpy(start, bytes, len);
	}
	start[len] = '\0';
	*at = start + len + 1;
	return start;
}

int link_message_create(enum link_about about, const char *name, const char *reply,
	const void *data, size_t len, _Atomic size_t *charged, size_t limit,
	struct link_message **ret_message)
{
	size_t name_len = strlen(name);
	size_t reply_len = strlen(reply);
	if (name_len >= LINK_NAME_MAX || reply_len >= LINK_NAME_MAX) {
		return -ENAMETOOLONG;
	}

	size_t size = sizeof(struct link_message) + name_len + 1 + reply_len + 1 + len + 1;
	if (!charge_it(charged, size, limit)) {
		return -ENOBUFS;
	}
	struct link_message *message = malloc(size);
	if (!message) {
		if (charged) {
			atomic_fetch_sub_explicit(charged, size, memory_order_relaxed);
		}
		return -ENOMEM;
	}
	*message = (struct link_message){
		.about = about, .len = len, .charged = charged, .charge = size};
	uint8_t *at = (uint8_t *)(message + 1);
	message->name = put(&at, name, name_len);
	message->reply = put(&at, reply, reply_len);
	message->data = put(&at, data, len);
	*ret_message = message;
	return 0;
}

void link_message_free(struct link_message **message)
{
	struct link_message *given = *message;

	*message = NULL;
	if (!given) {
		return;
	}
	if (given->charged) {
		atomic_fetch_sub_explicit(given->charged, given->charge, memory_order_relaxed);
	}
	free(given);
}
