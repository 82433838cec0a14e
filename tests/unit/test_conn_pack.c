/* Lines that go on in another process and back again. */
#include "move_rig.h"

#include "../../server/conn/reader.h"
#include "split.h"

enum {
	BIG = 40000, /* bytes of a text that fills the small buffers used here */
	SMALL_BUFFER = 4096,
};

static void say(struct pair *pair, struct client *from, const char *text)
{
	client_text(from, text);
	pair_run(pair);
}

static void write_text(struct client *client, const char *text)
{
	client_write(client, text, strlen(text));
}

static struct conn *conn_of(struct pair *pair, struct client *client)
{
	struct conn *conn = client_conn(here(pair), client);
	assert_non_null(conn);
	return conn;
}

/* --- what has come -----------------------------------------------------------------------------
 */

static void test_talk_goes_on(void **state)
{
	struct pair *pair = *state;
	struct client *a = rig_login(here(pair), 0, "a");
	struct client *b = rig_login(here(pair), here(pair)->worker_count - 1, "b");
	for (int i = 0; i < 5; i++) {
		assert_int_equal(pair_move(pair), 2);
		a = follow(pair, a);
		b = follow(pair, b);
		pair_run(pair);
		say(pair, a, "from a");
		expect_text(b, "from a -- FROM a");
		say(pair, b, "from b");
		expect_text(a, "from b -- FROM b");
		expect_nothing(a);
		expect_nothing(b);
	}
	assert_int_equal(stats_read(&there(pair)->workers[0].stats.connections), 0);
	assert_int_equal(there(pair)->node.places.taken, 0);
	assert_int_equal(here(pair)->node.places.taken, 2);
}

/* As much as there. */
static void assert_held(struct rig *rig, enum budget_kind kind, size_t held)
{
	const size_t now = rig_held_as(rig, kind);
	assert_true(held > 0 ? now + RIG_MALLOC_SPARE >= held && now <= held + RIG_MALLOC_SPARE
			     : now == 0);
}

/* Three frames of a message and a Ping between them, moved behind each byte of them. */
static void test_half_a_message_at_every_byte(void **state)
{
	struct pair *pair = *state;
	struct client *a = rig_login(here(pair), 0, "a");
	struct client *b = rig_login(here(pair), 0, "b");
	uint8_t stream[256];
	size_t len = make_frame(stream, FRAME_TEXT, "gr\xc3", 3);
	stream[0] = FRAME_TEXT;
	len += make_frame(stream + len, FRAME_PING, "here?", 5);
	const size_t second = len;
	len += make_frame(stream + len, FRAME_CONTINUATION, "\xbc\xc3", 2);
	stream[second] = FRAME_CONTINUATION;
	len += make_frame(stream + len, FRAME_CONTINUATION, "\x9f you", 5);
	for (size_t cut = 0; cut <= len; cut++) {
		client_write(a, stream, cut);
		pair_run(pair);
		const size_t held = rig_held_as(here(pair), BUDGET_MESSAGES);
		pair_move(pair);
		assert_int_equal(rig_held_as(there(pair), BUDGET_MESSAGES), 0);
		assert_held(here(pair), BUDGET_MESSAGES, held);
		assert_true((held > 0) == (cut > 0 && cut < len));
		a = follow(pair, a);
		b = follow(pair, b);
		client_write(a, stream + cut, len - cut);
		pair_run(pair);
		expect_frame(a, FRAME_PONG, "here?", 5);
		expect_text(b, "gr\xc3\xbc\xc3\x9f you -- FROM a");
		assert_int_equal(rig_held_as(here(pair), BUDGET_MESSAGES), 0);
	}
}

static void test_half_a_request_at_every_byte(void **state)
{
	struct pair *pair = *state;
	char request[512];
	const size_t len = make_request("/?user=a", request);
	for (size_t cut = 0; cut < len; cut++) {
		struct client *a = rig_connect(here(pair), 0, 0, false);
		client_write(a, request, cut);
		pair_run(pair);
		const size_t held = rig_held_as(here(pair), BUDGET_HEADS);
		pair_move(pair);
		a = follow(pair, a);
		assert_int_equal(rig_held_as(there(pair), BUDGET_HEADS), 0);
		assert_held(here(pair), BUDGET_HEADS, held);
		client_write(a, request + cut, len - cut);
		pair_run(pair);
		assert_int_equal(client_status(a), 101);
		client_leave(a);
		pair_run(pair);
	}
}

