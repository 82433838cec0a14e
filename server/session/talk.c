#include "talk.h"

#include <string.h>

#include "../../proto/audience.h"
#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"
#include "../../proto/utf8.h"
#include "../fanout/elsewhere.h"
#include "../fanout/memberships.h"
#include "../fanout/rooms_list.h"
#include "join.h"
#include "measure.h"
#include "outward.h"
#include "session_token.h"

enum {
	/* Members of rooms that a worker looks at for lists, in a tick: as many for those who have
	 * had none for some ticks as for the others. */
	LISTED_MAX = 32768,
	FRESH_TICKS = 1000 / LOOP_TICK_MS,
	PAGE_LEN_MAX =
		PACKET_HEADER_LEN + PAGE_PACKET_HEAD_LEN + PAGE_USERS_MAX * (1 + USER_NAME_MAX),
};

/* --- answers -----------------------------------------------------------------------------------
 */

/* With 0 as its id a client wants to hear of refusals only. */
static void answer(struct sessions *sessions, struct conn *conn, uint32_t id,
	enum packet_result result, uint32_t count)
{
	const struct answer_packet its = {.id = id, .result = (uint8_t)result, .count = count};
	uint8_t packet[PACKET_HEADER_LEN + ANSWER_PACKET_LEN];
	if (id != 0 || result != PACKET_DONE) {
		sessions_send_packet(sessions, conn, PACKET_ANSWER, packet,
			answer_packet_write(packet + PACKET_HEADER_LEN, &its));
	}
}

static void end_for_bad_packet(struct sessions *sessions, struct conn *conn)
{
	conn_close(sessions->conns, conn, CLOSE_REASON_BAD_PACKET, 0);
}

void talk_greet(struct sessions *sessions, struct conn *conn, enum packet_result result)
{
	uint8_t packet[PACKET_HEADER_LEN + 1 + 4 + 1 + USER_NAME_MAX + 1 + DEVICE_NAME_MAX];
	struct session_packet session = {
		.result = (uint8_t)result, .seconds_left = session_token_seconds(sessions, conn)};
	session.user.data = user_entry_name(conn->user, &session.user.len);
	session.device.data = user_entry_device(conn->user, &session.device.len);
	sessions_send_packet(sessions, conn, PACKET_SESSION, packet,
		session_packet_write(packet + PACKET_HEADER_LEN, &session));
}

/* --- say ---------------------------------------------------------------------------------------
 */

/* What was said has come to. */
struct talk_said {
	uint32_t count; /* sessions */
	bool is_later;  /* another thread will answer */
};

/* As far as it is known by now, without his own sessions of this node. */
static uint32_t others_of(const struct sessions *sessions, const struct conn *conn)
{
	const uint64_t elsewhere = elsewhere_sessions(fanout_node(sessions->fanout)->elsewhere);
	struct user_session own[USER_SESSIONS_MAX];
	size_t len;
	const char *name = user_entry_name(conn->user, &len);
	const uint32_t all = fanout_others(sessions->fanout) + 1;
	const uint32_t his = user_table_find(sessions->users, name, len, own);
	return (all > his ? all - his : 0) + (uint32_t)elsewhere;
}

static enum packet_result say_to_all(struct sessions *sessions, struct conn *conn,
	const struct say_packet *say, uint32_t *ret_count)
{
	if (!sessions->may_broadcast) {
		return PACKET_NOT_ALLOWED;
	}
	*ret_count = others_of(sessions, conn);
	return fanout_post(sessions->fanout, 0, conn, (const uint8_t *)say->text.data,
		       say->text.len) < 0
		       ? PACKET_BUSY
		       : PACKET_DONE;
}

/* Another thread may answer: that is counted before it is known. */
static enum packet_result say_to_one(struct sessions *sessions, struct conn *conn,
	struct slice user, const struct say_packet *say, struct talk_said *ret_said)
{
	struct say_reached_user reached = {.is_answered_later = false};
	const handle_t handle = sessions_id(sessions, conn);
	const bool is_counted = say->id != 0 && fanout_node(sessions->fanout)->elsewhere;
	if (is_counted && unanswered_take(&sessions->unanswered, handle, UNANSWERED_ID) < 0) {
		return PACKET_BUSY;
	}
	int err = say_to_user(&sessions->say, conn, user, say->text, say->id, &reached);
	if (is_counted && !reached.is_answered_later) {
		unanswered_give_back(&sessions->unanswered, handle, UNANSWERED_ID);
	}
	if (err) {
		return PACKET_BUSY;
	}
	*ret_said = (struct talk_said){reached.sessions, reached.is_answered_later};
	return PACKET_DONE;
}

