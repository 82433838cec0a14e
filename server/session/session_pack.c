#include "session_pack.h"

#include <errno.h>

#include "../conn/conn_extra.h"
#include "../fanout/memberships.h"
#include "../user/user_pack.h"
#include "identity/rights_pack.h"
#include "join.h"
#include "session_token.h"

/* --- writing -----------------------------------------------------------------------------------
 */

static void pack_rooms(struct conn *conn, struct pack *pack)
{
	const uint16_t count = memberships_count(conn);
	pack_u16(pack, count);
	for (uint16_t at = 0; at < count; at++) {
		const struct room *room = memberships_room(conn, at);
		pack_slice(pack, room_name(room));
		pack_u8(pack, memberships_is_told(conn, at));
		pack_u32(pack, room_told_number(room));
	}
}

void session_pack(struct sessions *sessions, struct conn *conn, struct pack *pack)
{
	pack_u8(pack, conn->user != NULL);
	if (conn->user) {
		user_pack(sessions->users, conn->user, pack);
		rights_pack(session_rights(conn), pack);
		pack_rooms(conn, pack);
	}
}

/* --- reading -----------------------------------------------------------------------------------
 */

static int unpack_room(struct sessions *sessions, struct conn *conn, struct unpack *unpack)
{
	const struct slice name = unpack_slice(unpack);
	const bool is_told = unpack_bool(unpack);
	const uint32_t told_number = unpack_u32(unpack);
	if (unpack->failed || !user_name_is_valid(name.data, name.len) ||
		join_membership(sessions, conn, name) != MEMBERSHIPS_NONE) {
		unpack_fail(unpack);
		return -EINVAL;
	}
	return join_return(sessions, conn, name, is_told, told_number);
}

static int unpack_rooms(struct sessions *sessions, struct conn *conn, struct unpack *unpack)
{
	const uint16_t count = unpack_u16(unpack);
	int err = unpack->failed || count > MEMBERSHIPS_MOST ? -EINVAL : 0;
	for (uint16_t i = 0; i < count && !err; i++) {
		err = unpack_room(sessions, conn, unpack);
	}
	return err;
}

static int unpack_rights(struct sessions *sessions, struct conn *conn, struct unpack *unpack)
{
	struct rights *rights;
	int err = rights_unpack(sessions->identity.rights, unpack, &rights);
	if (err || !rights) {
		return err;
	}
	err = conn_extra_make(conn);
	if (err) {
		rights_unref(&rights);
		return err;
	}
	rights_unref(&conn->extra->rights);
	conn->extra->rights = rights;
	return 0;
}

/* A user may have fewer sessions here: the oldest gives way, as to any newer login. */
static void kick_surplus(struct sessions *sessions, struct user_entry *replaced)
{
	const uint8_t worker = handle_worker(user_entry_handle(replaced));
	presence_displaced(&sessions->presences, replaced);
	mailbox_post(sessions->mailboxes[worker], user_entry_kick(replaced, sessions->kick_kind));
}

/* Errors: -EINVAL: a later one is in already; -ENOMEM. The entry is the caller's then. */
static int log_in(struct sessions *sessions, struct user_entry *entry)
{
	const struct user_login login =
		user_table_login(sessions->users, entry, sessions->conns->loop->now_tick, true);
	if (login.result != USER_LOGIN_IN) {
		return login.result == USER_LOGIN_NO_MEMORY ? -ENOMEM : -EINVAL;
	}
	if (login.replaced) {
		kick_surplus(sessions, login.replaced);
	}
	return 0;
}

static int unpack_user(struct sessions *sessions, struct conn *conn, struct unpack *unpack)
{
	struct user_entry *entry;
	int err = user_unpack(sessions->users, unpack, sessions_id(sessions, conn), &entry);
	if (err) {
		return err;
	}
	err = fanout_join(sessions->fanout, conn);
	if (!err) {
		err = log_in(sessions, entry);
	}
	if (err) {
		fanout_leave(sessions->fanout, conn);
		user_entry_discard(&entry);
		return err;
	}
	conn->user = entry;
	conn->user_hash = user_entry_hash(entry);
	conn->flags &= (uint16_t)~CONN_V1;
	conn->flags |= user_entry_speaks_v1(entry) ? CONN_V1 : 0;
	stats_add(&sessions->conns->stats->sessions, 1);
	return 0;
}

/* Whoever is live here has a user, but for those of an echo, who leave nothing behind. */
static bool has_users(const struct sessions *sessions)
{
	return sessions->conns->ops->moved != NULL;
}

int session_unpack(struct sessions *sessions, struct conn *conn, struct unpack *unpack)
{
	const bool has_user = unpack_bool(unpack);
	if (unpack->failed || has_user != has_users(sessions)) {
		unpack_fail(unpack);
		return -EINVAL;
	}
	int err = has_user ? unpack_user(sessions, conn, unpack) : 0;
	if (!err && has_user) {
		err = unpack_rights(sessions, conn, unpack);
	}
	if (!err && has_user) {
		err = unpack_rooms(sessions, conn, unpack);
	}
	if (err) {
		session_abandon(sessions, conn);
	}
	return err;
}

/* --- leaving -----------------------------------------------------------------------------------
 */

void session_abandon(struct sessions *sessions, struct conn *conn)
{
	if (conn->flags & CONN_LAGS) {
		conn->flags &= (uint16_t)~CONN_LAGS;
		sessions->conns->ops->lags(sessions, conn, false);
	}
	fanout_leave(sessions->fanout, conn);
	if (conn->user) {
		join_forget_all(sessions, conn);
		user_table_logout(sessions->users, &conn->user);
		stats_sub(&sessions->conns->stats->sessions, 1);
	}
	session_token_drop(conn);
}
