/* What one process tells the next one in bytes: numbers in network order, byte strings with their
 * length before them. Written into memory that grows, read by a cursor that never leaves its bytes.
 *
 * Both remember that something went wrong, so that a writer and a reader of many fields ask once,
 * at the end. Secrets may stand in it: memory is wiped before it is given back. */
#ifndef TIDEGATE_PACK_H
#define TIDEGATE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"

/* --- writing ---------------------------------------------------------------------------------- */

/* Owner:  whoever writes it; plain data.
 * Freed:  by pack_finish. */
struct pack {
	uint8_t *bytes;
	size_t len;      /* bytes written */
	size_t capacity; /* bytes at `bytes` */
	bool failed;     /* there was no memory: nothing more is written */
};

#define PACK_EMPTY ((struct pack){0})

/* Each appends. Thread: the owner, all below. */
void pack_u8(struct pack *pack, uint8_t value);
void pack_u16(struct pack *pack, uint16_t value);
void pack_u32(struct pack *pack, uint32_t value);
void pack_u64(struct pack *pack, uint64_t value);

/* Bytes as they are: the reader knows how many. `bytes` may be NULL with `len` 0. */
void pack_bytes(struct pack *pack, const void *bytes, size_t len);

/* Room for `len` bytes that the caller writes at once. NULL: it has failed. */
uint8_t *pack_room(struct pack *pack, size_t len);

/* A length of 32 bits, and as many bytes. */
void pack_slice(struct pack *pack, struct slice slice);

/* Begins a part whose length comes before it: as unpack_part reads it. Returns what
 * pack_part_end wants. Parts may lie in parts. */
size_t pack_part_begin(struct pack *pack);
void pack_part_end(struct pack *pack, size_t begin);

/* Writes over a number of 32 bits that was written at `at`: a count that is known at the end. */
void pack_u32_at(struct pack *pack, size_t at, uint32_t value);

/* Drops what stands behind the first `len` bytes, which it wipes; the memory stays. */
void pack_cut(struct pack *pack, size_t len);

/* Wipes it, frees it and leaves it empty, as if nothing had failed. */
void pack_finish(struct pack *pack);

/* --- reading ---------------------------------------------------------------------------------- */

/* Bytes still to be read, borrowed. After a failure all numbers are 0 and all strings empty.
 * Owner:  whoever reads; plain data. */
struct unpack {
	const uint8_t *at;
	const uint8_t *end;
	bool failed; /* something was missing, or was no possible value */
};

/* `bytes` may be NULL with `len` 0. */
static inline struct unpack unpack_of(const void *bytes, size_t len)
{
	const uint8_t *at = bytes ? bytes : (const uint8_t *)"";
	return (struct unpack){.at = at, .end = at + len};
}

uint8_t unpack_u8(struct unpack *unpack);
uint16_t unpack_u16(struct unpack *unpack);
uint32_t unpack_u32(struct unpack *unpack);
uint64_t unpack_u64(struct unpack *unpack);

/* A byte that is 0 or 1, as pack_u8 has written a bool; else it fails. */
bool unpack_bool(struct unpack *unpack);

/* A byte below `bound`, as of an enumeration; else it fails. */
uint8_t unpack_below(struct unpack *unpack, uint8_t bound);

/* `len` bytes, borrowed; NULL: failed. */
const uint8_t *unpack_bytes(struct unpack *unpack, size_t len);

/* Copies `len` bytes; zeros when it fails. */
void unpack_copy(struct unpack *unpack, void *ret_bytes, size_t len);

/* What pack_slice has written, borrowed. */
struct slice unpack_slice(struct unpack *unpack);

/* What stands between pack_part_begin and pack_part_end, to be read on its own. When it fails, the
 * part is empty and has failed too. */
struct unpack unpack_part(struct unpack *unpack);

/* Notes that what was read makes no sense. */
void unpack_fail(struct unpack *unpack);

static inline size_t unpack_left(const struct unpack *unpack)
{
	return (size_t)(unpack->end - unpack->at);
}

/* Whether everything was read, and all of it could be. */
static inline bool unpack_is_over(const struct unpack *unpack)
{
	return !unpack->failed && unpack->at == unpack->end;
}

#endif
