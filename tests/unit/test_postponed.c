/* Requests that are answered later, by a session that postpones what is asked under /later. */
#include "../../server/conn/reader.h"
#include "../../server/session/session.h"
#include "scripted_transport.h"

static struct conn_ops ops;

static void on_request(void *owner, struct conn *conn, const struct handshake_request *request)
{
	if (slice_begins_nocase(request->target, SLICE("/later"))) {
		conn_postpone(conn);
	} else {
		session_ops.request(owner, conn, request);
	}
}

enum verdict {
	YES,
	NO,
	NOT_YET,
};

/* What the session does once it knows. Returns whether there was anybody to be told. */
static bool answer(struct rig *rig, const struct client *client, enum verdict verdict)
{
	struct conns *conns = rig_conns(rig, client->worker);
	struct handshake_request request;
	struct conn *conn = reader_answer_begin(conns, client->handle, &request);
	if (!conn) {
		return false;
	}
	assert_int_equal(request.status, 101);
	if (verdict == YES) {
		session_ops.request(conns->owner, conn, &request);
	} else if (verdict == NO) {
		char text[HANDSHAKE_ANSWER_MAX];
		size_t len = handshake_refusal(400, 0, text);
		conn_refuse(conns, conn, text, len, CLOSE_REASON_HTTP_REFUSED);
	}
	reader_answer_end(conns, conn);
	return true;
}

static bool is_postponed(struct rig *rig, const struct client *client)
{
	struct conn *conn = client_conn(rig, client);
	return conn && conn->state == CONN_POSTPONED;
}

/* A client whose request has come and was postponed. */
static struct client *ask(struct rig *rig, const char *target)
{
	struct client *client = rig_connect_tcp(rig, 0);
	client_request(client, target);
	rig_run(rig);
	assert_true(is_postponed(rig, client));
	expect_nothing(client);
	return client;
}

static void expect_refused(struct rig *rig, struct client *client, int status)
{
	rig_run(rig);
	assert_int_equal(client_status(client), status);
	/* The answer, then the FIN: no reset, which could overtake the answer. */
	client_pump(client);
	assert_true(client->at_end);
	assert_false(client->was_reset);
	client_leave(client);
	rig_run(rig);
	assert_null(client_conn(rig, client));
}

/* --- the answer --------------------------------------------------------------------------------
 */

static void test_yes(void **state)
{
	struct rig *rig = *state;
	struct client *before = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	struct client *a = ask(rig, "/later?user=a");
	/* It is nobody yet. */
	client_text(b, "missed");
	rig_run(rig);
	expect_text(before, "missed -- FROM b");
	assert_true(answer(rig, a, NOT_YET));
	assert_true(is_postponed(rig, a));
	assert_true(answer(rig, a, YES));
	rig_run(rig);
	assert_int_equal(client_status(a), 101);
	expect_close(before, 4001, "kicked");
	client_text(b, "heard");
	client_text(a, "said");
	rig_run(rig);
	expect_text(a, "heard -- FROM b");
	expect_text(b, "said -- FROM a");
	/* There is one answer only. */
	assert_false(answer(rig, a, YES));
}

static void test_no(void **state)
{
	struct rig *rig = *state;
	struct client *a = ask(rig, "/later?user=a");
	client_text(a, "in vain");
	rig_run(rig);
	assert_true(answer(rig, a, NO));
	expect_refused(rig, a, 400);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_HTTP_REFUSED), 1);
	/* As browsers can read it. */
	struct client *b = ask(rig, "/later?user=");
	assert_true(answer(rig, b, YES));
	rig_run(rig);
	assert_int_equal(client_status(b), 101);
	expect_close(b, 4000, "bad login");
	assert_int_equal(stats_read(&rig->workers[0].stats.logins), 0);
}

