#include <malloc.h>

#include "conn_rig.h"

enum {
	HOLDERS = 12,
};

/* Half a head of `len` bytes. */
static struct client *half_head(struct rig *rig, uint32_t worker, size_t len)
{
	static char head[16384];
	struct client *client = rig_connect(rig, worker, 0, false);
	memset(head, 'x', sizeof(head));
	memcpy(head, "GET / HTTP/1.1\r\nCookie: ", 24);
	client_write(client, head, len);
	rig_run(rig);
	return client;
}

/* A first fragment of `len` bytes. */
static struct client *half_message(struct rig *rig, uint32_t worker, const char *user, size_t len)
{
	static uint8_t frame[65536 + FRAME_HEADER_MAX];
	static uint8_t payload[65536];
	struct client *client = rig_login(rig, worker, user);
	size_t frame_len = make_frame(frame, FRAME_BINARY, payload, len);
	frame[0] &= 0x7f; /* not the last one */
	client_write(client, frame, frame_len);
	rig_run(rig);
	return client;
}

/* Does not read, and is owed texts of about `len` bytes in all. */
static struct client *non_reader(
	struct rig *rig, uint32_t worker, const char *user, struct client *talker, size_t len)
{
	static char text[1001];
	memset(text, 'x', sizeof(text) - 1);
	struct client *client = rig_login_with(rig, worker, user, 4096);
	client->deaf = true;
	size_t queued = 0;
	while (queued < len) {
		client_text(talker, text);
		rig_run(rig);
		const struct conn *conn = client_conn(rig, client);
		queued = conn->tx ? conn->tx->bytes : 0;
	}
	return client;
}

static size_t held_by(struct rig *rig, const struct client *client)
{
	const struct conn *conn = client_conn(rig, client);
	size_t bytes = conn->flags & CONN_HEAD_KEPT ? malloc_usable_size(conn->opening)
		       : conn->rx                   ? message_reader_footprint(conn->rx)
						    : 0;
	return bytes + (conn->tx ? conn->tx->footprint + conn->tx->shared_bytes : 0);
}

/* Gone, or told to go. */
static bool is_sent_away(struct rig *rig, const struct client *client)
{
	const struct conn *conn = client_conn(rig, client);
	return !conn || conn->state == CONN_CLOSING;
}

static void test_exactly_the_largest_goes(void **state)
{
	struct rig *rig = *state;
	/* Nobody lags so much that talkers are held back. */
	rig_conns(rig, 0)->outbox->queue_limit = 16 << 20;
	rig_conns(rig, 1)->outbox->queue_limit = 16 << 20;
	struct client *talkers[2] = {rig_login(rig, 0, "t0"), rig_login(rig, 1, "t1")};
	struct client *holders[HOLDERS] = {
		half_head(rig, 0, 300),
		half_head(rig, 1, 7000),
		half_head(rig, 0, 2000),
		half_message(rig, 1, "m1", 1),
		half_message(rig, 0, "m2", 30000),
		half_message(rig, 1, "m3", 10000),
		half_message(rig, 0, "m4", 65000),
	};
	static const size_t owed[] = {150000, 90000, 60000, 20000, 5000};
	for (uint32_t i = 0; i < 5; i++) {
		char user[8];
		snprintf(user, sizeof(user), "r%u", i);
		holders[7 + i] = non_reader(rig, i % 2, user, talkers[0], owed[i]);
	}
	rig_pass(rig, 1);
	for (int left = HOLDERS; left > 0; left--) {
		int largest = -1;
		for (int i = 0; i < HOLDERS; i++) {
			if (!is_sent_away(rig, holders[i]) &&
				(largest < 0 || held_by(rig, holders[i]) >
							held_by(rig, holders[largest]))) {
				largest = i;
			}
		}
		assert_true(largest >= 0);
		rig->node.budget.limit = budget_used(&rig->node.budget) - 1;
		rig_run(rig);
		assert_true(is_sent_away(rig, holders[largest]));
		assert_int_equal(
			rig_ends(rig, CLOSE_REASON_OVERLOADED), (uint64_t)(HOLDERS - left + 1));
		assert_false(budget_is_exceeded(&rig->node.budget));
	}
	rig->node.budget.limit = 1;
	client_text(talkers[0], "still here");
	rig_run(rig);
	assert_int_equal(client_conn(rig, talkers[0])->state, CONN_LIVE);
	struct seen_frame frame = {0};
	struct seen_frame last = {0};
	while (client_frame(talkers[1], &frame)) {
		last = frame;
	}
	assert_int_equal(last.len, 21);
	assert_memory_equal(last.data, "still here -- FROM t0", 21);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_OVERLOADED), HOLDERS);
	rig->node.budget.limit = SIZE_MAX;
}

