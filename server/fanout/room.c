#include "room.h"

#include "rooms_inner.h"

uint32_t room_set_told(struct room *room, bool is_told)
{
	atomic_fetch_add(&room->told, is_told ? 1 : UINT32_MAX);
	return atomic_load(&room->users);
}

struct slice room_name(const struct room *room)
{
	return (struct slice){room->name, room->name_len};
}

uint32_t room_hash(const struct room *room)
{
	return room->hash;
}

uint32_t room_serial(const struct room *room)
{
	return room->serial;
}

uint32_t room_users(const struct room *room)
{
	return atomic_load_explicit(&room->users, memory_order_relaxed);
}

uint32_t room_sessions(const struct room *room)
{
	return atomic_load_explicit(&room->sessions, memory_order_relaxed);
}

uint32_t room_told(const struct room *room)
{
	return atomic_load(&room->told);
}

void room_note_lag(struct room *room, bool lags)
{
	atomic_fetch_add_explicit(&room->lagging, lags ? 1 : UINT16_MAX, memory_order_relaxed);
}

bool room_lags(const struct room *room)
{
	return atomic_load_explicit(&room->lagging, memory_order_relaxed) > 0;
}

bool room_most_lag(const struct room *room)
{
	return 2U * atomic_load_explicit(&room->lagging, memory_order_relaxed) >
	       room_sessions(room);
}

bool room_claim_count(struct room *room)
{
	return !atomic_exchange_explicit(&room->is_due, true, memory_order_acq_rel);
}

bool room_claim_look(struct room *room)
{
	return !atomic_exchange_explicit(&room->is_looked_at, true, memory_order_acq_rel);
}

void room_take_look(struct room *room)
{
	atomic_exchange_explicit(&room->is_looked_at, false, memory_order_acq_rel);
}

bool room_tell_count(struct room *room, uint32_t now_tick, uint32_t every_ticks)
{
	uint16_t last = atomic_load_explicit(&room->counted_tick, memory_order_relaxed);
	/* Signed: the worker that told it last may be a little ahead. After hours, by chance, it is
	 * told a moment later than it might be. */
	if (every_ticks > 0 && last != 0 && (int16_t)(now_tick - last) < (int16_t)every_ticks) {
		return false;
	}
	atomic_store_explicit(&room->counted_tick, (uint16_t)now_tick, memory_order_relaxed);
	/* Whoever finds it claimed still has changed the number before it is read now. */
	atomic_exchange_explicit(&room->is_due, false, memory_order_acq_rel);
	return true;
}

void room_set_told_number(struct room *room, uint32_t users)
{
	atomic_store_explicit(&room->told_number, users, memory_order_relaxed);
}

uint32_t room_told_number(const struct room *room)
{
	return atomic_load_explicit(&room->told_number, memory_order_relaxed);
}

bool room_note_telling(struct room *room, uint8_t worker, uint32_t now_tick, uint32_t ticks)
{
	const uint32_t before = atomic_exchange_explicit(
		&room->teller, now_tick << 8 | worker, memory_order_relaxed);
	const uint32_t shifted_since = (now_tick << 8) - (before & ~UINT32_C(0xff));
	return before != 0 && (uint8_t)before != worker &&
	       (int32_t)shifted_since < (int32_t)(ticks << 8);
}

uint32_t room_say(struct room *room)
{
	return atomic_fetch_add_explicit(&room->said, 1, memory_order_acq_rel);
}

void room_mark_workers(struct room *room, uint64_t workers[4])
{
	rooms_read_begin();
	struct room_part *part = atomic_load_explicit(&room->parts, memory_order_acquire);
	for (; part; part = atomic_load_explicit(&part->next, memory_order_acquire)) {
		if (atomic_load_explicit(&part->count, memory_order_acquire) > 0) {
			workers[part->worker / 64] |= UINT64_C(1) << part->worker % 64;
		}
	}
	rooms_read_end();
}
