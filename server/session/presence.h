/* Who comes and goes, told by the workers to the thread that keeps account of it for others: the
 * registrar (node/registrar.h).
 *
 * What a turn has seen is kept until its end and goes as one item of mail, whose first record leads
 * to the others. Of one worker all come in the order in which they happened; of two workers they
 * may not: a session that has replaced another may be told of first. Whoever keeps account asks the
 * user table which of them is in.
 *
 * What there is no memory for is not told: `is_lost` then says that the whole user table is to be
 * looked at. So nothing fails here. */
#ifndef TIDEGATE_PRESENCE_H
#define TIDEGATE_PRESENCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../proto/close_reason.h"
#include "../../proto/slice.h"
#include "../base/handle.h"
#include "../base/mailbox.h"
#include "../base/remote.h"
#include "../user/user_table.h"

struct room;

enum {
	PRESENCE_ROOMS_MAX = 65536, /* changes of rooms on their way; beyond, they are lost */
};

enum presence_change {
	PRESENCE_CAME,
	PRESENCE_GONE,
};

/* One session has come or gone.
 * Owner:  the worker that made it, until posted; then who takes it from the mailbox, who frees it
 *         with all behind it. */
struct presence {
	struct mail mail;      /* of the first of a turn */
	struct presence *next; /* of the same turn; NULL: there is none */
	uint64_t epoch;        /* of the session */
	uint64_t wall_ms;      /* since 1970: set by who takes it */
	handle_t handle;       /* of the session */
	struct remote remote;  /* likewise; of one that has gone it may be all zero */
	uint8_t change;        /* enum presence_change */
	uint8_t reason;        /* of one that has gone: enum close_reason */
	bool replaces;         /* it has come in the place of one of the same user and device */
	bool speaks_v1;
	uint8_t name_len;
	uint8_t device_len;
	char names[]; /* of the user, and behind it of the device */
};

static inline struct slice presence_user(const struct presence *presence)
{
	return (struct slice){presence->names, presence->name_len};
}

static inline struct slice presence_device(const struct presence *presence)
{
	return (struct slice){presence->names + presence->name_len, presence->device_len};
}

/* The number of users in a room has changed, and how many have asked to be told of that may have:
 * to be looked up. At most one of a room is on its way, but for rooms that have gone meanwhile.
 * Owner: as above. */
struct presence_of_room {
	struct mail mail;
	uint32_t hash; /* rooms_hash() */
	uint8_t name_len;
	char name[];
};

/* Where all of it goes.
 * Owner:  the gateway; set before the workers run.
 * Shared: all threads. */
struct presence_target {
	struct mailbox *mailbox; /* NULL: nobody wants to know */
	uint32_t kind;           /* of items with struct presence */
	uint32_t room_kind;      /* of items with struct presence_of_room */
	bool wants_rooms;
	_Atomic uint32_t rooms; /* items with struct presence_of_room on their way */
	/* Something was not told. Set by who could not, taken by the mailbox's owner. */
	atomic_bool is_lost;
	atomic_bool is_room_lost;
};

/* What one worker has to tell at the end of its turn.
 * Owner:  the worker. Zero-initialised: nobody wants to know. */
struct presences {
	struct presence_target *target; /* NULL: nobody wants to know */
	struct presence *first;
	struct presence *last;
};

/* --- what happens; thread: the worker --- */

/* A session of that epoch is in the table with `entry`. */
void presence_came(struct presences *presences, const struct user_entry *entry, uint64_t epoch,
	const struct remote *remote, bool replaces);

/* A newcomer of another device has taken the place of `entry`, whose kick is still to be made. */
void presence_displaced(struct presences *presences, const struct user_entry *entry);

/* The session of `entry` is about to leave the table. Returns what will be told of it, for
 * presence_left; NULL: nothing will. */
struct presence *presence_leaving(struct presences *presences, const struct user_entry *entry,
	const struct remote *remote, enum close_reason reason);

/* It has left the table, or was not in it any more, as another one has replaced it: then who did
 * has told. `presence` may be NULL. */
void presence_left(struct presences *presences, struct presence *presence, bool was_in);

/* The number of users in a room is another one. `room` is NULL when it may be gone. */
void presence_room(
	struct presences *presences, struct slice name, uint32_t hash, struct room *room);

/* Sends what is to be told. Once a turn. */
void presence_post(struct presences *presences);

/* Frees it instead. */
void presence_drop(struct presences *presences);

/* --- by who takes it --- */

/* The first record of an item of mail. */
static inline struct presence *presence_of(struct mail *mail)
{
	return (struct presence *)mail;
}

/* Frees a record and all behind it, and nulls the giver's pointer. Thread: any. */
void presence_free(struct presence **first);

#endif
