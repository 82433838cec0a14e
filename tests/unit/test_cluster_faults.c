#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_rig.h"

enum {
	YEAR_MS = 1000, /* times 365 * 86400 */
};

static enum peer_state state_of(const struct rig_node *node, const struct rig_node *other)
{
	return rig_peer(node, other)->state;
}

static uint64_t entries_of(const struct rig_node *node, const struct rig_node *other)
{
	const struct peer *peer = rig_peer(node, other);
	return peer->node == DIRECTORY_SELF
		       ? 0
		       : directory_count(node->cluster->directory, peer->node, DIRECTORY_USERS);
}

static void login_some(struct rig *rig, int count)
{
	char name[8];
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		rig_login(&rig->nodes[i % (int)rig->node_count], name, "");
	}
	rig_run(rig, 100);
}

/* --- silence --- */

static void test_silence_makes_suspect_then_down(void **state)
{
	struct rig *rig = rig_create(21, 3);
	rig_meet(rig);
	login_some(rig, 30);
	rig_kill(&rig->nodes[0]);
	rig_run(rig, 3900);
	assert_int_equal(state_of(&rig->nodes[1], &rig->nodes[0]), PEER_UP);
	rig_run(rig, 1700);
	assert_int_equal(state_of(&rig->nodes[1], &rig->nodes[0]), PEER_SUSPECT);
	assert_int_equal(entries_of(&rig->nodes[1], &rig->nodes[0]), 10); /* they stay */
	assert_int_equal(rig->nodes[1].downs, 0);
	rig_run(rig, 8000);
	assert_int_equal(state_of(&rig->nodes[1], &rig->nodes[0]), PEER_SUSPECT);
	rig_run(rig, 2500);
	assert_int_equal(state_of(&rig->nodes[1], &rig->nodes[0]), PEER_DOWN);
	assert_int_equal(entries_of(&rig->nodes[1], &rig->nodes[0]), 0);
	assert_int_equal(rig->nodes[1].downs, 1);
	assert_int_equal(rig->nodes[2].downs, 1);
	assert_int_equal(state_of(&rig->nodes[1], &rig->nodes[2]), PEER_UP);
	rig_destroy(rig);
}

static void test_back_with_equal_digests_costs_nothing(void **state)
{
	struct rig *rig = rig_create(22, 2);
	rig_meet(rig);
	login_some(rig, 20);
	rig->is_cut[0][1] = true; /* its heartbeats do not come for 10 s */
	rig_run(rig, 10000);
	assert_int_equal(state_of(&rig->nodes[1], &rig->nodes[0]), PEER_SUSPECT);
	rig->is_cut[0][1] = false;
	rig_run(rig, 3000);
	assert_int_equal(state_of(&rig->nodes[1], &rig->nodes[0]), PEER_UP);
	assert_int_equal(rig->nodes[1].resyncs, 0);
	assert_int_equal(rig->nodes[1].sent[CODEC_DIGESTS_ASK], 0);
	assert_true(rig->nodes[1].gaps > 0);
	assert_true(rig_is_equal(rig));
	rig_destroy(rig);
}

static void test_nothing_is_dropped_while_the_own_link_is_down(void **state)
{
	struct rig *rig = rig_create(23, 3);
	rig_meet(rig);
	login_some(rig, 30);
	rig_set_link(&rig->nodes[0], false);
	rig_run(rig, 3000);
	assert_false(rig->nodes[0].cluster->is_joined);
	rig_run(rig, 60000);
	assert_int_equal(rig->nodes[0].downs, 0);
	assert_int_equal(state_of(&rig->nodes[0], &rig->nodes[1]), PEER_UP);
	assert_int_equal(entries_of(&rig->nodes[0], &rig->nodes[1]), 10);
	assert_int_equal(rig->nodes[1].downs, 1); /* the others have their link, and miss it */
	assert_int_equal(entries_of(&rig->nodes[1], &rig->nodes[0]), 0);
	rig_set_link(&rig->nodes[0], true);
	rig_run(rig, 5000);
	assert_true(rig->nodes[0].cluster->is_joined);
	assert_true(rig_is_equal(rig));
	assert_int_equal(rig->nodes[0].downs, 0);
	assert_int_equal(entries_of(&rig->nodes[1], &rig->nodes[0]), 10);
	assert_int_equal(rig->nodes[0].resyncs, 0); /* nothing of the others has changed */
	rig_destroy(rig);
}