/* What has come and was not read is read there: behind the half of it, and all of it. */
static void test_bytes_in_the_kernel_are_read_there(void **state)
{
	struct pair *pair = *state;
	struct client *a = rig_login(here(pair), 0, "a");
	struct client *b = rig_login(here(pair), 0, "b");
	char text[32];
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		client_text(a, text);
	}
	pair_move(pair);
	a = follow(pair, a);
	b = follow(pair, b);
	pair_run(pair);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "number %d -- FROM a", i);
		expect_text(b, text);
	}
	expect_nothing(b);
}

/* More than a read takes: one that is on the ready list, and not read again before it moves. */
static void test_ready_ones_are_read_on(void **state)
{
	struct pair *pair = *state;
	struct client *a = rig_login(here(pair), 0, "a");
	struct client *b = rig_login(here(pair), 0, "b");
	enum {
		COUNT = 300,
		LEN = 60
	};
	static uint8_t frames[COUNT * (LEN + 6)];
	static const char text[LEN + 1] =
		"sixty bytes of text that nobody needs to read for any use...";
	size_t len = 0;
	for (int i = 0; i < COUNT; i++) {
		len += make_frame(frames + len, FRAME_TEXT, text, LEN);
	}
	client_write(a, frames, len);
	rig_events(here(pair), 0);
	assert_true(conn_of(pair, a)->flags & CONN_READY);
	/* What was said is handed out before anything moves. */
	struct fanout *fanout = here(pair)->workers[0].fanout;
	fanout_publish(fanout);
	rig_mail(here(pair), 0);
	while (fanout_step(fanout, 100)) {
	}
	assert_true(conn_of(pair, a)->rx != NULL);
	pair_move(pair);
	a = follow(pair, a);
	b = follow(pair, b);
	assert_true(conn_of(pair, a)->flags & CONN_READY);
	pair_run(pair);
	assert_false(conn_of(pair, a)->flags & CONN_READY);
	say(pair, a, "the last");
	struct seen_frame frame = {0};
	int count = 0;
	while (client_frame(b, &frame)) {
		count++;
	}
	assert_int_equal(count, COUNT + 1);
	assert_memory_equal(frame.data, "the last", 8);
}

/* --- what has not left --------------------------------------------------------------------------
 */

static char *big_text(char fill)
{
	char *text = malloc(BIG + 1);
	assert_non_null(text);
	memset(text, fill, BIG);
	text[BIG] = '\0';
	return text;
}

/* Three large texts, in pieces of its own and of the others', and Pongs in between. */
static void test_stalled_lines_get_all_in_order(void **state)
{
	struct pair *pair = *state;
	struct client *slow = rig_login_with(here(pair), 0, "slow", SMALL_BUFFER);
	struct client *slow_too = rig_login_with(here(pair), 0, "slower", SMALL_BUFFER);
	struct client *b = rig_login(here(pair), 0, "b");
	slow->deaf = slow_too->deaf = true;
	for (int i = 0; i < 3; i++) {
		char *text = big_text((char)('x' + i));
		say(pair, b, text);
		free(text);
		client_send(slow, FRAME_PING, "now?", 4);
		pair_run(pair);
		const size_t queued = conn_of(pair, slow)->tx->bytes;
		const size_t held = rig_held_as(here(pair), BUDGET_QUEUES);
		assert_true(queued > (size_t)i * BIG + BIG / 2);
		pair_move(pair);
		slow = follow(pair, slow);
		slow_too = follow(pair, slow_too);
		b = follow(pair, b);
		assert_int_equal(conn_of(pair, slow)->tx->bytes, queued);
		assert_int_equal(rig_held_as(there(pair), BUDGET_QUEUES), 0);
		assert_true(rig_held_as(here(pair), BUDGET_QUEUES) > held / 2);
		pair_run(pair);
	}
	/* All three are shared by both. */
	assert_in_range(rig_held_as(here(pair), BUDGET_BATCHES), 3 * BIG, 4 * BIG);
	slow->deaf = slow_too->deaf = false;
	pair_run(pair);
	int pongs = 0;
	for (int i = 0; i < 3;) {
		struct seen_frame frame = {0};
		assert_true(client_frame(slow, &frame));
		if (frame.opcode == FRAME_PONG) {
			pongs++;
			continue;
		}
		assert_int_equal(frame.len, BIG + 10);
		assert_int_equal(frame.data[0], 'x' + i);
		assert_int_equal(frame.data[BIG - 1], 'x' + i);
		i++;
	}
	assert_in_range(pongs, 1, 3);
	assert_null(conn_of(pair, slow)->tx);
	assert_null(conn_of(pair, slow_too)->tx);
	say(pair, b, "and on it goes");
	expect_text(slow, "and on it goes -- FROM b");
	assert_int_equal(rig_held_as(here(pair), BUDGET_BATCHES), 0);
}

