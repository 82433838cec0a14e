/* What the application asks of a login: see the functions of the same names in tidegate-client.h.
 * They tell what they lead to before they return, unless a callback is being called. */
#ifndef TIDEGATE_CLIENT_ORDERS_H
#define TIDEGATE_CLIENT_ORDERS_H

#include <stddef.h>
#include <stdint.h>

#include "login.h"

/* `target` and `authority` are those of the request; copied. */
enum tg_status orders_log_in(struct login *login, const struct login_options *options,
	const char *target, const char *authority, uint64_t now_ms);
void orders_log_out(struct login *login, uint64_t now_ms);
void orders_probe(struct login *login, uint64_t now_ms);
enum tg_status orders_send_text(struct login *login, const char *text, size_t len);
enum tg_status orders_send_packet(
	struct login *login, uint16_t command, const void *payload, size_t len);

#endif
