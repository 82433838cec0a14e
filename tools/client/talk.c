#include "talk.h"

#include "../../proto/packet.h"
#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"
#include "../../proto/utf8.h"

static bool is_utf8(struct slice text)
{
	return utf8_valid((const uint8_t *)text.data, text.len);
}

static struct tg_name name_of(struct slice text)
{
	return (struct tg_name){text.data, text.len};
}

/* Later results than those of this table are refusals too, of which nothing is known. */
static enum tg_status status_of(uint8_t result)
{
	switch ((enum packet_result)result) {
	case PACKET_DONE:
		return TG_OK;
	case PACKET_NOBODY_THERE:
		return TG_ERR_NOBODY_THERE;
	case PACKET_NOT_ALLOWED:
		return TG_ERR_NOT_ALLOWED;
	case PACKET_BUSY:
		return TG_ERR_BUSY;
	case PACKET_NOT_A_MEMBER:
		return TG_ERR_NOT_A_MEMBER;
	case PACKET_BAD_NAME:
		return TG_ERR_BAD_NAME;
	case PACKET_TOO_MANY_ROOMS:
		return TG_ERR_TOO_MANY_ROOMS;
	case PACKET_UNREACHABLE:
		return TG_ERR_NODE;
	case PACKET_UNKNOWN:
		break;
	}
	return TG_ERR_UNKNOWN;
}

/* Nobody is told anything but answers once he has logged out. */
static bool is_listening(const struct login *login)
{
	return login->state == TG_STATE_CONNECTED;
}

/* --- what is said ---------------------------------------------------------------------------- */

static enum talk_finding hear_session(
	struct login *login, const uint8_t *payload, size_t len, uint64_t now_ms)
{
	struct session_packet session;

	if (session_packet_decode(payload, len, &session) < 0 || !is_utf8(session.user) ||
		!is_utf8(session.device)) {
		return TALK_BAD_PACKET;
	}
	if (is_listening(login)) {
		notices_put_session(&login->notices, &(struct tg_session){
							     .status = status_of(session.result),
							     .seconds_left = session.seconds_left,
							     .user = name_of(session.user),
							     .device = name_of(session.device),
						     });
		login_plan_renewal(login, session.result == PACKET_DONE,
			session.result == PACKET_BUSY, session.seconds_left, now_ms);
	}
	return TALK_HEARD;
}

static enum talk_finding hear_message(struct login *login, const uint8_t *payload, size_t len)
{
	struct message_packet message;

	if (message_packet_decode(payload, len, &message) < 0 || !is_utf8(message.from) ||
		!is_utf8(message.audience) || !is_utf8(message.text)) {
		return TALK_BAD_PACKET;
	}
	login->stats.messages_received++;
	if (is_listening(login)) {
		notices_put_message(&login->notices,
			&(struct tg_message){
				.data = message.text.data,
				.len = message.text.len,
				.text_len = message.text.len,
				.from = message.from.len > 0 ? message.from.data : NULL,
				.from_len = message.from.len,
				.command = PACKET_MESSAGE,
				.audience = message.audience.data,
				.audience_len = message.audience.len,
				.sent_ms = message.sent_ms,
			});
	}
	return TALK_HEARD;
}

static enum talk_finding hear_members(struct login *login, const uint8_t *payload, size_t len)
{
	struct members_packet members;

	if (members_packet_decode(payload, len, &members) < 0 || !is_utf8(members.room) ||
		!is_utf8(members.user)) {
		return TALK_BAD_PACKET;
	}
	struct wanted_room *room = members.change == MEMBERS_TAKEN_OUT
					   ? rooms_find(&login->rooms, members.room)
					   : NULL;
	if (room) {
		rooms_remove(&login->rooms, room);
	}
	if (is_listening(login)) {
		notices_put_members(&login->notices,
			&(struct tg_members){
				.room = name_of(members.room),
				.count = members.count,
				.change = members.change <= MEMBERS_TAKEN_OUT
						  ? (enum tg_members_change)members.change
						  : TG_MEMBERS_COUNTED,
				.user = name_of(members.user),
			});
	}
	return TALK_HEARD;
}

static enum talk_finding hear_gap(struct login *login, const uint8_t *payload, size_t len)
{
	struct gap_packet gap;

	if (gap_packet_decode(payload, len, &gap) < 0) {
		return TALK_BAD_PACKET;
	}
	if (is_listening(login)) {
		notices_put_gap(&login->notices, &(struct tg_gap){.batches = gap.batches});
	}
	return TALK_HEARD;
}

/* --- what is answered ------------------------------------------------------------------------ */

