/* The brake on sessions of one user that replace each other over and over: two clients that take no
 * kick for an answer.
 *
 * Replacements are counted in windows of 10 s, which begin with a replacement; when there are too
 * many in one, newcomers wait until its end and 2 s at least. The history is a value, handed on
 * from the session that is replaced to the one that replaces it. Who is turned away meanwhile does
 * not add to it. */
#ifndef TIDEGATE_DUEL_H
#define TIDEGATE_DUEL_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/loop.h"

enum {
	DUEL_WINDOW_MS = 10000,
	DUEL_WAIT_MIN_MS = 2000,
	/* A line silent for that long may always be replaced: nobody waits longer than a window
	 * after the login of the session that is in. */
	DUEL_SILENCE_MS = 15000,
};

_Static_assert(DUEL_WAIT_MIN_MS <= DUEL_WINDOW_MS && DUEL_WINDOW_MS < DUEL_SILENCE_MS,
	"the brake holds no longer than a line may be silent");

struct duel {
	uint32_t tick;  /* when its window began; with is_braked, from when on newcomers may come */
	uint16_t kicks; /* replacements in it */
	bool is_braked;
	bool is_told; /* it has been logged */
};

/* For how many ticks newcomers have to wait; 0: they may replace the session. */
uint32_t duel_wait_ticks(struct duel duel, uint32_t now_tick);

/* The history with a replacement more. `limit` replacements in a window are the last ones; 0: there
 * is no limit. `*ret_is_new`: it has become a duel that has not been logged. */
struct duel duel_add_kick(struct duel duel, uint32_t now_tick, uint32_t limit, bool *ret_is_new);

#endif
