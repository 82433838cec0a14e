/* Two nodes of conn_rig.h in one process, of which the one hands its lines over to the other by a
 * channel; the taker reads on a thread of its own, as the giver waits for its answers. Clients stay
 * where they are: their descriptors are theirs. */
#ifndef TIDEGATE_SNAPSHOT_RIG_H
#define TIDEGATE_SNAPSHOT_RIG_H

#include <pthread.h>

#include "../../server/conn/conn_pack.h"
#include "../../server/conn/transport_pack.h"
#include "../../server/handover/snapshot.h"
#include "../../server/handover/snapshot_node.h"
#include "talk_rig.h"

struct snapshot_rig {
	struct rig giver;
	struct rig taker;
	struct channel to_taker; /* the giver's end */
	struct channel to_giver;
	struct snapshot *snapshot; /* the giver's */
	struct snapshot_taking taking;
	int taken; /* what came of the taker's reading: 0, or -errno */
};

static inline struct snapshot_parts parts_of(struct rig *rig)
{
	struct snapshot_parts parts = {.node = &rig->node, .worker_count = rig->worker_count};
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		parts.workers[i] = &rig->workers[i];
	}
	return parts;
}

static inline void snapshot_rig_init(
	struct snapshot_rig *rig, uint32_t giver_workers, uint32_t taker_workers)
{
	int other;
	memset(rig, 0, sizeof(*rig));
	rig_init(&rig->giver, giver_workers);
	user_table_thread_end(); /* each begins with the thread, which can be entered once */
	rig_init(&rig->taker, taker_workers);
	rig->giver.node.places.max = rig->taker.node.places.max = RIG_CLIENTS;
	assert_int_equal(channel_make(&rig->to_taker, &other), 0);
	assert_int_equal(channel_adopt(&rig->to_giver, other), 0);
}

/* --- the taker ---------------------------------------------------------------------------------
 */

static inline void answer(struct snapshot_rig *rig, enum handover_message kind)
{
	struct pack text = PACK_EMPTY;
	if (kind == HANDOVER_NOT_NOW) {
		handover_text_pack(rig->taking.why, &text);
	}
	channel_send(&rig->to_giver, kind, &text, NULL, 0);
	pack_finish(&text);
}

/* Until END, or the end. */
static inline void *take_all(void *context)
{
	struct snapshot_rig *rig = context;
	user_table_thread_begin();
	while (rig->taken == 0 && !rig->taking.has_all) {
		rig->taken = channel_receive(&rig->to_giver);
		if (rig->taken) {
			break;
		}
		enum handover_message kind = rig->to_giver.message.kind;
		rig->taken = snapshot_take(&rig->taking, &rig->to_giver);
		if (rig->taken) {
			answer(rig, HANDOVER_NOT_NOW);
		} else if (kind != HANDOVER_NODE) {
			answer(rig, kind == HANDOVER_END ? HANDOVER_HAVE_ALL : HANDOVER_ACK);
		}
	}
	user_table_thread_end();
	return NULL;
}

/* --- the giver ---------------------------------------------------------------------------------
 */

static inline int send_all(struct snapshot_rig *rig)
{
	int more = 1;
	int err = snapshot_send_node(rig->snapshot, &rig->to_taker);
	while (!err && more) {
		more = snapshot_send_more(rig->snapshot, &rig->to_taker);
		err = more < 0 ? more : 0;
	}
	return err ? err : snapshot_send_end(rig->snapshot, &rig->to_taker);
}

/* Everything up to HAVE_ALL. Both are quiet. Returns what came of the giver's sending. */
static inline int snapshot_rig_move(struct snapshot_rig *rig)
{
	const struct snapshot_parts giver = parts_of(&rig->giver);
	const struct snapshot_parts taker = parts_of(&rig->taker);
	pthread_t thread;
	assert_int_equal(snapshot_begin(&giver, &rig->snapshot), 0);
	assert_int_equal(snapshot_taking_begin(&rig->taking, &taker), 0);
	assert_int_equal(pthread_create(&thread, NULL, take_all, rig), 0);
	int err = send_all(rig);
	if (err) {
		channel_finish(&rig->to_taker);
	}
	pthread_join(thread, NULL);
	snapshot_taking_finish(&rig->taking);
	return err;
}

