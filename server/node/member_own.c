#include "member.h"

#include <stdlib.h>

#include "../cluster/cluster.h"
#include "../fanout/rooms_list.h"
#include "../user/user_walk.h"
#include "member_state.h"
#include "room_pace.h"

enum {
	RESCAN_STEP = 1000, /* users, or rooms, of a turn */
};

/* --- sessions ----------------------------------------------------------------------------------
 */

static struct cluster_session session_of(
	const struct member *member, const struct presence *presence)
{
	const struct user_table *users = member->node->users;
	const struct slice user = presence_user(presence);
	const struct slice device = presence_device(presence);
	return (struct cluster_session){
		.user = user,
		.device = device,
		.key = user_table_hash64(users, user.data, user.len),
		.device_hash = user_table_device_hash(users, device.data, device.len),
		.epoch = presence->epoch,
		.handle = presence->handle,
	};
}

/* One that has been replaced by now may be told of after what has replaced it: it is not put into
 * the directory, where nobody would take it out again. */
void member_on_presence(struct member *member, const struct presence *presence)
{
	const struct cluster_session session = session_of(member, presence);
	struct user_seen found;
	if (presence->change == PRESENCE_GONE) {
		cluster_on_gone(member->cluster, &session);
	} else if (user_walk_find(member->node->users, session.key, session.device_hash,
			   session.epoch, &found)) {
		cluster_on_came(member->cluster, &session);
	}
}

bool member_has_elsewhere(
	struct member *member, struct slice user, struct slice device, uint64_t epoch)
{
	const struct user_table *users = member->node->users;
	const uint32_t device_hash = user_table_device_hash(users, device.data, device.len);
	struct cluster_place places[USER_SESSIONS_MAX * 2];
	uint32_t count =
		cluster_find(member->cluster, user_table_hash64(users, user.data, user.len), places,
			sizeof(places) / sizeof(places[0]));
	for (uint32_t i = 0; i < count && i < sizeof(places) / sizeof(places[0]); i++) {
		if (places[i].device_hash == device_hash && places[i].epoch > epoch) {
			return true;
		}
	}
	return false;
}

/* --- rooms -------------------------------------------------------------------------------------
 */

static struct room_figures figures_of(struct room *room)
{
	return room ? (struct room_figures){room_users(room), room_told(room) > 0}
		    : (struct room_figures){0, false};
}

/* Whoever changes it from here on says so anew. */
static struct room_figures look_at_room(void *context, struct slice name, uint64_t key)
{
	struct member *member = context;
	struct rooms *rooms = member->node->fanout.rooms;
	struct room *room = rooms_find_begin(rooms, name, (uint32_t)(key >> 32));
	if (room) {
		room_take_look(room);
	}
	const struct room_figures figures = figures_of(room);
	rooms_find_end(rooms);
	return figures;
}

static void tell_of_room(void *context, uint64_t key, struct room_figures figures)
{
	struct member *member = context;
	cluster_on_room(member->cluster, key, figures.users, figures.is_watched);
}

const struct room_pace_ops member_room_ops = {.look = look_at_room, .tell = tell_of_room};

void member_on_room(struct member *member, struct presence_of_room *changed)
{
	const struct slice name = {changed->name, changed->name_len};
	room_pace_on_change(member->rooms, name, rooms_hash64(member->node->fanout.rooms, name),
		member->loop->now_ms);
	atomic_fetch_sub_explicit(&member->node->presence.rooms, 1, memory_order_relaxed);
	free(changed);
}

/* --- what was lost -----------------------------------------------------------------------------
 */

void member_rescan(struct member *member)
{
	member->rescan.is_wanted = true;
}

static void put_session(void *context, const struct user_seen *seen)
{
	struct member *member = context;
	const struct cluster_session session = {
		.user = {seen->names, seen->name_len},
		.device = {seen->names + seen->name_len, seen->device_len},
		.key = seen->key,
		.device_hash = seen->device,
		.epoch = seen->epoch,
		.handle = seen->handle,
	};
	cluster_on_came(member->cluster, &session);
}

static bool put_room(void *context, struct room *room)
{
	struct member *member = context;
	room_take_look(room);
	const struct room_figures figures = figures_of(room);
	cluster_on_room(member->cluster, rooms_hash64(member->node->fanout.rooms, room_name(room)),
		figures.users, figures.is_watched);
	return true;
}

static void begin_rescan(struct member *member)
{
	member->rescan = (struct member_look){.is_under_way = true};
	cluster_rescan_begin(member->cluster);
}

bool member_step_rescan(struct member *member)
{
	struct member_look *rescan = &member->rescan;
	struct node *node = member->node;
	if (!rescan->is_under_way && !rescan->is_wanted) {
		return false;
	}
	if (!rescan->is_under_way) {
		begin_rescan(member);
	}
	if (!rescan->has_users) {
		rescan->has_users = user_walk_on(node->users, &rescan->users, RESCAN_STEP,
					    put_session, member) == 0;
		return true;
	}
	if (rooms_walk(node->fanout.rooms, &rescan->rooms, RESCAN_STEP, put_room, member) != 0) {
		return true;
	}
	rescan->is_under_way = false;
	cluster_rescan_end(member->cluster);
	return rescan->is_wanted;
}
