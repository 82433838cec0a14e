#include "conn_rig.h"

#include <arpa/inet.h>

/* 10.0.0.0/8 and Unix sockets are proxies, until a test says otherwise. */
static int setup(void **state)
{
	int err = rig_setup(state);
	struct rig *rig = *state;
	struct networks *trusted = &rig->config.trusted_proxy;
	assert_int_equal(networks_add(trusted, "10.0.0.0/8"), 0);
	assert_int_equal(networks_add(trusted, "unix"), 0);
	return err;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(address_limits_set(&rig->node.addresses, 0, 0), 0);
	return rig_teardown(state);
}

/* The worker takes over what the test has configured. */
static void reload(struct rig *rig)
{
	struct serving_change *change = malloc(sizeof(*change));
	assert_non_null(change);
	change->config = rig->config;
	change->mail.kind = SERVING_MAIL_RELOAD;
	rig->node.changes_pending++;
	mailbox_post(rig->workers[0].mailbox, &change->mail);
	rig_run(rig);
}

static void limit(struct rig *rig, uint32_t connections, uint32_t openings)
{
	assert_int_equal(address_limits_set(&rig->node.addresses, connections, openings), 0);
	reload(rig);
}

static struct remote remote_at(const char *text)
{
	struct remote remote = {.is_inet = false};
	struct ip_address address;
	if (ip_address_read_endpoint(slice_of(text), &address)) {
		remote_from_ip(&remote, &address);
	}
	return remote;
}

/* From an address, or from `unix`. */
static struct client *come_from(struct rig *rig, const char *text, bool is_proxied)
{
	int fds[2];
	const struct remote remote = remote_at(text);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	return rig_add_from(rig, 0, fds[0], fds[1], &remote, false, is_proxied, false);
}

static void expect_remote(struct rig *rig, struct client *client, const char *expected)
{
	char name[REMOTE_NAME_MAX];
	struct conn *conn = client_conn(rig, client);
	assert_non_null(conn);
	remote_name(&conn->remote, name);
	assert_string_equal(name, expected);
}

static void ask(struct rig *rig, struct client *client, const char *user, const char *lines)
{
	char target[80];
	char request[512];
	snprintf(target, sizeof(target), "/?user=%s", user);
	client_write(client, request, make_request_with(target, lines, request));
	rig_run(rig);
}

/* A session with its address. */
static struct client *enter_from(struct rig *rig, const char *text, const char *user,
	const char *lines, const char *expected)
{
	struct client *client = come_from(rig, text, false);
	ask(rig, client, user, lines);
	assert_int_equal(client_status(client), 101);
	expect_nothing(client);
	expect_remote(rig, client, expected);
	return client;
}

static void expect_told(struct rig *rig, struct client *client, const char *user)
{
	struct seen_frame frame = {0};
	ask(rig, client, user, "");
	assert_int_equal(client_status(client), 101);
	assert_true(client_frame(client, &frame));
	assert_int_equal(frame.opcode, FRAME_CLOSE);
	assert_int_equal(frame.data[0] << 8 | frame.data[1], 1013);
	assert_memory_equal(frame.data + 2, "retry_ms=", 9);
}

/* Without a word. */
static void expect_cut(struct rig *rig, struct client *client)
{
	rig_run(rig);
	assert_null(client_conn(rig, client));
	client_pump(client);
	assert_true(client->at_end);
	assert_int_equal(client->in_len, 0);
}

/* --- forwarded ---------------------------------------------------------------------------------
 */