static uint32_t lagging(struct rig *rig)
{
	uint32_t count = 0;
	for (uint32_t w = 0; w < rig->worker_count; w++) {
		count += rig_conns(rig, w)->outbox->lagging_count;
	}
	return count;
}

static uint32_t lagging_users(const struct rig *rig)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < FANOUT_LAG_PLACES; i++) {
		count += rig->node.fanout.lagging_users[i];
	}
	return count;
}

/* Who is waited for is waited for there, for as long as is left; and then no more. */
static void test_lagging_ones_are_waited_for_there(void **state)
{
	struct pair *pair = *state;
	for (int i = 0; i < 2; i++) {
		for (uint32_t w = 0; w < pair->rigs[i].worker_count; w++) {
			rig_conns(&pair->rigs[i], w)->outbox->queue_limit = 100000;
		}
	}
	struct client *slow = rig_login_with(here(pair), 0, "slow", SMALL_BUFFER);
	struct client *b = rig_login(here(pair), 0, "b");
	slow->deaf = true;
	char *text = big_text('x');
	say(pair, b, text);
	free(text);
	assert_int_equal(lagging(here(pair)), 1);
	assert_int_equal(lagging_users(here(pair)), 1);
	pair_pass(pair, 4);
	pair_move(pair);
	slow = follow(pair, slow);
	b = follow(pair, b);
	assert_int_equal(lagging(there(pair)), 0);
	assert_int_equal(lagging_users(there(pair)), 0);
	assert_int_equal(lagging(here(pair)), 1);
	assert_int_equal(lagging_users(here(pair)), 1);
	assert_true(conn_of(pair, slow)->flags & CONN_LAGS);
	/* It has lagged for a second of two. */
	for (int ticks = 0; conn_of(pair, slow)->tx->lag == TX_LAG_COUNTED; ticks++) {
		assert_true(ticks < 10);
		pair_pass(pair, 1);
		pair_run(pair);
	}
	assert_int_equal(lagging(here(pair)), 0);
	assert_int_equal(lagging_users(here(pair)), 0);
	pair_move(pair);
	slow = follow(pair, slow);
	assert_int_equal(conn_of(pair, slow)->tx->lag, TX_LAG_GIVEN_UP);
	assert_int_equal(lagging(here(pair)), 0);
}

/* Its write deadline goes on from the last progress that was seen. */
static void test_a_stalled_line_runs_out_of_time(void **state)
{
	struct pair *pair = *state;
	struct client *slow = rig_login_with(here(pair), 0, "slow", SMALL_BUFFER);
	struct client *b = rig_login(here(pair), 0, "b");
	slow->deaf = true;
	char *text = big_text('x');
	say(pair, b, text);
	free(text);
	for (int i = 0; i < 20; i++) {
		pair_pass(pair, 1);
		pair_run(pair);
	}
	pair_move(pair);
	slow = follow(pair, slow);
	int ticks = 0;
	while (client_conn(here(pair), slow)->state == CONN_LIVE) {
		assert_true(ticks++ < 60);
		pair_pass(pair, 1);
		pair_run(pair);
	}
	/* It is looked at once more before its time is known to have stood still. */
	assert_true(ticks > 10);
	assert_int_equal(rig_ends(here(pair), CLOSE_REASON_WRITE_TIMEOUT), 1);
}

/* --- deadlines ---------------------------------------------------------------------------------
 */

static int ticks_until_gone(struct pair *pair, struct client *client, int most)
{
	int ticks = 0;
	while (client_conn(here(pair), client) &&
		client_conn(here(pair), client)->state != CONN_CLOSING) {
		assert_true(ticks++ < most);
		pair_pass(pair, 1);
		pair_run(pair);
	}
	return ticks;
}

