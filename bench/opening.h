/* The request that a connection begins with, and what becomes of it (RFC 6455 section 4). The
 * bench's key is always the same, so that a server which parses nothing can answer it. */
#ifndef TIDEGATE_BENCH_OPENING_H
#define TIDEGATE_BENCH_OPENING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../proto/slice.h"

#define OPENING_KEY    "dGlkZWdhdGUtYmVuY2ghIQ=="
#define OPENING_ACCEPT "kjKL5L0oZ4RpirVyG927b80flTM="

struct options;

enum {
	OPENING_REQUEST_MAX = 2048, /* bytes, NUL included */
	OPENING_SWITCHED = 101,
};

/* Writes that of the connection `number`, counted from the first; returns its length. */
size_t opening_write(
	const struct options *options, uint32_t number, char ret_request[OPENING_REQUEST_MAX]);

/* Whether a line of the head ends with that value, which is of no other line. */
bool opening_has_value(const char *head, size_t len, struct slice value);

/* Returns the status of an HTTP answer; 0 for a 101 that does not fit the key, or no HTTP. */
int opening_status(const char *head, size_t len);

#endif
