#include "batch_log.h"

void batch_log_append(struct batch_log *log, struct batch *batch)
{
	batch->mails[log->worker].link = NULL;
	if (log->newest) {
		log->newest->mails[log->worker].link = batch;
	} else {
		log->oldest = batch;
		log->oldest_number = log->next_number;
	}
	log->newest = batch;
	log->next_number++;
	log->messages += batch->count;
	log->for_all += batch_is_for_all(batch);
}

void batch_log_trim(struct batch_log *log, uint64_t end)
{
	while (log->oldest && log->oldest_number < end) {
		struct batch *batch = log->oldest;
		log->oldest = batch_after(batch, log->worker);
		log->oldest_number++;
		log->messages -= batch->count;
		log->for_all -= batch_is_for_all(batch);
		batch_finish(log->node, &batch);
	}
	if (!log->oldest) {
		log->newest = NULL;
	}
}