/* While all others hold too much, whoever holds nothing comes in, talks and hears. */
static void test_who_holds_nothing_is_not_refused(void **state)
{
	struct rig *rig = *state;
	enum {
		LIMIT = 200000
	};
	static uint8_t part[8 + 4000] = {0x82, 0xfe, 0xff, 0xff};
	char user[16];
	struct client *talker = rig_login(rig, 0, "talker");
	struct client *hearer = rig_login(rig, 1, "hearer");
	rig->node.budget.limit = LIMIT;
	for (uint32_t i = 0; i < 300; i++) {
		snprintf(user, sizeof(user), "/?user=h%u", i);
		struct client *half = rig_connect(rig, i % 2, 0, false);
		if (i % 3) {
			client_request(half, user);
			client_write(half, part, sizeof(part));
		} else {
			client_write(half, "GET / HTTP/1.1\r\n", 16);
			for (int more = 0; more < 20; more++) {
				client_write(half, "Cookie: of half a line of it", 28);
				rig_turn(rig, i % 2);
			}
		}
		client_text(talker, "heard");
		rig_run(rig);
		assert_false(budget_is_exceeded(&rig->node.budget));
		expect_text(hearer, "heard -- FROM talker");
		snprintf(user, sizeof(user), "n%u", i);
		client_leave(rig_login(rig, i % 2, user));
	}
	assert_in_range(rig_ends(rig, CLOSE_REASON_OVERLOADED), 100, 299);
	assert_int_equal(client_conn(rig, talker)->state, CONN_LIVE);
	assert_int_equal(client_conn(rig, hearer)->state, CONN_LIVE);
	rig->node.budget.limit = SIZE_MAX;
}

static void test_half_a_head_is_told_503(void **state)
{
	struct rig *rig = *state;
	struct client *half = half_head(rig, 0, 5000);
	assert_in_range(rig_held_as(rig, BUDGET_HEADS), 5000, 20000);
	rig->node.budget.limit = 4000;
	rig_run(rig);
	assert_int_equal(client_status(half), 503);
	assert_non_null(strstr((const char *)half->in, "Retry-After"));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_OVERLOADED), 1);
	/* It is free at once, whatever time the peer takes to go. */
	assert_non_null(client_conn(rig, half));
	assert_int_equal(rig_held(rig), 0);
	rig->node.budget.limit = SIZE_MAX;
}

static void test_half_a_message_is_told_1013(void **state)
{
	struct rig *rig = *state;
	struct client *half = half_message(rig, 0, "half", 20000);
	rig->node.budget.limit = 15000;
	rig_run(rig);
	expect_close(half, 1013, "retry_ms=");
	assert_int_equal(rig_held(rig), 0);
	/* The rest of it makes no difference any more. */
	client_send(half, FRAME_CONTINUATION, "rest", 4);
	rig_run(rig);
	expect_nothing(half);
	assert_int_equal(rig_held(rig), 0);
	rig->node.budget.limit = SIZE_MAX;
}

