#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cluster_rig.h"

static struct cluster_node look_at(
	struct rig_node *node, const char *id, struct cluster_figures *ret_figures)
{
	struct cluster_node nodes[CLUSTER_NODES_MAX + 1];
	const uint32_t count =
		cluster_look(node->cluster, ret_figures, nodes, CLUSTER_NODES_MAX + 1);
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(nodes[i].id, id) == 0) {
			return nodes[i];
		}
	}
	fail_msg("%s does not show %s", node->id, id);
	return nodes[0];
}

/* --- meeting --- */

static void test_a_node_shows_itself_before_its_first_turn(void **state)
{
	struct cluster_figures figures;
	struct rig *rig = rig_create(1, 1);
	const struct cluster_node self = look_at(&rig->nodes[0], "gw-1", &figures);
	assert_true(self.is_self);
	assert_int_equal(self.state, CLUSTER_NODE_UP);
	assert_string_equal(self.address, "http://127.0.0.1:8000/");
	assert_string_equal(self.version, "1.2.3");
	assert_true(self.incarnation.random == rig->nodes[0].incarnation.random);
	assert_false(figures.is_up);
	assert_int_equal(figures.nodes, 0);
	rig_destroy(rig);
}

static void test_nodes_meet(void **state)
{
	struct cluster_figures figures;
	struct rig *rig = rig_create(1, 3);
	rig_run(rig, 1000);
	assert_false(rig->nodes[0].cluster->is_joined); /* it listens first */
	rig_meet(rig);
	rig_run(rig, 6000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rig->nodes[i].ups, 2);
		assert_int_equal(rig->nodes[i].downs, 0);
		assert_int_equal(rig->nodes[i].gaps, 0);
		assert_int_equal(rig->nodes[i].elsewhere.nodes, 2);
	}
	struct cluster_node other = look_at(&rig->nodes[0], "gw-2", &figures);
	assert_int_equal(other.state, CLUSTER_NODE_UP);
	assert_int_equal(other.ws_port, 9443);
	assert_true(other.ws_tls);
	assert_true(look_at(&rig->nodes[1], "gw-2", &figures).ws_tls);
	assert_false(look_at(&rig->nodes[1], "gw-1", &figures).ws_tls);
	assert_string_equal(other.address, "http://127.0.0.1:8000/");
	assert_string_equal(other.version, "1.2.3");
	assert_in_range(other.round_trip_us, 1, 50000);
	assert_in_range(other.clock_ms + 100, 0, 200);
	assert_false(other.is_self);
	assert_true(look_at(&rig->nodes[0], "gw-1", &figures).is_self);
	assert_true(figures.is_up);
	assert_int_equal(figures.nodes, 2);
	assert_int_equal(figures.resyncs, 0);
	rig_destroy(rig);
}

static void test_what_one_is_others_know(void **state)
{
	struct rig *rig = rig_create(2, 3);
	rig_meet(rig);
	struct rig_session *alice = rig_login(&rig->nodes[0], "alice", "");
	rig_run(rig, 50);
	const struct cluster_session its = rig_session_of(rig, alice);
	struct cluster_place places[8];
	for (int i = 1; i < 3; i++) {
		assert_int_equal(cluster_find(rig->nodes[i].cluster, its.key, places, 8), 1);
		assert_string_equal(places[0].node, "gw-1");
		assert_true(places[0].epoch == alice->epoch);
		assert_int_equal(places[0].device_hash, its.device_hash);
		assert_true(places[0].is_reachable);
		assert_true(rig->nodes[i].elsewhere.has_user(
			rig->nodes[i].elsewhere.directory, (uint32_t)(its.key >> 32)));
		assert_int_equal(rig->nodes[i].elsewhere.sessions, 1);
	}
	assert_int_equal(cluster_find(rig->nodes[0].cluster, its.key, places, 8), 0);
	assert_int_equal(rig->nodes[1].left, 0);
	rig_logout(alice);
	rig_run(rig, 50);
	assert_int_equal(cluster_find(rig->nodes[1].cluster, its.key, places, 8), 0);
	assert_true(rig_is_equal(rig));
	rig_run(rig, 3000);
	assert_int_equal(rig->nodes[1].resyncs, 0); /* deltas alone did it */
	assert_int_equal(rig->nodes[1].left, 1);
	rig_destroy(rig);
}

