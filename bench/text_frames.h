/* What comes to a connection of a fan-out or chat: texts, and the answers to its heartbeats. */
#ifndef TIDEGATE_BENCH_TEXT_FRAMES_H
#define TIDEGATE_BENCH_TEXT_FRAMES_H

#include <stddef.h>
#include <stdint.h>

struct client;
struct generator;

/* Hands texts to the crowd with which generator->state begins, and counts pongs as the client's
 * answers. Returns how many bytes were whole frames. */
size_t text_frames_take(struct generator *generator, struct client *client, const uint8_t *data,
	size_t len, uint64_t now_ns);

#endif
