/* What comes to a connection of `rooms` or `direct`, which speaks tidegate.v1: who it is, answers,
 * messages. PROTOCOL section 6. */
#ifndef TIDEGATE_BENCH_TALK_FRAMES_H
#define TIDEGATE_BENCH_TALK_FRAMES_H

#include <stddef.h>
#include <stdint.h>

struct client;
struct generator;

/* Lets a connection enter that has been told who it is and, where it is to be in a room, that it is
 * in; hands messages to the crowd with which generator->state begins. A refusal ends the run.
 * Returns how many bytes were whole frames. */
size_t talk_frames_take(struct generator *generator, struct client *client, const uint8_t *data,
	size_t len, uint64_t now_ns);

#endif
