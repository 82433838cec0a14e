/* What others may say, with the key and without: it ends in a count, and takes no more than so
 * much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "cluster_rig.h"
#include "hex.h"

enum {
	MESSAGE_MAX = 65536,
	FORGED = 60000, /* messages */
};

/* Somebody who may publish to the first node, as a node of that name. */
struct forger {
	struct rig_node *node;
	struct cluster_key key;
	char id[CODEC_ID_MAX + 1];
	struct codec_self self;
	uint8_t version;
	uint64_t all_number;
	uint64_t number;
	uint8_t buffer[MESSAGE_MAX];
};

static void be(struct forger *forger, struct rig *rig, const char *id)
{
	memset(forger, 0, sizeof(*forger));
	forger->node = &rig->nodes[0];
	forger->version = CODEC_VERSION;
	forger->key = rig->key;
	snprintf(forger->id, sizeof(forger->id), "%s", id);
	forger->self = (struct codec_self){
		.key = &forger->key,
		.id = slice_of(forger->id),
		.incarnation = {rig_wall_ms(&rig->nodes[0]), 7},
		.speaks = CODEC_VERSION,
	};
}

static void begin(struct forger *forger, struct codec_writer *writer, enum codec_type type)
{
	codec_begin(writer, forger->buffer, sizeof(forger->buffer), &forger->self, type);
	forger->buffer[0] = forger->version;
}

static void send_to_all(struct forger *forger, struct codec_writer *writer)
{
	const struct codec_to to = codec_to_all(++forger->all_number);
	const size_t len = codec_seal(writer, &to);
	cluster_on_message(forger->node->cluster, true, forger->buffer, len);
}

static void send_to_node(struct forger *forger, struct codec_writer *writer)
{
	const struct codec_to to = {
		.id = slice_of(forger->node->id),
		.random = forger->node->incarnation.random,
		.all_number = forger->all_number,
		.number = ++forger->number,
	};
	const size_t len = codec_seal(writer, &to);
	cluster_on_message(forger->node->cluster, false, forger->buffer, len);
}

static void beat(struct forger *forger, uint32_t sessions, uint64_t root)
{
	struct codec_writer writer;
	const struct codec_heartbeat heartbeat = {
		.wall_ms = rig_wall_ms(forger->node),
		.sessions = sessions,
		.max_devices = 1,
		.users_root = root,
		.address = SLICE("x"),
		.version = SLICE("9"),
	};
	begin(forger, &writer, CODEC_HEARTBEAT);
	assert_int_equal(codec_put_heartbeat(&writer, &heartbeat), 0);
	send_to_all(forger, &writer);
}

static struct peer *peer_of(const struct forger *forger)
{
	return peers_find(&forger->node->cluster->peers, slice_of(forger->id));
}

/* --- without the key ---------------------------------------------------------------------------
 */

static void test_another_key_is_not_listened_to(void **state)
{
	const uint8_t secret[CLUSTER_KEY_LEN] = {9};
	struct rig *rig = rig_create(71, 2);
	struct forger *forger = malloc(sizeof(*forger));
	rig_meet(rig);
	be(forger, rig, "evil");
	cluster_key_derive(secret, &forger->key);
	for (int i = 0; i < 10; i++) {
		beat(forger, 5, 1);
	}
	assert_null(peer_of(forger));
	assert_int_equal(rig->nodes[0].cluster->refused[CODEC_FOREIGN], 10);
	/* Nor is what a node has said to another. */
	be(forger, rig, "gw-2");
	struct codec_writer writer;
	const struct codec_claim claim = {.epoch = 1, .user = SLICE("alice")};
	const struct codec_to to = {.id = SLICE("gw-3"), .random = 5, .number = 1};
	begin(forger, &writer, CODEC_CLAIM);
	assert_int_equal(codec_put_claim(&writer, &claim), 0);
	const size_t len = codec_seal(&writer, &to);
	cluster_on_message(rig->nodes[0].cluster, false, forger->buffer, len);
	assert_int_equal(rig->nodes[0].cluster->refused[CODEC_FOREIGN], 11);
	free(forger);
	rig_destroy(rig);
}

