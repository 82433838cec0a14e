#include "join.h"

#include <string.h>

#include "../../proto/room_packets.h"
#include "../base/log.h"
#include "../fanout/elsewhere.h"
#include "../fanout/memberships.h"

enum {
	MEMBERS_LEN_MAX = PACKET_HEADER_LEN + 1 + USER_NAME_MAX + 4 + 1 + 1 + USER_NAME_MAX,
};

uint16_t join_membership(const struct sessions *sessions, struct conn *conn, struct slice room)
{
	return memberships_find(sessions_rooms(sessions), conn, room);
}

static uint8_t worker_of(const struct sessions *sessions, const struct conn *conn)
{
	return handle_worker(sessions_id(sessions, conn));
}

/* A room of so many users has become one of so many. */
static void note_size(struct stats *stats, uint32_t before, uint32_t after)
{
	if (before > 0) {
		stats_take_back(&stats->room_users, before);
	}
	if (after > 0) {
		stats_note(&stats->room_users, after, 1);
	}
}

/* Users are counted on all nodes. */
static enum packet_result count_elsewhere(const struct sessions *sessions, struct slice room,
	enum packet_result result, uint32_t *users)
{
	const struct elsewhere *elsewhere = fanout_node(sessions->fanout)->elsewhere;
	if (elsewhere && result == PACKET_DONE) {
		*users +=
			elsewhere_room_users(elsewhere, rooms_hash(sessions_rooms(sessions), room));
	}
	return result;
}

/* --- coming ------------------------------------------------------------------------------------
 */

/* One that is in already may ask to be told, or not to be. */
static enum packet_result enter_again(struct sessions *sessions, struct conn *conn, uint16_t at,
	bool is_told, uint32_t *ret_users)
{
	struct room *room = memberships_room(conn, at);
	if (memberships_is_told(conn, at) != is_told) {
		memberships_set_told(conn, at, is_told);
		*ret_users = room_set_told(room, is_told);
		presence_room(&sessions->presences, room_name(room), room_hash(room), room);
	} else {
		*ret_users = room_users(room);
	}
	return PACKET_DONE;
}

static enum packet_result refuse_as_busy(struct sessions *sessions, const struct conn *conn)
{
	static struct log_tally tally = LOG_TALLY(1);
	stats_add(&sessions->conns->stats->joins_refused, 1);
	if (log_admits(&tally, LOG_LEVEL_WARN, "joins refused")) {
		log_write(LOG_LEVEL_WARN, sessions_id(sessions, conn),
			"a join is refused: rooms and their members hold as much memory as they "
			"may, a quarter of memory_limit, or all of it is held");
	}
	return PACKET_BUSY;
}

/* Makes it a member, and tells nobody. `enter` is room_enter or room_return, whose errors it has.
 */
static int put_in(struct sessions *sessions, struct conn *conn, struct slice name, bool is_told,
	int (*enter)(struct rooms *rooms, struct slice name, uint8_t worker,
		struct user_entry *entry, struct room **ret_room, struct room_change *ret_change),
	struct room **ret_room, struct room_change *ret_change)
{
	const uint8_t worker = worker_of(sessions, conn);
	struct rooms *rooms = sessions_rooms(sessions);
	int err = enter(rooms, name, worker, conn->user, ret_room, ret_change);
	if (err) {
		return err;
	}
	err = memberships_add(rooms, conn, *ret_room, ret_change->since, is_told);
	if (err) {
		room_leave(rooms, *ret_room, worker, conn->user);
		return err;
	}
	stats_add(&sessions->conns->stats->memberships, 1);
	if (ret_change->is_of_a_user) {
		note_size(sessions->conns->stats, ret_change->users - 1, ret_change->users);
	}
	return 0;
}

static enum packet_result enter_new(struct sessions *sessions, struct conn *conn, struct slice name,
	bool is_told, uint32_t *ret_users)
{
	struct room *room;
	struct room_change change;
	if (memberships_count(conn) >= sessions->rooms_max) {
		return PACKET_TOO_MANY_ROOMS;
	}
	if (put_in(sessions, conn, name, is_told, room_enter, &room, &change) < 0) {
		return refuse_as_busy(sessions, conn);
	}
	*ret_users = is_told ? room_set_told(room, true) : change.users;
	if (change.is_of_a_user) {
		say_who_came(&sessions->say, conn, room, MEMBERS_CAME);
	}
	if (change.is_of_a_user || is_told) {
		presence_room(&sessions->presences, name, room_hash(room), room);
	}
	return PACKET_DONE;
}

enum packet_result join_enter(struct sessions *sessions, struct conn *conn, struct slice room,
	bool is_told, uint32_t *ret_users)
{
	uint16_t at = join_membership(sessions, conn, room);
	enum packet_result result = at != MEMBERSHIPS_NONE
					    ? enter_again(sessions, conn, at, is_told, ret_users)
					    : enter_new(sessions, conn, room, is_told, ret_users);
	return count_elsewhere(sessions, room, result, ret_users);
}

/* --- going -------------------------------------------------------------------------------------
 */

/* Those who are left are told, if there are any. */
static void tell_who_went(struct sessions *sessions, struct conn *conn, struct slice name,
	uint32_t hash, uint32_t serial)
{
	struct room *room = rooms_find_begin(sessions_rooms(sessions), name, hash);
	if (room && room_serial(room) == serial) {
		say_who_came(&sessions->say, conn, room, MEMBERS_WENT);
	}
	rooms_find_end(sessions_rooms(sessions));
}

