/* Which requests of a line wait for their answer: a window over their numbers, which are given out
 * one after the other.
 *
 *	... answered | oldest  x  x  newest | not given out ...
 *	               \______ up to REQUESTS_MAX, some of them answered
 */
#ifndef TIDEGATE_CLIENT_REQUESTS_H
#define TIDEGATE_CLIENT_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	REQUESTS_SLOTS = 1024,             /* a bit each */
	REQUESTS_MAX = REQUESTS_SLOTS - 1, /* that may wait */
};

/* The higher half of the ids is left to others. */
#define REQUESTS_ID_MAX UINT32_C(0x7fffffff)

/* Owner:  a login.
 * Shared: never. Zero-initialised is the start. */
struct requests {
	uint32_t newest; /* id; 0: none was given out yet */
	uint32_t oldest; /* id of the oldest that waits, while any does */
	uint32_t count;  /* of those that wait */
	bool was_full;   /* somebody was refused since the window was half empty */
	uint64_t waits[REQUESTS_SLOTS / 64];
};

/* The id of the next request, which is not given out by that. 0: too many wait. */
uint32_t requests_next(struct requests *requests);

/* The request of that id was sent. */
void requests_begin(struct requests *requests, uint32_t id);

/* Its answer has come. False: none was waited for. */
bool requests_end(struct requests *requests, uint32_t id);

/* Takes the oldest one off, which is not answered any more. 0: none waits. */
uint32_t requests_give_up(struct requests *requests);

/* None waits any more. */
void requests_clear(struct requests *requests);

/* Whether those that were refused may go on, once. */
bool requests_take_writable(struct requests *requests);

#endif