static void test_nothing_is_read_meanwhile(void **state)
{
	struct rig *rig = *state;
	struct client *a = ask(rig, "/later?user=a");
	struct conn *conn = client_conn(rig, a);
	uint64_t before = stats_read(&rig->workers[0].stats.bytes_in);
	client_text(a, "one");
	rig_run(rig);
	client_text(a, "two");
	rig_run(rig);
	assert_int_equal(stats_read(&rig->workers[0].stats.bytes_in), before);
	assert_int_equal(transport_unread(conn), 2 * (6 + 3));
}

/* The head was within the limit that held when it came. */
static void test_a_limit_that_becomes_lower(void **state)
{
	struct rig *rig = *state;
	struct client *a = ask(rig, "/later?user=a");
	struct conns_limits limits = rig_conns(rig, 0)->limits;
	limits.max_head = 10;
	conns_set_limits(rig_conns(rig, 0), &limits);
	assert_true(answer(rig, a, YES));
	rig_run(rig);
	assert_int_equal(client_status(a), 101);
}

/* Head and frames, cut anywhere, byte by byte too; the answer comes between the pieces, or behind
 * them. */
static void test_every_split(void **state)
{
	struct rig *rig = *state;
	struct client *b = rig_login(rig, 0, "b");
	uint8_t bytes[1024];
	size_t len = make_request("/later?user=a", (char *)bytes);
	len += make_frame(bytes + len, FRAME_TEXT, "first", 5);
	len += make_frame(bytes + len, FRAME_PING, "2", 1);
	len += make_frame(bytes + len, FRAME_CLOSE, "\x03\xe8", 2);
	for (size_t split = 0; split <= 2 * len; split++) {
		struct client *a = rig_connect(rig, 0, 0, false);
		size_t cut = split / 2;
		bool is_between = split % 2;
		for (size_t at = 0; cut == 0 && at < len; at++) {
			client_write(a, bytes + at, 1);
			rig_turn(rig, 0);
		}
		client_write(a, bytes, cut);
		rig_run(rig);
		bool is_answered = is_between && answer(rig, a, YES);
		client_write(a, bytes + cut, cut ? len - cut : 0);
		rig_run(rig);
		assert_int_equal(is_postponed(rig, a), !is_answered);
		assert_int_equal(answer(rig, a, YES), !is_answered);
		rig_run(rig);
		assert_int_equal(client_status(a), 101);
		expect_frame(a, FRAME_PONG, "2", 1);
		expect_close(a, 1000, "");
		expect_nothing(a);
		expect_text(b, "first -- FROM a");
		expect_nothing(b);
		assert_null(client_conn(rig, a));
		client_leave(a);
	}
}

/* What is kept behind a head is little, however much has come. */
static void test_much_behind_the_head(void **state)
{
	enum {
		COUNT = 200,
		SIZE = 500,
	};
	struct rig *rig = *state;
	struct client *a = rig_connect(rig, 0, 0, false);
	static uint8_t bytes[512 + COUNT * (SIZE + 8)];
	static uint8_t payload[SIZE];
	size_t len = make_request("/later?user=a", (char *)bytes);
	for (int i = 0; i < COUNT; i++) {
		payload[0] = (uint8_t)i;
		len += make_frame(bytes + len, FRAME_BINARY, payload, SIZE);
	}
	client_write(a, bytes, len);
	rig_run(rig);
	assert_true(is_postponed(rig, a));
	assert_in_range(stats_read(&rig->workers[0].stats.bytes_in), 1, rig->config.max_head);
	assert_true(answer(rig, a, YES));
	rig_run(rig);
	assert_int_equal(client_status(a), 101);
	/* No packet, the first of them. */
	expect_close(a, 4002, "bad packet");
	assert_int_equal(rig_ends(rig, CLOSE_REASON_BAD_PACKET), 1);
	assert_int_equal(stats_read(&rig->workers[0].stats.bytes_in), len);
}

