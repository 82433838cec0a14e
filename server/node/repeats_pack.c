#include "repeats_pack.h"

#include <errno.h>

static void pack_table(struct pack *pack, const struct repeats_table *table)
{
	pack_u32(pack, table->count);
	for (uint32_t i = 0; i < table->capacity; i++) {
		const struct repeat *repeat = &table->places[i];
		if (repeat->key != 0) {
			pack_u64(pack, repeat->key);
			pack_u32(pack, repeat->numbers[0]);
			pack_u32(pack, repeat->numbers[1]);
		}
	}
}

/* The older generation first, each as it was put. */
void repeats_pack(const struct repeats *repeats, struct pack *pack)
{
	pack_bytes(pack, repeats->hash_key, sizeof(repeats->hash_key));
	pack_u64(pack, repeats->since_ms);
	pack_table(pack, &repeats->before);
	pack_table(pack, &repeats->now);
}

static int unpack_table(struct repeats *repeats, struct unpack *unpack)
{
	const uint32_t count = unpack_u32(unpack);
	if (count > REPEATS_MAX) {
		return -EINVAL;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct repeat repeat = {.key = unpack_u64(unpack)};
		repeat.numbers[0] = unpack_u32(unpack);
		repeat.numbers[1] = unpack_u32(unpack);
		if (unpack->failed || repeat.key == 0) {
			return -EINVAL;
		}
		repeats_put(repeats, &repeat, repeats->since_ms);
	}
	return unpack->failed ? -EINVAL : 0;
}

int repeats_unpack(struct repeats *repeats, struct unpack *unpack)
{
	repeats_finish(repeats);
	unpack_copy(unpack, repeats->hash_key, sizeof(repeats->hash_key));
	repeats->since_ms = unpack_u64(unpack);
	int err = unpack_table(repeats, unpack);
	repeats->before = repeats->now;
	repeats->now = (struct repeats_table){.places = NULL};
	return err ? err : unpack_table(repeats, unpack);
}
