/* Where HTTP comes in: the listeners of the admin port and the lines to it, in an epoll of their
 * own. All of it belongs to the admin thread. */
#ifndef TIDEGATE_ADMIN_HTTP_H
#define TIDEGATE_ADMIN_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/loop.h"
#include "../node/listener.h"
#include "context.h"

struct admin_http;

/* Serves the listeners, which are borrowed, with at most `clients_max` connections; wakes `loop`.
 * Errors: -ENOMEM, -errno. */
int admin_http_create(struct admin_context *context, const struct listeners *listeners,
	uint32_t clients_max, struct loop *loop, struct admin_http **ret_http);

/* Frees it and nulls the giver's pointer; nothing may be waiting. *http may be NULL. */
void admin_http_destroy(struct admin_http **http);

/* Does what is there to be done. Once a turn. */
void admin_http_run(struct admin_http *http, uint64_t now_ms);

/* For how many ms the next turn may wait. */
int admin_http_wait_ms(struct admin_http *http);

/* Whether what comes wakes the loop; else it waits. */
void admin_http_hear(struct admin_http *http, bool is_heard);

/* Takes in nobody any more. */
void admin_http_close(struct admin_http *http);

/* Requests that have begun and not ended. */
uint32_t admin_http_requests(const struct admin_http *http);

#endif