static void test_a_thread_that_stood_still_drops_nobody(void **state)
{
	struct rig *rig = rig_create(24, 2);
	rig_meet(rig);
	login_some(rig, 20);
	rig->nodes[0].is_stalled = true;
	rig_run(rig, 12000);
	/* Longer than what makes it down, and nothing waits for it: its messages are lost. */
	rig_drop_parcels(&rig->nodes[0]);
	rig->nodes[0].is_stalled = false;
	rig_run(rig, 20);
	assert_int_equal(state_of(&rig->nodes[0], &rig->nodes[1]), PEER_UP);
	assert_int_equal(rig->nodes[0].downs, 0);
	rig_run(rig, 3000);
	assert_true(rig_is_equal(rig));
	assert_int_equal(rig->nodes[0].downs, 0);
	rig_destroy(rig);
}

/* --- NATS down, partitions --- */

static void test_a_minute_without_nats(void **state)
{
	char name[8];
	struct rig *rig = rig_create(25, 3);
	rig_meet(rig);
	login_some(rig, 30);
	rig_set_links(rig, false);
	rig_run(rig, 3000);
	for (int i = 0; i < 3; i++) {
		assert_false(rig->nodes[i].cluster->is_joined);
	}
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "u%d", (int)rig_random(rig, 40));
		rig_login(&rig->nodes[rig_random(rig, 3)], name, "");
		rig_run(rig, 190);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rig->nodes[i].downs, 0);
		assert_int_equal(rig->nodes[i].kicks, 0);
	}
	rig_set_links(rig, true);
	rig_run(rig, 5000);
	assert_true(rig_is_equal(rig));
	rig_check(rig);
	rig_destroy(rig);
}

static void test_a_healed_partition_has_no_doubles(void **state)
{
	char name[8];
	struct rig *rig = rig_create(26, 4);
	rig_meet(rig);
	login_some(rig, 40);
	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < 4; j++) {
			rig->is_cut[i][j] = (i < 2) != (j < 2);
		}
	}
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "u%d", (int)rig_random(rig, 60));
		rig_login(&rig->nodes[rig_random(rig, 4)], name, "");
		rig_run(rig, 150);
	}
	assert_int_equal(rig->nodes[0].downs, 2);
	memset(rig->is_cut, 0, sizeof(rig->is_cut));
	rig_run(rig, 5000);
	assert_true(rig_is_equal(rig));
	rig_check(rig);
	rig_destroy(rig);
}

static void test_lost_deltas_are_made_good_for(void **state)
{
	struct rig *rig = rig_create(27, 3);
	rig_meet(rig);
	login_some(rig, 30);
	rig->loss_per_mille = 1000;
	login_some(rig, 90);
	rig->loss_per_mille = 0;
	assert_false(rig_is_equal(rig));
	rig_run(rig, 5000);
	assert_true(rig_is_equal(rig));
	rig_check(rig);
	assert_true(rig->nodes[0].gaps > 0);
	assert_true(rig->nodes[0].resyncs > 0);
	rig_destroy(rig);
}

static void test_a_slow_network_is_no_fault(void **state)
{
	struct rig *rig = rig_create(28, 3);
	rig->delay_us = 200000; /* 100 to 200 ms a way */
	rig_meet(rig);
	rig->loss_per_mille = 1000;
	login_some(rig, 900);
	rig->loss_per_mille = 0;
	rig_run(rig, 5000);
	assert_true(rig_is_equal(rig));
	assert_int_equal(rig->nodes[0].downs, 0);
	rig_destroy(rig);
}

/* --- kill and restart --- */

static void test_a_new_run_takes_the_place_of_the_old(void **state)
{
	struct rig *rig = rig_create(29, 3);
	rig_meet(rig);
	login_some(rig, 30);
	rig_kill(&rig->nodes[0]);
	rig_run(rig, 200);
	rig_start(&rig->nodes[0]);
	struct rig_session *again = rig_login(&rig->nodes[0], "u1", ""); /* was on the second */
	rig_run(rig, 2500);
	assert_true(rig_is_equal(rig));
	assert_int_equal(rig->nodes[1].downs, 1);
	assert_int_equal(rig->nodes[1].ups, 3);
	assert_int_equal(entries_of(&rig->nodes[1], &rig->nodes[0]), 1);
	assert_true(again->is_alive);
	assert_int_equal(rig->nodes[1].kicks, 1);
	rig_check(rig);
	rig_destroy(rig);
}

