#include "places_pack.h"

#include <errno.h>
#include <stdatomic.h>

void places_pack(const struct places *places, struct pack *pack)
{
	pack_u64(pack, atomic_load_explicit(&places->openings_full_ns, memory_order_relaxed));
}

int places_unpack(struct places *places, struct unpack *unpack)
{
	const uint64_t full_ns = unpack_u64(unpack);
	if (unpack->failed) {
		return -EINVAL;
	}
	atomic_store_explicit(&places->openings_full_ns, full_ns, memory_order_relaxed);
	return 0;
}