static void test_silence_is_counted_from_before(void **state)
{
	struct pair *pair = *state;
	const int read = 120000 / LOOP_TICK_MS;
	struct client *a = rig_login(here(pair), 0, "a");
	for (int i = 0; i < 100000 / LOOP_TICK_MS; i++) {
		pair_pass(pair, 1);
		pair_run(pair);
	}
	pair_move(pair);
	a = follow(pair, a);
	pair_run(pair);
	assert_in_range(
		ticks_until_gone(pair, a, read), 20000 / LOOP_TICK_MS, 20000 / LOOP_TICK_MS + 4);
	assert_int_equal(rig_ends(here(pair), CLOSE_REASON_READ_TIMEOUT), 1);
}

static void test_a_request_that_does_not_come(void **state)
{
	struct pair *pair = *state;
	struct client *a = rig_connect(here(pair), 0, 0, false);
	write_text(a, "GET /");
	pair_run(pair);
	pair_pass(pair, 8);
	pair_run(pair);
	pair_move(pair);
	a = follow(pair, a);
	assert_in_range(ticks_until_gone(pair, a, 40), 12, 16);
	pair_run(pair);
	assert_int_equal(client_status(a), 408);
}

static void test_the_end_of_a_token(void **state)
{
	struct pair *pair = *state;
	struct client *a = rig_login(here(pair), 0, "a");
	struct conns *conns = rig_conns(here(pair), 0);
	assert_int_equal(conn_set_end(conns, conn_of(pair, a), conns->loop->now_tick + 20), 0);
	conn_of(pair, a)->extra->token_tick = 77;
	pair_move(pair);
	a = follow(pair, a);
	assert_int_equal(conn_of(pair, a)->extra->token_tick, 77);
	assert_in_range(ticks_until_gone(pair, a, 40), 20, 24);
	assert_int_equal(rig_ends(here(pair), CLOSE_REASON_TOKEN_EXPIRED), 1);
}

/* --- rates -------------------------------------------------------------------------------------
 */

static void limit_rates(struct rig *rig, uint32_t message_rate)
{
	for (uint32_t w = 0; w < rig->worker_count; w++) {
		struct conns_limits limits = rig_conns(rig, w)->limits;
		limits.message_rate = message_rate;
		conns_set_limits(rig_conns(rig, w), &limits);
	}
}

/* Who has used up his rate has used it up there too, and goes on when some is left. */
static void test_a_pace_is_kept(void **state)
{
	struct pair *pair = *state;
	limit_rates(&pair->rigs[0], 10);
	limit_rates(&pair->rigs[1], 10);
	struct client *a = rig_login(here(pair), 0, "a");
	struct client *b = rig_login(here(pair), 0, "b");
	for (int i = 0; i < 100; i++) {
		client_text(a, "again and again and again");
	}
	pair_run(pair);
	assert_true(conn_of(pair, a)->flags & CONN_PACED);
	const struct pace before = *conn_of(pair, a)->extra->pace;
	pair_move(pair);
	a = follow(pair, a);
	b = follow(pair, b);
	assert_true(conn_of(pair, a)->flags & CONN_PACED);
	assert_memory_equal(conn_of(pair, a)->extra->pace, &before, sizeof(before));
	pair_run(pair);
	struct seen_frame frame;
	int count = 0;
	while (client_frame(b, &frame)) {
		count++;
	}
	assert_in_range(count, 40, 70);
	for (int seconds = 0; count < 100; seconds++) {
		assert_true(seconds < 20);
		for (int tick = 0; tick < 1000 / LOOP_TICK_MS; tick++) {
			pair_pass(pair, 1);
			pair_run(pair);
		}
		while (client_frame(b, &frame)) {
			count++;
		}
	}
	assert_int_equal(count, 100);
}

/* --- flags -------------------------------------------------------------------------------------
 */

static void test_muted_ones_stay_muted(void **state)
{
	struct pair *pair = *state;
	struct client *a = rig_login(here(pair), 0, "a");
	struct client *b = rig_login(here(pair), 0, "b");
	conn_mute(conn_of(pair, a), true);
	pair_move(pair);
	a = follow(pair, a);
	b = follow(pair, b);
	say(pair, b, "not for a");
	expect_nothing(a);
	conn_mute(conn_of(pair, a), false);
	say(pair, b, "for a");
	expect_text(a, "for a -- FROM b");
}