/* Other nodes, by way of the registrar. The room may be gone. */
static void note_who_went(struct sessions *sessions, struct slice name, uint32_t hash)
{
	const struct presence_target *target = sessions->presences.target;
	if (target && target->wants_rooms) {
		struct room *room = rooms_find_begin(sessions_rooms(sessions), name, hash);
		presence_room(&sessions->presences, name, hash, room);
		rooms_find_end(sessions_rooms(sessions));
	}
}

/* It is no member any more, and nobody is told. The room may be gone behind it. */
static struct room_change take_out(
	struct sessions *sessions, struct conn *conn, uint16_t at, bool *ret_was_told)
{
	struct room *room = memberships_room(conn, at);
	*ret_was_told = memberships_is_told(conn, at);
	if (*ret_was_told) {
		room_set_told(room, false);
	}
	memberships_remove(sessions_rooms(sessions), conn, at);
	const struct room_change change =
		room_leave(sessions_rooms(sessions), room, worker_of(sessions, conn), conn->user);
	stats_sub(&sessions->conns->stats->memberships, 1);
	if (change.is_of_a_user) {
		note_size(sessions->conns->stats, change.users + 1, change.users);
	}
	return change;
}

/* Returns how many users are left. The room may be gone behind it. */
static uint32_t leave(struct sessions *sessions, struct conn *conn, uint16_t at)
{
	struct room *room = memberships_room(conn, at);
	const uint32_t hash = room_hash(room);
	const uint32_t serial = room_serial(room);
	struct slice name = room_name(room);
	char kept[USER_NAME_MAX];
	memcpy(kept, name.data, name.len);
	name.data = kept;
	bool was_told;
	const struct room_change change = take_out(sessions, conn, at, &was_told);
	if (change.is_of_a_user || was_told) {
		note_who_went(sessions, name, hash);
	}
	/* With a whole node on its way out nobody wants to hear of each. */
	if (change.is_of_a_user && change.users > 0 && !sessions->conns->refuse_all) {
		tell_who_went(sessions, conn, name, hash, serial);
	} else if (change.is_of_a_user && !sessions->conns->refuse_all) {
		say_who_left_none(&sessions->say, conn, name, hash);
	}
	return change.users;
}

enum packet_result join_leave(
	struct sessions *sessions, struct conn *conn, struct slice room, uint32_t *ret_users)
{
	uint16_t at = join_membership(sessions, conn, room);
	if (at == MEMBERSHIPS_NONE) {
		return PACKET_NOT_A_MEMBER;
	}
	*ret_users = leave(sessions, conn, at);
	return count_elsewhere(sessions, room, PACKET_DONE, ret_users);
}

void join_leave_all(struct sessions *sessions, struct conn *conn)
{
	while (memberships_count(conn) > 0) {
		leave(sessions, conn, (uint16_t)(memberships_count(conn) - 1));
	}
}

/* --- from one process to another ---------------------------------------------------------------
 */

int join_return(struct sessions *sessions, struct conn *conn, struct slice name, bool is_told,
	uint32_t told_number)
{
	struct room *room;
	struct room_change change;
	int err = put_in(sessions, conn, name, is_told, room_return, &room, &change);
	if (!err && is_told) {
		room_set_told(room, true);
		room_set_told_number(room, told_number);
	}
	return err;
}

void join_forget_all(struct sessions *sessions, struct conn *conn)
{
	while (memberships_count(conn) > 0) {
		bool was_told;
		take_out(sessions, conn, (uint16_t)(memberships_count(conn) - 1), &was_told);
	}
}

/* --- by a backend's hand -----------------------------------------------------------------------
 */

static void tell_it(struct sessions *sessions, struct conn *conn, struct slice room, uint32_t users,
	enum members_change change)
{
	uint8_t packet[MEMBERS_LEN_MAX];
	struct members_packet members = {
		.room = room, .count = users, .change = (uint8_t)change, .user = {"", 0}};
	if (change == MEMBERS_CAME) {
		members.user.data = user_entry_name(conn->user, &members.user.len);
	}
	sessions_send_packet(sessions, conn, PACKET_MEMBERS, packet,
		members_packet_write(packet + PACKET_HEADER_LEN, &members));
}

enum packet_result join_put_in(
	struct sessions *sessions, struct conn *conn, struct slice room, uint32_t *ret_users)
{
	uint16_t at = join_membership(sessions, conn, room);
	if (at != MEMBERSHIPS_NONE) {
		*ret_users = room_users(memberships_room(conn, at));
		return count_elsewhere(sessions, room, PACKET_DONE, ret_users);
	}
	enum packet_result result = count_elsewhere(
		sessions, room, enter_new(sessions, conn, room, false, ret_users), ret_users);
	if (result == PACKET_DONE) {
		tell_it(sessions, conn, room, *ret_users, MEMBERS_CAME);
	}
	return result;
}

enum packet_result join_take_out(
	struct sessions *sessions, struct conn *conn, struct slice room, uint32_t *ret_users)
{
	enum packet_result result = join_leave(sessions, conn, room, ret_users);
	if (result == PACKET_DONE) {
		tell_it(sessions, conn, room, *ret_users, MEMBERS_TAKEN_OUT);
	}
	return result;
}