static void test_a_new_run_whose_clock_is_behind_is_taken_too(void **state)
{
	struct rig *rig = rig_create(30, 2);
	rig_meet(rig);
	rig_kill(&rig->nodes[0]);
	rig->nodes[0].clock_ms = -30000; /* before the old run began */
	rig_start(&rig->nodes[0]);
	rig_run(rig, 15000);
	assert_true(rig_is_equal(rig));
	assert_int_equal(state_of(&rig->nodes[1], &rig->nodes[0]), PEER_UP);
	assert_true(rig_peer(&rig->nodes[1], &rig->nodes[0])->incarnation.random ==
		    rig->nodes[0].incarnation.random);
	rig_destroy(rig);
}

static void test_of_two_of_a_name_the_younger_ends(void **state)
{
	struct rig *rig = rig_create(31, 2);
	rig_meet(rig);
	login_some(rig, 20);
	struct rig_node *namesake = rig_add(rig);
	memcpy(namesake->id, rig->nodes[0].id, sizeof(namesake->id));
	rig_kill(namesake);
	rig_start(namesake);
	rig_run(rig, 2000);
	assert_true(namesake->has_ended);
	assert_non_null(strstr(namesake->end, "gw-1"));
	assert_non_null(strstr(namesake->end, "http://127.0.0.1:8000/"));
	assert_false(rig->nodes[0].has_ended);
	rig_kill(namesake);
	rig_run(rig, 3000);
	assert_int_equal(state_of(&rig->nodes[1], &rig->nodes[0]), PEER_UP);
	/* It has said nothing to the others before it knew. */
	assert_int_equal(rig->nodes[1].downs, 0);
	rig->node_count = 2;
	assert_true(rig_is_equal(rig));
	rig_destroy(rig);
}

/* --- clocks --- */

static void test_ten_seconds_off_is_no_fault(void **state)
{
	char name[8];
	struct rig *rig = rig_create(32, 3);
	rig->nodes[1].clock_ms = 10000;
	rig_meet(rig);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "u%d", (int)rig_random(rig, 20));
		rig_login(&rig->nodes[rig_random(rig, 3)], name, "");
		rig_run(rig, 40);
	}
	rig_run(rig, 1000);
	for (int i = 0; i < 3; i++) {
		assert_true(rig->nodes[i].cluster->is_joined);
	}
	assert_true(rig_is_equal(rig));
	rig_check(rig);
	rig_destroy(rig);
}

static int64_t offsets_ms(int place)
{
	const int64_t year_ms = (int64_t)YEAR_MS * 365 * 86400;
	const int64_t offsets[] = {61000, -61000, year_ms, -year_ms};
	return offsets[place];
}

static void test_a_clock_that_is_off_fences_its_node(void **state)
{
	for (int place = 0; place < 4; place++) {
		struct rig *rig = rig_create(33 + (uint64_t)place, 3);
		struct rig_node *off = &rig->nodes[2];
		rig_meet(rig);
		login_some(rig, 30);
		off->clock_ms = offsets_ms(place);
		rig_run(rig, 3000);
		assert_false(off->cluster->is_joined);
		assert_true(off->cluster->is_fenced);
		assert_true(rig->nodes[0].cluster->is_joined);
		assert_true(rig->nodes[1].cluster->is_joined);
		/* It serves its own, who neither kick nor are kicked. */
		struct rig_session *here = rig_login(off, "u0", "");
		struct rig_session *there = rig_login(&rig->nodes[0], "u2", "");
		rig_run(rig, 3000);
		assert_true(here->is_alive);
		assert_true(there->is_alive);
		assert_int_equal(off->kicks, 0);
		assert_int_equal(rig->nodes[0].kicks, 0);
		/* Its clock is right again. */
		off->clock_ms = 0;
		rig_run(rig, 5000);
		assert_true(off->cluster->is_joined);
		assert_true(rig_is_equal(rig));
		uint32_t alive = 0;
		for (uint32_t i = 0; i < rig->session_count; i++) {
			for (uint32_t j = 0; j < i; j++) {
				assert_false(rig->sessions[i].is_alive &&
					     rig->sessions[j].is_alive &&
					     rig_is_of_user(&rig->sessions[i], &rig->sessions[j]));
			}
			alive += rig->sessions[i].is_alive;
		}
		assert_int_equal(alive, 30); /* and each user has one */
		struct rig_session *newest = rig_login(&rig->nodes[1], "u0", "");
		rig_run(rig, 100);
		assert_true(newest->is_alive);
		struct rig_session *back = rig_login(off, "u0", "");
		rig_run(rig, 100);
		assert_true(back->is_alive);
		assert_false(newest->is_alive);
		rig_destroy(rig);
	}
}

