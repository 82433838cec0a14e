/* A fuzzer's input as a script: what is done, byte by byte, and when. */
#ifndef TIDEGATE_TESTS_SCRIPT_H
#define TIDEGATE_TESTS_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#include "../../server/base/loop.h"

#define SCRIPT_SECOND_NS UINT64_C(1000000000)
#define SCRIPT_LAST_NS   ((uint64_t)INT64_MAX) /* the last moment that a clock can tell */

struct script {
	const uint8_t *at;
	size_t left;
};

/* The next byte; zeros behind the end. */
static inline uint8_t script_take(struct script *script)
{
	if (script->left == 0) {
		return 0;
	}
	script->left--;
	return *script->at++;
}

/* A moment that is no earlier than `now_ns`: some microseconds later or some years, right before
 * ticks of 32 bits begin anew, or before the clock ends. */
static inline uint64_t script_later(struct script *script, uint64_t now_ns)
{
	const uint64_t ticks_ns = (UINT64_C(1) << 32) * LOOP_TICK_MS * 1000000;
	const uint8_t how = script_take(script);
	const uint64_t some = script_take(script);
	uint64_t later_ns = now_ns;
	switch (how & 7) {
	case 0:
		later_ns += some * 1000;
		break;
	case 1:
		later_ns += some * 1000000;
		break;
	case 2:
		later_ns += some * (SCRIPT_SECOND_NS / 100);
		break;
	case 3:
		later_ns += some * (SCRIPT_SECOND_NS / 4);
		break;
	case 4:
		later_ns += some * SCRIPT_SECOND_NS;
		break;
	case 5:
		later_ns += UINT64_C(1) << (some & 63);
		break;
	case 6:
		later_ns += ticks_ns - now_ns % ticks_ns - some % 64 * (SCRIPT_SECOND_NS / 4);
		break;
	case 7:
		later_ns = SCRIPT_LAST_NS - some * (SCRIPT_SECOND_NS / 16);
		break;
	}
	if (later_ns > SCRIPT_LAST_NS) {
		later_ns = SCRIPT_LAST_NS;
	}
	return later_ns > now_ns ? later_ns : now_ns;
}

#endif