static void test_what_was_recorded_is_not_listened_to(void **state)
{
	struct rig *rig = rig_create(72, 2);
	struct forger *forger = malloc(sizeof(*forger));
	uint8_t recorded[2048];
	rig_meet(rig);
	be(forger, rig, "gone");
	beat(forger, 0, 0);
	struct codec_writer writer;
	begin(forger, &writer, CODEC_HEARTBEAT);
	const struct codec_heartbeat heartbeat = {.wall_ms = rig_wall_ms(forger->node)};
	assert_int_equal(codec_put_heartbeat(&writer, &heartbeat), 0);
	const struct codec_to to = codec_to_all(++forger->all_number);
	const size_t len = codec_seal(&writer, &to);
	memcpy(recorded, forger->buffer, len);
	cluster_on_message(rig->nodes[0].cluster, true, recorded, len);
	rig_run(rig, 20000);
	assert_int_equal(peer_of(forger)->state, PEER_DOWN);
	const uint32_t ups = rig->nodes[0].ups;
	for (int i = 0; i < 5; i++) { /* it stays down */
		cluster_on_message(rig->nodes[0].cluster, true, recorded, len);
		rig_run(rig, 1000);
	}
	assert_int_equal(peer_of(forger)->state, PEER_DOWN);
	assert_int_equal(rig->nodes[0].ups, ups);
	/* Of a former run of this node itself: nobody is there to say so. */
	be(forger, rig, "gw-1");
	forger->self.incarnation.wall_ms -= 100000;
	for (int i = 0; i < 5; i++) {
		beat(forger, 0, 0);
		rig_run(rig, 1000);
	}
	assert_false(rig->nodes[0].has_ended);
	free(forger);
	rig_destroy(rig);
}

/* --- with the key ------------------------------------------------------------------------------
 */

static void test_anything_at_all_may_come(void **state)
{
	struct rig *rig = rig_create(73, 3);
	struct forger *forger = malloc(sizeof(*forger));
	struct codec_writer writer;
	rig_meet(rig);
	struct rig_session *alice = rig_login(&rig->nodes[0], "alice", "");
	rig_run(rig, 100);
	be(forger, rig, "evil");
	for (int i = 0; i < FORGED; i++) {
		const size_t len = rig_random(rig, rig_random(rig, 8) == 0 ? 3000 : 60);
		begin(forger, &writer, (enum codec_type)rig_random(rig, 17));
		for (size_t at = 0; at < len; at++) {
			/* Small numbers are lengths and counts that may fit. */
			*writer.at++ = (uint8_t)rig_random(rig, rig_random(rig, 2) ? 4 : 256);
		}
		if (rig_random(rig, 3) == 0) {
			send_to_all(forger, &writer);
		} else {
			send_to_node(forger, &writer);
		}
		if (i % 2000 == 0) {
			beat(forger, (uint32_t)rig_random(rig, UINT32_MAX),
				rig_random(rig, UINT64_MAX));
			rig_run(rig, 500);
		}
	}
	rig_run(rig, 6000);
	assert_true(alice->is_alive);
	assert_true(rig->nodes[0].cluster->is_joined);
	assert_true(rig->nodes[0].cluster->refused[CODEC_BROKEN] > 0);
	assert_in_range(directory_bytes(rig->nodes[0].cluster->directory), 0, 64 << 20);
	assert_true(rig_is_equal(rig)); /* those that are honest have lost nothing by it */
	free(forger);
	rig_destroy(rig);
}

static void test_one_node_cannot_fill_the_directory(void **state)
{
	struct rig *rig = rig_create(74, 2);
	struct forger *forger = malloc(sizeof(*forger));
	struct codec_writer writer;
	rig_meet(rig);
	be(forger, rig, "evil");
	beat(forger, 0, 0);
	for (uint64_t i = 0; i < 300000;) {
		begin(forger, &writer, CODEC_DELTAS);
		for (int j = 0; j < 500; j++, i++) {
			const struct codec_delta delta = {
				.kind = i % 2 ? CODEC_CAME : CODEC_ROOM,
				.key = i * UINT64_C(0x9e3779b97f4a7c15),
				.epoch = 1,
				.user = SLICE("u"),
				.members = 1,
			};
			assert_int_equal(codec_put_delta(&writer, &delta), 0);
		}
		send_to_all(forger, &writer);
	}
	const struct directory *directory = rig->nodes[0].cluster->directory;
	for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
		assert_int_equal(directory_count(directory, peer_of(forger)->node, kind),
			PEERS_ENTRIES_SPARE);
	}
	assert_true(rig->nodes[0].cluster->logins.refused > 0);
	free(forger);
	rig_destroy(rig);
}