static void test_who_starts_with_a_wrong_clock_says_nothing(void **state)
{
	struct rig *rig = rig_create(40, 2);
	rig_meet(rig);
	login_some(rig, 20);
	struct rig_node *off = rig_add(rig);
	rig_kill(off);
	off->clock_ms = (int64_t)YEAR_MS * 365 * 86400;
	rig_start(off);
	rig_login(off, "u0", "");
	rig_run(rig, 3000);
	assert_true(off->cluster->is_fenced);
	assert_int_equal(off->sent[CODEC_DELTAS], 0);
	assert_int_equal(rig->nodes[0].cluster->logins.ignored, 0);
	assert_true(rig_peer(&rig->nodes[0], off)->is_fenced);
	assert_int_equal(rig->nodes[0].elsewhere.nodes, 1);
	rig_destroy(rig);
}

static void test_of_two_both_show_it_and_go_on(void **state)
{
	struct rig *rig = rig_create(41, 2);
	struct cluster_figures figures;
	struct cluster_node nodes[2];
	rig_meet(rig);
	rig->nodes[1].clock_ms = 600000;
	rig_run(rig, 3000);
	for (int i = 0; i < 2; i++) {
		assert_true(rig->nodes[i].cluster->is_joined);
		assert_int_equal(cluster_look(rig->nodes[i].cluster, &figures, nodes, 2), 2);
		assert_int_equal(nodes[1].state, CLUSTER_NODE_CLOCK);
	}
	const uint64_t own = rig_wall_ms(&rig->nodes[0]) << EPOCH_PER_MS_BITS;
	struct rig_session *ahead = rig_login(&rig->nodes[1], "alice", "");
	struct rig_session *other = rig_login(&rig->nodes[0], "alice", "");
	rig_run(rig, 10000);
	assert_true(ahead->is_alive);
	assert_true(rig->nodes[0].epochs.last < own + ((uint64_t)60000 << EPOCH_PER_MS_BITS));
	assert_true(other->is_alive);
	/* No storm of claims comes of it. */
	assert_in_range(
		rig->nodes[0].cluster->logins.claims + rig->nodes[1].cluster->logins.claims, 0, 20);
	rig->nodes[1].clock_ms = 0;
	rig_run(rig, 5000);
	assert_int_equal((int)ahead->is_alive + (int)other->is_alive, 1);
	rig_destroy(rig);
}

static void test_the_highest_epoch_there_is_harms_nobody(void **state)
{
	struct rig *rig = rig_create(42, 3);
	rig_meet(rig);
	struct rig_session *before = rig_login(&rig->nodes[0], "alice", "");
	rig_run(rig, 100);
	struct rig_session *absurd = rig_login_at(&rig->nodes[1], "alice", "", UINT64_MAX);
	rig_run(rig, 3000);
	assert_true(before->is_alive);
	assert_false(absurd->is_alive); /* it is the lowest, its own node knows */
	assert_true(rig->nodes[0].epochs.last < UINT64_MAX / 2);
	assert_true(rig->nodes[0].cluster->logins.ignored > 0);
	struct rig_session *after = rig_login(&rig->nodes[2], "alice", "");
	rig_run(rig, 100);
	assert_true(after->is_alive);
	assert_false(before->is_alive);
	assert_true(rig_is_equal(rig));
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silence_makes_suspect_then_down),
		cmocka_unit_test(test_back_with_equal_digests_costs_nothing),
		cmocka_unit_test(test_nothing_is_dropped_while_the_own_link_is_down),
		cmocka_unit_test(test_a_thread_that_stood_still_drops_nobody),
		cmocka_unit_test(test_a_minute_without_nats),
		cmocka_unit_test(test_a_healed_partition_has_no_doubles),
		cmocka_unit_test(test_lost_deltas_are_made_good_for),
		cmocka_unit_test(test_a_slow_network_is_no_fault),
		cmocka_unit_test(test_a_new_run_takes_the_place_of_the_old),
		cmocka_unit_test(test_a_new_run_whose_clock_is_behind_is_taken_too),
		cmocka_unit_test(test_of_two_of_a_name_the_younger_ends),
		cmocka_unit_test(test_ten_seconds_off_is_no_fault),
		cmocka_unit_test(test_a_clock_that_is_off_fences_its_node),
		cmocka_unit_test(test_who_starts_with_a_wrong_clock_says_nothing),
		cmocka_unit_test(test_of_two_both_show_it_and_go_on),
		cmocka_unit_test(test_the_highest_epoch_there_is_harms_nobody),
	};
	user_table_thread_begin();
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	user_table_thread_end();
	return failed;
}