static void test_a_trusted_proxy_names_its_client(void **state)
{
	struct rig *rig = *state;
	reload(rig);
	enter_from(rig, "10.0.0.1:80", "a", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1");
	enter_from(rig, "10.0.0.1:80", "b", "X-Forwarded-For: 1.1.1.1, 192.0.2.1:99, 10.0.0.2\r\n",
		"192.0.2.1:99");
	enter_from(rig, "unix", "c", "X-Forwarded-For: [2001:db8::1]:80\r\n", "[2001:db8::1]:80");
	/* Not by the other header. */
	enter_from(rig, "10.0.0.1:80", "d", "Forwarded: for=192.0.2.1\r\n", "10.0.0.1:80");
	rig->config.forwarded = FORWARDED_STANDARD;
	reload(rig);
	enter_from(rig, "10.0.0.1:80", "e",
		"Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 1.1.1.1\r\n", "192.0.2.1");
	enter_from(rig, "10.0.0.1:80", "f", "X-Forwarded-For: 1.1.1.1\r\n", "10.0.0.1:80");
}

static void test_nobody_else_does(void **state)
{
	struct rig *rig = *state;
	reload(rig);
	enter_from(rig, "192.0.2.9:80", "a", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.9:80");
	rig->config.trusted_proxy.count = 0;
	reload(rig);
	enter_from(rig, "10.0.0.1:80", "b", "X-Forwarded-For: 192.0.2.1\r\n", "10.0.0.1:80");
	enter_from(rig, "unix", "c", "X-Forwarded-For: 192.0.2.1\r\n", "unix");
}

static void test_what_is_unclear_stays_the_proxys(void **state)
{
	struct rig *rig = *state;
	limit(rig, 2, 0);
	enter_from(
		rig, "10.0.0.1:80", "a", "X-Forwarded-For: 192.0.2.1, unknown\r\n", "10.0.0.1:80");
	enter_from(rig, "10.0.0.1:81", "b", "", "10.0.0.1:81");
	/* And counts as such. */
	expect_told(rig, come_from(rig, "10.0.0.1:82", false), "c");
	enter_from(rig, "unix", "d", "", "unix");
}

/* --- the PROXY protocol ------------------------------------------------------------------------
 */

#define V1        "PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n"
#define V2(rest)  "\r\n\r\n\0\r\nQUIT\n" rest
#define V2_CLIENT V2("\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x12\x67\x00\x50")
#define V2_LOCAL  V2("\x20\x00\x00\x00")
#define LEN(text) (sizeof(text) - 1)

/* A header, the request right behind it, however the bytes are cut. */
static void send_split(struct rig *rig, struct client *client, const char *header,
	size_t header_len, const char *user, size_t split)
{
	char bytes[1024];
	char target[80];
	memcpy(bytes, header, header_len);
	snprintf(target, sizeof(target), "/?user=%s", user);
	size_t len = header_len +
		     make_request_with(target, "X-Forwarded-For: 1.1.1.1\r\n", bytes + header_len);
	/* And the first frame. */
	len += make_frame((uint8_t *)bytes + len, FRAME_PING, "x", 1);
	for (size_t at = 0; at < len;) {
		size_t piece = split == 0 ? 1 : at < split && split < len ? split - at : len - at;
		client_write(client, bytes + at, piece);
		rig_turn(rig, 0);
		at += piece;
	}
	rig_run(rig);
}

static void check_header(
	struct rig *rig, const char *header, size_t header_len, const char *expected)
{
	for (size_t split = 0; split < header_len + 20; split++) {
		struct client *client = come_from(rig, "10.0.0.1:80", true);
		send_split(rig, client, header, header_len, "a", split);
		assert_int_equal(client_status(client), 101);
		expect_frame(client, FRAME_PONG, "x", 1);
		expect_remote(rig, client, expected);
		client_leave(client);
		rig_run(rig);
	}
}

static void test_headers(void **state)
{
	struct rig *rig = *state;
	reload(rig);
	check_header(rig, V1, LEN(V1), "192.0.2.1:4711");
	check_header(rig, V2_CLIENT, LEN(V2_CLIENT), "192.0.2.1:4711");
	check_header(rig, V2_LOCAL, LEN(V2_LOCAL), "10.0.0.1:80");
	check_header(rig, "PROXY UNKNOWN\r\n", 15, "10.0.0.1:80");
}

static void test_only_trusted_proxies_may_send_one(void **state)
{
	struct rig *rig = *state;
	reload(rig);
	expect_cut(rig, come_from(rig, "192.0.2.9:80", true));
	struct client *client = come_from(rig, "unix", true);
	send_split(rig, client, V1, LEN(V1), "a", SIZE_MAX);
	assert_int_equal(client_status(client), 101);
	expect_remote(rig, client, "192.0.2.1:4711");
	rig->config.trusted_proxy.count = 0;
	reload(rig);
	expect_cut(rig, come_from(rig, "unix", true));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PROXY_HEADER), 2);
}

static void test_a_header_is_due(void **state)
{
	struct rig *rig = *state;
	reload(rig);
	struct client *client = come_from(rig, "10.0.0.1:80", true);
	client_request(client, "/?user=a");
	expect_cut(rig, client);
	client = come_from(rig, "10.0.0.1:80", true);
	client_write(client, "PROXY TCP4 nonsense\r\n", 21);
	expect_cut(rig, client);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PROXY_HEADER), 2);
	/* Nor where none is. */
	client = come_from(rig, "10.0.0.1:80", false);
	client_write(client, V1, LEN(V1));
	rig_run(rig);
	assert_int_equal(client_status(client), 400);
}

