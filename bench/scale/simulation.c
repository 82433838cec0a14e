#include "simulation.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "../../server/base/log.h"
#include "../../server/config/config.h"
#include "../../server/conn/reader.h"
#include "../../server/conn/timeouts.h"
#include "../measure.h"
#include "stand_in.h"

/* The most of each part of a turn, as in worker.c. */
enum {
	READY_MAX = 256,
	RECEIVERS_MAX = 256,
	DEADLINES_MAX = 1024,
	START_TICK = 100000,
	MAIL_FANOUT = 1,
	MAIL_KICK = 2,
};

static void take_limits(struct conns *conns, const struct config *config)
{
	const struct conns_limits limits = {
		.deadlines.handshake = loop_ticks(config->handshake_deadline * 1000),
		.deadlines.read = loop_ticks(config->read_deadline * 1000),
		.deadlines.write = loop_ticks(config->write_deadline * 1000),
		.deadlines.close = loop_ticks(config->close_deadline * 1000),
		.deadlines.ping = loop_ticks(config->ping_interval * 1000),
		.max_message = (uint32_t)config->max_message,
		.retry_s = (uint32_t)config->drain + 1,
		.queue_limit = config->tx_queue_limit,
	};
	conns_set_limits(conns, &limits);
}

static void init_worker(struct simulation *simulation, uint32_t id, const struct config *config)
{
	struct simulated_worker *worker = &simulation->workers[id];
	CHECK(loop_init(&worker->loop, SIMULATION_BATCH) == 0);
	worker->loop.now_tick = START_TICK;
	worker->loop.now_ms = (uint64_t)START_TICK * LOOP_TICK_MS;
	CHECK(conns_init(&worker->conns, (uint8_t)id, &worker->loop, &worker->stats,
		      &simulation->budget, &worker->load, &simulation->refusals, &session_ops,
		      &worker->sessions) == 0);
	CHECK(fanout_create(&simulation->node, (uint8_t)id, &worker->conns, &worker->fanout) == 0);
	CHECK(mailbox_create(&worker->mailbox) == 0);
	simulation->mailboxes[id] = worker->mailbox;
	worker->sessions = (struct sessions){
		.conns = &worker->conns,
		.fanout = worker->fanout,
		.users = simulation->users,
		.mailboxes = simulation->mailboxes,
		.kick_kind = MAIL_KICK,
	};
	take_limits(&worker->conns, config);
}

void simulation_init(struct simulation *simulation, uint32_t worker_count, size_t expected)
{
	struct config config;
	CHECK(worker_count > 0 && worker_count <= SIMULATION_WORKERS_MAX);
	config_init(&config);
	/* Formatted lines are cut at 1,000 a second anyway; their writing is not what is measured.
	 */
	log_set_level(LOG_LEVEL_ERROR);
	memset(simulation, 0, sizeof(*simulation));
	simulation->worker_count = worker_count;
	simulation->workers = aligned_alloc(64, worker_count * sizeof(*simulation->workers));
	CHECK(simulation->workers);
	memset(simulation->workers, 0, worker_count * sizeof(*simulation->workers));
	simulation->budget.limit = SIZE_MAX;
	simulation->node = (struct fanout_node){
		.worker_count = worker_count,
		.mailboxes = simulation->mailboxes,
		.gauges = simulation->gauges,
		.budget = &simulation->budget,
		.backlog_limit = config.tx_queue_limit / 2,
		.mail_kind = MAIL_FANOUT,
	};
	user_table_thread_begin();
	CHECK(user_table_create(expected, &simulation->users) == 0);
	for (uint32_t i = 0; i < worker_count; i++) {
		init_worker(simulation, i, &config);
	}
}

/* --- the clients' side ------------------------------------------------------------------------ */

handle_t simulation_open(struct simulation *simulation, uint32_t worker)
{
	struct simulated_worker *simulated = &simulation->workers[worker];
	uint32_t number = simulation->opened++;
	struct remote remote = {.is_inet = true, .port = (in_port_t)number};
	remote.address[10] = remote.address[11] = 0xff;
	memcpy(&remote.address[12], &number, sizeof(number));
	simulated->load++;
	int fd = STAND_IN_FIRST + (int)(number & 0x3fffffff);
	CHECK(conn_open(&simulated->conns, fd, &remote, false) == 0);
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
		reader_read_ready(conns, READY_MAX);
	}
	CHECK(stand_in.arriving_len == 0);
}

/* --- the workers' turns ----------------------------------------------------------------------- */

static bool take_mail(struct simulated_worker *worker)
{
	struct mail *mail;
	bool any = false;
	while (mailbox_take(worker->mailbox, &mail) == MAILBOX_MAIL) {
		any = true;
		if (mail->kind == MAIL_FANOUT) {
			fanout_receive(worker->fanout, mail);
		} else {
			session_on_kick(&worker->sessions, mail);
		}
	}
	return any;
}

bool simulation_fan_out(struct simulation *simulation, uint32_t worker)
{
	return fanout_step(simulation->workers[worker].fanout, RECEIVERS_MAX);
}

static bool turn(struct simulated_worker *worker)
{
	bool busy = take_mail(worker);
	while (timeouts_tick(&worker->conns, DEADLINES_MAX)) {
	}
	fanout_settle(worker->fanout);
	conns_reap(&worker->conns);
	return busy;
}

void simulation_turn(struct simulation *simulation)
{
	bool busy = true;
	while (busy) {
		busy = false;
		for (uint32_t i = 0; i < simulation->worker_count; i++) {
			reader_read_ready(&simulation->workers[i].conns, READY_MAX);
			fanout_publish(simulation->workers[i].fanout);
		}
		for (uint32_t i = 0; i < simulation->worker_count; i++) {
			busy |= turn(&simulation->workers[i]);
		}
	}
}

void simulation_pass(struct simulation *simulation, uint64_t ms)
{
	for (uint32_t i = 0; i < simulation->worker_count; i++) {
		struct loop *loop = &simulation->workers[i].loop;
		loop->now_ms += ms;
		loop->now_tick = (uint32_t)(loop->now_ms / LOOP_TICK_MS) + 1;
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
		conns_finish(&simulation->workers[i].conns);
		fanout_destroy(&simulation->workers[i].fanout);
		mailbox_destroy(&simulation->workers[i].mailbox);
		loop_finish(&simulation->workers[i].loop);
		CHECK(simulation->workers[i].load == 0);
	}
	CHECK(simulation_connections(simulation) == 0);
	CHECK(simulation_sessions(simulation) == 0);
	CHECK(simulation->budget.used == 0);
	CHECK(simulation->node.backlog == 0);
	CHECK(user_table_count(simulation->users) == 0);
	user_table_destroy(&simulation->users);
	user_table_thread_end();
	free(simulation->workers);
}