/* Whatever has ended a request is told first. */
static void tell_writable(struct login *login)
{
	if (requests_take_writable(&login->requests) && login_is_live(login)) {
		notices_put_writable(&login->notices);
	}
}

static void put_answer(struct login *login, const struct tg_answer *answer)
{
	notices_put_answer(&login->notices, answer);
	tell_writable(login);
}

/* It is answered. Returns false when it was not under way; without an id there is nothing to end.
 */
static bool end_request(struct login *login, uint32_t id)
{
	return id == 0 || requests_end(&login->requests, id);
}

/* In the place of what would have been told of it. */
static void put_refusal(struct login *login, uint32_t id, uint8_t result)
{
	put_answer(login, &(struct tg_answer){.id = id, .status = status_of(result)});
}

/* A room that is not wanted any more may still be answered. */
static void put_answer_to_join(struct login *login, const struct answer_packet *answer)
{
	struct wanted_room *room = rooms_find_id(&login->rooms, answer->id);

	put_answer(login, &(struct tg_answer){
				  .id = answer->id,
				  .status = status_of(answer->result),
				  .count = answer->count,
				  .room = name_of(room ? wanted_room_name(room) : SLICE("")),
			  });
	if (room && answer->result != PACKET_DONE) {
		rooms_remove(&login->rooms, room);
	}
}

static enum talk_finding hear_answer(struct login *login, const uint8_t *payload, size_t len)
{
	struct answer_packet answer;

	if (answer_packet_decode(payload, len, &answer) < 0) {
		return TALK_BAD_PACKET;
	}
	if (answer.id >= ROOMS_ID_MIN) {
		put_answer_to_join(login, &answer);
		return TALK_HEARD;
	}
	if (!end_request(login, answer.id)) {
		return TALK_PASSED_OVER;
	}
	put_answer(login, &(struct tg_answer){
				  .id = answer.id,
				  .status = status_of(answer.result),
				  .count = answer.count,
			  });
	return TALK_HEARD;
}

/* Decodes all of it. Returns whether it fits. */
static bool read_page(
	struct login *login, const uint8_t *payload, size_t len, struct page_packet *ret_page)
{
	struct slice users[PAGE_USERS_MAX];

	if (page_packet_decode(payload, len, ret_page, users) < 0) {
		return false;
	}
	for (uint16_t i = 0; i < ret_page->count; i++) {
		if (!is_utf8(users[i])) {
			return false;
		}
		login->page_users[i] = name_of(users[i]);
	}
	return true;
}

static enum talk_finding hear_page(struct login *login, const uint8_t *payload, size_t len)
{
	struct page_packet page;

	if (!read_page(login, payload, len, &page)) {
		return TALK_BAD_PACKET;
	}
	if (!end_request(login, page.id)) {
		return TALK_PASSED_OVER;
	}
	if (page.result != PACKET_DONE) {
		put_refusal(login, page.id, page.result);
	} else {
		notices_put_page(&login->notices, &(struct tg_page){
							  .id = page.id,
							  .is_last = page.is_last,
							  .count = page.count,
							  .users = login->page_users,
						  });
		tell_writable(login);
	}
	return TALK_HEARD;
}

/* A reply is told like a page, in the place of an answer. */
static enum talk_finding hear_reply(struct login *login, const uint8_t *payload, size_t len)
{
	struct reply_packet reply;

	if (reply_packet_decode(payload, len, &reply) < 0) {
		return TALK_BAD_PACKET;
	}
	if (!end_request(login, reply.id)) {
		return TALK_PASSED_OVER;
	}
	if (reply.result != PACKET_DONE) {
		put_refusal(login, reply.id, reply.result);
	} else {
		notices_put_reply(&login->notices, &(struct tg_reply){
							   .id = reply.id,
							   .data = reply.bytes.data,
							   .len = reply.bytes.len,
						   });
		tell_writable(login);
	}
	return TALK_HEARD;
}

enum talk_finding talk_hear(
	struct login *login, uint16_t command, const uint8_t *payload, size_t len, uint64_t now_ms)
{
	if (line_subprotocol(login->line) != SUBPROTOCOL_V1) {
		return TALK_PASSED_OVER;
	}
	switch (command) {
	case PACKET_SESSION:
		return hear_session(login, payload, len, now_ms);
	case PACKET_MESSAGE:
		return hear_message(login, payload, len);
	case PACKET_GAP:
		return hear_gap(login, payload, len);
	case PACKET_ANSWER:
		return hear_answer(login, payload, len);
	case PACKET_MEMBERS:
		return hear_members(login, payload, len);
	case PACKET_PAGE:
		return hear_page(login, payload, len);
	case PACKET_REPLY:
		return hear_reply(login, payload, len);
	default:
		return TALK_PASSED_OVER;
	}
}
