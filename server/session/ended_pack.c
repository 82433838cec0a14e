#include "ended_pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/handle.h"

enum {
	/* Bytes of one without its name: a reader takes memory for no more than may be there. */
	ENTRY_LEN_MIN = 8 + 8 + 16 + 2 + 1 + 2 + 1 + 1 + 4,
	ENTRIES_MAX = HANDLE_WORKERS_MAX * ENDED_MAX,
};

/* --- writing -----------------------------------------------------------------------------------
 */

static void pack_entry(const struct ended_entry *entry, struct pack *pack)
{
	pack_u64(pack, entry->ended_us);
	pack_u64(pack, entry->age_ms);
	pack_bytes(pack, entry->remote.address, sizeof(entry->remote.address));
	pack_u16(pack, entry->remote.port);
	pack_u8(pack, entry->remote.is_inet);
	pack_u16(pack, entry->code);
	pack_u8(pack, entry->reason);
	pack_u8(pack, entry->worker);
	pack_slice(pack, (struct slice){entry->name, entry->name_len});
}

static void pack_kind(
	const struct ended *const *of, uint32_t count, enum ended_kind kind, struct pack *pack)
{
	uint64_t lost_us = 0;
	uint32_t entries = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct ended_ring *ring = &of[i]->rings[kind];
		lost_us = ring->lost_us > lost_us ? ring->lost_us : lost_us;
		entries += ended_count(ring);
	}
	pack_u64(pack, lost_us);
	pack_u32(pack, entries);
	for (uint32_t i = 0; i < count; i++) {
		const struct ended_ring *ring = &of[i]->rings[kind];
		for (uint32_t k = 0; k < ended_count(ring); k++) {
			pack_entry(&ring->entries[k], pack);
		}
	}
}

void ended_pack(const struct ended *const *of, uint32_t count, struct pack *pack)
{
	for (int kind = 0; kind < ENDED_KINDS; kind++) {
		pack_kind(of, count, (enum ended_kind)kind, pack);
	}
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* Those of one kind, as they have come.
 * Owner: a call. */
struct lot {
	uint64_t lost_us;
	uint32_t count;
	struct ended_entry *entries;
};

static void unpack_entry(struct unpack *unpack, struct ended_entry *ret_entry)
{
	*ret_entry = (struct ended_entry){.ended_us = unpack_u64(unpack)};
	ret_entry->age_ms = unpack_u64(unpack);
	unpack_copy(unpack, ret_entry->remote.address, sizeof(ret_entry->remote.address));
	ret_entry->remote.port = unpack_u16(unpack);
	ret_entry->remote.is_inet = unpack_bool(unpack);
	ret_entry->code = unpack_u16(unpack);
	ret_entry->reason = unpack_below(unpack, CLOSE_REASON_COUNT);
	ret_entry->worker = unpack_below(unpack, HANDLE_WORKERS_MAX);
	const struct slice name = unpack_slice(unpack);
	if (name.len > sizeof(ret_entry->name)) {
		unpack_fail(unpack);
	} else if (name.len > 0) {
		ret_entry->name_len = (uint8_t)name.len;
		memcpy(ret_entry->name, name.data, name.len);
	}
}

static int by_end(const void *a, const void *b)
{
	const struct ended_entry *left = a;
	const struct ended_entry *right = b;
	return (left->ended_us > right->ended_us) - (left->ended_us < right->ended_us);
}

static int unpack_lot(struct unpack *unpack, struct lot *ret_lot)
{
	ret_lot->lost_us = unpack_u64(unpack);
	ret_lot->count = unpack_u32(unpack);
	if (ret_lot->count > ENTRIES_MAX ||
		unpack_left(unpack) < (size_t)ret_lot->count * ENTRY_LEN_MIN) {
		unpack_fail(unpack);
		return -EINVAL;
	}
	ret_lot->entries = calloc(ret_lot->count + 1, sizeof(*ret_lot->entries));
	if (!ret_lot->entries) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < ret_lot->count; i++) {
		unpack_entry(unpack, &ret_lot->entries[i]);
	}
	qsort(ret_lot->entries, ret_lot->count, sizeof(*ret_lot->entries), by_end);
	return unpack->failed ? -EINVAL : 0;
}

static void deal(struct ended *const *of, uint32_t count, enum ended_kind kind, struct lot *lot)
{
	if (count == 0) {
		return;
	}
	struct ended_ring *first = &of[0]->rings[kind];
	first->lost_us = lot->lost_us > first->lost_us ? lot->lost_us : first->lost_us;
	for (uint32_t i = 0; i < lot->count; i++) {
		*ended_next(of[i % count], kind) = lot->entries[i];
	}
}

int ended_unpack(struct ended *const *of, uint32_t count, struct unpack *unpack)
{
	struct lot lots[ENDED_KINDS] = {{.count = 0}};
	int err = 0;
	for (int kind = 0; kind < ENDED_KINDS && !err; kind++) {
		err = unpack_lot(unpack, &lots[kind]);
	}
	for (int kind = 0; kind < ENDED_KINDS; kind++) {
		if (!err) {
			deal(of, count, (enum ended_kind)kind, &lots[kind]);
		}
		free(lots[kind].entries);
	}
	return err;
}
