/* Cuts what a gateway sends to its users: texts, pongs (packet 101), control frames. */
#ifndef TIDEGATE_BENCH_TEXT_FRAMES_H
#define TIDEGATE_BENCH_TEXT_FRAMES_H

#include <stddef.h>
#include <stdint.h>

struct client;
struct crowd;
struct generator;

/* Hands texts to the crowd and counts pongs as the client's answers; without a crowd (NULL) all is
 * of others, and let pass. Returns how many bytes were
 * whole frames. */
size_t text_frames_take(struct generator *generator, struct crowd *crowd, struct client *client,
	const uint8_t *data, size_t len, uint64_t now_ns);

#endif
