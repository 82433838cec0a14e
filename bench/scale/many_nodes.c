#include "many_nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../server/base/clock.h"
#include "../../server/cluster/doubles.h"
#include "../../server/user/rcu_table.h"
#include "../measure.h"

enum {
	MESSAGE_MAX = 256 * 1024,
	NAME_BYTES = 16,
	DEVICES_MAX = 1,
	SHARD_ENTRIES = 4096, /* of a page */
};

static const char device_name[] = "phone";

/* --- life --------------------------------------------------------------------------------------
 */

static void init_source(struct many_nodes *nodes, uint32_t number)
{
	struct many_source *source = &nodes->sources[number];
	int len = snprintf(source->id, sizeof(source->id), "gw-%u", number);
	source->self = (struct codec_self){
		.key = &nodes->key,
		.id = {source->id, (size_t)len},
		.incarnation = {.wall_ms = 1, .random = number + 1},
		.speaks = CODEC_VERSION,
	};
	source->buffer = malloc(MESSAGE_MAX);
	CHECK(source->buffer);
	codec_begin(&source->writer, source->buffer, MESSAGE_MAX, &source->self, CODEC_DELTAS);
}

static void init_observer(struct many_nodes *nodes, uint32_t number)
{
	struct many_observer *observer = &nodes->observers[number];
	CHECK(directory_create(nodes->key.digest, &observer->directory) == 0);
	for (uint32_t i = 0; i < nodes->node_count; i++) {
		if (i != number) {
			CHECK(directory_take_node(observer->directory, &observer->numbers[i]) == 0);
		}
	}
}

void many_nodes_init(struct many_nodes *nodes, uint32_t node_count, uint32_t observer_count,
	uint32_t user_count, uint32_t coalesced)
{
	static const uint8_t secret[CLUSTER_KEY_LEN] = "the secret of a simulation";
	memset(nodes, 0, sizeof(*nodes));
	nodes->node_count = node_count;
	nodes->observer_count = observer_count;
	nodes->user_count = user_count;
	nodes->coalesced = coalesced;
	nodes->dead = MANY_NOBODY;
	nodes->where = malloc(user_count * sizeof(*nodes->where));
	nodes->epochs = malloc(user_count * sizeof(*nodes->epochs));
	nodes->sources = calloc(node_count, sizeof(*nodes->sources));
	nodes->observers = calloc(observer_count, sizeof(*nodes->observers));
	CHECK(nodes->where && nodes->epochs && nodes->sources && nodes->observers);
	memset(nodes->where, UINT8_MAX, user_count * sizeof(*nodes->where));
	memset(nodes->epochs, UINT8_MAX, user_count * sizeof(*nodes->epochs));
	cluster_key_derive(secret, &nodes->key);
	nodes->device = rcu_table_hash(nodes->key.names, device_name, sizeof(device_name) - 1);
	for (uint32_t i = 0; i < node_count; i++) {
		init_source(nodes, i);
	}
	for (uint32_t i = 0; i < observer_count; i++) {
		init_observer(nodes, i);
	}
}

void many_nodes_finish(struct many_nodes *nodes)
{
	for (uint32_t i = 0; i < nodes->observer_count; i++) {
		directory_destroy(&nodes->observers[i].directory);
	}
	for (uint32_t i = 0; i < nodes->node_count; i++) {
		free(nodes->sources[i].buffer);
	}
	free(nodes->sources);
	free(nodes->observers);
	free(nodes->where);
	free(nodes->epochs);
}

/* --- what is said ------------------------------------------------------------------------------
 */

static struct slice name_of(char name[NAME_BYTES], uint32_t user)
{
	return (struct slice){name, (size_t)snprintf(name, NAME_BYTES, "u%09u", user)};
}

uint64_t many_nodes_key(const struct many_nodes *nodes, uint32_t user)
{
	char name[NAME_BYTES];
	const struct slice slice = name_of(name, user);
	return rcu_table_hash64(nodes->key.names, slice.data, slice.len);
}

