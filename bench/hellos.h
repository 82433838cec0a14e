/* What a TLS client says first, as OpenSSL says it (RFC 8446 section 4.1.2): made before anybody is
 * attacked, so that whoever says it a thousand times a second pays for one key share. */
#ifndef TIDEGATE_BENCH_HELLOS_H
#define TIDEGATE_BENCH_HELLOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HELLOS_MAX = 32,
};

/* Owner:  main.
 * Shared: never.
 * Freed:  by hellos_finish. */
struct hellos {
	uint32_t count;
	struct hello {
		uint8_t *bytes; /* one record */
		size_t len;
	} list[HELLOS_MAX];
};

/* One hello with the usual group; with `each_group` one for each that OpenSSL knows of, and offers
 * a key share of. Errors: -ENOMEM. */
int hellos_make(bool each_group, struct hellos *ret_hellos);

void hellos_finish(struct hellos *hellos);

#endif
