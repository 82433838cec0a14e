/* What the application asks of a login: see the functions of the same names in tidegate-client.h.
 * They tell what they lead to before they return, unless a callback is being called. */
#ifndef TIDEGATE_CLIENT_ORDERS_H
#define TIDEGATE_CLIENT_ORDERS_H

#include <stddef.h>
#include <stdint.h>

#include "login.h"

/* `target` and `authority` are those of the request, `token` is what it shows; NULL: nothing.
 * Copied. */
enum tg_status orders_log_in(struct login *login, const struct login_options *options,
	const char *target, const char *authority, const char *token, uint64_t now_ms);
void orders_log_out(struct login *login, uint64_t now_ms);
void orders_probe(struct login *login, uint64_t now_ms);
void orders_ping(struct login *login, uint64_t now_ms);
enum tg_status orders_give_token(struct login *login, const char *token, uint64_t now_ms);
enum tg_status orders_send_text(struct login *login, const char *text, size_t len);
enum tg_status orders_send_packet(
	struct login *login, uint16_t command, const void *payload, size_t len);

/* Of tidegate.v1. */
enum tg_status orders_say(
	struct login *login, const char *audience, const char *text, size_t len, uint32_t *ret_id);
enum tg_status orders_join(struct login *login, const char *room, bool is_told, uint32_t *ret_id);
enum tg_status orders_leave(struct login *login, const char *room, uint32_t *ret_id);
enum tg_status orders_list(
	struct login *login, const char *room, const char *after, uint32_t *ret_id);
enum tg_status orders_request(struct login *login, const void *data, size_t len, uint32_t *ret_id);

#endif
