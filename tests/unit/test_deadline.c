#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/base/loop.h"
#include "../../server/conn/deadline.h"

enum {
	START = 5000,
	SECOND = 1000 / LOOP_TICK_MS,
};

static const struct deadlines deadlines = {
	.handshake = 20, .read = 480, .write = 40, .close = 22, .ping = 0};

/* Never early: what was stored as tick t may have happened at its very end. Within a second after.
 */
static void expect_due(const struct deadlines *limits, struct conn *conn, uint32_t length,
	enum deadline_due expected)
{
	uint32_t next;
	uint32_t now = START;
	while (deadline_check(limits, conn, now, &next) == DEADLINE_NONE) {
		assert_true(next > now);
		/* Whoever comes earlier than told, or not at all in between, sees the same. */
		uint32_t same;
		for (uint32_t early = now; early < next; early += 7) {
			assert_int_equal(deadline_check(limits, conn, early, &same), DEADLINE_NONE);
		}
		now = next;
	}
	assert_int_equal(deadline_check(limits, conn, now, &next), expected);
	assert_true(now > START + length);
	assert_true(now < START + length + SECOND);
	assert_true(next > now);
	/* And it stays due. */
	assert_int_equal(deadline_check(limits, conn, now + 1, &next), expected);
}

static void test_each_state_has_its_deadline(void **state)
{
	struct conn conn = {.state = CONN_OPENING, .last_read_tick = START};
	expect_due(&deadlines, &conn, 20, DEADLINE_HANDSHAKE);
	conn.state = CONN_LIVE;
	expect_due(&deadlines, &conn, 480, DEADLINE_READ);
	conn.state = CONN_CLOSING;
	conn.last_read_tick = 0;
	conn.state_tick = START;
	expect_due(&deadlines, &conn, 22, DEADLINE_CLOSE);
	uint32_t next = 0;
	conn.state = CONN_DEAD;
	assert_int_equal(deadline_check(&deadlines, &conn, START, &next), DEADLINE_NONE);
	assert_int_equal(next, START + 1);
}

static void test_paused_ones_are_not_silent(void **state)
{
	struct conn conn = {.state = CONN_LIVE, .last_read_tick = START, .flags = CONN_PAUSED};
	uint32_t next;
	assert_int_equal(deadline_check(&deadlines, &conn, START + 9999, &next), DEADLINE_NONE);
	assert_true(next > START + 9999 && next <= START + 9999 + 480 + SECOND);
}

static void test_pings_fill_the_silence(void **state)
{
	struct deadlines limits = deadlines;
	struct conn conn = {.state = CONN_LIVE, .last_read_tick = START};
	uint32_t next;
	limits.ping = 100;
	expect_due(&limits, &conn, 100, DEADLINE_PING);
	conn.last_ping_tick = START + 102;
	assert_int_equal(deadline_check(&limits, &conn, START + 102, &next), DEADLINE_NONE);
	assert_in_range(next, START + 203, START + 202 + SECOND);
	/* A frame since the Ping: silence counts from there. */
	conn.last_read_tick = START + 150;
	assert_int_equal(deadline_check(&limits, &conn, START + 204, &next), DEADLINE_NONE);
	assert_in_range(next, START + 251, START + 250 + SECOND);
	/* The end of the read deadline is not put off by Pings. */
	conn.last_read_tick = START;
	conn.last_ping_tick = START + 470;
	assert_int_equal(deadline_check(&limits, &conn, START + 480, &next), DEADLINE_NONE);
	assert_int_equal(next, START + 482);
	assert_int_equal(deadline_check(&limits, &conn, START + 482, &next), DEADLINE_READ);
	/* One longer than the read deadline never comes. */
	limits.ping = 1000;
	conn.last_ping_tick = 0;
	expect_due(&limits, &conn, 480, DEADLINE_READ);
}

static void test_stalled_ones_are_looked_at_every_second(void **state)
{
	struct conn conn = {.state = CONN_LIVE, .last_read_tick = START};
	uint32_t next;
	conn.tx = (struct tx_queue *)(void *)&conn; /* only whether there is one */
	for (uint32_t now = START; now < START + 470; now = next) {
		assert_int_equal(deadline_check(&deadlines, &conn, now, &next), DEADLINE_NONE);
		assert_in_range(next, now + 1, now + SECOND);
	}
}

static void test_write_deadline(void **state)
{
	assert_false(deadline_write_passed(&deadlines, START, START));
	assert_false(deadline_write_passed(&deadlines, START, START + 40));
	assert_true(deadline_write_passed(&deadlines, START, START + 41));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_state_has_its_deadline),
		cmocka_unit_test(test_paused_ones_are_not_silent),
		cmocka_unit_test(test_pings_fill_the_silence),
		cmocka_unit_test(test_stalled_ones_are_looked_at_every_second),
		cmocka_unit_test(test_write_deadline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
