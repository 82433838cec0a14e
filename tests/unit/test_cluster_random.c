/* Whatever happens to nodes and to the network between them: when it is over, each user's device
 * has one session, the newest, and all nodes know the same. By seeds: a failure names its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_rig.h"

enum {
	SEEDS = 24,
	STEPS = 500,
	STEP_MS = 40,
	USERS = 24,
};

static void cut_at_random(struct rig *rig)
{
	const uint32_t parts = (uint32_t)rig_random(rig, 1u << rig->node_count);
	for (uint32_t i = 0; i < rig->node_count; i++) {
		for (uint32_t j = 0; j < rig->node_count; j++) {
			rig->is_cut[i][j] = (parts >> i & 1) != (parts >> j & 1);
		}
	}
}

static void cut_one_way(struct rig *rig)
{
	rig->is_cut[rig_random(rig, rig->node_count)][rig_random(rig, rig->node_count)] = true;
}

static struct rig_session *any_alive(struct rig *rig)
{
	for (int i = 0; i < 20 && rig->session_count > 0; i++) {
		struct rig_session *session = &rig->sessions[rig_random(rig, rig->session_count)];
		if (session->is_alive) {
			return session;
		}
	}
	return NULL;
}

static void login_at_random(struct rig *rig)
{
	struct rig_node *node = &rig->nodes[rig_random(rig, rig->node_count)];
	char user[8];
	char device[8] = "";
	snprintf(user, sizeof(user), "u%d", (int)rig_random(rig, USERS));
	if (rig->max_devices > 1) {
		snprintf(device, sizeof(device), "d%d", (int)rig_random(rig, 4));
	}
	if (node->cluster && !node->is_stalled) {
		rig_login(node, user, device);
	}
}

/* One thing that goes wrong, or right again. */
static void disturb(struct rig *rig)
{
	struct rig_node *node = &rig->nodes[rig_random(rig, rig->node_count)];
	switch (rig_random(rig, 12)) {
	case 0:
		cut_at_random(rig);
		break;
	case 1:
		cut_one_way(rig);
		break;
	case 2:
	case 3:
		memset(rig->is_cut, 0, sizeof(rig->is_cut));
		break;
	case 4:
		rig->loss_per_mille = (uint32_t)rig_random(rig, 300);
		break;
	case 5:
		rig->loss_per_mille = 0;
		break;
	case 6:
		rig->twice_per_mille = (uint32_t)rig_random(rig, 300);
		break;
	case 7:
		rig_set_link(node, !node->is_link_up);
		break;
	case 8:
		rig_set_links(rig, rig_random(rig, 2) == 0);
		break;
	case 9:
		if (node->cluster) {
			rig_kill(node);
		} else {
			rig_start(node);
		}
		break;
	case 10:
		node->is_stalled = !node->is_stalled;
		break;
	case 11:
		node->clock_ms = (int64_t)rig_random(rig, 20000) - 10000;
		break;
	}
}

static void mend_all(struct rig *rig)
{
	memset(rig->is_cut, 0, sizeof(rig->is_cut));
	rig->loss_per_mille = 0;
	rig->twice_per_mille = 0;
	for (uint32_t i = 0; i < rig->node_count; i++) {
		rig->nodes[i].is_stalled = false;
		rig_set_link(&rig->nodes[i], true);
		if (!rig->nodes[i].cluster) {
			rig_start(&rig->nodes[i]);
		}
	}
}

static void live_through(uint64_t seed)
{
	struct rig *rig = rig_create(seed, (uint32_t)(2 + seed % 5));
	for (uint32_t i = 0; i < rig->node_count; i++) {
		rig_kill(&rig->nodes[i]);
	}
	rig->max_devices = (uint8_t)(1 + seed % 3);
	for (uint32_t i = 0; i < rig->node_count; i++) {
		rig_start(&rig->nodes[i]);
	}
	rig->delay_us = (uint32_t)(1000 + rig_random(rig, 80000));
	rig_run(rig, 1500);
	for (int step = 0; step < STEPS; step++) {
		for (uint64_t i = rig_random(rig, 4); i > 0; i--) {
			login_at_random(rig);
		}
		if (rig_random(rig, 4) == 0) {
			struct rig_session *session = any_alive(rig);
			if (session) {
				rig_logout(session);
			}
		}
		if (rig_random(rig, 12) == 0) {
			disturb(rig);
		}
		rig_run(rig, STEP_MS);
	}
	mend_all(rig);
	/* 300 ms until links are tried again, 1.2 s until who has started takes part. */
	rig_run(rig, 1500 + 5000);
	print_message("seed %llu: %u nodes, %u logins\n", (unsigned long long)seed, rig->node_count,
		rig->session_count);
	assert_true(rig_is_equal(rig));
	rig_check(rig);
	/* And it stays so. */
	uint32_t kicks = 0;
	uint32_t later = 0;
	for (uint32_t i = 0; i < rig->node_count; i++) {
		assert_true(rig->nodes[i].cluster->is_joined);
		kicks += rig->nodes[i].kicks;
	}
	rig_run(rig, 5000);
	for (uint32_t i = 0; i < rig->node_count; i++) {
		later += rig->nodes[i].kicks;
	}
	assert_int_equal(kicks, later);
	assert_true(rig_is_equal(rig));
	rig_destroy(rig);
}

static void test_whatever_happens_one_session_is_left(void **state)
{
	const char *text = getenv("TIDEGATE_SEED");
	const uint64_t only = text ? strtoull(text, NULL, 10) : 0;
	for (uint64_t seed = only ? only : 1; seed <= (only ? only : SEEDS); seed++) {
		live_through(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whatever_happens_one_session_is_left),
	};
	user_table_thread_begin();
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	user_table_thread_end();
	return failed;
}