/* Puts an entry, and notes how long it took when a part of the directory was copied for it. */
static int put(struct many_nodes *nodes, struct directory *directory, uint16_t node, uint64_t key,
	uint32_t device, uint64_t epoch)
{
	const size_t before = directory_bytes(directory);
	const uint64_t begin_ns = nodes->times_growth ? clock_ns() : 0;
	int change = directory_put_user(directory, node, key, device, epoch);
	if (nodes->times_growth && directory_bytes(directory) != before) {
		histogram_record(&nodes->growth, clock_ns() - begin_ns, 1);
	}
	CHECK(change >= 0);
	return change;
}

static void say(struct many_nodes *nodes, uint16_t node, const struct codec_delta *delta);

static void say_gone(struct many_nodes *nodes, uint16_t node, uint64_t key, uint64_t epoch)
{
	const struct codec_delta delta = {
		.kind = CODEC_GONE,
		.key = key,
		.device = nodes->device,
		.epoch = epoch,
	};
	say(nodes, node, &delta);
}

/* An own session that a login elsewhere has replaced: closed, and so it is said. */
static void kick(struct many_nodes *nodes, uint32_t observer, uint64_t key,
	const struct directory_user *session)
{
	struct many_observer *kicker = &nodes->observers[observer];
	kicker->kicks++;
	CHECK(directory_remove_user(kicker->directory, DIRECTORY_SELF, key, session->device,
		      session->epoch) == DIRECTORY_REMOVED);
	say_gone(nodes, (uint16_t)observer, key, session->epoch);
}

/* What a node does with each session that it hears of. */
static void judge(struct many_nodes *nodes, uint32_t observer, uint64_t key)
{
	struct directory_user users[DOUBLES_MOST];
	uint32_t places[DOUBLES_MOST];
	const uint32_t count =
		directory_find_user(nodes->observers[observer].directory, key, users, DOUBLES_MOST);
	if (count < 2) {
		return;
	}
	const uint32_t going = doubles_find_own(users, count, DEVICES_MAX, places);
	for (uint32_t i = 0; i < going; i++) {
		kick(nodes, observer, key, &users[places[i]]);
	}
}

static void obey(struct many_nodes *nodes, uint32_t observer, uint16_t number,
	const struct codec_delta *delta)
{
	struct directory *directory = nodes->observers[observer].directory;
	if (delta->kind == CODEC_CAME) {
		if (put(nodes, directory, number, delta->key, delta->device, delta->epoch) !=
			DIRECTORY_SAME) {
			judge(nodes, observer, delta->key);
		}
	} else {
		directory_remove_user(directory, number, delta->key, delta->device, delta->epoch);
	}
}

static void receive(
	struct many_nodes *nodes, uint32_t observer, uint16_t node, const uint8_t *data, size_t len)
{
	struct codec_message message;
	struct codec_delta delta;
	CHECK(codec_open(&nodes->sources[observer].self, true, data, len, &message) == CODEC_OK);
	while (codec_next_delta(&message, &delta) == 1) {
		obey(nodes, observer, nodes->observers[observer].numbers[node], &delta);
		nodes->heard++;
	}
}

static bool hears(const struct many_nodes *nodes, uint32_t observer, uint16_t node)
{
	const bool is_lost = nodes->loses && observer + 1 == nodes->observer_count;
	return observer != node && observer != nodes->dead && !is_lost;
}

/* Kicks are said in the meantime: what is sent is taken off the writer first. */
static void send(struct many_nodes *nodes, uint16_t node)
{
	static uint8_t sent[MESSAGE_MAX];
	struct many_source *source = &nodes->sources[node];
	const struct codec_to to = codec_to_all(++source->number);
	const size_t len = codec_seal(&source->writer, &to);
	nodes->deltas.messages++;
	nodes->deltas.bytes += len;
	nodes->deltas.entries += source->deltas;
	memcpy(sent, source->buffer, len);
	source->deltas = 0;
	codec_begin(&source->writer, source->buffer, MESSAGE_MAX, &source->self, CODEC_DELTAS);
	const uint64_t begin_ns = measure_cpu_ns();
	for (uint32_t i = 0; i < nodes->observer_count; i++) {
		if (hears(nodes, i, node)) {
			receive(nodes, i, node, sent, len);
		}
	}
	nodes->heard_ns += measure_cpu_ns() - begin_ns;
}