/* A layer tells of more with its read, and by no event. */
static void test_over_a_layer(void **state)
{
	struct rig *rig = *state;
	struct script *script = calloc(1, sizeof(*script));
	assert_non_null(script);
	script->record_most = script->cut_most = RECORD_MOST;
	script->piece_most = script->wire_most = SIZE_MAX;
	struct client *a = script_connect(rig, 0, script);
	client_request(a, "/later?user=a");
	client_send(a, FRAME_PING, "1", 1);
	script_seal_for_gateway(script);
	script_put(script, RECORD_ASK, NULL, 0);
	client_send(a, FRAME_PING, "2", 1);
	script_run(rig, a, script);
	client_send(a, FRAME_PING, "3", 1);
	script_run(rig, a, script);
	assert_true(is_postponed(rig, a));
	expect_nothing(a);
	assert_true(answer(rig, a, YES));
	script_run(rig, a, script);
	assert_int_equal(client_status(a), 101);
	expect_frame(a, FRAME_PONG, "1", 1);
	expect_frame(a, FRAME_PONG, "2", 1);
	expect_frame(a, FRAME_PONG, "3", 1);
	client_send(a, FRAME_CLOSE, "\x03\xe8", 2);
	script_run(rig, a, script);
	expect_close(a, 1000, "");
	assert_int_equal(script->closes, 1);
	script_finish(script);
	free(script);
}

/* --- what may happen meanwhile -----------------------------------------------------------------
 */

static void test_who_hangs_up_is_gone(void **state)
{
	struct rig *rig = *state;
	struct client *ended = ask(rig, "/later?user=a");
	struct client *half = ask(rig, "/later?user=b");
	struct client *reset = ask(rig, "/later?user=c");
	struct client *at_once = rig_connect_tcp(rig, 0);
	client_text(ended, "last words");
	client_leave(ended);
	shutdown(half->fd, SHUT_WR);
	client_text(reset, "last words");
	client_reset(reset);
	client_request(at_once, "/later?user=d");
	client_leave(at_once);
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_EOF), 3);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_RESET), 1);
	assert_false(answer(rig, ended, YES));
	assert_false(answer(rig, half, YES));
	assert_false(answer(rig, reset, NO));
	assert_false(answer(rig, at_once, YES));
	assert_int_equal(stats_read(&rig->workers[0].stats.connections), 0);
	assert_int_equal(stats_read(&rig->workers[0].stats.logins), 0);
}

static void test_the_handshake_deadline_holds(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_connect_tcp(rig, 0);
	rig_pass(rig, loop_ticks(4000));
	client_request(a, "/later?user=a");
	client_text(a, "unheard");
	rig_run(rig);
	client_text(a, "unheard");
	rig_pass(rig, loop_ticks(1000));
	rig_run(rig);
	assert_true(is_postponed(rig, a));
	rig_pass(rig, 3);
	expect_refused(rig, a, 503);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_HANDSHAKE_TIMEOUT), 1);
	assert_false(answer(rig, a, YES));
}

static void test_a_drain_refuses(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *a = ask(rig, "/later?user=a");
	struct client *b = ask(rig, "/later?user=b");
	struct client *c = ask(rig, "/later?user=c");
	struct drain drain;
	drain_begin(&drain, conns, 300);
	/* Too late, whether its turn has come or not. */
	assert_false(answer(rig, c, YES));
	expect_refused(rig, c, 503);
	rig_pass(rig, 1);
	drain_step(&drain, conns, 1);
	assert_false(is_postponed(rig, a));
	assert_true(is_postponed(rig, b));
	rig_pass(rig, 2);
	assert_int_equal(drain_step(&drain, conns, 256), -1);
	assert_false(answer(rig, a, YES));
	expect_refused(rig, a, 503);
	expect_refused(rig, b, 503);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_UNAVAILABLE), 3);
}