static void test_rooms_are_counted(void **state)
{
	const uint64_t key = UINT64_C(0x1234567890abcdef);
	struct rig *rig = rig_create(3, 3);
	rig_meet(rig);
	cluster_on_room(rig->nodes[0].cluster, key, 3, true);
	cluster_on_room(rig->nodes[1].cluster, key, 4, false);
	rig_run(rig, 1100);
	assert_int_equal(cluster_room_members(rig->nodes[2].cluster, key), 7);
	assert_int_equal(cluster_room_members(rig->nodes[0].cluster, key), 4);
	assert_int_equal(rig->nodes[2].rooms_changed, 2);
	const struct elsewhere *elsewhere = &rig->nodes[2].elsewhere;
	assert_int_equal(elsewhere->room_users(elsewhere->directory, key >> 32), 7);
	assert_true(elsewhere->room_is_watched(elsewhere->directory, key >> 32));
	cluster_on_room(rig->nodes[0].cluster, key, 0, false);
	rig_run(rig, 1100);
	assert_int_equal(cluster_room_members(rig->nodes[2].cluster, key), 4);
	rig_destroy(rig);
}

static void test_who_joins_is_told_what_there_is(void **state)
{
	char name[8];
	struct rig *rig = rig_create(4, 2);
	rig_meet(rig);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		rig_login(&rig->nodes[i % 2], name, "");
		cluster_on_room(rig->nodes[0].cluster, rig_hash_of(rig, slice_of(name)), 2, false);
	}
	rig_run(rig, 1000);
	struct rig_node *third = rig_add(rig);
	rig_run(rig, 1500);
	assert_true(rig_settle(rig, 3000));
	assert_int_equal(third->resyncs, 2);
	assert_int_equal(directory_count(third->cluster->directory,
				 rig_peer(third, &rig->nodes[0])->node, DIRECTORY_USERS),
		150);
	rig_run(rig, 5000);
	assert_int_equal(third->resyncs, 2); /* equal is left alone */
	rig_destroy(rig);
}

/* --- logins --- */

static void test_the_newest_login_wins_across_nodes(void **state)
{
	struct rig *rig = rig_create(5, 3);
	rig_meet(rig);
	struct rig_session *first = rig_login(&rig->nodes[0], "alice", "");
	rig_run(rig, 100);
	struct rig_session *second = rig_login(&rig->nodes[1], "alice", "");
	rig_run(rig, 20);
	assert_false(first->is_alive);
	assert_true(second->is_alive);
	assert_int_equal(rig->nodes[0].kicks, 1);
	struct rig_session *third = rig_login(&rig->nodes[0], "alice", "");
	rig_run(rig, 20);
	assert_false(second->is_alive);
	assert_true(third->is_alive);
	rig_run(rig, 3000);
	assert_int_equal(rig->nodes[0].kicks + rig->nodes[1].kicks, 2);
	assert_true(rig_is_equal(rig));
	rig_check(rig);
	rig_destroy(rig);
}

static void test_an_older_login_that_is_told_later_loses(void **state)
{
	struct rig *rig = rig_create(6, 2);
	rig_meet(rig);
	const uint64_t older =
		epoch_next(&rig->nodes[0].epochs, rig_wall_ms(&rig->nodes[0]) * 1000);
	rig_run(rig, 100);
	struct rig_session *newer = rig_login(&rig->nodes[1], "alice", "");
	rig_run(rig, 100);
	struct rig_session *late = rig_login_at(&rig->nodes[0], "alice", "", older);
	rig_run(rig, 50);
	assert_false(late->is_alive);
	assert_true(newer->is_alive);
	assert_int_equal(rig->nodes[1].cluster->logins.claims, 1); /* it has said what it has */
	rig_destroy(rig);
}