static void test_it_has_to_come_in_time(void **state)
{
	struct rig *rig = *state;
	reload(rig);
	struct client *silent = come_from(rig, "10.0.0.1:80", true);
	struct client *half = come_from(rig, "10.0.0.1:80", true);
	struct client *headed = come_from(rig, "10.0.0.1:80", true);
	client_write(half, "PROXY TCP4 192.", 15);
	client_write(headed, V1 "GET", LEN(V1) + 3);
	rig_run(rig);
	for (int i = 0; i < 23; i++) {
		rig_pass(rig, 1);
		rig_run(rig);
	}
	expect_cut(rig, silent);
	expect_cut(rig, half);
	assert_int_equal(client_status(headed), 408);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_HANDSHAKE_TIMEOUT), 3);
}

static void test_peers_that_go_in_the_middle_of_one(void **state)
{
	struct rig *rig = *state;
	reload(rig);
	struct client *checking = come_from(rig, "10.0.0.1:80", true);
	struct client *half = come_from(rig, "10.0.0.1:80", true);
	client_write(checking, V2_LOCAL, LEN(V2_LOCAL));
	client_write(half, "PROXY", 5);
	rig_run(rig);
	client_leave(checking);
	client_leave(half);
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_EOF), 2);
}

/* --- limits ------------------------------------------------------------------------------------
 */

static void test_connections_of_an_address(void **state)
{
	struct rig *rig = *state;
	limit(rig, 2, 0);
	enter_from(rig, "192.0.2.1:1", "a", "", "192.0.2.1:1");
	struct client *second = enter_from(rig, "192.0.2.1:2", "b", "", "192.0.2.1:2");
	struct client *third = come_from(rig, "192.0.2.1:3", false);
	struct client *fourth = come_from(rig, "192.0.2.1:4", false);
	expect_cut(rig, come_from(rig, "192.0.2.1:5", false));
	expect_told(rig, third, "c");
	enter_from(rig, "192.0.2.2:1", "d", "", "192.0.2.2:1");
	/* Who was refused stays so, whoever has gone meanwhile. */
	client_leave(second);
	rig_run(rig);
	expect_told(rig, fourth, "c");
	enter_from(rig, "192.0.2.1:6", "c", "", "192.0.2.1:6");
	expect_cut(rig, come_from(rig, "192.0.2.1:7", false)); /* two are told, and still there */
	client_leave(third);
	rig_run(rig);
	expect_told(rig, come_from(rig, "192.0.2.1:8", false), "e");
	assert_int_equal(rig_ends(rig, CLOSE_REASON_ADDRESS_CONNECTIONS), 5);
	assert_int_equal(user_table_count(rig->node.users), 3);
}

static void test_openings_of_an_address(void **state)
{
	struct rig *rig = *state;
	limit(rig, 0, 1);
	enter_from(rig, "192.0.2.1:1", "a", "", "192.0.2.1:1");
	enter_from(rig, "192.0.2.1:2", "b", "", "192.0.2.1:2");
	expect_told(rig, come_from(rig, "192.0.2.1:3", false), "c");
	expect_told(rig, come_from(rig, "192.0.2.1:4", false), "c");
	expect_cut(rig, come_from(rig, "192.0.2.1:5", false));
	enter_from(rig, "192.0.2.2:1", "d", "", "192.0.2.2:1");
	rig_pass(rig, 1000 / LOOP_TICK_MS);
	enter_from(rig, "192.0.2.1:6", "c", "", "192.0.2.1:6");
	assert_int_equal(rig_ends(rig, CLOSE_REASON_ADDRESS_OPENINGS), 3);
}