static void say(struct many_nodes *nodes, uint16_t node, const struct codec_delta *delta)
{
	struct many_source *source = &nodes->sources[node];
	CHECK(codec_put_delta(&source->writer, delta) == 0);
	source->deltas++;
}

/* Kicks are said by the node that kicks, a turn later: nobody sends while somebody receives. */
static void send_due(struct many_nodes *nodes, uint32_t deltas)
{
	for (uint32_t i = 0; i < nodes->node_count; i++) {
		if (nodes->sources[i].deltas >= deltas) {
			send(nodes, (uint16_t)i);
		}
	}
}

void many_nodes_flush(struct many_nodes *nodes)
{
	bool is_over = false;
	while (!is_over) {
		send_due(nodes, 1);
		is_over = true;
		for (uint32_t i = 0; i < nodes->node_count; i++) {
			is_over &= nodes->sources[i].deltas == 0;
		}
	}
}

void many_nodes_log_in(struct many_nodes *nodes, uint32_t user, uint16_t node)
{
	char name[NAME_BYTES];
	const uint16_t before = nodes->where[user];
	const uint64_t epoch_before = nodes->epochs[user];
	const struct codec_delta came = {
		.kind = CODEC_CAME,
		.key = many_nodes_key(nodes, user),
		.device = nodes->device,
		.epoch = ++nodes->last_epoch,
		.user = name_of(name, user),
		.device_name = {device_name, sizeof(device_name) - 1},
	};
	nodes->where[user] = node;
	nodes->epochs[user] = came.epoch;
	if (node < nodes->observer_count) {
		put(nodes, nodes->observers[node].directory, DIRECTORY_SELF, came.key, came.device,
			came.epoch);
	}
	say(nodes, node, &came);
	/* Who is kicked on a node that is not there. */
	if (before != MANY_NOBODY && before != node && before >= nodes->observer_count) {
		say_gone(nodes, before, came.key, epoch_before);
	}
	if (nodes->sources[node].deltas >= nodes->coalesced) {
		send_due(nodes, nodes->coalesced);
	}
}

/* --- resyncs -----------------------------------------------------------------------------------
 */

/* What is sent by one node and opened by another. */
struct exchange {
	struct many_nodes *nodes;
	struct many_sent *sent;
	struct codec_self *writes;
	struct codec_self *reads;
	uint8_t buffer[MESSAGE_MAX];
	struct codec_writer writer;
};

static struct codec_message pass_on(struct exchange *exchange)
{
	struct codec_message message;
	const struct codec_to to = {.id = exchange->reads->id,
		.random = exchange->reads->incarnation.random,
		.all_number = 1,
		.number = 1};
	const size_t len = codec_seal(&exchange->writer, &to);
	exchange->sent->messages++;
	exchange->sent->bytes += len;
	CHECK(codec_open(exchange->reads, false, exchange->buffer, len, &message) == CODEC_OK);
	return message;
}

static void begin(struct exchange *exchange, enum codec_type type)
{
	codec_begin(&exchange->writer, exchange->buffer, MESSAGE_MAX, exchange->writes, type);
}

static void turn_round(struct exchange *exchange)
{
	struct codec_self *writes = exchange->writes;
	exchange->writes = exchange->reads;
	exchange->reads = writes;
}

static void put_entry(void *context, const struct directory_entry *entry)
{
	struct exchange *exchange = context;
	const struct codec_entry said = {entry->key, entry->value, entry->device, false};
	CHECK(codec_put_entry(&exchange->writer, &said) == 0);
	exchange->sent->entries++;
}