/* What was paused for a congestion there is read here, and its silence was none. */
static void test_paused_ones_are_read_from(void **state)
{
	struct pair *pair = *state;
	struct rig *rig = here(pair);
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	say(pair, a, "feeds");
	expect_text(b, "feeds -- FROM a");
	rig->node.fanout.backlog += 3 << 20; /* beyond twice the limit */
	client_text(a, "paused");
	rig_events(rig, 0);
	assert_true(conn_of(pair, a)->flags & CONN_PAUSED);
	pair_pass(pair, 400);
	for (uint32_t w = 0; w < rig->worker_count; w++) {
		loop_look(&rig->loops[w]);
	}
	pair_move(pair);
	rig->node.fanout.backlog -= 3 << 20;
	a = follow(pair, a);
	b = follow(pair, b);
	assert_int_equal(conn_of(pair, a)->last_read_tick, here(pair)->loops[0].now_tick);
	pair_run(pair);
	expect_text(b, "paused -- FROM a");
}

static void test_who_has_hung_up_is_read_to_the_end(void **state)
{
	struct pair *pair = *state;
	struct client *a = rig_login(here(pair), 0, "a");
	struct client *b = rig_login(here(pair), 0, "b");
	client_text(a, "last words");
	client_leave(a);
	b->deaf = false;
	const struct client was = *a;
	a->fd = 1 << 20; /* so that it is handed over all the same */
	pair_move(pair);
	follow(pair, a)->fd = was.fd;
	b = follow(pair, b);
	pair_run(pair);
	expect_text(b, "last words -- FROM a");
	assert_int_equal(
		stats_read(&here(pair)->workers[0].stats.connections) +
			(here(pair)->worker_count > 1
					? stats_read(&here(pair)->workers[1].stats.connections)
					: 0),
		1);
	assert_int_equal(rig_ends(here(pair), CLOSE_REASON_PEER_EOF), 1);
}

/* --- accounts ----------------------------------------------------------------------------------
 */

static void test_beyond_the_limit(void **state)
{
	struct pair *pair = *state;
	struct client *a = rig_login(here(pair), 0, "a");
	struct client *late = rig_connect(here(pair), 0, 0, true);
	there(pair)->node.places.max = 1;
	pair_move(pair);
	a = follow(pair, a);
	late = follow(pair, late);
	assert_int_equal(here(pair)->node.places.taken, 1);
	assert_int_equal(here(pair)->node.places.refusals, 1);
	assert_int_equal(there(pair)->node.places.refusals, 0);
	client_leave(a);
	pair_run(pair);
	/* There is room by now. */
	client_request(late, "/?user=late");
	pair_run(pair);
	assert_int_equal(client_status(late), 101);
	assert_int_equal(here(pair)->node.places.taken, 1);
	assert_int_equal(here(pair)->node.places.refusals, 0);
}

/* As many as there are, whatever may be. */
static void test_more_than_there_are_places(void **state)
{
	struct pair *pair = *state;
	rig_login(here(pair), 0, "a");
	rig_login(here(pair), 0, "b");
	there(pair)->node.places.max = 1;
	assert_int_equal(pair_move(pair), 2);
	assert_int_equal(here(pair)->node.places.taken, 2);
	assert_false(places_take(&here(pair)->node.places));
	uint32_t load = 0;
	for (uint32_t w = 0; w < here(pair)->worker_count; w++) {
		load += here(pair)->workers[w].load;
	}
	assert_int_equal(load, 2);
}

static struct client *come_from(struct pair *pair, const char *address)
{
	struct remote remote = {.is_inet = false};
	struct ip_address ip;
	int fds[2];
	assert_true(ip_address_read_endpoint(slice_of(address), &ip));
	remote_from_ip(&remote, &ip);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	return rig_add_from(here(pair), 0, fds[0], fds[1], &remote, false, false, false);
}

static struct client *log_in_from(struct pair *pair, const char *address, const char *target)
{
	struct client *client = come_from(pair, address);
	client_request(client, target);
	pair_run(pair);
	assert_int_equal(client_status(client), 101);
	return client;
}

static void limit_addresses(struct pair *pair, uint32_t connections)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			address_limits_set(&pair->rigs[i].node.addresses, connections, 0), 0);
	}
}

