#include "presence.h"

#include <stdlib.h>
#include <string.h>

#include "../fanout/rooms.h"

/* The bell is rung, for without an item it would not be. */
static void lose(struct presence_target *target, atomic_bool *is_lost)
{
	atomic_store_explicit(is_lost, true, memory_order_release);
	mailbox_ring(target->mailbox);
}

/* Errors: NULL: it is lost, and that is noted. */
static struct presence *make(struct presences *presences, const struct user_entry *entry)
{
	size_t name_len;
	size_t device_len;
	const char *name = user_entry_name(entry, &name_len);
	const char *device = user_entry_device(entry, &device_len);
	struct presence *presence = malloc(sizeof(*presence) + name_len + device_len);
	if (!presence) {
		lose(presences->target, &presences->target->is_lost);
		return NULL;
	}
	*presence = (struct presence){
		.mail.kind = presences->target->kind,
		.handle = user_entry_handle(entry),
		.speaks_v1 = user_entry_speaks_v1(entry),
		.name_len = (uint8_t)name_len,
		.device_len = (uint8_t)device_len,
	};
	memcpy(presence->names, name, name_len);
	memcpy(presence->names + name_len, device, device_len);
	return presence;
}

static void append(struct presences *presences, struct presence *presence)
{
	if (presences->first) {
		presences->last->next = presence;
	} else {
		presences->first = presence;
	}
	presences->last = presence;
}

void presence_came(struct presences *presences, const struct user_entry *entry, uint64_t epoch,
	const struct remote *remote, bool replaces)
{
	struct presence *presence = presences->target ? make(presences, entry) : NULL;
	if (presence) {
		presence->change = PRESENCE_CAME;
		presence->epoch = epoch;
		presence->remote = *remote;
		presence->replaces = replaces;
		append(presences, presence);
	}
}

void presence_displaced(struct presences *presences, const struct user_entry *entry)
{
	struct presence *presence = presences->target ? make(presences, entry) : NULL;
	if (presence) {
		presence->change = PRESENCE_GONE;
		presence->reason = CLOSE_REASON_KICKED;
		presence->epoch = user_entry_epoch(entry);
		append(presences, presence);
	}
}

struct presence *presence_leaving(struct presences *presences, const struct user_entry *entry,
	const struct remote *remote, enum close_reason reason)
{
	struct presence *presence = presences->target ? make(presences, entry) : NULL;
	if (presence) {
		presence->change = PRESENCE_GONE;
		presence->reason = (uint8_t)reason;
		presence->epoch = user_entry_epoch(entry);
		presence->remote = *remote;
	}
	return presence;
}

void presence_left(struct presences *presences, struct presence *presence, bool was_in)
{
	if (presence && was_in) {
		append(presences, presence);
	} else {
		free(presence);
	}
}

/* --- rooms -------------------------------------------------------------------------------------
 */

void presence_room(struct presences *presences, struct slice name, uint32_t hash, struct room *room)
{
	struct presence_target *target = presences->target;
	if (!target || !target->wants_rooms || (room && !room_claim_look(room))) {
		return;
	}
	/* A room that comes and goes all the time has one each time. */
	const bool is_full = atomic_fetch_add_explicit(&target->rooms, 1, memory_order_relaxed) >=
			     PRESENCE_ROOMS_MAX;
	struct presence_of_room *changed = is_full ? NULL : malloc(sizeof(*changed) + name.len);
	if (!changed) {
		atomic_fetch_sub_explicit(&target->rooms, 1, memory_order_relaxed);
		lose(target, &target->is_room_lost);
		return;
	}
	changed->mail.kind = target->room_kind;
	changed->hash = hash;
	changed->name_len = (uint8_t)name.len;
	memcpy(changed->name, name.data, name.len);
	mailbox_post(target->mailbox, &changed->mail);
}

/* --- a turn's ----------------------------------------------------------------------------------
 */

void presence_post(struct presences *presences)
{
	struct presence *first = presences->first;
	if (first) {
		presences->first = NULL;
		mailbox_post(presences->target->mailbox, &first->mail);
	}
}

void presence_drop(struct presences *presences)
{
	presence_free(&presences->first);
}

void presence_free(struct presence **first)
{
	while (*first) {
		struct presence *next = (*first)->next;
		free(*first);
		*first = next;
	}
}
