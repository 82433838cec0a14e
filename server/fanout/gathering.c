#include "gathering.h"

enum {
	DENSE = 4,       /* texts of a pass after which others are expected */
	SHARE = 2,       /* of the last pass's time is waited, at most */
	WAIT_MAX = 2000, /* us */
	STALE = 4,       /* times as long as the last pass took */
};

static uint64_t limit_us(const struct gathering *gathering)
{
	uint64_t share = gathering->took_us / SHARE;
	return share < WAIT_MAX ? share : WAIT_MAX;
}

/* Half as many again show that all others' have come. */
static bool is_enough(const struct gathering *gathering, uint32_t texts)
{
	return texts >= gathering->texts + gathering->texts / 2;
}

/* Too long after the last pass to expect what that one has brought. */
static bool is_stale(const struct gathering *gathering, uint64_t now_us)
{
	return now_us - gathering->ended_us > STALE * gathering->took_us;
}

uint32_t gathering_wait_us(struct gathering *gathering, uint32_t texts, uint64_t now_us)
{
	if (gathering->texts < DENSE || is_enough(gathering, texts)) {
		return 0;
	}
	if (gathering->waiting_from == 0) {
		if (is_stale(gathering, now_us)) {
			return 0;
		}
		gathering->waiting_from = now_us;
	}
	const uint64_t waited = now_us - gathering->waiting_from;
	const uint64_t limit = limit_us(gathering);
	return waited < limit ? (uint32_t)(limit - waited) : 0;
}

void gathering_pass_begins(struct gathering *gathering, uint64_t now_us)
{
	gathering->began_us = now_us;
	gathering->waiting_from = 0;
}

void gathering_pass_ends(struct gathering *gathering, uint32_t texts, uint64_t now_us)
{
	gathering->texts = texts;
	gathering->took_us = now_us - gathering->began_us;
	gathering->ended_us = now_us;
}