static void test_of_equal_epochs_one_stays(void **state)
{
	struct rig *rig = rig_create(7, 3);
	rig_meet(rig);
	const uint64_t epoch = rig_wall_ms(&rig->nodes[0]) << EPOCH_PER_MS_BITS;
	struct rig_session *sessions[3];
	for (int i = 0; i < 3; i++) {
		sessions[i] = rig_login_at(&rig->nodes[i], "alice", "", epoch);
	}
	rig_run(rig, 200);
	assert_false(sessions[0]->is_alive);
	assert_false(sessions[1]->is_alive);
	assert_true(sessions[2]->is_alive);
	rig_destroy(rig);
}

static void test_numbers_go_on_behind_those_of_others(void **state)
{
	struct rig *rig = rig_create(8, 2);
	rig->nodes[1].clock_ms = 10000;
	rig_meet(rig);
	struct rig_session *ahead = rig_login(&rig->nodes[1], "alice", "");
	rig_run(rig, 50);
	struct rig_session *newest = rig_login(&rig->nodes[0], "alice", "");
	assert_true(newest->epoch > ahead->epoch);
	rig_run(rig, 50);
	assert_false(ahead->is_alive);
	assert_true(newest->is_alive);
	rig_destroy(rig);
}

static void test_the_oldest_device_makes_room(void **state)
{
	struct rig *rig = rig_create(9, 4);
	for (int i = 0; i < 4; i++) {
		rig_kill(&rig->nodes[i]);
	}
	rig->max_devices = 3;
	for (int i = 0; i < 4; i++) {
		rig_start(&rig->nodes[i]);
	}
	rig_meet(rig);
	struct rig_session *phone = rig_login(&rig->nodes[0], "alice", "phone");
	rig_run(rig, 50);
	struct rig_session *desk = rig_login(&rig->nodes[1], "alice", "desk");
	struct rig_session *other = rig_login(&rig->nodes[0], "bob", "phone");
	rig_run(rig, 50);
	struct rig_session *tablet = rig_login(&rig->nodes[2], "alice", "tablet");
	rig_run(rig, 50);
	assert_true(phone->is_alive && desk->is_alive && tablet->is_alive);
	struct rig_session *watch = rig_login(&rig->nodes[3], "alice", "watch");
	rig_run(rig, 50);
	assert_false(phone->is_alive);
	assert_true(desk->is_alive && tablet->is_alive && watch->is_alive && other->is_alive);
	struct rig_session *desk_again = rig_login(&rig->nodes[3], "alice", "desk");
	rig_run(rig, 50);
	assert_false(desk->is_alive);
	assert_true(tablet->is_alive && watch->is_alive && desk_again->is_alive);
	rig_check(rig);
	rig_destroy(rig);
}

/* Twenty users race through ten nodes. */
static void test_racing_logins_end_with_the_highest(void **state)
{
	char name[8];
	struct rig *rig = rig_create(10, 9);
	rig->delay_us = 40000;
	rig_meet(rig);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "u%d", (int)rig_random(rig, 20));
		rig_login(&rig->nodes[rig_random(rig, 9)], name, "");
		if (i % 8 == 0) {
			rig_run(rig, RIG_STEP_MS);
		}
	}
	rig_run(rig, 300);
	rig_check(rig);
	assert_true(rig_is_equal(rig));
	rig_destroy(rig);
}

/* --- a node's own news that were not told --- */

static void rescan_all(struct rig_node *node)
{
	const struct rig *rig = node->rig;
	for (uint32_t i = 0; i < rig->session_count; i++) {
		if (rig->sessions[i].node == node->number && rig->sessions[i].is_alive) {
			const struct cluster_session its = rig_session_of(rig, &rig->sessions[i]);
			cluster_on_came(node->cluster, &its);
		}
	}
}

