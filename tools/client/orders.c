#include "orders.h"

#include <errno.h>
#include <string.h>

#include "../../proto/audience.h"
#include "../../proto/packet.h"
#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"
#include "../../proto/utf8.h"
#include "joins.h"

enum tg_status orders_log_in(struct login *login, const struct login_options *options,
	const char *target, const char *authority, const char *token, uint64_t now_ms)
{
	if (login_is_under_way(login)) {
		return TG_OK;
	}
	if (!notices_have_space(&login->notices)) {
		return TG_ERR_STATE;
	}
	if (login_set_request(login, target, authority) < 0 || login_set_token(login, token) < 0) {
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

void orders_ping(struct login *login, uint64_t now_ms)
{
	if (login_is_live(login)) {
		login_ping(login, now_ms);
	}
	notices_deliver(&login->notices);
}

enum tg_status orders_give_token(struct login *login, const char *token, uint64_t now_ms)
{
	const int err = login_take_token(login, token, now_ms);
	notices_deliver(&login->notices);
	return err < 0 ? TG_ERR_NO_MEMORY : TG_OK;
}

static enum tg_status status_of(int err)
{
	switch (err) {
	case 0:
		return TG_OK;
	case -EAGAIN:
		return TG_ERR_WOULD_BLOCK;
	case -ENOMEM:
		return TG_ERR_NO_MEMORY;
	default:
		return TG_ERR_SYSTEM;
	}
}

static enum tg_status count_sent(struct login *login, enum tg_status status)
{
	login->stats.messages_sent += status == TG_OK;
	return status;
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
	return count_sent(
		login, status_of(line_send_text(login->line, (const uint8_t *)text, len)));
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
	return count_sent(login, status_of(line_send_packet(login->line, command, payload, len)));
}

/* --- tidegate.v1 ----------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
	return user_name_is_valid(name, strlen(name));
}

/* Finds the id of the next request, 0 where nobody asks for one. */
static enum tg_status begin_request(struct login *login, const uint32_t *wanted, uint32_t *ret_id)
{
	if (!login_is_live(login)) {
		return TG_ERR_NOT_CONNECTED;
	}
	if (!login_speaks_v1(login)) {
		return TG_ERR_NOT_SPOKEN;
	}
	*ret_id = wanted ? requests_next(&login->requests) : 0;
	return wanted && *ret_id == 0 ? TG_ERR_WOULD_BLOCK : TG_OK;
}

/* It was queued, or was not. */
static enum tg_status end_request(struct login *login, int err, uint32_t id, uint32_t *ret_id)
{
	if (err == 0 && id != 0) {
		requests_begin(&login->requests, id);
		*ret_id = id;
	}
	return status_of(err);
}

enum tg_status orders_say(
	struct login *login, const char *audience, const char *text, size_t len, uint32_t *ret_id)
{
	uint8_t head[4 + 1 + 1 + AUDIENCE_MAX];
	struct say_packet say = {.audience = slice_of(audience), .text = SLICE("")};
	enum tg_status status = begin_request(login, ret_id, &say.id);

	if (status != TG_OK) {
		return status;
	}
	if (audience_of(say.audience).kind == AUDIENCE_INVALID) {
		return TG_ERR_BAD_NAME;
	}
	const size_t head_len = say_packet_len(&say);
	if (len > LINE_MESSAGE_MAX - PACKET_HEADER_LEN - head_len) {
		return TG_ERR_TOO_BIG;
	}
	if (!utf8_valid((const uint8_t *)text, len)) {
		return TG_ERR_UTF8;
	}
	say_packet_write(head, &say);
	const int err = line_send_packet_of(
		login->line, PACKET_SAY, head, head_len, (const uint8_t *)text, len);
	return count_sent(login, end_request(login, err, say.id, ret_id));
}

/* A room that could not be asked for is not wanted, unless it was before. */
static enum tg_status ask_for(struct login *login, struct wanted_room *room, bool is_new)
{
	const enum tg_status status =
		login_speaks_v1(login) ? status_of(joins_ask_for(room, login->line)) : TG_OK;
	if (status != TG_OK && is_new) {
		rooms_remove(&login->rooms, room);
	}
	return status;
}

enum tg_status orders_join(struct login *login, const char *name, bool is_told, uint32_t *ret_id)
{
	if (!is_name(name)) {
		return TG_ERR_BAD_NAME;
	}
	if (login_is_live(login) && !login_speaks_v1(login)) {
		return TG_ERR_NOT_SPOKEN;
	}
	struct wanted_room *room = rooms_find(&login->rooms, slice_of(name));
	const bool is_new = !room;
	const int err = is_new ? rooms_add(&login->rooms, slice_of(name), &room) : 0;
	if (err < 0) {
		return err == -ENOSPC ? TG_ERR_TOO_MANY_ROOMS : TG_ERR_NO_MEMORY;
	}
	const bool was_told = room->is_told;
	room->is_told = is_told;
	const uint32_t id = room->id;
	const enum tg_status status = ask_for(login, room, is_new);
	if (status == TG_OK && ret_id) {
		*ret_id = id;
	}
	if (status != TG_OK && !is_new) {
		room->is_told = was_told;
	}
	return status;
}

static enum tg_status send_leave(struct login *login, struct slice room, uint32_t *ret_id)
{
	uint8_t payload[4 + 1 + USER_NAME_MAX];
	struct leave_packet leave = {.room = room};
	const enum tg_status status = begin_request(login, ret_id, &leave.id);

	if (status != TG_OK) {
		return status;
	}
	const uint8_t *end = leave_packet_write(payload, &leave);
	const int err =
		line_send_packet(login->line, PACKET_LEAVE, payload, (size_t)(end - payload));
	return end_request(login, err, leave.id, ret_id);
}

enum tg_status orders_leave(struct login *login, const char *name, uint32_t *ret_id)
{
	enum tg_status status = TG_OK;

	if (!is_name(name)) {
		return TG_ERR_BAD_NAME;
	}
	if (login_speaks_v1(login)) {
		status = send_leave(login, slice_of(name), ret_id);
	} else if (ret_id) {
		*ret_id = 0;
	}
	struct wanted_room *room = rooms_find(&login->rooms, slice_of(name));
	if (room && status == TG_OK) {
		rooms_remove(&login->rooms, room);
	}
	return status;
}

enum tg_status orders_list(
	struct login *login, const char *room, const char *after, uint32_t *ret_id)
{
	uint8_t payload[4 + 2 * (1 + USER_NAME_MAX)];
	struct list_packet list = {.room = slice_of(room), .after = slice_of(after)};
	const enum tg_status status = begin_request(login, ret_id, &list.id);

	if (status != TG_OK) {
		return status;
	}
	if (!is_name(room) || (*after && !is_name(after))) {
		return TG_ERR_BAD_NAME;
	}
	const uint8_t *end = list_packet_write(payload, &list);
	const int err =
		line_send_packet(login->line, PACKET_LIST, payload, (size_t)(end - payload));
	return end_request(login, err, list.id, ret_id);
}

enum tg_status orders_request(struct login *login, const void *data, size_t len, uint32_t *ret_id)
{
	uint8_t head[4];
	struct request_packet request = {.bytes = SLICE("")};
	const enum tg_status status = begin_request(login, ret_id, &request.id);

	if (status != TG_OK) {
		return status;
	}
	if (len > LINE_MESSAGE_MAX - PACKET_HEADER_LEN - sizeof(head)) {
		return TG_ERR_TOO_BIG;
	}
	request_packet_write(head, &request);
	const int err =
		line_send_packet_of(login->line, PACKET_REQUEST, head, sizeof(head), data, len);
	return end_request(login, err, request.id, ret_id);
}