/* Who is refused is there to be told: he is counted, and told there. */
static void test_connections_of_an_address(void **state)
{
	struct pair *pair = *state;
	limit_addresses(pair, 2);
	struct client *a = log_in_from(pair, "192.0.2.1:1", "/?user=a");
	struct client *b = log_in_from(pair, "192.0.2.1:2", "/?user=b");
	struct client *beyond = come_from(pair, "192.0.2.1:3");
	pair_run(pair);
	assert_true(conn_of(pair, beyond)->address & CONN_ADDRESS_REFUSED);
	pair_move(pair);
	a = follow(pair, a);
	b = follow(pair, b);
	beyond = follow(pair, beyond);
	client_request(beyond, "/?user=c");
	pair_run(pair);
	assert_int_equal(client_status(beyond), 101);
	expect_close(beyond, 1013, "");
	struct client *one_more = log_in_from(pair, "192.0.2.1:4", "/?user=d");
	expect_close(one_more, 1013, "");
	client_leave(a);
	client_leave(beyond);
	client_leave(one_more);
	pair_run(pair);
	struct client *in_time = log_in_from(pair, "192.0.2.1:5", "/?user=e");
	expect_nothing(in_time);
	expect_nothing(b);
	char name[REMOTE_NAME_MAX];
	remote_name(&conn_of(pair, b)->remote, name);
	assert_string_equal(name, "192.0.2.1:2");
	/* All of them leave it. */
	client_leave(b);
	client_leave(in_time);
	pair_run(pair);
	assert_int_equal(rig_held_as(here(pair), BUDGET_ADDRESSES), 0);
	assert_int_equal(rig_held_as(there(pair), BUDGET_ADDRESSES), 0);
	limit_addresses(pair, 0);
}

/* --- who stays ---------------------------------------------------------------------------------
 */

static void test_closing_ones_stay(void **state)
{
	struct pair *pair = *state;
	struct rig *giver = here(pair);
	struct client *a = rig_login(giver, 0, "a");
	struct client *b = rig_login(giver, 0, "b");
	client_send(a, FRAME_BINARY, "?", 1); /* bad packet */
	pair_run(pair);
	assert_int_equal(client_conn(giver, a)->state, CONN_CLOSING);
	assert_int_equal(pair_move(pair), 1);
	assert_int_equal(client_conn(giver, a)->state, CONN_CLOSING);
	/* Its closing handshake goes on where it was. */
	client_send(a, FRAME_CLOSE, "\x03\xea", 2);
	pair_run(pair);
	assert_null(client_conn(giver, a));
	assert_true(a->at_end);
	assert_false(a->was_reset);
	b = follow(pair, b);
	say(pair, b, "alone");
	expect_nothing(b);
}

static void postpone(void *owner, struct conn *conn, const struct handshake_request *request)
{
	conn_postpone(conn);
}

static void test_postponed_ones_are_refused(void **state)
{
	struct pair *pair = *state;
	struct rig *giver = here(pair);
	struct conn_ops ops = *rig_conns(giver, 0)->ops;
	const struct conn_ops *before = rig_conns(giver, 0)->ops;
	ops.request = postpone;
	rig_conns(giver, 0)->ops = &ops;
	struct client *a = rig_connect_tcp(giver, 0);
	client_request(a, "/?user=a");
	pair_run(pair);
	assert_int_equal(client_conn(giver, a)->state, CONN_POSTPONED);
	assert_int_equal(pair_move(pair), 0);
	pair_run(pair);
	assert_int_equal(client_status(a), 503);
	client_leave(a);
	pair_run(pair);
	rig_conns(giver, 0)->ops = before;
}

