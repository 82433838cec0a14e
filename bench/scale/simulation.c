#include "simulation.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "../../server/base/log.h"
#include "../../server/config/config.h"
#include "../../server/conn/admission.h"
#include "../../server/conn/reader.h"
#include "../measure.h"
#include "stand_in.h"

enum {
	START_TICK = 100000,
};

static void init_worker(struct simulation *simulation, uint32_t id, const struct config *config)
{
	struct loop *loop = &simulation->loops[id];
	CHECK(loop_init(loop, SIMULATION_BATCH) == 0);
	loop_script(loop, (uint64_t)START_TICK * LOOP_TICK_MS * 1000);
	CHECK(serving_init(
		      &simulation->workers[id], &simulation->node, (uint8_t)id, loop, config) == 0);
}

void simulation_init(struct simulation *simulation, uint32_t worker_count, size_t expected)
{
	struct config config;
	struct node *node = &simulation->node;
	CHECK(worker_count > 0 && worker_count <= SIMULATION_WORKERS_MAX);
	config_init(&config);
	/* Formatted lines are cut at 1,000 a second anyway; their writing is not what is measured.
	 */
	log_set_level(LOG_LEVEL_ERROR);
	memset(simulation, 0, sizeof(*simulation));
	simulation->worker_count = worker_count;
	simulation->workers = aligned_alloc(64, worker_count * sizeof(*simulation->workers));
	CHECK(simulation->workers);
	CHECK(node_init(node, worker_count, SERVING_MAIL_FANOUT) == 0);
	node->fanout.backlog_limit = config.tx_queue_limit / 2;
	user_table_thread_begin();
	CHECK(node_make_tables(node, expected, 1, NULL) == 0);
	for (uint32_t i = 0; i < worker_count; i++) {
		init_worker(simulation, i, &config);
	}
}

/* --- the clients' side ------------------------------------------------------------------------ */

handle_t simulation_open(struct simulation *simulation, uint32_t worker)
{
	struct serving *simulated = &simulation->workers[worker];
	uint32_t number = simulation->opened++;
	struct remote remote = {.is_inet = true, .port = (in_port_t)number};
	remote.address[10] = remote.address[11] = 0xff;
	memcpy(&remote.address[12], &number, sizeof(number));
	simulated->load++;
	CHECK(places_take(&simulated->node->places));
	int fd = STAND_IN_FIRST + (int)(number & 0x3fffffff);
	struct conn *conn;
	CHECK(admission_open(&simulated->conns, fd, &remote,
		      epoch_next(&simulation->node.epochs, 0), false, false, false, &conn) == 0);
	return stand_in.registered;
}

void simulation_feed(
	struct simulation *simulation, handle_t handle, const uint8_t *data, size_t len)
{
	struct conns *conns = &simulation->workers[handle_worker(handle)].conns;
	stand_in.arriving = data;
	stand_in.arriving_len = len;
	reader_on_events(conns, handle, EPOLLIN);
	/* Who feeds the fan-out is read in smaller pieces. */
	while (reader_has_ready(conns)) {
		reader_read_ready(conns, 0);
	}
	CHECK(stand_in.arriving_len == 0);
}

handle_t simulation_log_in(
	struct simulation *simulation, uint32_t worker, uint32_t user, enum subprotocol subprotocol)
{
	char head[256];
	const struct slice name = subprotocol_name(subprotocol);
	int len = snprintf(head, sizeof(head),
		"GET /?user=u%06u HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Version: 13\r\n%s%.*s%s\r\n",
		user, name.len ? "Sec-WebSocket-Protocol: " : "", (int)name.len, name.data,
		name.len ? "\r\n" : "");
	handle_t handle = simulation_open(simulation, worker);
	simulation_feed(simulation, handle, (const uint8_t *)head, (size_t)len);
	return handle;
}

/* --- the workers' turns ----------------------------------------------------------------------- */

static bool take_mail(struct serving *serving)
{
	struct mail *mail;
	int taken = 0;
	while (taken < SERVING_MAIL_MAX && mailbox_take(serving->mailbox, &mail) == MAILBOX_MAIL) {
		taken += serving_on_mail(serving, mail);
	}
	return taken > 0;
}

bool simulation_turn(struct simulation *simulation, uint32_t worker)
{
	struct serving *serving = &simulation->workers[worker];
	serving_before_mail(serving);
	bool had_mail = take_mail(serving);
	return serving_after_mail(serving) == 0 || had_mail;
}

void simulation_publish(struct simulation *simulation)
{
	for (uint32_t i = 0; i < simulation->worker_count; i++) {
		serving_before_mail(&simulation->workers[i]);
	}
}

void simulation_run(struct simulation *simulation)
{
	bool busy = true;
	simulation_publish(simulation);
	while (busy) {
		busy = false;
		for (uint32_t i = 0; i < simulation->worker_count; i++) {
			busy |= simulation_turn(simulation, i);
		}
	}
}

void simulation_drain(struct simulation *simulation, uint64_t ms)
{
	for (uint32_t i = 0; i < simulation->worker_count; i++) {
		struct serving_change *change = calloc(1, sizeof(*change));
		CHECK(change);
		change->mail.kind = SERVING_MAIL_DRAIN;
		change->drain_ms = ms;
		simulation->node.changes_pending++;
		serving_on_mail(&simulation->workers[i], &change->mail);
	}
}

void simulation_pass(struct simulation *simulation, uint64_t ms)
{
	for (uint32_t i = 0; i < simulation->worker_count; i++) {
		struct loop *loop = &simulation->loops[i];
		loop_script(loop, loop->now_us + ms * 1000);
	}
}

/* --- accounts --------------------------------------------------------------------------------- */

/* `offset` is that of a counter in struct stats. */
static uint64_t sum(const struct simulation *simulation, size_t offset)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < simulation->worker_count; i++) {
		const uint8_t *stats = (const uint8_t *)&simulation->workers[i].stats;
		total += stats_read((const _Atomic uint64_t *)(const void *)(stats + offset));
	}
	return total;
}

uint64_t simulation_sessions(const struct simulation *simulation)
{
	return sum(simulation, offsetof(struct stats, sessions));
}

uint64_t simulation_connections(const struct simulation *simulation)
{
	return sum(simulation, offsetof(struct stats, connections));
}

uint64_t simulation_kicks(const struct simulation *simulation)
{
	return sum(simulation, offsetof(struct stats, kicks));
}

uint64_t simulation_memberships(const struct simulation *simulation)
{
	return sum(simulation, offsetof(struct stats, memberships));
}

uint64_t simulation_deliveries(const struct simulation *simulation)
{
	return sum(simulation, offsetof(struct stats, deliveries));
}

uint64_t simulation_ends(const struct simulation *simulation, enum close_reason reason)
{
	return sum(simulation, offsetof(struct stats, ends) + reason * sizeof(uint64_t));
}

void simulation_finish(struct simulation *simulation)
{
	for (uint32_t i = 0; i < simulation->worker_count; i++) {
		serving_end(&simulation->workers[i]);
	}
	for (uint32_t i = 0; i < simulation->worker_count; i++) {
		serving_finish(&simulation->workers[i]);
		loop_finish(&simulation->loops[i]);
		CHECK(simulation->workers[i].load == 0);
	}
	CHECK(simulation_connections(simulation) == 0);
	CHECK(simulation_sessions(simulation) == 0);
	CHECK(budget_used(&simulation->node.budget) == 0);
	CHECK(simulation->node.fanout.backlog == 0);
	CHECK(user_table_count(simulation->node.users) == 0);
	node_finish(&simulation->node);
	user_table_thread_end();
	free(simulation->workers);
}
