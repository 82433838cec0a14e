/* Real threads: workers that post and hand out, and one that takes what is for elsewhere. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/fanout/posting.h"

enum {
	WORKERS = 3,
	TEXTS = 20000, /* of each worker */
	FANOUT_KIND = 1,
	BATCH_KIND = 2,
	SAY_KIND = 3,
};

struct rig {
	struct budget budget;
	struct fanout_node node;
	struct elsewhere elsewhere;
	struct mailbox *mailboxes[WORKERS];
	atomic_uint posting; /* workers that still post */
	/* The registrar's: of each worker, the number that comes next. */
	uint32_t next[WORKERS];
	uint32_t says[WORKERS];
	uint32_t missing; /* texts */
};

struct worker {
	struct rig *rig;
	pthread_t thread;
	uint8_t id;
	uint32_t received;
	struct posting posting;
};

static void rig_begin(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	assert_int_equal(budget_init(&rig->budget, WORKERS), 0);
	rig->node.worker_count = WORKERS;
	rig->node.mailboxes = rig->mailboxes;
	rig->node.budget = &rig->budget;
	rig->node.backlog_limit = SIZE_MAX;
	rig->node.mail_kind = FANOUT_KIND;
	rig->node.elsewhere = &rig->elsewhere;
	rig->node.gauges = aligned_alloc(64, WORKERS * sizeof(*rig->node.gauges));
	assert_non_null(rig->node.gauges);
	memset(rig->node.gauges, 0, WORKERS * sizeof(*rig->node.gauges));
	for (int i = 0; i < WORKERS; i++) {
		rig->node.gauges[i].receivers = 1;
		assert_int_equal(mailbox_create(&rig->mailboxes[i]), 0);
	}
	assert_int_equal(mailbox_create(&rig->elsewhere.mailbox), 0);
	rig->elsewhere.sessions = 1;
	rig->elsewhere.nodes = 1;
	rig->elsewhere.egress_limit = SIZE_MAX;
	rig->elsewhere.batch_kind = BATCH_KIND;
	rig->elsewhere.say_kind = SAY_KIND;
	rig->posting = WORKERS;
}

static void rig_end(struct rig *rig)
{
	assert_int_equal(rig->elsewhere.egress, 0);
	assert_int_equal(rig->node.backlog, 0);
	for (int i = 0; i < WORKERS; i++) {
		mailbox_destroy(&rig->mailboxes[i]);
	}
	mailbox_destroy(&rig->elsewhere.mailbox);
	for (int kind = 0; kind < BUDGET_KINDS; kind++) {
		assert_int_equal(budget_held(&rig->budget, (enum budget_kind)kind), 0);
	}
	free(rig->node.gauges);
	budget_finish(&rig->budget);
}

/* --- a worker ----------------------------------------------------------------------------------
 */

static void finish_batch(struct worker *worker, struct batch *batch)
{
	worker->received += batch->count;
	batch_finish(&worker->rig->node, &batch);
}

/* The worker's own part. */
static void on_published(void *context, struct batch *batch)
{
	struct worker *worker = context;
	finish_batch(worker, batch);
}

static void take_mail(struct worker *worker)
{
	struct mail *mail;
	while (mailbox_take(worker->rig->mailboxes[worker->id], &mail) == MAILBOX_MAIL) {
		finish_batch(worker, batch_of_mail(mail, worker->id));
	}
}

static void post_text(struct worker *worker, uint32_t number)
{
	const char name = (char)('a' + worker->id);
	const struct batch_user user = {&name, 1, worker->id};
	struct batch *batch;
	uint8_t text[4];
	memcpy(text, &number, sizeof(text));
	if (posting_take(&worker->posting, batch_text_frame_len(0, sizeof(text), 1), &batch) == 0) {
		batch_put_text(batch, 0, &user, text, sizeof(text));
	}
}

/* Behind what was said before. */
static void post_say(struct worker *worker, uint32_t number)
{
	const struct elsewhere_said said = {
		.sender = handle_make(worker->id, 0, 0),
		.id = number,
		.from = SLICE("a"),
		.to = SLICE("b"),
		.text = SLICE("text"),
	};
	struct elsewhere_say *say;
	if (elsewhere_say_create(&worker->rig->elsewhere, &said, &say) == 0) {
		posting_publish(&worker->posting);
		elsewhere_say_post(&worker->rig->elsewhere, &say);
	}
}

