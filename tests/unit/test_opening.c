#include "conn_rig.h"

static void expect_refused(struct rig *rig, const char *head, size_t len, int status)
{
	struct client *client = rig_connect_tcp(rig, 0);
	client_write(client, head, len);
	rig_run(rig);
	assert_int_equal(client_status(client), status);
	/* The answer, then the FIN: no reset, which could overtake the answer. */
	client_pump(client);
	assert_true(client->at_end);
	assert_false(client->was_reset);
	struct conn *conn = client_conn(rig, client);
	assert_non_null(conn);
	assert_int_equal(conn->state, CONN_CLOSING);
	assert_true(conn->flags & CONN_FIN_SENT);
	client_write(client, "and on it goes", 14);
	rig_run(rig);
	assert_non_null(client_conn(rig, client));
	client_leave(client);
	rig_run(rig);
	assert_null(client_conn(rig, client));
}

static void test_refusals_linger(void **state)
{
	struct rig *rig = *state;
	static char long_head[40000] = "GET / HTTP/1.1\r\nX: ";
	memset(long_head + 19, 'x', sizeof(long_head) - 19);
	expect_refused(rig, "\x16\x03\x01\x02", 4, 400);
	expect_refused(rig, "GET / HTTP/1.1\r\n\r\n", 18, 400);
	expect_refused(rig, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27, 426);
	expect_refused(rig, "POST / HTTP/1.1\r\nHost: h\r\n\r\n", 28, 405);
	expect_refused(rig, long_head, rig->config.max_head + 1, 431);
	expect_refused(rig, long_head, sizeof(long_head), 431);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_HTTP_REFUSED), 6);
}

static void test_who_is_refused_and_stays_is_reset(void **state)
{
	struct rig *rig = *state;
	struct client *client = rig_connect_tcp(rig, 0);
	client_write(client, "HELO\r\n\r\n", 8);
	rig_run(rig);
	assert_int_equal(client_status(client), 400);
	for (int i = 0; i < 30; i++) {
		/* However much it says meanwhile. */
		static const char noise[10000];
		ssize_t sent = send(client->fd, noise, sizeof(noise), MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)sent;
		rig_pass(rig, 1);
		rig_run(rig);
	}
	assert_null(client_conn(rig, client));
}

/* --- a page for browsers ---------------------------------------------------------------------- */

#define ANSWER "HTTP/1.1 200 OK\r\n\r\npage"
#define LOOK   " / HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n"

static char page_answer[] = ANSWER;

static const struct remote near = {.is_inet = true, .address[15] = 1};
static const struct remote far = {.is_inet = true, .address = {0x20, 0x01}};
static const struct remote by_path = {.is_inet = false};

/* What comes begins with `expected`, and has `len` bytes where that is not 0. */
static void expect_answer(struct rig *rig, const struct remote *from, const char *head,
	const char *expected, size_t len)
{
	struct client *client = rig_connect_tcp(rig, 0);
	client_conn(rig, client)->remote = *from;
	client_write(client, head, strlen(head));
	rig_run(rig);
	client_pump(client);
	assert_true(client->at_end);
	assert_false(client->was_reset);
	assert_in_range(client->in_len, strlen(expected), SIZE_MAX);
	assert_memory_equal(client->in, expected, strlen(expected));
	if (len > 0) {
		assert_int_equal(client->in_len, len);
	}
	client_leave(client);
	rig_run(rig);
}

static void set_welcome(struct rig *rig, bool to_all)
{
	rig->node.welcome = (struct welcome){.answer = page_answer,
		.len = strlen(ANSWER),
		.head_len = strlen(ANSWER) - 4,
		.to_all = to_all};
}

