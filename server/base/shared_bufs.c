#include "shared_bufs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_SLOTS = 256, /* a power of two */
	NO_NUMBER = 0,     /* in a slot, where numbers stand one higher */
};

struct shared_bufs {
	struct buf **bufs; /* by number */
	uint32_t count;
	uint32_t capacity; /* of `bufs` */
	uint32_t next;     /* of shared_bufs_next */
	/* The giver's: where a buf's number stands, beginning at a hash of its address. */
	uint32_t *slots;
	uint32_t slot_count; /* a power of two, more than `count`; 0: none yet */
};

/* --- by number ---------------------------------------------------------------------------------
 */

static int make_room(struct shared_bufs *shared)
{
	if (shared->count < shared->capacity) {
		return 0;
	}
	if (shared->count >= SHARED_BUFS_MAX) {
		return -ENOSPC;
	}
	uint32_t capacity = shared->capacity ? shared->capacity * 2 : FIRST_SLOTS;
	struct buf **bufs = reallocarray(shared->bufs, capacity, sizeof(struct buf *));
	if (!bufs) {
		return -ENOMEM;
	}
	shared->bufs = bufs;
	shared->capacity = capacity;
	return 0;
}

int shared_bufs_create(struct shared_bufs **ret_shared)
{
	struct shared_bufs *shared = calloc(1, sizeof(*shared));
	if (!shared) {
		return -ENOMEM;
	}
	*ret_shared = shared;
	return 0;
}

void shared_bufs_destroy(struct shared_bufs **shared)
{
	struct shared_bufs *given = *shared;
	*shared = NULL;
	if (!given) {
		return;
	}
	for (uint32_t i = 0; i < given->count; i++) {
		buf_unref(&given->bufs[i]);
	}
	free(given->bufs);
	free(given->slots);
	free(given);
}

uint32_t shared_bufs_count(const struct shared_bufs *shared)
{
	return shared->count;
}

struct buf *shared_bufs_get(const struct shared_bufs *shared, uint32_t number)
{
	return number < shared->count ? shared->bufs[number] : NULL;
}

int shared_bufs_put(struct shared_bufs *shared, struct budget *budget, enum budget_kind kind,
	uint32_t number, struct slice bytes)
{
	struct buf *buf;
	if (number != shared->count || bytes.len > UINT32_MAX) {
		return -EINVAL;
	}
	int err = make_room(shared);
	if (err) {
		return err;
	}
	err = buf_create(budget, kind, sizeof(struct buf), (uint32_t)bytes.len, &buf);
	if (err) {
		return err;
	}
	memcpy(buf->data, bytes.data, bytes.len);
	buf->len = (uint32_t)bytes.len;
	shared->bufs[shared->count++] = buf;
	return 0;
}

/* --- by address --------------------------------------------------------------------------------
 */

/* Where a buf's number stands, or where it is to stand. */
static uint32_t *slot_of(const struct shared_bufs *shared, const struct buf *buf)
{
	uint32_t mask = shared->slot_count - 1;
	/* Fibonacci hashing: addresses have their low bits in common. */
	uint32_t at = (uint32_t)((uint64_t)(uintptr_t)buf * 0x9e3779b97f4a7c15u >> 32) & mask;
	while (shared->slots[at] != NO_NUMBER && shared->bufs[shared->slots[at] - 1] != buf) {
		at = (at + 1) & mask;
	}
	return &shared->slots[at];
}

/* Keeps half of the slots free. */
static int make_slots(struct shared_bufs *shared)
{
	if (shared->count < shared->slot_count / 2) {
		return 0;
	}
	uint32_t count = shared->slot_count ? shared->slot_count * 2 : FIRST_SLOTS;
	uint32_t *slots = calloc(count, sizeof(*slots));
	if (!slots) {
		return -ENOMEM;
	}
	free(shared->slots);
	shared->slots = slots;
	shared->slot_count = count;
	for (uint32_t i = 0; i < shared->count; i++) {
		*slot_of(shared, shared->bufs[i]) = i + 1;
	}
	return 0;
}

int shared_bufs_number(struct shared_bufs *shared, struct buf *buf, uint32_t *ret_number)
{
	int err = make_slots(shared);
	if (err) {
		return err;
	}
	uint32_t *slot = slot_of(shared, buf);
	if (*slot == NO_NUMBER) {
		err = make_room(shared);
		if (err) {
			return err;
		}
		shared->bufs[shared->count++] = buf_ref(buf);
		*slot = shared->count;
	}
	*ret_number = *slot - 1;
	return 0;
}

struct buf *shared_bufs_next(struct shared_bufs *shared, uint32_t *ret_number)
{
	if (shared->next == shared->count) {
		return NULL;
	}
	*ret_number = shared->next;
	return shared->bufs[shared->next++];
}
