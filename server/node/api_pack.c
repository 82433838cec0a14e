#include "api_pack.h"

#include <errno.h>
#include <stdatomic.h>

#include "../base/stats.h"
#include "api_state.h"
#include "repeats_pack.h"

static void pack_count(struct pack *pack, const _Atomic uint64_t *count)
{
	pack_u64(pack, atomic_load_explicit(count, memory_order_relaxed));
}

static void pack_requests(struct pack *pack, const struct requests_stats *stats)
{
	pack_count(pack, &stats->asked);
	pack_count(pack, &stats->answered);
	pack_count(pack, &stats->nobody);
	pack_count(pack, &stats->refused);
	pack_count(pack, &stats->late);
	pack_count(pack, &stats->too_large);
}

void api_pack(const struct api *api, struct pack *pack)
{
	repeats_pack(&api->jobs.shares.repeats, pack);
	pack_count(pack, &api->stats.asked);
	pack_count(pack, &api->stats.refused);
	pack_count(pack, &api->stats.partial);
	pack_count(pack, &api->stats.calls);
	pack_requests(pack, requests_stats(api->requests));
}

static void unpack_requests(struct unpack *unpack, struct requests_stats *stats)
{
	stats_add(&stats->asked, unpack_u64(unpack));
	stats_add(&stats->answered, unpack_u64(unpack));
	stats_add(&stats->nobody, unpack_u64(unpack));
	stats_add(&stats->refused, unpack_u64(unpack));
	stats_add(&stats->late, unpack_u64(unpack));
	stats_add(&stats->too_large, unpack_u64(unpack));
}

int api_unpack(struct api *api, struct unpack *unpack)
{
	int err = repeats_unpack(&api->jobs.shares.repeats, unpack);
	if (err) {
		return err;
	}
	stats_add(&api->stats.asked, unpack_u64(unpack));
	stats_add(&api->stats.refused, unpack_u64(unpack));
	stats_add(&api->stats.partial, unpack_u64(unpack));
	stats_add(&api->stats.calls, unpack_u64(unpack));
	unpack_requests(unpack, requests_counts(api->requests));
	return unpack->failed ? -EINVAL : 0;
}
