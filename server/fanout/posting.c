#include "posting.h"

int posting_take(struct posting *posting, size_t frame_len, struct batch **ret_batch)
{
	if (posting->filling && !batch_has_room(posting->filling, frame_len) &&
		batch_grow(&posting->pool, frame_len, &posting->filling) < 0) {
		posting_publish(posting);
	}
	if (!posting->filling) {
		int err = batch_take(&posting->pool, frame_len, &posting->filling);
		if (err) {
			return err;
		}
	}
	*ret_batch = posting->filling;
	return 0;
}

/* Whether it goes to the registrar too; then there is room for it on the way, and a reference. */
static bool goes_elsewhere(struct elsewhere *elsewhere, struct batch *batch)
{
	if (!batch->for_elsewhere &&
		!(batch_is_said_to_all(batch) && elsewhere_wants_all(elsewhere))) {
		return false;
	}
	if (!elsewhere_reserve(elsewhere, batch->buf.footprint)) {
		atomic_fetch_add_explicit(&elsewhere->egress_lost, 1, memory_order_relaxed);
		return false;
	}
	buf_ref(&batch->buf);
	return true;
}

static void post_to(struct posting *posting, struct batch *batch, struct elsewhere *elsewhere)
{
	const struct fanout_node *node = posting->node;
	const bool is_for_elsewhere = elsewhere && goes_elsewhere(elsewhere, batch);
	for (uint32_t worker = 0; worker < node->worker_count; worker++) {
		if (worker != posting->worker && batch_is_for_worker(batch, worker)) {
			batch->mails[worker].kind = node->mail_kind;
			mailbox_post(node->mailboxes[worker], &batch->mails[worker]);
		}
	}
	if (is_for_elsewhere) {
		batch->mails[node->worker_count].kind = elsewhere->batch_kind;
		mailbox_post(elsewhere->mailbox, &batch->mails[node->worker_count]);
	}
}

void posting_send(struct posting *posting)
{
	struct batch *batch = posting->filling;
	posting->filling = NULL;
	batch_fit(&posting->pool, &batch);
	batch_share(batch, posting->node);
	post_to(posting, batch, posting_elsewhere(posting));
	if (posting->published) {
		posting->published(posting->context, batch);
	}
	batch_unref(&batch);
}

void posting_finish(struct posting *posting)
{
	posting_publish(posting);
	batch_pool_finish(&posting->pool);
}

struct batch *posting_arrived(const struct fanout_node *node, struct mail *mail)
{
	return batch_of_mail(mail, (uint8_t)node->worker_count);
}

void posting_seen_to(struct fanout_node *node, struct batch **batch)
{
	elsewhere_release(node->elsewhere, (*batch)->buf.footprint);
	batch_unref(batch);
}