static void test_names_without_end_are_not_all_kept(void **state)
{
	char id[16];
	struct rig *rig = rig_create(75, 2);
	struct forger *forger = malloc(sizeof(*forger));
	rig_meet(rig);
	for (int i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "evil-%d", i);
		be(forger, rig, id);
		beat(forger, 0, 0);
	}
	assert_int_equal(rig->nodes[0].cluster->peers.count, CLUSTER_NODES_MAX);
	assert_true(rig->nodes[0].cluster->peers.refused > 0);
	rig_run(rig, 20000); /* they fall silent, and make room */
	be(forger, rig, "new");
	beat(forger, 0, 0);
	assert_non_null(peer_of(forger));
	assert_true(rig_peer(&rig->nodes[0], &rig->nodes[1])->state == PEER_UP);
	free(forger);
	rig_destroy(rig);
}

static void test_an_owner_without_end_is_given_up(void **state)
{
	struct rig *rig = rig_create(76, 2);
	struct forger *forger = malloc(sizeof(*forger));
	struct codec_writer writer;
	uint64_t digests[CODEC_SHARDS];
	uint16_t count;
	memset(digests, 1, sizeof(digests));
	rig_meet(rig);
	be(forger, rig, "evil");
	beat(forger, 3, 99);
	rig_run(rig, 300);
	const struct peer *peer = peer_of(forger);
	assert_int_equal(peer->resync.step, RESYNC_DIGESTS); /* it is new, and differs */
	begin(forger, &writer, CODEC_DIGESTS);
	assert_int_equal(
		codec_put_digests(&writer, peer->resync.ask, CODEC_USERS, 0, digests, &count), 0);
	send_to_node(forger, &writer);
	assert_int_equal(peer->resync.step, RESYNC_SHARDS);
	/* A page of one key after the other, and never the last one. */
	uint32_t pages = 0;
	for (uint64_t first = 0; pages < 20000 && peer->resync.step == RESYNC_SHARDS; pages++) {
		const struct codec_shard shard = {.ask = peer->resync.ask,
			.kind = CODEC_USERS,
			.first = first,
			.last = first};
		begin(forger, &writer, CODEC_SHARD);
		assert_int_equal(codec_put_shard(&writer, &shard), 0);
		codec_set_last(&writer, first++);
		send_to_node(forger, &writer);
		if (pages % 100 == 0) {
			beat(forger, 3, 99);
			rig_run(rig, 100);
		}
	}
	assert_in_range(pages, RESYNC_PAGES_SPARE, 5000);
	assert_int_equal(rig->nodes[0].cluster->resync.active, 0);
	free(forger);
	rig_destroy(rig);
}

static void test_who_asks_without_end_gets_so_much_a_turn(void **state)
{
	struct rig *rig = rig_create(77, 2);
	struct forger *forger = malloc(sizeof(*forger));
	struct codec_writer writer;
	rig_meet(rig);
	be(forger, rig, "evil");
	beat(forger, 0, 0);
	const uint32_t before = rig->nodes[0].sent[CODEC_SHARD];
	for (uint64_t i = 0; i < 5000; i++) {
		const struct codec_ask ask = {.ask = i, .kind = CODEC_USERS, .first = i << 50};
		begin(forger, &writer, CODEC_SHARD_ASK);
		assert_int_equal(codec_put_shard_ask(&writer, &ask), 0);
		send_to_node(forger, &writer);
	}
	assert_int_equal(rig->nodes[0].sent[CODEC_SHARD] - before, SHARDS_PEER_ASKS);
	free(forger);
	rig_destroy(rig);
}

static void claim(struct forger *forger, uint64_t epoch, const char *user)
{
	struct codec_writer writer;
	const struct codec_claim claim = {.epoch = epoch, .user = slice_of(user)};
	begin(forger, &writer, CODEC_CLAIM);
	assert_int_equal(codec_put_claim(&writer, &claim), 0);
	send_to_node(forger, &writer);
}

static void test_claims_of_what_cannot_be_end_nothing(void **state)
{
	struct rig *rig = rig_create(78, 2);
	struct forger *forger = malloc(sizeof(*forger));
	rig_meet(rig);
	struct rig_session *alice = rig_login(&rig->nodes[0], "alice", "");
	rig_run(rig, 100);
	be(forger, rig, "evil");
	beat(forger, 0, 0);
	claim(forger, UINT64_MAX, "alice");
	claim(forger, (rig_wall_ms(forger->node) + 61000) << EPOCH_PER_MS_BITS, "alice");
	claim(forger, 1, "alice");
	rig_run(rig, 100);
	assert_true(alice->is_alive);
	assert_true(peer_of(forger)->clock_until_ms > rig_now_ms(rig));
	/* One that can be is believed: whoever has the key is a node. */
	claim(forger, (rig_wall_ms(forger->node) + 50000) << EPOCH_PER_MS_BITS, "alice");
	assert_false(alice->is_alive);
	free(forger);
	rig_destroy(rig);
}