/* Asks for a page and puts it. Returns the last key of it. */
static uint64_t fetch_page(struct exchange *exchange, const struct directory *from,
	struct directory *to, uint16_t number, uint64_t first)
{
	static struct directory_entry entries[SHARD_ENTRIES];
	struct codec_shard shard = {.kind = CODEC_USERS, .first = first, .last = first};
	const struct codec_ask ask = {.ask = 1, .kind = CODEC_USERS, .first = first};
	begin(exchange, CODEC_SHARD_ASK);
	CHECK(codec_put_shard_ask(&exchange->writer, &ask) == 0);
	pass_on(exchange);
	turn_round(exchange);
	begin(exchange, CODEC_SHARD);
	CHECK(codec_put_shard(&exchange->writer, &shard) == 0);
	const struct directory_range range =
		directory_page(from, DIRECTORY_USERS, first, SHARD_ENTRIES, put_entry, exchange);
	codec_set_last(&exchange->writer, range.last);
	const struct codec_message message = pass_on(exchange);
	turn_round(exchange);
	CHECK(codec_read_shard(&message, &shard) == 0);
	for (uint16_t i = 0; i < shard.count; i++) {
		const struct codec_entry entry = codec_entry(&shard, i);
		entries[i] = (struct directory_entry){
			.key = entry.key, .value = entry.value, .device = entry.device};
	}
	CHECK(directory_replace(
		      to, number, DIRECTORY_USERS, range, entries, shard.count, NULL, NULL) == 0);
	return range.last;
}

static void fetch_shard(struct exchange *exchange, const struct directory *from,
	struct directory *to, uint16_t number, uint8_t shard)
{
	const struct directory_range range = directory_range_of(shard);
	uint64_t last = range.first - 1;
	do {
		last = fetch_page(exchange, from, to, number, last + 1);
	} while (last != range.last);
}

/* The 256 digests of the owner, as they come to the asker. */
static struct codec_digests fetch_digests(struct exchange *exchange, const struct directory *from)
{
	struct codec_digests digests;
	uint16_t count;
	const struct codec_ask ask = {.ask = 1, .kind = CODEC_USERS};
	begin(exchange, CODEC_DIGESTS_ASK);
	CHECK(codec_put_digests_ask(&exchange->writer, &ask) == 0);
	pass_on(exchange);
	turn_round(exchange);
	begin(exchange, CODEC_DIGESTS);
	CHECK(codec_put_digests(&exchange->writer, 1, CODEC_USERS, 0,
		      directory_digests(from, DIRECTORY_SELF, DIRECTORY_USERS), &count) == 0);
	const struct codec_message message = pass_on(exchange);
	turn_round(exchange);
	CHECK(codec_read_digests(&message, &digests) == 0 && digests.count == CODEC_SHARDS);
	return digests;
}

uint64_t many_nodes_resync(struct many_nodes *nodes, uint32_t from, struct directory *to,
	uint16_t number, struct many_sent *sent)
{
	static struct exchange exchange;
	static uint64_t theirs[CODEC_SHARDS];
	const struct directory *owner = nodes->observers[from].directory;
	const uint64_t begin_ns = measure_cpu_ns();
	exchange.nodes = nodes;
	exchange.sent = sent;
	exchange.writes = &nodes->sources[from ? 0 : 1].self;
	exchange.reads = &nodes->sources[from].self;
	const struct codec_digests digests = fetch_digests(&exchange, owner);
	for (uint16_t i = 0; i < CODEC_SHARDS; i++) {
		theirs[i] = codec_digest(&digests, i);
	}
	for (uint32_t i = 0; i < CODEC_SHARDS; i++) {
		if (directory_digests(to, number, DIRECTORY_USERS)[i] != theirs[i]) {
			fetch_shard(&exchange, owner, to, number, (uint8_t)i);
		}
	}
	const uint64_t ns = measure_cpu_ns() - begin_ns;
	CHECK(directory_root(to, number, DIRECTORY_USERS) ==
		directory_root(owner, DIRECTORY_SELF, DIRECTORY_USERS));
	return ns;
}

/* --- heartbeats --------------------------------------------------------------------------------
 */

static void hear_beat(struct many_nodes *nodes, uint32_t observer, uint32_t source,
	const uint8_t *data, size_t len)
{
	const struct many_observer *hearer = &nodes->observers[observer];
	struct codec_message message;
	struct codec_heartbeat heartbeat;
	CHECK(codec_open(&nodes->sources[observer].self, true, data, len, &message) == CODEC_OK);
	CHECK(codec_read_heartbeat(&message, &heartbeat) == 0);
	CHECK(heartbeat.users_root ==
		directory_root(hearer->directory, hearer->numbers[source], DIRECTORY_USERS));
}