/* Packed and not moved: nothing has changed, and the same is packed again. */
static void test_packing_changes_nothing(void **state)
{
	static struct moving moving[RIG_CLIENTS];
	static struct moving again[RIG_CLIENTS];
	struct pair *pair = *state;
	struct client *slow = rig_login_with(here(pair), 0, "slow", SMALL_BUFFER);
	struct client *b = rig_login(here(pair), 0, "b");
	struct client *opening = rig_connect(here(pair), 0, 0, false);
	slow->deaf = true;
	char *text = big_text('x');
	say(pair, b, text);
	write_text(opening, "GET /?user=c HTTP/1.1\r\n");
	client_write(b, "\x81\x85\0\0\0\0he", 8);
	pair_run(pair);
	const size_t held = rig_held(here(pair));
	struct shared_bufs *shared;
	assert_int_equal(shared_bufs_create(&shared), 0);
	const uint32_t count = pack_all(here(pair), shared, moving);
	assert_int_equal(count, 3);
	assert_int_equal(pack_all(here(pair), shared, again), count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(moving[i].line.len, again[i].line.len);
		assert_memory_equal(moving[i].line.bytes, again[i].line.bytes, moving[i].line.len);
	}
	drop_packs(moving, count);
	drop_packs(again, count);
	shared_bufs_destroy(&shared);
	transport_pack_over(rig_conns(here(pair), 0));
	assert_int_equal(rig_held(here(pair)), held);
	slow->deaf = false;
	client_write(b, "llo", 3);
	write_text(opening, "Host: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			    "Sec-WebSocket-Version: 13\r\n\r\n");
	pair_run(pair);
	struct seen_frame frame;
	assert_true(client_frame(slow, &frame));
	assert_int_equal(frame.len, BIG + 10);
	expect_text(slow, "hello -- FROM b");
	assert_int_equal(client_status(opening), 101);
	free(text);
}

/* --- without a word ----------------------------------------------------------------------------
 */

/* Whoever lets go of a line, its peer sees nothing while somebody has it; nobody is told. */
static void test_nothing_is_said_when_it_is_let_go(void **state)
{
	struct pair *pair = *state;
	struct rig *giver = here(pair);
	struct client *a = rig_connect_tcp(giver, 0);
	struct client *b = rig_login(giver, 0, "b");
	client_request(a, "/?user=a");
	pair_run(pair);
	assert_int_equal(client_status(a), 101);
	client_text(a, "unread"); /* which a close would answer with a reset */
	const int kept = fcntl(client_conn(giver, a)->fd, F_DUPFD_CLOEXEC, 0);
	const uint64_t ends =
		rig_ends(giver, CLOSE_REASON_PEER_EOF) + rig_ends(giver, CLOSE_REASON_SHUTDOWN);
	conn_abandon(rig_conns(giver, 0), client_conn(giver, a));
	assert_null(client_conn(giver, a));
	pair_run(pair);
	assert_false(a->at_end);
	expect_nothing(b);
	assert_int_equal(
		rig_ends(giver, CLOSE_REASON_PEER_EOF) + rig_ends(giver, CLOSE_REASON_SHUTDOWN),
		ends);
	assert_int_equal(stats_read(&giver->workers[0].stats.connections), 1);
	/* Its events are nobody's here any more, though the socket is open. */
	client_text(a, "more");
	assert_int_equal(rig_wait(giver, 0), 0);
	/* Whoever has it has all of it. */
	uint8_t bytes[64];
	assert_int_equal(recv(kept, bytes, sizeof(bytes), 0), 6 + 6 + 6 + 4);
	close(kept);
	client_leave(a);
	giver->workers[0].stats.ends[CLOSE_REASON_PEER_EOF]++; /* for the sum of them */
}

/* --- nonsense ----------------------------------------------------------------------------------
 */

/* A line with as much as one may have. */
static struct moving pack_rich(struct pair *pair, struct shared_bufs *shared)
{
	struct moving moving;
	struct client *slow = rig_login_with(here(pair), 0, "slow", SMALL_BUFFER);
	struct client *b = rig_login(here(pair), 0, "b");
	slow->deaf = true;
	char *text = big_text('x');
	say(pair, b, text);
	free(text);
	client_write(slow, "\x01\x85\0\0\0\0hello\x80\x85\0\0\0\0he", 19);
	pair_run(pair);
	struct conn *conn = conn_of(pair, slow);
	assert_int_equal(conn_set_end(rig_conns(here(pair), 0), conn, 1u << 30), 0);
	conn->extra->pace = calloc(1, sizeof(*conn->extra->pace));
	assert_non_null(conn->extra->pace);
	assert_non_null(conn->rx);
	assert_non_null(conn->tx);
	pack_line(&here(pair)->workers[0], conn, shared, &moving);
	return moving;
}

static int unpack_bytes_of(struct pair *pair, const struct moving *moving,
	const struct shared_bufs *shared, const uint8_t *bytes, size_t len)
{
	struct conns *conns = rig_conns(there(pair), 0);
	uint8_t *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, len);
	struct unpack unpack = unpack_of(copy, len);
	struct conn *conn;
	const int fd = fcntl(moving->conn->fd, F_DUPFD_CLOEXEC, 0);
	const int err = conn_unpack(conns, fd, shared, &unpack, &conn);
	if (!err) {
		if (conn->state == CONN_DEAD) {
			/* Without certificates it has no way to go on; its socket stays open here.
			 */
			loop_unwatch(conns->loop, fd);
			conns_reap(conns);
		} else {
			conn_unpacked(conns, conn);
			conn_abandon(conns, conn);
			reader_read_ready(conns, UINT64_MAX); /* which lets go of its record */
		}
	}
	free(copy);
	assert_int_equal(stats_read(&there(pair)->workers[0].stats.connections), 0);
	assert_int_equal(there(pair)->workers[0].load, 0);
	return err;
}