/* --- versions ----------------------------------------------------------------------------------
 */

static void test_a_version_that_is_too_new_is_refused_politely(void **state)
{
	struct rig *rig = rig_create(79, 2);
	struct forger *forger = malloc(sizeof(*forger));
	rig_meet(rig);
	be(forger, rig, "newer");
	forger->version = CODEC_VERSION + 1;
	forger->self.speaks = CODEC_VERSION + 1; /* the oldest that can read it */
	beat(forger, 0, 0);
	assert_null(peer_of(forger));
	assert_int_equal(rig->nodes[0].cluster->refused[CODEC_TOO_NEW], 1);
	assert_int_equal(rig->nodes[0].cluster->refused[CODEC_BROKEN], 0);
	assert_int_equal(rig->nodes[0].cluster->refused[CODEC_FOREIGN], 0);
	/* Once it speaks to this one too, it is heard. */
	forger->self.speaks = CODEC_VERSION;
	beat(forger, 0, 0);
	assert_non_null(peer_of(forger));
	free(forger);
	rig_destroy(rig);
}

/* tests/cluster_stream.json: what version 1 says, recorded, and what a version 2 may say. */
static void test_a_recorded_stream_is_taken(void **state)
{
	char path[4096];
	uint8_t secret[CLUSTER_KEY_LEN];
	uint8_t message[MESSAGE_MAX];
	uint32_t expected[CODEC_BROKEN + 1] = {0};
	static const char *const verdicts[] = {
		"OK", "UNKNOWN", "TOO_NEW", "STALE", "FOREIGN", "BROKEN"};
	snprintf(path, sizeof(path), "%s/tests/cluster_stream.json", getenv("TIDEGATE_ROOT"));
	json_t *stream = json_load_file(path, JSON_ALLOW_NUL, NULL);
	assert_non_null(stream);
	json_t *reader = json_object_get(stream, "reader");
	struct rig *rig = rig_create(80, 1);
	struct rig_node *node = &rig->nodes[0];
	rig_kill(node);
	hex_read_at_most(
		json_string_value(json_object_get(stream, "secret")), secret, sizeof(secret));
	cluster_key_derive(secret, &rig->key);
	snprintf(
		node->id, sizeof(node->id), "%s", json_string_value(json_object_get(reader, "id")));
	rig_start(node);
	node->cluster->sender.self.incarnation.random =
		strtoull(json_string_value(json_object_get(reader, "random")), NULL, 16);
	rig_run(rig, 2000);
	size_t index;
	json_t *row;
	json_array_foreach(json_object_get(stream, "messages"), index, row)
	{
		const char *verdict = json_string_value(json_object_get(row, "verdict"));
		const char *to = json_string_value(json_object_get(row, "to"));
		const size_t len = hex_read_at_most(
			json_string_value(json_object_get(row, "hex")), message, sizeof(message));
		struct peer *source = peers_find(&node->cluster->peers, SLICE("gw-1"));
		if (source) {
			source->numbers = (struct numbers){0}; /* each was recorded by itself */
		}
		for (int i = 0; i <= CODEC_BROKEN; i++) {
			expected[i] += strcmp(verdict, verdicts[i]) == 0;
		}
		cluster_on_message(node->cluster, strcmp(to, "all") == 0, message, len);
	}
	for (int i = CODEC_TOO_NEW; i < CODEC_BROKEN; i++) {
		assert_int_equal(node->cluster->refused[i], expected[i]);
	}
	assert_true(expected[CODEC_OK] > 10);
	assert_true(expected[CODEC_TOO_NEW] > 0);
	const struct peer *peer = peers_find(&node->cluster->peers, SLICE("gw-1"));
	assert_non_null(peer);
	assert_true(peer->has_beaten);
	assert_true(node->batches > 0);
	assert_true(node->says > 0);
	json_decref(stream);
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_key_is_not_listened_to),
		cmocka_unit_test(test_what_was_recorded_is_not_listened_to),
		cmocka_unit_test(test_anything_at_all_may_come),
		cmocka_unit_test(test_one_node_cannot_fill_the_directory),
		cmocka_unit_test(test_names_without_end_are_not_all_kept),
		cmocka_unit_test(test_an_owner_without_end_is_given_up),
		cmocka_unit_test(test_who_asks_without_end_gets_so_much_a_turn),
		cmocka_unit_test(test_claims_of_what_cannot_be_end_nothing),
		cmocka_unit_test(test_a_version_that_is_too_new_is_refused_politely),
		cmocka_unit_test(test_a_recorded_stream_is_taken),
	};
	user_table_thread_begin();
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	user_table_thread_end();
	return failed;
}
