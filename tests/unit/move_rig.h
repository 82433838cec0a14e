/* Two processes, each a conn_rig.h: whatever is connected to the one goes on in the other, and
 *back.
 *
 *	struct pair *pair = pair_create(2, 1);   // workers of each
 *	struct client *a = rig_login(here(pair), 0, "a");
 *	pair_move(pair);
 *	a = follow(pair, a);
 *	...
 *	pair_destroy(pair);  // checks that every account is back at zero in both
 */
#ifndef TIDEGATE_MOVE_RIG_H
#define TIDEGATE_MOVE_RIG_H

#include "../../server/conn/conn_pack.h"
#include "../../server/conn/transport_pack.h"
#include "../../server/session/session_pack.h"
#include "conn_rig.h"
#include "tx_queue_again.h"

struct pair {
	struct rig rigs[2];
	uint32_t at; /* where everybody is who is not closing */
};

/* A line on its way. */
struct moving {
	struct conn *conn;
	uint32_t worker;
	handle_t handle;
	uint64_t epoch;
	struct pack line;
	struct pack session;
};

static inline struct rig *here(struct pair *pair)
{
	return &pair->rigs[pair->at];
}

static inline struct rig *there(struct pair *pair)
{
	return &pair->rigs[1 - pair->at];
}

static inline struct pair *pair_create(uint32_t workers, uint32_t workers_there)
{
	struct pair *pair = malloc(sizeof(*pair));
	assert_non_null(pair);
	pair->at = 0;
	rig_init(&pair->rigs[0], workers);
	user_table_thread_end(); /* each of them begins it */
	rig_init(&pair->rigs[1], workers_there);
	return pair;
}

static inline void pair_destroy(struct pair *pair)
{
	const struct rig_sums sums = rig_close(&pair->rigs[0]);
	user_table_thread_begin();
	const struct rig_sums more = rig_close(&pair->rigs[1]);
	assert_int_equal(sums.accepted + more.accepted, sums.ended + more.ended);
	free(pair);
}

/* Where a client is to be found by now. */
static inline struct client *follow(struct pair *pair, struct client *client)
{
	for (int i = 0; i < 2; i++) {
		const ptrdiff_t index = client - pair->rigs[i].clients;
		if (index >= 0 && index < RIG_CLIENTS) {
			struct client *other = &pair->rigs[1 - i].clients[index];
			return other->fd >= 0 ? other : client;
		}
	}
	return NULL;
}

static inline void pair_run(struct pair *pair)
{
	rig_run(&pair->rigs[0]);
	rig_run(&pair->rigs[1]);
}

static inline void pair_pass(struct pair *pair, uint32_t ticks)
{
	rig_pass(&pair->rigs[0], ticks);
	rig_pass(&pair->rigs[1], ticks);
}

/* --- packing -----------------------------------------------------------------------------------
 */

static inline void pack_line(
	struct serving *serving, struct conn *conn, struct shared_bufs *shared, struct moving *ret)
{
	*ret = (struct moving){.conn = conn,
		.worker = serving->id,
		.handle = conn_table_handle(serving->conns.table, conn),
		.epoch = conn_move_epoch(conn),
		.line = PACK_EMPTY,
		.session = PACK_EMPTY};
	assert_int_equal(conn_pack(&serving->conns, conn, shared, &ret->line), 0);
	if (conn->state == CONN_LIVE) {
		session_pack(&serving->sessions, conn, &ret->session);
	}
	assert_false(ret->line.failed || ret->session.failed);
}

static inline int by_epoch(const void *a, const void *b)
{
	const struct moving *left = a;
	const struct moving *right = b;
	return (left->epoch > right->epoch) - (left->epoch < right->epoch);
}

/* All that may move, in the order in which they came. Returns how many. */
static inline uint32_t pack_all(
	struct rig *rig, struct shared_bufs *shared, struct moving moving[RIG_CLIENTS])
{
	uint32_t count = 0;
	for (uint32_t w = 0; w < rig->worker_count; w++) {
		struct conn_table *table = rig_conns(rig, w)->table;
		for (uint32_t i = 0; i < conn_table_size(table); i++) {
			struct conn *conn = conn_table_at(table, i);
			if (conn_may_move(conn)) {
				pack_line(&rig->workers[w], conn, shared, &moving[count++]);
			}
		}
	}
	qsort(moving, count, sizeof(*moving), by_epoch);
	return count;
}

