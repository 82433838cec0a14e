#include "conn_rig.h"

enum {
	COUNT = 100,
	LENGTH_MS = 5000,
	STEP_MS = 10,
};

struct told {
	uint64_t at_ms; /* when it was told, from the beginning of the drain */
	uint32_t retry_ms;
};

static void pass_ms(struct rig *rig, uint64_t ms)
{
	struct loop *loop = &rig->loops[0];
	loop_script(loop, loop->now_us + ms * 1000);
}

static bool hear(struct client *client, uint32_t *ret_retry_ms)
{
	struct seen_frame frame = {0};
	char text[64] = "";
	if (!client_frame(client, &frame)) {
		return false;
	}
	assert_int_equal(frame.opcode, FRAME_CLOSE);
	assert_int_equal(frame.data[0] << 8 | frame.data[1], 1012);
	memcpy(text, frame.data + 2, frame.len - 2);
	assert_int_equal(sscanf(text, "retry_ms=%u", ret_retry_ms), 1);
	return true;
}

static void test_all_are_told_one_by_one(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *clients[COUNT];
	struct told told[COUNT] = {{0}};
	struct drain drain;
	char name[8];
	int next = 0;
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		clients[i] = rig_login(rig, 0, name);
	}
	drain_begin(&drain, conns, LENGTH_MS);
	int next_ms = 0;
	uint64_t elapsed = 0;
	while ((next_ms = drain_step(&drain, conns, 256)) >= 0) {
		assert_int_equal(next_ms, STEP_MS);
		for (int i = 0; i < COUNT; i++) {
			if (hear(clients[i], &told[i].retry_ms)) {
				assert_int_equal(i, next++);
				told[i].at_ms = elapsed;
			}
		}
		/* Evenly, from the beginning on. */
		assert_int_equal(next, COUNT * elapsed / LENGTH_MS + 1);
		pass_ms(rig, STEP_MS);
		elapsed += STEP_MS;
		assert_true(elapsed < LENGTH_MS);
	}
	assert_true(hear(clients[COUNT - 1], &told[COUNT - 1].retry_ms));
	told[COUNT - 1].at_ms = elapsed;
	assert_int_equal(next, COUNT - 1);
	/* When they come back: not before the drain and a restart, each later than the one before.
	 */
	uint64_t before = 0;
	for (int i = 0; i < COUNT; i++) {
		uint64_t back = told[i].at_ms + told[i].retry_ms;
		assert_true(back >= LENGTH_MS + 1000);
		assert_true(back <= 2 * LENGTH_MS + 1000 + STEP_MS);
		assert_true(back > before);
		before = back;
	}
	assert_int_equal(rig_ends(rig, CLOSE_REASON_DRAIN), COUNT);
}

static void test_at_once_but_in_bounded_steps(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *clients[20];
	struct drain drain;
	char name[8];
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		clients[i] = rig_login(rig, 0, name);
	}
	drain_begin(&drain, conns, 0);
	assert_int_equal(drain_step(&drain, conns, 8), 0);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_DRAIN), 8);
	assert_int_equal(drain_step(&drain, conns, 8), 0);
	assert_int_equal(drain_step(&drain, conns, 8), -1);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_DRAIN), 20);
	/* Even then they do not come back as one herd. */
	uint32_t before = 0;
	for (int i = 0; i < 20; i++) {
		uint32_t retry_ms;
		assert_true(hear(clients[i], &retry_ms));
		assert_in_range(retry_ms, 1000, 2000);
		assert_true(retry_ms > before);
		before = retry_ms;
	}
	assert_int_equal(drain_step(&drain, conns, 8), -1);
}