static void *work(void *context)
{
	struct worker *worker = context;
	for (uint32_t number = 0; number < TEXTS; number++) {
		post_text(worker, number);
		if (number % 7 == 6) {
			posting_publish(&worker->posting);
			take_mail(worker);
		}
		if (number % 50 == 49) {
			post_say(worker, number);
		}
	}
	posting_publish(&worker->posting);
	atomic_fetch_sub(&worker->rig->posting, 1);
	while (worker->received < WORKERS * TEXTS) {
		take_mail(worker);
	}
	return NULL;
}

/* --- the registrar -----------------------------------------------------------------------------
 */

static void on_batch(struct rig *rig, struct batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		uint32_t worker = batch_sender(batch, i).hash;
		uint32_t number;
		memcpy(&number, batch->buf.data + batch->messages[i].begin + 2, sizeof(number));
		rig->missing += number - rig->next[worker];
		rig->next[worker] = number + 1;
	}
	posting_seen_to(&rig->node, &batch);
}

/* All that was said before is there, and nothing that was said later. */
static void on_say(struct rig *rig, struct elsewhere_say *say)
{
	const uint8_t worker = handle_worker(say->sender);
	rig->says[worker]++;
	if (rig->next[worker] != say->id + 1) {
		rig->missing = UINT32_MAX / 2;
	}
	elsewhere_say_free(&rig->elsewhere, &say);
}

static bool take_one(struct rig *rig)
{
	struct mail *mail;
	if (mailbox_take(rig->elsewhere.mailbox, &mail) != MAILBOX_MAIL) {
		return false;
	}
	if (mail->kind == BATCH_KIND) {
		on_batch(rig, posting_arrived(&rig->node, mail));
	} else {
		on_say(rig, elsewhere_say_of(mail));
	}
	return true;
}

static void run(struct rig *rig, struct worker *workers)
{
	for (uint8_t i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.rig = rig, .id = i};
		posting_init(&workers[i].posting, &rig->node, i, on_published, &workers[i]);
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	while (rig->posting > 0) {
		take_one(rig);
	}
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		posting_finish(&workers[i].posting);
	}
	while (take_one(rig)) {
	}
}

static void test_all_of_it_in_order(void **state)
{
	struct rig rig;
	struct worker workers[WORKERS];
	rig_begin(&rig);
	run(&rig, workers);
	for (int i = 0; i < WORKERS; i++) {
		assert_int_equal(workers[i].received, WORKERS * TEXTS);
		assert_int_equal(rig.next[i], TEXTS);
		assert_int_equal(rig.says[i], TEXTS / 50);
	}
	assert_int_equal(rig.missing, 0);
	assert_int_equal(rig.elsewhere.egress_lost, 0);
	rig_end(&rig);
	(void)state;
}

/* What is lost on its way to the registrar is counted, and the workers have it all the same. */
static void test_what_is_too_much(void **state)
{
	struct rig rig;
	struct worker workers[WORKERS];
	rig_begin(&rig);
	rig.elsewhere.egress_limit = 0;
	run(&rig, workers);
	for (int i = 0; i < WORKERS; i++) {
		assert_int_equal(workers[i].received, WORKERS * TEXTS);
		assert_int_equal(rig.next[i], 0);
		assert_int_equal(rig.says[i], 0);
	}
	assert_in_range(rig.elsewhere.egress_lost, WORKERS * TEXTS / 7, WORKERS * TEXTS / 6);
	rig_end(&rig);
	(void)state;
}

/* What is posted for this node alone goes to all of its workers, and to nobody else. */
static void test_of_no_worker(void **state)
{
	struct rig rig;
	struct worker worker = {.rig = &rig, .id = 0};
	struct mail *mail;
	rig_begin(&rig);
	posting_init(&worker.posting, &rig.node, POSTING_NO_WORKER, NULL, NULL);
	worker.posting.is_local = true;
	post_text(&worker, 1);
	posting_publish(&worker.posting);
	posting_publish(&worker.posting);
	for (uint8_t i = 0; i < WORKERS; i++) {
		assert_int_equal(mailbox_take(rig.mailboxes[i], &mail), MAILBOX_MAIL);
		assert_int_equal(mail->kind, FANOUT_KIND);
		struct batch *batch = batch_of_mail(mail, i);
		assert_int_equal(batch->count, 1);
		batch_finish(&rig.node, &batch);
		assert_int_equal(mailbox_take(rig.mailboxes[i], &mail), MAILBOX_EMPTY);
	}
	assert_int_equal(mailbox_take(rig.elsewhere.mailbox, &mail), MAILBOX_EMPTY);
	posting_finish(&worker.posting);
	rig_end(&rig);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it_in_order),
		cmocka_unit_test(test_what_is_too_much),
		cmocka_unit_test(test_of_no_worker),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
