/* What rooms are made of: for rooms.c, room.c and rooms_list.c. */
#ifndef TIDEGATE_ROOMS_INNER_H
#define TIDEGATE_ROOMS_INNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <urcu/rculfhash.h>

#include "../base/budget.h"
#include "../user/rcu_table.h"
#include "room_part.h"

enum {
	ROOMS_LOCKS = 64,
};

/* Owner:  the gateway.
 * Shared: all registered threads. */
struct rooms {
	struct cds_lfht *hash_table;
	struct budget *budget;
	_Atomic size_t limit; /* bytes of BUDGET_ROOMS */
	_Atomic size_t count;
	size_t buckets; /* housekeeper's own: the size last asked for */
	unsigned char key[RCU_TABLE_KEY_BYTES];
	pthread_mutex_t locks[ROOMS_LOCKS]; /* by hash: of who comes and goes */
	uint32_t made[ROOMS_LOCKS];         /* rooms so far, each under its lock */
};

/* Owner:  the table.
 * Shared: readers under RCU, and workers that have members.
 * Freed:  a grace period after its last member has left. */
struct room {
	struct cds_lfht_node node;
	struct rcu_head rcu;
	struct room_part *_Atomic parts;
	_Atomic uint32_t sessions;
	_Atomic uint32_t users;
	_Atomic uint32_t told; /* sessions that are told who comes and goes */
	_Atomic uint32_t said; /* the next number of what is said */
	uint32_t hash;
	uint32_t serial; /* another one for each room of that hash */
	/* Which worker has told something last: its id, and the tick << 8. */
	_Atomic uint32_t teller;
	_Atomic uint32_t told_number;  /* users, as was told last */
	_Atomic uint16_t counted_tick; /* when the number of users was told: the low bits */
	/* Sessions that lag; each has much queued, so that they are never 65,536. */
	_Atomic uint16_t lagging;
	atomic_bool is_due;       /* some worker will tell it */
	atomic_bool is_looked_at; /* somebody has been told to look */
	uint8_t name_len;
	char name[];
};

/* For ThreadSanitizer, see rcu_table.h: one for all who read rooms and who free them. */
extern char rooms_grace_period;

static inline void rooms_read_begin(void)
{
	urcu_memb_read_lock();
}

static inline void rooms_read_end(void)
{
	GRACE_BEGINS(&rooms_grace_period);
	urcu_memb_read_unlock();
}

/* By other bits than those that find the bucket. */
static inline uint32_t rooms_lock_number(uint32_t hash)
{
	return hash >> 26 & (ROOMS_LOCKS - 1);
}

static inline pthread_mutex_t *rooms_lock_of(struct rooms *rooms, uint32_t hash)
{
	return &rooms->locks[rooms_lock_number(hash)];
}

/* Where the pointer to a worker's part stands, or to the NULL behind all parts. */
static inline struct room_part *_Atomic *room_part_link(struct room *room, uint8_t worker)
{
	struct room_part *_Atomic *link = &room->parts;
	struct room_part *part;
	while ((part = atomic_load_explicit(link, memory_order_acquire)) &&
		part->worker != worker) {
		link = &part->next;
	}
	return link;
}

/* Frees a room a grace period after it has left the table, or the mark of a walk. */
void rooms_free_room(struct rcu_head *head);

#endif