/* What is refused for other reasons holds no head either. */
static void test_a_refused_head_is_free_at_once(void **state)
{
	struct rig *rig = *state;
	struct client *half = half_head(rig, 0, 5000);
	client_write(half, "\r\n\r\n", 4);
	rig_run(rig);
	assert_int_equal(client_status(half), 400);
	assert_non_null(client_conn(rig, half));
	assert_int_equal(rig_held(rig), 0);
}

/* The frame under way stays until its reader takes it or the close deadline comes; it is promised
 * back, so that nobody else goes for it. */
static void test_closing_counts_as_gone(void **state)
{
	struct rig *rig = *state;
	static char text[60001];
	memset(text, 'x', sizeof(text) - 1);
	struct client *talker = rig_login(rig, 0, "talker");
	struct client *large = rig_login_with(rig, 1, "large", 4096);
	large->deaf = true;
	client_text(talker, text);
	rig_run(rig);
	struct client *small = half_message(rig, 0, "small", 8000);
	size_t of_small = held_by(rig, small);
	assert_true(held_by(rig, large) > of_small);
	rig->node.budget.limit = of_small + 10000;
	assert_true(budget_is_exceeded(&rig->node.budget));
	rig_run(rig);
	assert_true(is_sent_away(rig, large));
	assert_non_null(client_conn(rig, large)->tx);
	/* Its frame is still there. */
	assert_true(rig_held(rig) + rig->node.budget.leaving > rig->node.budget.limit);
	assert_false(budget_is_exceeded(&rig->node.budget));
	rig_pass(rig, 2);
	rig_run(rig);
	assert_false(is_sent_away(rig, small));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_OVERLOADED), 1);
	rig_pass(rig, 10 * rig_conns(rig, 1)->limits.deadlines.close);
	rig_run(rig);
	assert_int_equal(rig->node.budget.leaving, 0);
	rig->node.budget.limit = SIZE_MAX;
}

static void test_what_is_kept_for_later_goes_first(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 1, "b");
	client_text(a, "makes pools");
	client_text(b, "here too");
	rig_run(rig);
	struct client *half = half_head(rig, 0, 5000);
	size_t pools = rig_held_as(rig, BUDGET_POOLS);
	assert_true(pools > 0);
	rig->node.budget.limit = rig_held(rig) + pools;
	rig_run(rig);
	assert_int_equal(rig_held_as(rig, BUDGET_POOLS), pools);
	rig->node.budget.limit--;
	rig_turn(rig, 0);
	assert_in_range(rig_held_as(rig, BUDGET_POOLS), 1, pools - 1);
	rig->node.budget.limit = rig_held(rig);
	rig_run(rig);
	assert_int_equal(rig_held_as(rig, BUDGET_POOLS), 0);
	assert_false(is_sent_away(rig, half));
	rig->node.budget.limit = SIZE_MAX;
}

/* The worker that has it is woken by the one that notices. */
static void test_the_owner_of_the_largest_is_woken(void **state)
{
	struct rig *rig = *state;
	struct client *small = half_head(rig, 0, 2000);
	struct client *large = half_head(rig, 1, 6000);
	rig->node.budget.limit = budget_used(&rig->node.budget) - 1;
	rig_turn(rig, 0);
	assert_false(is_sent_away(rig, small));
	assert_false(is_sent_away(rig, large));
	assert_true(rig_has_rung(rig, 1));
	rig_turn(rig, 1);
	assert_true(is_sent_away(rig, large));
	rig_run(rig);
	assert_false(is_sent_away(rig, small));
	rig->node.budget.limit = SIZE_MAX;
}

#define CASE(name) RIG_CASE(name, 2)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_exactly_the_largest_goes),
		CASE(test_who_holds_nothing_is_not_refused),
		CASE(test_half_a_head_is_told_503),
		CASE(test_half_a_message_is_told_1013),
		CASE(test_a_refused_head_is_free_at_once),
		CASE(test_closing_counts_as_gone),
		CASE(test_what_is_kept_for_later_goes_first),
		CASE(test_the_owner_of_the_largest_is_woken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
