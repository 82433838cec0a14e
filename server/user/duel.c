#include "duel.h"

enum {
	WINDOW_TICKS = DUEL_WINDOW_MS / LOOP_TICK_MS,
	WAIT_MIN_TICKS = DUEL_WAIT_MIN_MS / LOOP_TICK_MS,
};

/* Signed: the other worker's clock may be a little ahead. */
static int32_t ticks_since(uint32_t tick, uint32_t now_tick)
{
	return (int32_t)(now_tick - tick);
}

uint32_t duel_wait_ticks(struct duel duel, uint32_t now_tick)
{
	int32_t since = ticks_since(duel.tick, now_tick);
	return duel.is_braked && since < 0 ? (uint32_t)-since : 0;
}

static bool is_over(struct duel duel, uint32_t now_tick)
{
	return duel.kicks == 0 || duel.is_braked ||
	       ticks_since(duel.tick, now_tick) >= WINDOW_TICKS;
}

/* Who comes back right behind the brake goes on with the same duel. */
static bool is_same_duel(struct duel before, uint32_t now_tick)
{
	return before.is_braked && ticks_since(before.tick, now_tick) < WINDOW_TICKS;
}

struct duel duel_add_kick(struct duel duel, uint32_t now_tick, uint32_t limit, bool *ret_is_new)
{
	if (is_over(duel, now_tick)) {
		duel = (struct duel){
			.tick = now_tick, .is_told = duel.is_told && is_same_duel(duel, now_tick)};
	}
	duel.kicks++;
	*ret_is_new = false;
	if (limit > 0 && duel.kicks >= limit) {
		uint32_t left = WINDOW_TICKS - (uint32_t)ticks_since(duel.tick, now_tick);
		duel.tick = now_tick + (left > WAIT_MIN_TICKS ? left : WAIT_MIN_TICKS);
		duel.is_braked = true;
		*ret_is_new = !duel.is_told;
		duel.is_told = true;
	}
	return duel;
}