static void test_a_page_for_browsers_of_this_machine(void **state)
{
	struct rig *rig = *state;
	set_welcome(rig, false);
	expect_answer(rig, &near, "GET" LOOK "\r\n", ANSWER, strlen(ANSWER));
	expect_answer(rig, &near, "HEAD" LOOK "\r\n", "HTTP/1.1 200 ", strlen(ANSWER) - 4);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_HTTP_PAGE), 2);
	/* Nobody else: from elsewhere, by a path, through a proxy, or without asking for HTML. */
	expect_answer(rig, &far, "GET" LOOK "\r\n", "HTTP/1.1 426 ", 0);
	expect_answer(rig, &far, "HEAD" LOOK "\r\n", "HTTP/1.1 405 ", 0);
	expect_answer(rig, &by_path, "GET" LOOK "\r\n", "HTTP/1.1 426 ", 0);
	expect_answer(rig, &near, "GET" LOOK "Forwarded: for=x\r\n\r\n", "HTTP/1.1 426 ", 0);
	expect_answer(rig, &near, "GET" LOOK "X-Forwarded-For: x\r\n\r\n", "HTTP/1.1 426 ", 0);
	expect_answer(rig, &near, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 426 ", 0);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_HTTP_PAGE), 2);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_HTTP_REFUSED), 6);
}

static void test_a_page_for_all_browsers(void **state)
{
	struct rig *rig = *state;
	set_welcome(rig, true);
	expect_answer(rig, &far, "GET" LOOK "\r\n", ANSWER, strlen(ANSWER));
	expect_answer(rig, &by_path, "GET" LOOK "\r\n", ANSWER, strlen(ANSWER));
	expect_answer(rig, &near, "GET" LOOK "X-Forwarded-For: x\r\n\r\n", ANSWER, strlen(ANSWER));
	expect_answer(rig, &far, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 426 ", 0);
}

static void test_a_page_in_pieces(void **state)
{
	struct rig *rig = *state;
	static const char head[] = "GET" LOOK "\r\n";
	set_welcome(rig, false);
	for (size_t split = 1; split < strlen(head); split++) {
		struct client *client = rig_connect_tcp(rig, 0);
		client_conn(rig, client)->remote = near;
		client_write(client, head, split);
		rig_run(rig);
		client_write(client, head + split, strlen(head) - split);
		rig_run(rig);
		client_pump(client);
		assert_int_equal(client->in_len, strlen(ANSWER));
		client_leave(client);
		rig_run(rig);
	}
}

/* --- heads that come in pieces, limits ---------------------------------------------------------
 */

/* A head that grows byte by byte to the limit and over it. */
static void test_a_long_head_in_pieces(void **state)
{
	struct rig *rig = *state;
	static const size_t pieces[] = {1, 7, 511, 512, 4096, 16383, 16384};
	static char head[17000];
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		for (size_t over = 0; over < 2; over++) {
			/* Ends with the empty line exactly at the limit, or a byte beyond. */
			size_t len = rig->config.max_head + over;
			size_t at = make_request("/?user=a", head) - 2;
			at += (size_t)sprintf(head + at, "X: ");
			memset(head + at, 'x', len - at - 4);
			memcpy(head + len - 4, "\r\n\r\n", 4);
			struct client *client = rig_connect(rig, 0, 0, false);
			for (size_t done = 0; done < len; done += pieces[i]) {
				size_t piece = len - done < pieces[i] ? len - done : pieces[i];
				client_write(client, head + done, piece);
				rig_turn(rig, 0);
			}
			rig_run(rig);
			assert_int_equal(client_status(client), over ? 431 : 101);
			client_leave(client);
			rig_run(rig);
		}
	}
}

