#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../proto/assert.h"
#include "../conn/transport_pack.h"
#include "serving.h"

/* Owner:  the gateway.
 * Shared: as `serving` says. */
struct worker {
	struct serving serving; /* first, for its alignment */
	struct loop loop;
	bool is_started;
	pthread_t thread;
	struct mail stop;
};

/* --- the thread --------------------------------------------------------------------------------
 */

/* As mailbox_take_some, of items that weigh more or less. */
static int take_mail(struct serving *serving)
{
	for (int taken = 0; !serving_mail_is_over(serving, taken);) {
		struct mail *mail;
		switch (mailbox_take(serving->mailbox, &mail)) {
		case MAILBOX_MAIL:
			taken += serving_on_mail(serving, mail);
			break;
		case MAILBOX_EMPTY:
			return -1;
		case MAILBOX_LATER:
			return MAILBOX_LATER_MS;
		}
	}
	return 0;
}

/* Returns for how many ms the next turn may wait. */
static int turn(struct serving *serving, int wait_ms)
{
	int count = serving_has_events(serving) ? 0 : loop_wait(serving->loop, wait_ms);
	serving_on_events(serving, count);
	serving_before_mail(serving);
	int mail_ms = take_mail(serving);
	int next_ms = serving_after_mail(serving);
	if (!serving_has_events(serving)) {
		stats_note(&serving->stats.turn_us, loop_spent_us(serving->loop), 1);
	}
	return loop_sooner(next_ms, mail_ms);
}

/* What lay there meanwhile is seen to at once. */
static int stand(struct serving *serving)
{
	park_stand(&serving->node->park, &serving->seat);
	serving_hold_deadlines(serving);
	return 0;
}

static void *run(void *context)
{
	struct serving *serving = context;
	int wait_ms = 0;
	user_table_thread_begin();
	transport_pack_over(&serving->conns); /* what has come from another process is ours */
	while (!serving->is_stopping) {
		wait_ms = turn(serving, wait_ms);
		if (park_is_told(&serving->seat)) {
			wait_ms = stand(serving);
		}
	}
	serving_end(serving);
	user_table_thread_end();
	return NULL;
}

/* --- life --------------------------------------------------------------------------------------
 */

int worker_create(
	struct node *node, uint8_t id, const struct config *config, struct worker **ret_worker)
{
	struct worker *worker = aligned_alloc(64, sizeof(*worker));
	if (!worker) {
		return -ENOMEM;
	}
	*worker = (struct worker){.loop = LOOP_EMPTY};
	int err = loop_init(&worker->loop, (int)config->event_batch);
	if (!err) {
		err = serving_init(&worker->serving, node, id, &worker->loop, config);
	}
	if (err) {
		worker_destroy(&worker);
		return err;
	}
	*ret_worker = worker;
	return 0;
}

int worker_start(struct worker *worker)
{
	char name[16];
	int err = pthread_create(&worker->thread, NULL, run, &worker->serving);
	if (err) {
		return -err;
	}
	worker->is_started = true;
	snprintf(name, sizeof(name), "worker-%u", worker->serving.id);
	pthread_setname_np(worker->thread, name);
	return 0;
}

void worker_stop(struct worker *worker)
{
	worker_post(worker, SERVING_MAIL_STOP, &worker->stop);
}

void worker_join(struct worker *worker)
{
	if (worker->is_started) {
		pthread_join(worker->thread, NULL);
		worker->is_started = false;
	}
}

void worker_destroy(struct worker **worker)
{
	struct worker *given = *worker;
	if (!given) {
		return;
	}
	*worker = NULL;
	ASSERT(!given->is_started);
	serving_finish(&given->serving);
	loop_finish(&given->loop);
	free(given);
}

void worker_park(struct worker *worker)
{
	struct serving *serving = &worker->serving;
	park_ask(&serving->node->park, &serving->seat, serving->mailbox, SERVING_MAIL_PARK);
}

void worker_let_go(struct worker *worker)
{
	park_let_go(&worker->serving.node->park, &worker->serving.seat);
}

struct serving *worker_serving(struct worker *worker)
{
	return &worker->serving;
}

void worker_post(struct worker *worker, enum serving_mail kind, struct mail *mail)
{
	mail->kind = kind;
	mailbox_post(worker->serving.mailbox, mail);
}

_Atomic uint32_t *worker_load(struct worker *worker)
{
	return &worker->serving.load;
}

uint64_t worker_load_of_all(const struct node *node)
{
	uint64_t load = 0;
	for (uint32_t i = 0; i < node->worker_count; i++) {
		load += atomic_load_explicit(worker_load(node->workers[i]), memory_order_relaxed);
	}
	return load;
}

const struct stats *worker_stats(const struct worker *worker)
{
	return &worker->serving.stats;
}