uint64_t many_nodes_beat(struct many_nodes *nodes, uint32_t observer, struct many_sent *sent)
{
	static uint8_t buffer[MESSAGE_MAX];
	struct codec_writer writer;
	const struct directory *own = nodes->observers[observer].directory;
	const struct codec_to to = codec_to_all(++nodes->sources[observer].number);
	const struct codec_heartbeat heartbeat = {
		.wall_ms = nodes->last_epoch,
		.sessions = (uint32_t)directory_count(own, DIRECTORY_SELF, DIRECTORY_USERS),
		.users_root = directory_root(own, DIRECTORY_SELF, DIRECTORY_USERS),
		.address = slice_of("http://10.0.0.1:9000"),
		.version = slice_of("1.0.0"),
	};
	const uint64_t begin_ns = measure_cpu_ns();
	codec_begin(&writer, buffer, MESSAGE_MAX, &nodes->sources[observer].self, CODEC_HEARTBEAT);
	CHECK(codec_put_heartbeat(&writer, &heartbeat) == 0);
	const size_t len = codec_seal(&writer, &to);
	sent->messages++;
	sent->bytes += len;
	for (uint32_t i = 0; i < nodes->observer_count; i++) {
		if (i != observer) {
			hear_beat(nodes, i, observer, buffer, len);
		}
	}
	return measure_cpu_ns() - begin_ns;
}

/* --- deaths ------------------------------------------------------------------------------------
 */

void many_nodes_kill(struct many_nodes *nodes, uint16_t node, size_t slots, struct histogram *steps)
{
	for (uint32_t i = 0; i < nodes->observer_count; i++) {
		struct many_observer *observer = &nodes->observers[i];
		if (i == node) {
			continue;
		}
		bool is_more = true;
		directory_drop_node(observer->directory, observer->numbers[node]);
		CHECK(directory_take_node(observer->directory, &observer->numbers[node]) == 0);
		while (is_more) {
			const uint64_t begin_ns = clock_ns();
			is_more = directory_step(observer->directory, slots);
			histogram_record(steps, clock_ns() - begin_ns, 1);
		}
	}
	nodes->dead = node;
	for (uint32_t i = 0; i < nodes->user_count; i++) {
		if (nodes->where[i] == node) {
			nodes->where[i] = MANY_NOBODY;
		}
	}
}

/* --- the check ---------------------------------------------------------------------------------
 */

static void check_node(const struct many_nodes *nodes, uint32_t observer, uint32_t node)
{
	const struct many_observer *one = &nodes->observers[observer];
	const struct many_observer *first = &nodes->observers[0];
	const uint16_t number = one->numbers[node];
	const uint16_t number_of_first = first->numbers[node];
	CHECK(directory_count(one->directory, number, DIRECTORY_USERS) ==
		directory_count(first->directory, number_of_first, DIRECTORY_USERS));
	CHECK(memcmp(directory_digests(one->directory, number, DIRECTORY_USERS),
		      directory_digests(first->directory, number_of_first, DIRECTORY_USERS),
		      DIRECTORY_SHARDS * sizeof(uint64_t)) == 0);
}

static void check_user(const struct many_nodes *nodes, uint32_t user)
{
	const struct many_observer *first = &nodes->observers[0];
	struct directory_user found;
	const uint32_t count =
		directory_find_user(first->directory, many_nodes_key(nodes, user), &found, 1);
	if (nodes->where[user] == MANY_NOBODY) {
		CHECK(count == 0);
		return;
	}
	CHECK(count == 1);
	CHECK(found.epoch == nodes->epochs[user]);
	CHECK(found.node == first->numbers[nodes->where[user]]);
}

void many_nodes_check(const struct many_nodes *nodes)
{
	uint64_t users = 0;
	for (uint32_t i = 0; i < nodes->user_count; i++) {
		users += nodes->where[i] != MANY_NOBODY;
		check_user(nodes, i);
	}
	for (uint32_t i = 0; i < nodes->observer_count; i++) {
		if (i == nodes->dead) {
			continue;
		}
		CHECK(directory_total(nodes->observers[i].directory, DIRECTORY_USERS) == users);
		for (uint32_t k = 0; k < nodes->node_count; k++) {
			check_node(nodes, i, k);
		}
	}
}