/* It is the client's address that counts, not the proxy's. */
static void test_clients_behind_proxies(void **state)
{
	struct rig *rig = *state;
	limit(rig, 1, 0);
	enter_from(rig, "10.0.0.1:1", "a", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1");
	enter_from(rig, "10.0.0.1:2", "b", "X-Forwarded-For: 192.0.2.2\r\n", "192.0.2.2");
	expect_told(rig, come_from(rig, "192.0.2.1:3", false), "c");
	struct client *proxied = come_from(rig, "10.0.0.1:4", true);
	client_write(proxied, V1, LEN(V1));
	rig_run(rig);
	expect_cut(rig, proxied); /* one is told, and still there */
	rig_pass(rig, 30);
	rig_run(rig);
	proxied = come_from(rig, "10.0.0.1:5", true);
	client_write(proxied, V1, LEN(V1));
	expect_told(rig, proxied, "c");
	/* A second one is found out by its request alone. */
	struct client *forwarded = come_from(rig, "10.0.0.1:6", false);
	ask(rig, forwarded, "c", "X-Forwarded-For: 192.0.2.1\r\n");
	expect_cut(rig, forwarded);
}

static void test_a_proxy_of_its_own_is_exempt(void **state)
{
	struct rig *rig = *state;
	limit(rig, 1, 1);
	for (int i = 0; i < 20; i++) {
		struct client *client = come_from(rig, "10.0.0.1:1", true);
		char user[8];
		snprintf(user, sizeof(user), "u%d", i);
		if (i % 2) {
			client_write(client, V2_LOCAL, LEN(V2_LOCAL));
		} else {
			client_write(client, "PROXY UNKNOWN\r\n", 15);
		}
		ask(rig, client, user, "X-Forwarded-For: 192.0.2.1\r\n");
		assert_int_equal(client_status(client), 101);
		expect_nothing(client);
		expect_remote(rig, client, "10.0.0.1:1");
	}
	/* Not counted later either. */
	reload(rig);
	struct client *direct = come_from(rig, "10.0.0.1:2", false);
	ask(rig, direct, "d", "");
	assert_int_equal(client_status(direct), 101);
	expect_nothing(direct);
}

/* Who is there when the limit comes is counted. */
static void test_a_limit_that_comes_later(void **state)
{
	struct rig *rig = *state;
	reload(rig);
	struct client *first = enter_from(rig, "192.0.2.1:1", "a", "", "192.0.2.1:1");
	enter_from(rig, "10.0.0.1:1", "b", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1");
	struct client *silent = come_from(rig, "10.0.0.1:2", false);
	limit(rig, 2, 0);
	expect_told(rig, come_from(rig, "192.0.2.1:3", false), "c");
	client_leave(first);
	rig_run(rig);
	ask(rig, silent, "c", "X-Forwarded-For: 192.0.2.1\r\n");
	assert_int_equal(client_status(silent), 101);
	expect_nothing(silent);
	limit(rig, 0, 0);
	enter_from(rig, "192.0.2.1:4", "d", "", "192.0.2.1:4");
	limit(rig, 2, 0);
	expect_told(rig, come_from(rig, "192.0.2.1:5", false), "e");
}

static void test_who_is_refused_by_http_counts_while_there(void **state)
{
	struct rig *rig = *state;
	limit(rig, 1, 0);
	struct client *client = come_from(rig, "192.0.2.1:1", false);
	client_write(client, "HELO\r\n\r\n", 8);
	rig_run(rig);
	assert_int_equal(client_status(client), 400);
	expect_told(rig, come_from(rig, "192.0.2.1:2", false), "a");
	client_leave(client);
	rig_run(rig);
	enter_from(rig, "192.0.2.1:3", "a", "", "192.0.2.1:3");
}

/* --- origins -----------------------------------------------------------------------------------
 */

static void expect_origin_refused(struct rig *rig, const char *lines)
{
	struct seen_frame frame = {0};
	struct client *client = come_from(rig, "192.0.2.1:1", false);
	ask(rig, client, "evil", lines);
	assert_int_equal(client_status(client), 101);
	assert_true(client_frame(client, &frame));
	assert_int_equal(frame.opcode, FRAME_CLOSE);
	assert_int_equal(frame.len, 8);
	assert_memory_equal(frame.data, "\x03\xf0origin", 8);
}

static void test_origins(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(origins_add(&rig->config.origins, "https://*.example.org"), 0);
	reload(rig);
	enter_from(rig, "192.0.2.1:1", "a", "Origin: https://a.example.org\r\n", "192.0.2.1:1");
	/* No browser. */
	enter_from(rig, "192.0.2.1:1", "b", "", "192.0.2.1:1");
	expect_origin_refused(rig, "Origin: https://evil.net\r\n");
	expect_origin_refused(rig, "Origin: null\r\n");
	expect_origin_refused(rig, "Origin: \r\n");
	expect_origin_refused(
		rig, "Origin: https://a.example.org\r\nOrigin: https://a.example.org\r\n");
	assert_int_equal(rig_ends(rig, CLOSE_REASON_ORIGIN), 4);
	rig->config.origins.count = 0;
	reload(rig);
	enter_from(rig, "192.0.2.1:1", "c", "Origin: https://evil.net\r\n", "192.0.2.1:1");
	assert_int_equal(user_table_count(rig->node.users), 3);
}

int main(void)
{
#define CASE(name) RIG_CASE_WITH(name, setup, teardown, 1)
	const struct CMUnitTest tests[] = {
		CASE(test_a_trusted_proxy_names_its_client),
		CASE(test_nobody_else_does),
		CASE(test_what_is_unclear_stays_the_proxys),
		CASE(test_headers),
		CASE(test_only_trusted_proxies_may_send_one),
		CASE(test_a_header_is_due),
		CASE(test_it_has_to_come_in_time),
		CASE(test_peers_that_go_in_the_middle_of_one),
		CASE(test_connections_of_an_address),
		CASE(test_openings_of_an_address),
		CASE(test_clients_behind_proxies),
		CASE(test_a_proxy_of_its_own_is_exempt),
		CASE(test_a_limit_that_comes_later),
		CASE(test_who_is_refused_by_http_counts_while_there),
		CASE(test_origins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