static void test_what_was_not_told_is_found(void **state)
{
	struct rig *rig = rig_create(11, 2);
	rig_meet(rig);
	struct rig_session *gone = rig_login(&rig->nodes[0], "alice", "");
	struct rig_session *stays = rig_login(&rig->nodes[0], "bob", "");
	cluster_on_room(rig->nodes[0].cluster, 77, 1, false);
	cluster_on_room(rig->nodes[0].cluster, 78, 1, false);
	rig_run(rig, 50);
	/* Neither the end of one nor the begin of another was told. */
	gone->is_alive = false;
	gone->is_gone_told = true;
	struct rig_session *silent = rig_login(&rig->nodes[0], "carol", "");
	silent->was_told = true;
	cluster_rescan_begin(rig->nodes[0].cluster);
	rescan_all(&rig->nodes[0]);
	cluster_on_room(rig->nodes[0].cluster, 78, 5, false);
	rig_run(rig, 100);
	/* Meanwhile others come and go as ever. */
	struct rig_session *later = rig_login(&rig->nodes[0], "dave", "");
	rig_logout(stays);
	rig_run(rig, 100);
	cluster_rescan_end(rig->nodes[0].cluster);
	rig->nodes[0].turn_due_us = 0;
	rig_run(rig, 50);
	struct cluster_place places[4];
	const struct rig_session *there[] = {silent, later};
	const struct rig_session *missing[] = {gone, stays};
	for (int i = 0; i < 2; i++) {
		assert_int_equal(cluster_find(rig->nodes[1].cluster,
					 rig_session_of(rig, there[i]).key, places, 4),
			1);
		assert_int_equal(cluster_find(rig->nodes[1].cluster,
					 rig_session_of(rig, missing[i]).key, places, 4),
			0);
	}
	assert_int_equal(cluster_room_members(rig->nodes[1].cluster, 77), 0);
	assert_int_equal(cluster_room_members(rig->nodes[1].cluster, 78), 5);
	assert_true(rig_is_equal(rig));
	assert_int_equal(rig->nodes[1].resyncs, 0);
	rig_destroy(rig);
}

/* --- how a node is --- */

static void test_pressure_is_told_at_once(void **state)
{
	struct rig *rig = rig_create(12, 3);
	rig_meet(rig);
	cluster_on_pressure(rig->nodes[0].cluster, ELSEWHERE_FULL);
	rig->nodes[0].turn_due_us = 0;
	rig_run(rig, 100);
	assert_int_equal(rig->nodes[1].elsewhere.pressure, ELSEWHERE_FULL);
	assert_int_equal(rig->nodes[0].elsewhere.pressure, ELSEWHERE_EASY);
	cluster_on_pressure(rig->nodes[0].cluster, ELSEWHERE_EASY);
	rig->nodes[0].turn_due_us = 0;
	rig_run(rig, 100);
	assert_int_equal(rig->nodes[1].elsewhere.pressure, ELSEWHERE_EASY);
	rig_destroy(rig);
}

static bool has_rung(struct mailbox *mailbox)
{
	uint64_t rings;
	return read(mailbox_bell_fd(mailbox), &rings, sizeof(rings)) == sizeof(rings);
}

/* Who holds back those that feed other nodes is woken when they are better off, and then only. */
static void test_workers_are_woken_when_pressure_falls(void **state)
{
	struct rig *rig = rig_create(12, 2);
	struct rig_node *talks = &rig->nodes[1];
	struct fanout_gauge gauges[2] = {{.holds_back = true}};
	struct mailbox *mailboxes[2];
	for (int i = 0; i < 2; i++) {
		assert_int_equal(mailbox_create(&mailboxes[i]), 0);
	}
	talks->fanout.worker_count = 2;
	talks->fanout.mailboxes = mailboxes;
	talks->fanout.gauges = gauges;
	rig_meet(rig);
	for (int pressure = ELSEWHERE_FULL; pressure >= ELSEWHERE_EASY; pressure--) {
		cluster_on_pressure(rig->nodes[0].cluster, (uint8_t)pressure);
		rig->nodes[0].turn_due_us = 0;
		rig_run(rig, 100);
		assert_int_equal(talks->elsewhere.pressure, pressure);
		assert_int_equal(has_rung(mailboxes[0]), pressure < ELSEWHERE_FULL);
		assert_false(has_rung(mailboxes[1]));
	}
	rig_destroy(rig);
	for (int i = 0; i < 2; i++) {
		mailbox_destroy(&mailboxes[i]);
	}
}

