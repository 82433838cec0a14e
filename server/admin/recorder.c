#include "recorder.h"

#include "../base/clock.h"
#include "../base/handle.h"
#include "history.h"
#include "sample.h"

static void record(struct admin_context *context)
{
	struct admin_sample sample;
	uint64_t busy_us[HANDLE_WORKER_RESERVED];
	admin_sample_take(context, &sample);
	for (uint32_t i = 0; i < context->node->worker_count; i++) {
		busy_us[i] = stats_read(&worker_stats(context->node->workers[i])->turn_us.sum);
	}
	admin_history_add(
		context->history, clock_boot_ms() - context->started_boot_ms, &sample, busy_us);
}

int admin_recorder_run(struct admin_context *context, uint64_t now_ms)
{
	if (now_ms >= context->record_ms) {
		record(context);
		/* At whole seconds, however late this one is: those that were missed are a gap. */
		context->record_ms =
			now_ms - now_ms % ADMIN_HISTORY_EVERY_MS + ADMIN_HISTORY_EVERY_MS;
	}
	return (int)(context->record_ms - now_ms);
}
