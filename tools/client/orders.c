#include "orders.h"

#include <errno.h>

#include "../../proto/packet.h"
#include "../../proto/utf8.h"

enum tg_status orders_log_in(struct login *login, const struct login_options *options,
	const char *target, const char *authority, uint64_t now_ms)
{
	if (login_is_under_way(login)) {
		return TG_OK;
	}
	if (!notices_have_space(&login->notices)) {
		return TG_ERR_STATE;
	}
	if (login_set_request(login, target, authority) < 0) {
		return TG_ERR_NO_MEMORY;
	}
	login_begin(login, options, now_ms);
	notices_deliver(&login->notices);
	return TG_OK;
}

void orders_log_out(struct login *login, uint64_t now_ms)
{
	if (login->state != TG_STATE_CLOSING && login->state != TG_STATE_CLOSED) {
		login_leave(login, now_ms);
		notices_deliver(&login->notices);
	}
}

void orders_probe(struct login *login, uint64_t now_ms)
{
	if (login_is_live(login)) {
		if (!liveness_is_probing(&login->liveness)) {
			login_probe(login, now_ms);
		}
	} else if (login->retry_at != MOMENT_NEVER) {
		login_hasten(login, now_ms);
	}
	notices_deliver(&login->notices);
}

static enum tg_status status_of_send(struct login *login, int err)
{
	switch (err) {
	case 0:
		login->stats.messages_sent++;
		return TG_OK;
	case -EAGAIN:
		return TG_ERR_WOULD_BLOCK;
	case -ENOMEM:
		return TG_ERR_NO_MEMORY;
	default:
		return TG_ERR_SYSTEM;
	}
}

enum tg_status orders_send_text(struct login *login, const char *text, size_t len)
{
	if (!login_is_live(login)) {
		return TG_ERR_NOT_CONNECTED;
	}
	if (len > LINE_MESSAGE_MAX) {
		return TG_ERR_TOO_BIG;
	}
	if (!utf8_valid((const uint8_t *)text, len)) {
		return TG_ERR_UTF8;
	}
	return status_of_send(login, line_send_text(login->line, (const uint8_t *)text, len));
}

enum tg_status orders_send_packet(
	struct login *login, uint16_t command, const void *payload, size_t len)
{
	if (!login_is_live(login)) {
		return TG_ERR_NOT_CONNECTED;
	}
	if (len > LINE_MESSAGE_MAX - PACKET_HEADER_LEN) {
		return TG_ERR_TOO_BIG;
	}
	if (command == PACKET_TEXT && !utf8_valid(payload, len)) {
		return TG_ERR_UTF8;
	}
	return status_of_send(login, line_send_packet(login->line, command, payload, len));
}