static inline void drop_packs(struct moving *moving, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		pack_finish(&moving[i].line);
		pack_finish(&moving[i].session);
	}
}

/* --- unpacking ---------------------------------------------------------------------------------
 */

static inline struct conn *unpack_line(
	struct serving *serving, const struct moving *moving, const struct shared_bufs *shared)
{
	struct conn *conn;
	const int fd = fcntl(moving->conn->fd, F_DUPFD_CLOEXEC, 0);
	struct unpack line = unpack_of(moving->line.bytes, moving->line.len);
	assert_true(fd >= 0);
	assert_int_equal(conn_unpack(&serving->conns, fd, shared, &line, &conn), 0);
	assert_true(unpack_is_over(&line));
	if (conn->state == CONN_LIVE) {
		struct unpack session = unpack_of(moving->session.bytes, moving->session.len);
		assert_int_equal(session_unpack(&serving->sessions, conn, &session), 0);
		assert_true(unpack_is_over(&session));
	}
	conn_unpacked(&serving->conns, conn);
	return conn;
}

/* The other end goes on with the process where its line is now. */
static inline void hand_client_over(
	struct pair *pair, handle_t before, uint32_t worker, handle_t handle)
{
	struct rig *from = here(pair);
	for (uint32_t i = 0; i < from->client_count; i++) {
		struct client *client = &from->clients[i];
		if (client->fd >= 0 && client->handle == before) {
			struct client *other = &there(pair)->clients[i];
			*other = *client;
			other->worker = worker;
			other->handle = handle;
			*client = (struct client){.fd = -1};
		}
	}
}

static inline void sync_clients(struct pair *pair)
{
	struct rig *from = here(pair);
	struct rig *to = there(pair);
	for (uint32_t i = to->client_count; i < from->client_count; i++) {
		to->clients[i] = (struct client){.fd = -1};
	}
	to->client_count = from->client_count;
	for (uint32_t w = 0; w < to->worker_count; w++) {
		loop_script(&to->loops[w], from->loops[0].now_us);
	}
}

/* Everybody who may goes on in the other process. Returns how many did. */
static inline uint32_t pair_move(struct pair *pair)
{
	static struct moving moving[RIG_CLIENTS];
	struct rig *from = here(pair);
	struct rig *to = there(pair);
	struct shared_bufs *given;
	sync_clients(pair);
	assert_int_equal(shared_bufs_create(&given), 0);
	const uint32_t count = pack_all(from, given, moving);
	struct shared_bufs *taken = shared_bufs_again(given, &to->node.budget);
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t w = i % to->worker_count;
		struct conn *conn = unpack_line(&to->workers[w], &moving[i], taken);
		hand_client_over(pair, moving[i].handle, w,
			conn_table_handle(rig_conns(to, w)->table, conn));
	}
	for (uint32_t i = 0; i < count; i++) {
		conn_abandon(rig_conns(from, moving[i].worker), moving[i].conn);
	}
	for (uint32_t w = 0; w < from->worker_count; w++) {
		conns_cut_unmoved(rig_conns(from, w));
	}
	drop_packs(moving, count);
	shared_bufs_destroy(&given);
	shared_bufs_destroy(&taken);
	pair->at = 1 - pair->at;
	return count;
}

/* --- as a test's state --------------------------------------------------------------------------
 */

static inline int pair_setup(void **state)
{
	const uint32_t workers = (uint32_t)(uintptr_t)*state;
	*state = pair_create(workers, 3 - workers);
	return 0;
}

static inline int pair_teardown(void **state)
{
	pair_destroy(*state);
	return 0;
}

/* With so many workers here, 1 or 2, and the other number there. */
#define PAIR_CASE(name, worker_count)                                                              \
	cmocka_unit_test_prestate_setup_teardown(                                                  \
		name, pair_setup, pair_teardown, (void *)(uintptr_t)(worker_count))

#endif