static void test_who_leaves_says_so(void **state)
{
	struct cluster_figures figures;
	struct rig *rig = rig_create(13, 3);
	rig_meet(rig);
	rig_login(&rig->nodes[0], "alice", "");
	rig_run(rig, 50);
	cluster_drain(rig->nodes[0].cluster);
	rig->nodes[0].turn_due_us = 0;
	rig_run(rig, 1200);
	assert_true(look_at(&rig->nodes[1], "gw-1", &figures).is_draining);
	cluster_bye(rig->nodes[0].cluster);
	rig_run(rig, 50);
	rig_kill(&rig->nodes[0]);
	assert_int_equal(rig->nodes[1].downs, 1);
	assert_int_equal(rig->nodes[1].elsewhere.nodes, 1);
	assert_int_equal(rig->nodes[1].elsewhere.sessions, 0);
	rig_run(rig, 1000);
	assert_int_equal(look_at(&rig->nodes[1], "gw-1", &figures).state, CLUSTER_NODE_DOWN);
	rig_destroy(rig);
}

static void test_lost_batches_of_workers_show_as_a_gap(void **state)
{
	struct rig *rig = rig_create(14, 2);
	rig_meet(rig);
	rig->nodes[0].elsewhere.egress_lost = 3;
	rig_run(rig, 1200);
	assert_int_equal(rig->nodes[1].gaps, 3);
	assert_int_equal(rig_peer(&rig->nodes[1], &rig->nodes[0])->lost, 3);
	rig_destroy(rig);
}

static void test_batches_go_to_all_or_to_one(void **state)
{
	const uint8_t payload[] = {1, 2, 3};
	struct rig *rig = rig_create(15, 3);
	struct cluster *cluster = rig->nodes[0].cluster;
	assert_int_equal(cluster_send_all(cluster, payload, 3), -ENOTCONN);
	rig_meet(rig);
	const uint32_t before = rig->nodes[0].sent[CODEC_BATCH];
	assert_int_equal(cluster_send_all(cluster, payload, 3), 0);
	assert_int_equal(rig->nodes[0].sent[CODEC_BATCH], before + 1); /* one, for all */
	assert_int_equal(cluster_send_node(cluster, rig_peer(&rig->nodes[0], &rig->nodes[1])->node,
				 payload, 3),
		0);
	assert_int_equal(cluster_send_node(cluster, 999, payload, 3), -ENOTCONN);
	rig_run(rig, 50);
	assert_int_equal(rig->nodes[1].batches, 2);
	assert_int_equal(rig->nodes[2].batches, 1);
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_node_shows_itself_before_its_first_turn),
		cmocka_unit_test(test_nodes_meet),
		cmocka_unit_test(test_what_one_is_others_know),
		cmocka_unit_test(test_rooms_are_counted),
		cmocka_unit_test(test_who_joins_is_told_what_there_is),
		cmocka_unit_test(test_the_newest_login_wins_across_nodes),
		cmocka_unit_test(test_an_older_login_that_is_told_later_loses),
		cmocka_unit_test(test_of_equal_epochs_one_stays),
		cmocka_unit_test(test_numbers_go_on_behind_those_of_others),
		cmocka_unit_test(test_the_oldest_device_makes_room),
		cmocka_unit_test(test_racing_logins_end_with_the_highest),
		cmocka_unit_test(test_what_was_not_told_is_found),
		cmocka_unit_test(test_pressure_is_told_at_once),
		cmocka_unit_test(test_workers_are_woken_when_pressure_falls),
		cmocka_unit_test(test_who_leaves_says_so),
		cmocka_unit_test(test_lost_batches_of_workers_show_as_a_gap),
		cmocka_unit_test(test_batches_go_to_all_or_to_one),
	};
	user_table_thread_begin();
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	user_table_thread_end();
	return failed;
}