/* The slots are those of clients, whatever the table was like before. */
static void test_one_of_many_is_told_at_once(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *clients[COUNT];
	struct drain drain;
	char name[8];
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		clients[i] = rig_login(rig, 0, name);
	}
	for (int i = 0; i < COUNT - 1; i++) {
		client_leave(clients[i]);
	}
	rig_run(rig);
	drain_begin(&drain, conns, LENGTH_MS);
	assert_int_equal(drain_step(&drain, conns, 8), -1);
	uint32_t retry_ms;
	assert_true(hear(clients[COUNT - 1], &retry_ms));
	assert_int_equal(retry_ms, LENGTH_MS + 1000);
}

/* Nobody waits for one that connected long ago and never sent a request. */
static void test_who_is_silent_is_not_waited_for(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct drain drain;
	struct client *silent = rig_connect(rig, 0, 0, false);
	struct client *unread = rig_connect(rig, 0, 0, false);
	struct client *half = rig_connect(rig, 0, 0, false);
	client_write(half, "GET /?user=half HTTP/1.1\r\n", 26);
	rig_run(rig);
	rig_pass(rig, 1);
	struct client *fresh = rig_connect(rig, 0, 0, false);
	drain_begin(&drain, conns, LENGTH_MS);
	/* Its request has come, but nobody has looked. */
	client_request(unread, "/?user=unread");
	assert_int_equal(drain_step(&drain, conns, 8), -1);
	conns_reap(conns);
	assert_null(client_conn(rig, silent));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_UNAVAILABLE), 1);
	assert_non_null(client_conn(rig, half));
	client_request(fresh, "/?user=fresh");
	rig_run(rig);
	assert_int_equal(client_status(unread), 503);
	assert_int_equal(client_status(fresh), 503);
}

static void test_nobody_to_tell(void **state)
{
	struct rig *rig = *state;
	struct drain drain;
	drain_begin(&drain, rig_conns(rig, 0), LENGTH_MS);
	assert_int_equal(drain_step(&drain, rig_conns(rig, 0), 8), -1);
}

/* Some are gone, some not yet live, some come during it. */
static void test_newcomers_get_503(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct drain drain;
	struct client *gone = rig_login(rig, 0, "gone");
	struct client *a = rig_login(rig, 0, "a");
	struct client *half = rig_connect(rig, 0, 0, false);
	client_write(half, "GET /?user=half HTTP/1.1\r\n", 26);
	client_leave(gone);
	rig_run(rig);
	drain_begin(&drain, conns, 1000);
	struct client *late = rig_connect(rig, 0, 0, false);
	client_request(late, "/?user=late");
	static const char rest[] = "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
				   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
				   "Sec-WebSocket-Version: 13\r\n\r\n";
	client_write(half, rest, strlen(rest));
	rig_run(rig);
	/* A broken request is told so all the same. */
	struct client *broken = rig_connect(rig, 0, 0, false);
	client_write(broken, "GET / HTTP/1.1\r\n\r\n", 18);
	rig_run(rig);
	assert_int_equal(client_status(broken), 400);
	assert_int_equal(client_status(late), 503);
	assert_int_equal(client_status(half), 503);
	/* After the second that is left of the drain, and one for the restart. */
	const char *retry = memmem(late->in, late->in_len, "Retry-After: ", 13);
	assert_non_null(retry);
	assert_in_range(atoi(retry + 13), 2, 10);
	assert_int_equal(rig->node.places.back_ms, rig->loops[0].now_ms + 2000);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_UNAVAILABLE), 2);
	pass_ms(rig, 1000);
	assert_int_equal(drain_step(&drain, conns, 256), -1);
	uint32_t retry_ms;
	assert_true(hear(a, &retry_ms));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_DRAIN), 1);
	assert_int_equal(user_table_count(rig->node.users), 0);
}

#define CASE(name) RIG_CASE(name, 1)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_all_are_told_one_by_one),
		CASE(test_at_once_but_in_bounded_steps),
		CASE(test_one_of_many_is_told_at_once),
		CASE(test_who_is_silent_is_not_waited_for),
		CASE(test_nobody_to_tell),
		CASE(test_newcomers_get_503),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