static enum packet_result say_in_room(struct sessions *sessions, struct conn *conn,
	struct slice room, const struct say_packet *say, uint32_t *ret_count)
{
	uint16_t at = join_membership(sessions, conn, room);
	if (at == MEMBERSHIPS_NONE) {
		return PACKET_NOT_A_MEMBER;
	}
	return say_to_room(&sessions->say, conn, memberships_room(conn, at), say->text, ret_count) <
			       0
		       ? PACKET_BUSY
		       : PACKET_DONE;
}

static enum packet_result say_it(struct sessions *sessions, struct conn *conn,
	const struct say_packet *say, struct talk_said *ret_said)
{
	const struct audience audience = audience_of(say->audience);
	if (say->flags != 0) {
		return PACKET_NOT_ALLOWED;
	}
	if (audience.kind != AUDIENCE_INVALID && !rights_may_say(session_rights(conn), &audience)) {
		return PACKET_NOT_ALLOWED;
	}
	switch (audience.kind) {
	case AUDIENCE_EVERYBODY:
		return say_to_all(sessions, conn, say, &ret_said->count);
	case AUDIENCE_USER:
		return say_to_one(sessions, conn, audience.name, say, ret_said);
	case AUDIENCE_ROOM:
		return say_in_room(sessions, conn, audience.name, say, &ret_said->count);
	case AUDIENCE_INVALID:
		break;
	}
	return PACKET_BAD_NAME;
}

void talk_on_say(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet)
{
	struct say_packet say;
	struct talk_said said = {.count = 0};
	if (say_packet_decode(packet->payload, packet->payload_len, &say) < 0 ||
		!utf8_valid((const uint8_t *)say.text.data, say.text.len)) {
		end_for_bad_packet(sessions, conn);
		return;
	}
	if (measure_refuses(sessions, conn, message->len)) {
		if (conn->state == CONN_LIVE) {
			answer(sessions, conn, say.id, PACKET_BUSY, 0);
		}
		return;
	}
	enum packet_result result = say_it(sessions, conn, &say, &said);
	if (said.is_later) {
		return;
	}
	if (result == PACKET_DONE && said.count == 0) {
		result = PACKET_NOBODY_THERE;
	}
	answer(sessions, conn, say.id, result, result == PACKET_DONE ? said.count : 0);
}

/* It has no number, as a say of number 0, which is answered by refusals only. */
void talk_refuse_text(struct sessions *sessions, struct conn *conn)
{
	answer(sessions, conn, 0, PACKET_NOT_ALLOWED, 0);
}

/* --- join --------------------------------------------------------------------------------------
 */

void talk_on_join(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet)
{
	struct join_packet join;
	uint32_t count = 0;
	enum packet_result result;
	if (join_packet_decode(packet->payload, packet->payload_len, &join) < 0) {
		end_for_bad_packet(sessions, conn);
		return;
	}
	const bool is_told = join.flags & JOIN_TELL_MEMBERS;
	if (join.flags & ~JOIN_TELL_MEMBERS) {
		result = PACKET_NOT_ALLOWED;
	} else if (!user_name_is_valid(join.room.data, join.room.len)) {
		result = PACKET_BAD_NAME;
	} else if (!rights_may_join(session_rights(conn), join.room)) {
		result = PACKET_NOT_ALLOWED;
	} else {
		result = join_enter(sessions, conn, join.room, is_told, &count);
	}
	answer(sessions, conn, join.id, result, count);
}

/* --- leave -------------------------------------------------------------------------------------
 */

void talk_on_leave(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet)
{
	struct leave_packet its;
	if (leave_packet_decode(packet->payload, packet->payload_len, &its) < 0) {
		end_for_bad_packet(sessions, conn);
		return;
	}
	uint32_t left = 0;
	enum packet_result result = join_leave(sessions, conn, its.room, &left);
	answer(sessions, conn, its.id, result, left);
}