/* A reload in the middle of a head: what has come already counts. */
static void test_a_limit_that_becomes_lower(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *long_one = rig_connect_tcp(rig, 0);
	struct client *short_one = rig_connect_tcp(rig, 0);
	static char head[4096] = "GET /?user=a HTTP/1.1\r\nX: ";
	memset(head + strlen(head), 'x', sizeof(head) - strlen(head));
	client_write(long_one, head, 2048);
	client_write(short_one, "GET /?user=b", 12);
	rig_run(rig);
	client_write(long_one, head + 2048, 2048);
	rig_run(rig);
	struct conns_limits limits = conns->limits;
	limits.max_head = 1024;
	conns_set_limits(conns, &limits);
	expect_nothing(long_one);
	client_write(long_one, "x", 1);
	client_write(short_one, head + 12, 1020);
	rig_run(rig);
	assert_int_equal(client_status(long_one), 431);
	assert_int_equal(client_status(short_one), 431);
	client_leave(long_one);
	client_leave(short_one);
}

static void test_at_the_limit_and_draining(void **state)
{
	struct rig *rig = *state;
	struct client *refused = rig_connect(rig, 0, 0, true);
	client_request(refused, "/?user=a");
	client_text(refused, "right behind");
	rig_run(rig);
	assert_int_equal(client_status(refused), 503);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_UNAVAILABLE), 1);
	assert_int_equal(user_table_count(rig->node.users), 0);
}

/* Who came over the limit has a place when there is one by the time of his request. */
static void test_a_place_has_become_free(void **state)
{
	struct rig *rig = *state;
	struct client *first = rig_login(rig, 0, "first");
	struct client *second = rig_connect(rig, 0, 0, true);
	struct client *third = rig_connect(rig, 0, 0, true);
	rig_run(rig);
	assert_int_equal(rig->node.places.refusals, 2);
	client_leave(first);
	rig_run(rig);
	client_request(second, "/?user=second");
	client_request(third, "/?user=third");
	rig_run(rig);
	assert_int_equal(client_status(second), 101);
	assert_int_equal(client_status(third), 503);
	assert_int_equal(rig->node.places.taken, 1);
	assert_int_equal(rig->node.places.refusals, 1);
	assert_int_equal(user_table_count(rig->node.users), 1);
}

/* Whatever their connections' places in the table. */
static void test_refusals_name_different_times(void **state)
{
	struct rig *rig = *state;
	unsigned counts[9] = {0};
	for (int i = 0; i < 90; i++) {
		struct client *client = rig_connect(rig, 0, 0, true);
		client_request(client, "/?user=a");
		rig_run(rig);
		assert_int_equal(client_status(client), 503);
		const char *retry = memmem(client->in, client->in_len, "Retry-After: ", 13);
		assert_non_null(retry);
		assert_in_range(atoi(retry + 13), 2, 10);
		counts[atoi(retry + 13) - 2]++;
		client_leave(client);
		rig_run(rig);
	}
	for (int slot = 0; slot < 9; slot++) {
		assert_in_range(counts[slot], 8, 12);
	}
}

static void test_peers_that_go_in_the_middle(void **state)
{
	struct rig *rig = *state;
	struct client *silent = rig_connect_tcp(rig, 0);
	struct client *half = rig_connect_tcp(rig, 0);
	struct client *reset = rig_connect_tcp(rig, 0);
	client_write(half, "GET / HTTP", 10);
	client_write(reset, "GET / HTTP", 10);
	rig_run(rig);
	client_leave(silent);
	client_leave(half);
	client_reset(reset);
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_EOF), 2);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_RESET), 1);
	assert_int_equal(stats_read(&rig->workers[0].stats.connections), 0);
}

#define CASE(name) RIG_CASE(name, 1)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_refusals_linger),
		CASE(test_who_is_refused_and_stays_is_reset),
		CASE(test_a_page_for_browsers_of_this_machine),
		CASE(test_a_page_for_all_browsers),
		CASE(test_a_page_in_pieces),
		CASE(test_a_long_head_in_pieces),
		CASE(test_a_limit_that_becomes_lower),
		CASE(test_at_the_limit_and_draining),
		CASE(test_a_place_has_become_free),
		CASE(test_refusals_name_different_times),
		CASE(test_peers_that_go_in_the_middle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
