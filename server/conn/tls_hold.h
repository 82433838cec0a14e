/* What a line that speaks TLS keeps from one visit to the next: the beginning of a record that has
 * not come whole, and the rest of one that has not left whole. Both are sealed, so that nothing of
 * it is secret.
 *
 * Thread: the connection's worker. */
#ifndef TIDEGATE_TLS_HOLD_H
#define TIDEGATE_TLS_HOLD_H

#include <stddef.h>
#include <stdint.h>

#include "../base/holders.h"

/* Bytes in a row, of which the first have been used.
 * Owner: its hold. */
struct tls_kept {
	uint8_t *bytes; /* NULL: none */
	uint32_t size;
	uint32_t begin;
	uint32_t end;
};

/* Owner:  its line; NULL while nothing is kept, as nearly always.
 * Freed:  with the last byte, or with the line. */
struct tls_hold {
	struct tls_kept half;    /* has come, and its record is not whole */
	struct tls_kept residue; /* is to leave before anything else is sealed */
};

/* Bytes of either; 0 where there is no hold. */
static inline size_t tls_hold_half_len(const struct tls_hold *hold)
{
	return hold ? hold->half.end - hold->half.begin : 0;
}

static inline size_t tls_hold_residue_len(const struct tls_hold *hold)
{
	return hold ? hold->residue.end - hold->residue.begin : 0;
}

/* There is one. */
static inline const uint8_t *tls_hold_residue(const struct tls_hold *hold)
{
	return hold->residue.bytes + hold->residue.begin;
}

/* Keeps `len` bytes more, one at least, as many as one record has at most in all. `*hold` may be
 * NULL. Errors: -ENOMEM, with what was kept before. */
int tls_hold_add_half(struct tls_hold **hold, const uint8_t *data, size_t len);
int tls_hold_add_residue(struct tls_hold **hold, const uint8_t *data, size_t len);

/* Moves the half to where there is room for it. There is one. */
void tls_hold_take_half(struct tls_hold **hold, uint8_t *ret_half);

/* So much of the residue has left. */
void tls_hold_pass_residue(struct tls_hold **hold, size_t len);

/* Adds it to what the connection holds. `hold` may be NULL. */
void tls_hold_add_held(const struct tls_hold *hold, struct holding *holding);

/* Frees it and nulls the giver's pointer. *hold may be NULL. */
void tls_hold_destroy(struct tls_hold **hold);

#endif