static inline void expect_have_all(struct snapshot_rig *rig)
{
	assert_int_equal(rig->taken, 0);
	assert_int_equal(channel_receive(&rig->to_taker), 0);
	assert_int_equal(rig->to_taker.message.kind, HANDOVER_HAVE_ALL);
}

/* The clients are the taker's, with what it knows them by. The giver's figures went there too. */
static inline void snapshot_rig_pass_clients(struct snapshot_rig *rig)
{
	struct rig *giver = &rig->giver;
	struct rig *taker = &rig->taker;
	assert_int_equal(taker->client_count, 0);
	memcpy(taker->clients, giver->clients, sizeof(giver->clients));
	taker->client_count = giver->client_count;
	giver->client_count = 0;
	for (uint32_t i = 0; i < giver->worker_count; i++) {
		giver->workers[i].stats.accepted = 0;
		memset(giver->workers[i].stats.ends, 0, sizeof(giver->workers[i].stats.ends));
	}
}

/* As a worker's thread does first: its lines may be read and written from now on. */
static inline void snapshot_rig_start_taker(struct snapshot_rig *rig)
{
	for (uint32_t i = 0; i < rig->taker.worker_count; i++) {
		transport_pack_over(rig_conns(&rig->taker, i));
	}
}

/* GO. */
static inline void snapshot_rig_go(struct snapshot_rig *rig)
{
	snapshot_rig_start_taker(rig);
	snapshot_release(rig->snapshot);
	snapshot_finish(&rig->snapshot);
	snapshot_rig_pass_clients(rig);
}

/* All of it, as it should be. */
static inline void snapshot_rig_hand_over(struct snapshot_rig *rig)
{
	rig_run(&rig->giver);
	assert_int_equal(snapshot_rig_move(rig), 0);
	expect_have_all(rig);
	snapshot_rig_go(rig);
}

/* A taker that does not go on lets go of what it has, of which the giver still has the sockets. */
static inline void snapshot_rig_give_up(struct snapshot_rig *rig)
{
	for (uint32_t i = 0; i < rig->taker.worker_count; i++) {
		struct conns *conns = rig_conns(&rig->taker, i);
		for (uint32_t at = 0; at < conn_table_size(conns->table); at++) {
			struct conn *conn = conn_table_at(conns->table, at);
			if (conn->state != CONN_FREE) {
				conn_abandon(conns, conn);
			}
		}
		rig->taker.workers[i].stats.accepted = 0;
		memset(rig->taker.workers[i].stats.ends, 0,
			sizeof(rig->taker.workers[i].stats.ends));
	}
}

static inline void snapshot_rig_finish(struct snapshot_rig *rig)
{
	snapshot_finish(&rig->snapshot);
	channel_finish(&rig->to_taker);
	channel_finish(&rig->to_giver);
	rig_finish(&rig->giver);
	user_table_thread_begin();
	rig_finish(&rig->taker);
}

/* --- as a test's state -------------------------------------------------------------------------
 */

static inline int snapshot_setup(void **state)
{
	struct snapshot_rig *rig = malloc(sizeof(*rig));
	assert_non_null(rig);
	snapshot_rig_init(rig, 3, 2);
	*state = rig;
	return 0;
}

static inline int snapshot_teardown(void **state)
{
	snapshot_rig_finish(*state);
	free(*state);
	return 0;
}

#define SNAPSHOT_CASE(name) cmocka_unit_test_setup_teardown(name, snapshot_setup, snapshot_teardown)

#endif
