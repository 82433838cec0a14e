/* Where HTTP comes in: libmicrohttpd's daemons, the connections to them, requests on their way to
 * the routes. All of it belongs to the admin thread. */
#ifndef TIDEGATE_ADMIN_HTTP_H
#define TIDEGATE_ADMIN_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/loop.h"
#include "../node/listener.h"
#include "context.h"

struct admin_front;

/* Serves the listeners, which are borrowed, with at most `clients_max` connections; wakes `loop`.
 * Errors: -ENOMEM, -errno. */
int admin_front_create(struct admin_context *context, const struct listeners *listeners,
	uint32_t clients_max, struct loop *loop, struct admin_front **ret_front);

/* Frees the front and nulls the giver's pointer; nothing may be waiting. *front may be NULL. */
void admin_front_destroy(struct admin_front **front);

/* Does what is there to be done. Once a turn. */
void admin_front_run(struct admin_front *front, uint64_t now_ms);

/* For how many ms the next turn may wait. */
int admin_front_wait_ms(struct admin_front *front);

/* Takes in nobody any more. */
void admin_front_close(struct admin_front *front);

/* Requests that have begun and not ended. */
uint32_t admin_front_requests(const struct admin_front *front);

#endif