static void test_a_stop_ends_it(void **state)
{
	struct rig *rig = *state;
	struct client *a = ask(rig, "/later?user=a");
	client_text(a, "unheard");
	serving_end(&rig->workers[0]);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_SHUTDOWN), 1);
	client_pump(a);
	assert_true(a->at_end);
}

/* --- a crowd -----------------------------------------------------------------------------------
 */

static uint32_t random_state = 1;

static uint32_t below(uint32_t limit)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % limit;
}

static void expect_pongs(struct client *client, uint8_t count)
{
	for (uint8_t i = 0; i < count; i++) {
		expect_frame(client, FRAME_PONG, &i, 1);
	}
	expect_nothing(client);
}

/* Many at once, answered in any order, while they talk, wait or leave: who is accepted loses
 * nothing of what he said. */
static void test_a_crowd_in_any_order(void **state)
{
	enum {
		COUNT = 200,
		STEPS = 4000,
	};
	struct rig *rig = *state;
	struct client *clients[COUNT];
	uint8_t pings[COUNT] = {0};
	uint8_t verdicts[COUNT];
	uint64_t gone = 0;
	for (int i = 0; i < COUNT; i++) {
		char target[32];
		clients[i] = rig_connect_tcp(rig, 0);
		snprintf(target, sizeof(target), "/%s?user=u%d", i % 4 ? "later" : "now", i);
		client_request(clients[i], target);
		verdicts[i] = i % 4 ? NOT_YET : YES;
	}
	for (int step = 0; step < STEPS; step++) {
		uint32_t i = below(COUNT);
		struct client *client = clients[i];
		uint32_t what = below(20);
		if (what < 12 && client->fd >= 0 && verdicts[i] != NO) {
			client_send(client, FRAME_PING, &pings[i], 1);
			pings[i]++;
		} else if (what == 12 && verdicts[i] == NOT_YET && client->fd >= 0) {
			client_leave(client);
			verdicts[i] = NO;
			gone++;
		} else if (what < 15 && verdicts[i] == NOT_YET && is_postponed(rig, client)) {
			verdicts[i] = below(4) ? YES : NO;
			assert_true(answer(rig, client, (enum verdict)verdicts[i]));
		} else if (what >= 18) {
			rig_turn(rig, 0);
		}
	}
	rig_run(rig);
	for (int i = 0; i < COUNT; i++) {
		if (verdicts[i] == NOT_YET) {
			assert_true(answer(rig, clients[i], YES));
			verdicts[i] = YES;
		}
	}
	rig_run(rig);
	uint64_t refused = 0;
	for (int i = 0; i < COUNT; i++) {
		if (verdicts[i] == YES) {
			assert_int_equal(client_status(clients[i]), 101);
			expect_pongs(clients[i], pings[i]);
		} else if (clients[i]->fd >= 0) {
			assert_int_equal(client_status(clients[i]), 400);
			refused++;
		}
	}
	assert_true(gone > 0 && refused > 0);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_HTTP_REFUSED), refused);
	assert_int_equal(
		rig_ends(rig, CLOSE_REASON_PEER_EOF) + rig_ends(rig, CLOSE_REASON_PEER_RESET),
		gone);
}

static int setup(void **state)
{
	ops = session_ops;
	ops.request = on_request;
	rig_setup(state);
	rig_conns(*state, 0)->ops = &ops;
	return 0;
}

#define CASE(name) RIG_CASE_WITH(name, setup, rig_teardown, 1)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_yes),
		CASE(test_no),
		CASE(test_nothing_is_read_meanwhile),
		CASE(test_a_limit_that_becomes_lower),
		CASE(test_every_split),
		CASE(test_much_behind_the_head),
		CASE(test_over_a_layer),
		CASE(test_who_hangs_up_is_gone),
		CASE(test_the_handshake_deadline_holds),
		CASE(test_a_drain_refuses),
		CASE(test_a_stop_ends_it),
		CASE(test_a_crowd_in_any_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