static void test_a_part_of_a_record(void **state)
{
	struct pair *pair = *state;
	struct shared_bufs *given;
	assert_int_equal(shared_bufs_create(&given), 0);
	struct moving moving = pack_rich(pair, given);
	struct shared_bufs *taken = shared_bufs_again(given, &there(pair)->node.budget);
	sync_clients(pair);
	for (size_t len = 0; len < moving.line.len; len++) {
		assert_int_equal(
			unpack_bytes_of(pair, &moving, taken, moving.line.bytes, len), -EINVAL);
	}
	assert_int_equal(
		unpack_bytes_of(pair, &moving, taken, moving.line.bytes, moving.line.len), 0);
	assert_int_equal(there(pair)->node.places.taken, 0);
	drop_packs(&moving, 1);
	shared_bufs_destroy(&given);
	shared_bufs_destroy(&taken);
}

static void test_random_changes_to_a_record(void **state)
{
	struct pair *pair = *state;
	struct shared_bufs *given;
	uint32_t random = 4711;
	assert_int_equal(shared_bufs_create(&given), 0);
	struct moving moving = pack_rich(pair, given);
	struct shared_bufs *taken = shared_bufs_again(given, &there(pair)->node.budget);
	sync_clients(pair);
	for (int i = 0; i < 5000; i++) {
		const size_t at = split_random(&random) % moving.line.len;
		const uint8_t before = moving.line.bytes[at];
		moving.line.bytes[at] ^= (uint8_t)(1 << split_random(&random) % 8);
		const int err =
			unpack_bytes_of(pair, &moving, taken, moving.line.bytes, moving.line.len);
		assert_true(err == 0 || err == -EINVAL);
		moving.line.bytes[at] = before;
	}
	assert_int_equal(there(pair)->node.places.taken, 0);
	assert_int_equal(there(pair)->node.places.refusals, 0);
	there(pair)->workers[0].stats.ends[CLOSE_REASON_TLS_REFUSED] = 0; /* for the sum of them */
	drop_packs(&moving, 1);
	shared_bufs_destroy(&given);
	shared_bufs_destroy(&taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_CASE(test_talk_goes_on, 1),
		PAIR_CASE(test_talk_goes_on, 2),
		PAIR_CASE(test_half_a_message_at_every_byte, 1),
		PAIR_CASE(test_half_a_request_at_every_byte, 1),
		PAIR_CASE(test_bytes_in_the_kernel_are_read_there, 2),
		PAIR_CASE(test_ready_ones_are_read_on, 1),
		PAIR_CASE(test_stalled_lines_get_all_in_order, 1),
		PAIR_CASE(test_stalled_lines_get_all_in_order, 2),
		PAIR_CASE(test_lagging_ones_are_waited_for_there, 1),
		PAIR_CASE(test_a_stalled_line_runs_out_of_time, 1),
		PAIR_CASE(test_silence_is_counted_from_before, 1),
		PAIR_CASE(test_a_request_that_does_not_come, 1),
		PAIR_CASE(test_the_end_of_a_token, 1),
		PAIR_CASE(test_a_pace_is_kept, 1),
		PAIR_CASE(test_muted_ones_stay_muted, 1),
		PAIR_CASE(test_paused_ones_are_read_from, 1),
		PAIR_CASE(test_who_has_hung_up_is_read_to_the_end, 1),
		PAIR_CASE(test_beyond_the_limit, 2),
		PAIR_CASE(test_more_than_there_are_places, 1),
		PAIR_CASE(test_connections_of_an_address, 2),
		PAIR_CASE(test_closing_ones_stay, 1),
		PAIR_CASE(test_postponed_ones_are_refused, 1),
		PAIR_CASE(test_packing_changes_nothing, 1),
		PAIR_CASE(test_nothing_is_said_when_it_is_let_go, 1),
		PAIR_CASE(test_a_part_of_a_record, 1),
		PAIR_CASE(test_random_changes_to_a_record, 1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