/* --- list --------------------------------------------------------------------------------------
 */

/* Whoever shares a place with one that lists is taken for it now and then. */
static bool is_fresh(const struct listing *listing, const struct conn *conn, uint32_t now_tick)
{
	const uint8_t ago = (uint8_t)(now_tick - listing->ticks[conn->index % LISTING_PLACES]);
	return ago > FRESH_TICKS;
}

/* Some of the members are on other nodes, as far as it is known. */
static uint32_t members_elsewhere(const struct sessions *sessions, const struct room *room)
{
	const struct elsewhere *elsewhere = fanout_node(sessions->fanout)->elsewhere;
	return elsewhere_room_users(elsewhere, room_hash(room));
}

/* A page costs a look at each member, here and on the other nodes: of large rooms there are few in
 * a tick. */
static bool may_list(struct sessions *sessions, const struct conn *conn, const struct room *room)
{
	struct listing *listing = &sessions->listing;
	const uint32_t now_tick = sessions->conns->loop->now_tick;
	const uint64_t cost = (uint64_t)room_sessions(room) + members_elsewhere(sessions, room);
	if (listing->tick != now_tick) {
		listing->tick = now_tick;
		listing->left = listing->left_fresh = LISTED_MAX;
	}
	uint32_t *left = is_fresh(listing, conn, now_tick) && listing->left_fresh > 0
				 ? &listing->left_fresh
				 : &listing->left;
	if (*left == 0) {
		return false;
	}
	*left -= cost < *left ? (uint32_t)cost : *left;
	listing->ticks[conn->index % LISTING_PLACES] = (uint8_t)now_tick;
	return true;
}

struct page_writer {
	uint8_t *at;
	uint16_t count;
};

static void write_user(void *context, struct slice user)
{
	struct page_writer *writer = context;
	writer->at = fields_put_str(writer->at, user);
	writer->count++;
}

void talk_on_list(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet)
{
	uint8_t whole[PAGE_LEN_MAX];
	struct page_writer writer = {.at = whole + PACKET_HEADER_LEN + PAGE_PACKET_HEAD_LEN};
	struct list_packet list;
	struct page_packet page = {.result = PACKET_DONE, .is_last = true};
	if (list_packet_decode(packet->payload, packet->payload_len, &list) < 0) {
		end_for_bad_packet(sessions, conn);
		return;
	}
	uint16_t at = join_membership(sessions, conn, list.room);
	if (at == MEMBERSHIPS_NONE) {
		page.result = PACKET_NOT_A_MEMBER;
	} else if (!may_list(sessions, conn, memberships_room(conn, at))) {
		page.result = PACKET_BUSY;
	} else if (members_elsewhere(sessions, memberships_room(conn, at)) > 0) {
		page.result = outward_ask_list(sessions, conn, list.id, list.room, list.after);
		if (page.result == PACKET_DONE) {
			return;
		}
	} else {
		page.is_last = room_list(sessions_rooms(sessions), memberships_room(conn, at),
			list.after, PAGE_USERS_MAX, write_user, &writer);
	}
	page.id = list.id;
	page.count = writer.count;
	page_packet_write_head(whole + PACKET_HEADER_LEN, &page);
	sessions_send_packet(sessions, conn, PACKET_PAGE, whole, writer.at);
}

/* --- requests ----------------------------------------------------------------------------------
 */

void talk_on_request(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet)
{
	uint8_t whole[PACKET_HEADER_LEN + REPLY_PACKET_HEAD_LEN];
	struct request_packet request;
	if (request_packet_decode(packet->payload, packet->payload_len, &request) < 0) {
		end_for_bad_packet(sessions, conn);
		return;
	}
	const enum packet_result result = rights_may_request(session_rights(conn))
						  ? outward_ask(sessions, conn, &request)
						  : PACKET_NOT_ALLOWED;
	if (result == PACKET_DONE) {
		return;
	}
	const struct reply_packet reply = {
		.id = request.id, .result = (uint8_t)result, .bytes = SLICE("")};
	sessions_send_packet(sessions, conn, PACKET_REPLY, whole,
		reply_packet_write(whole + PACKET_HEADER_LEN, &reply));
}
