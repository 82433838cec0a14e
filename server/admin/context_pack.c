#include "context_pack.h"

#include <errno.h>

#include "../base/handle.h"
#include "history_pack.h"

enum {
	SECOND_NS = 1000000000,
};

void admin_context_pack(const struct admin_context *context, struct pack *pack)
{
	pack_u64(pack, context->started_ms);
	pack_u64(pack, context->started_boot_ms);
	pack_u64(pack, (uint64_t)context->started_at.tv_sec);
	pack_u32(pack, (uint32_t)context->started_at.tv_nsec);
	pack_u64(pack, context->resident_at_start);
	pack_u64(pack, context->record_ms);
	pack_u64(pack, context->rate.at_ms);
	pack_u64(pack, context->rate.credit);
	pack_u8(pack, context->rate.has_started);
	admin_history_pack(context->history, pack);
}

/* How long each worker has worked, as the history reckons it. */
static void read_busy(const struct node *node, uint64_t ret_busy_us[HANDLE_WORKERS_MAX])
{
	for (uint32_t i = 0; i < node->worker_count; i++) {
		ret_busy_us[i] = stats_read(&worker_stats(node->workers[i])->turn_us.sum);
	}
}

int admin_context_unpack(struct admin_context *context, struct unpack *unpack)
{
	struct admin_context come = *context;
	uint64_t busy_us[HANDLE_WORKERS_MAX];
	come.started_ms = unpack_u64(unpack);
	come.started_boot_ms = unpack_u64(unpack);
	come.started_at.tv_sec = (time_t)unpack_u64(unpack);
	come.started_at.tv_nsec = (long)unpack_u32(unpack);
	come.resident_at_start = unpack_u64(unpack);
	come.record_ms = unpack_u64(unpack);
	come.rate.at_ms = unpack_u64(unpack);
	come.rate.credit = unpack_u64(unpack);
	come.rate.has_started = unpack_bool(unpack);
	if (unpack->failed || come.started_at.tv_nsec >= SECOND_NS) {
		unpack_fail(unpack);
		return -EINVAL;
	}
	read_busy(context->node, busy_us);
	int err = admin_history_unpack(unpack, context->node->worker_count, busy_us, &come.history);
	if (!err) {
		admin_history_destroy(&context->history);
		*context = come;
	}
	return err;
}
