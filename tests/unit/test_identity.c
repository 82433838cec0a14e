/* Tokens of sessions: who comes in with one, what it allows, how it is renewed and how it ends. */
#include <openssl/rsa.h>

#include "../../server/conn/conn_extra.h"
#include "../../server/conn/reader.h"
#include "../../server/session/identity/key_store.h"
#include "../../server/session/join.h"
#include "../../server/session/session_token.h"
#include "talk_rig.h"
#include "token_rig.h"

enum {
	SECOND = 1000 / LOOP_TICK_MS,
	TARGET_MAX = 512,
};

/* Keys that tests sign with; the gateway knows the first. */
static struct key *ours;
static struct key *theirs;

/* --- set-up ------------------------------------------------------------------------------------
 */

/* The keys of a file with this text. */
static void know_text(struct rig *rig, const char *jwk)
{
	char text[KEY_NEWS_MAX];
	const char *path = rig_write(jwk);
	kept_findings_init(&rig_findings);
	if (rig->node.keys) {
		key_store_reload(rig->node.keys, path, &rig_findings.findings, text);
	} else {
		assert_int_equal(
			key_store_create(path, &rig_findings.findings, &rig->node.keys), 0);
	}
}

static void know(struct rig *rig, const struct key *key)
{
	char *jwk = rig_public(key);
	know_text(rig, jwk);
	free(jwk);
}

/* The first and another one of this algorithm. */
static void know_another(struct rig *rig, enum algorithm algorithm)
{
	struct key *another = rig_key(algorithm, "another");
	char set[4096];
	char *first = rig_public(ours);
	char *second = rig_public(another);
	snprintf(set, sizeof(set), "{\"keys\":[%s,%s]}", first, second);
	know_text(rig, set);
	free(first);
	free(second);
	key_destroy(&another);
}

static void configure(struct rig *rig)
{
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		identity_configure(&rig->workers[i].sessions.identity, &rig->config);
	}
}

static int setup(void **state)
{
	rig_setup(state);
	struct rig *rig = *state;
	ours = rig_key(ALGORITHM_HS256, "ours");
	theirs = rig_key(ALGORITHM_HS256, "theirs");
	know(rig, ours);
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		identity_init(&rig->workers[i].sessions.identity, rig->node.keys, rig->node.rights);
	}
	configure(rig);
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	/* The store goes with the node. */
	rig_finish(rig);
	free(rig);
	key_destroy(&ours);
	key_destroy(&theirs);
	return 0;
}

/* --- tokens ------------------------------------------------------------------------------------
 */

/* One that ends in so many seconds; `more` are claims behind a comma, maybe none. */
static const char *sign(
	const struct key *key, const char *user, int64_t ends_in_s, const char *more)
{
	char claims[1024];
	snprintf(claims, sizeof(claims), "{\"sub\":\"%s\",\"exp\":%lld%s}", user,
		(long long)(clock_wall_ms() / 1000) + (long long)ends_in_s, more);
	return rig_token(key, ALGORITHM_HS256, claims);
}

static const char *token_of(const char *user)
{
	return sign(ours, user, 600, "");
}

/* --- logins ------------------------------------------------------------------------------------
 */

static struct client *ask(struct rig *rig, uint32_t worker, const char *target, const char *lines)
{
	char request[32768];
	struct client *client = rig_connect(rig, worker, 0, false);
	client_write(client, request,
		(size_t)snprintf(request, sizeof(request),
			"GET %s HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n"
			"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			"Sec-WebSocket-Version: 13\r\n%s\r\n",
			target, lines));
	rig_run(rig);
	assert_int_equal(client_status(client), 101);
	return client;
}

static struct client *ask_bearer(
	struct rig *rig, uint32_t worker, const char *target, const char *token)
{
	char lines[16384 + 64]; /* any token, too long ones included */
	snprintf(lines, sizeof(lines), "Authorization: Bearer %s\r\n", token);
	return ask(rig, worker, target, lines);
}

static struct session_packet expect_session(struct client *client, uint8_t result)
{
	struct session_packet session;
	struct packet packet = expect_packet(client, PACKET_SESSION);
	assert_int_equal(session_packet_decode(packet.payload, packet.payload_len, &session), 0);
	assert_int_equal(session.result, result);
	return session;
}

static struct client *ask_v1(
	struct rig *rig, uint32_t worker, const char *target, const char *token)
{
	char lines[8192];
	snprintf(lines, sizeof(lines), "Sec-WebSocket-Protocol: tidegate.v1, tidegate.token.%s\r\n",
		token);
	return ask(rig, worker, target, lines);
}

/* Is in, and has been told so. */
static struct client *login_v1(struct rig *rig, uint32_t worker, const char *user, const char *more)
{
	struct client *client = ask_v1(rig, worker, "/", sign(ours, user, 600, more));
	struct session_packet session = expect_session(client, PACKET_DONE);
	assert_in_range(session.seconds_left, 598, 600);
	assert_slice(session.user, user);
	return client;
}

static void expect_refused(struct rig *rig, struct client *client, uint16_t code,
	const char *reason, enum close_reason counted)
{
	const uint64_t ends = rig_ends(rig, counted);
	struct seen_frame frame = {0};
	assert_true(client_frame(client, &frame));
	assert_int_equal(frame.opcode, FRAME_CLOSE);
	assert_int_equal(frame.data[0] << 8 | frame.data[1], code);
	assert_int_equal(frame.len, 2 + strlen(reason));
	assert_memory_equal(frame.data + 2, reason, strlen(reason));
	expect_nothing(client);
	assert_true(ends > 0);
	client_leave(client);
	rig_run(rig);
}

static void expect_alive(struct rig *rig, struct client *client)
{
	static const uint8_t pong[] = {0, PACKET_PONG, 0, 0, 0, 0};
	client_packet(client, PACKET_PING, NULL, 0);
	rig_run(rig);
	expect_frame(client, FRAME_BINARY, pong, sizeof(pong));
}

static uint64_t sum(struct rig *rig, size_t offset)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		total += stats_read(
			(const _Atomic uint64_t *)((const char *)&rig->workers[i].stats + offset));
	}
	return total;
}

#define COUNTED(rig, field) sum(rig, offsetof(struct stats, field))

/* --- where the token is ------------------------------------------------------------------------
 */

static void test_where_a_token_is_found(void **state)
{
	struct rig *rig = *state;
	char target[TARGET_MAX];
	char lines[TARGET_MAX];
	expect_alive(rig, ask_bearer(rig, 0, "/", token_of("a")));
	expect_alive(rig, ask_bearer(rig, 1, "/?user=b&device=", token_of("b")));
	snprintf(lines, sizeof(lines), "authorization: bearer   %s\r\n", token_of("c"));
	expect_alive(rig, ask(rig, 0, "/", lines));
	snprintf(lines, sizeof(lines),
		"Sec-WebSocket-Protocol: tidegate.token.%s\r\nSec-WebSocket-Protocol: tidegate.v0\r\n",
		token_of("d"));
	expect_alive(rig, ask(rig, 1, "/", lines));
	/* What a proxy has put there for itself. */
	snprintf(lines, sizeof(lines), "Authorization: Basic YTpi\r\nAuthorization: Bearer %s\r\n",
		token_of("e"));
	expect_alive(rig, ask(rig, 0, "/", lines));
	snprintf(target, sizeof(target), "/?token=%s", token_of("f"));
	expect_refused(rig, ask(rig, 0, target, ""), 3000, "no token", CLOSE_REASON_NO_TOKEN);
	rig->config.token_in_url = true;
	configure(rig);
	expect_alive(rig, ask(rig, 0, target, ""));
	assert_int_equal(user_table_count(rig->node.users), 6);
	assert_int_equal(COUNTED(rig, tokens_good), 6);
	assert_int_equal(COUNTED(rig, tokens_none), 1);
}

static void test_a_token_is_never_answered(void **state)
{
	struct rig *rig = *state;
	char token[TARGET_MAX];
	char lines[2 * TARGET_MAX];
	strcpy(token, token_of("a"));
	snprintf(lines, sizeof(lines), "Sec-WebSocket-Protocol: tidegate.token.%s, tidegate.v1\r\n",
		token);
	struct client *client = ask(rig, 0, "/", lines);
	assert_non_null(memmem(client->in, client->in_len, "Protocol: tidegate.v1\r\n", 23));
	assert_null(memmem(client->in, client->in_len, "token", 5));
	assert_null(memmem(client->in, client->in_len, token, 20));
}

static void test_one_too_many(void **state)
{
	struct rig *rig = *state;
	char token[TARGET_MAX];
	char lines[4 * TARGET_MAX];
	char target[TARGET_MAX];
	strcpy(token, token_of("a"));
	snprintf(lines, sizeof(lines), "Authorization: Bearer %s\r\nAuthorization: Bearer %s\r\n",
		token, token);
	expect_refused(rig, ask(rig, 0, "/", lines), 3000, "bad token", CLOSE_REASON_BAD_TOKEN);
	snprintf(lines, sizeof(lines),
		"Authorization: Bearer %s\r\nSec-WebSocket-Protocol: tidegate.token.%s, tidegate.v1\r\n",
		token, token);
	expect_refused(rig, ask(rig, 0, "/", lines), 3000, "bad token", CLOSE_REASON_BAD_TOKEN);
	rig->config.token_in_url = true;
	configure(rig);
	snprintf(target, sizeof(target), "/?token=%s", token);
	expect_refused(
		rig, ask_bearer(rig, 0, target, token), 3000, "bad token", CLOSE_REASON_BAD_TOKEN);
	expect_refused(rig, ask(rig, 0, "/?token=a&token=b", ""), 3000, "bad token",
		CLOSE_REASON_BAD_TOKEN);
	expect_refused(
		rig, ask(rig, 0, "/?token=%zz", ""), 3000, "bad token", CLOSE_REASON_BAD_TOKEN);
}

static void test_none_at_all(void **state)
{
	struct rig *rig = *state;
	static const char *const lines[] = {"", "Authorization: Bearer \r\n",
		"Authorization: Bearer\r\n", "Authorization: Basic YTpi\r\n",
		"Authorization: Bearerx y\r\n", "Sec-WebSocket-Protocol: tidegate.v1\r\n",
		"Sec-WebSocket-Protocol: tidegate.token.\r\n"};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		expect_refused(rig, ask(rig, 0, "/?user=a", lines[i]), 3000, "no token",
			CLOSE_REASON_NO_TOKEN);
	}
	assert_int_equal(rig_ends(rig, CLOSE_REASON_NO_TOKEN), sizeof(lines) / sizeof(lines[0]));
	assert_int_equal(COUNTED(rig, tokens_none), sizeof(lines) / sizeof(lines[0]));
	assert_int_equal(COUNTED(rig, logins), 0);
}

/* One with so many bytes that mean nothing. */
static const char *padded(size_t len)
{
	static char claims[8192];
	int at = snprintf(claims, sizeof(claims), "{\"sub\":\"a\",\"exp\":%lld,\"x\":\"",
		(long long)(clock_wall_ms() / 1000) + 600);
	memset(claims + at, 'x', len);
	strcpy(claims + at + len, "\"}");
	return rig_token(ours, ALGORITHM_HS256, claims);
}

static void test_a_long_one(void **state)
{
	struct rig *rig = *state;
	assert_in_range(strlen(padded(2950)), TOKEN_MAX - 100, TOKEN_MAX);
	expect_alive(rig, ask_bearer(rig, 0, "/", padded(2950)));
	assert_true(strlen(padded(3100)) > TOKEN_MAX);
	expect_refused(rig, ask_bearer(rig, 0, "/", padded(3100)), 3000, "bad token",
		CLOSE_REASON_BAD_TOKEN);
}

/* --- the verdict -------------------------------------------------------------------------------
 */

static void test_refusals(void **state)
{
	struct rig *rig = *state;
	char target[TARGET_MAX];
	char nbf[64];
	const long long now = (long long)(clock_wall_ms() / 1000);
	expect_refused(
		rig, ask_bearer(rig, 0, "/", "x.y.z"), 3000, "bad token", CLOSE_REASON_BAD_TOKEN);
	expect_refused(rig, ask_bearer(rig, 0, "/", sign(theirs, "a", 600, "")), 3000, "bad token",
		CLOSE_REASON_BAD_TOKEN);
	expect_refused(rig, ask_bearer(rig, 0, "/", sign(ours, "a", -40, "")), 3000, "expired",
		CLOSE_REASON_TOKEN_EXPIRED);
	snprintf(nbf, sizeof(nbf), ",\"nbf\":%lld", now + 60);
	expect_refused(rig, ask_bearer(rig, 0, "/", sign(ours, "a", 600, nbf)), 3000,
		"not yet valid", CLOSE_REASON_TOKEN_NOT_YET);
	/* Whoever has no token learns nothing of what else is wrong. */
	expect_refused(rig, ask(rig, 0, "/?user=%20", ""), 3000, "no token", CLOSE_REASON_NO_TOKEN);
	expect_refused(rig, ask_bearer(rig, 0, "/?user=%20", sign(theirs, "a", 600, "")), 3000,
		"bad token", CLOSE_REASON_BAD_TOKEN);
	/* And who has one does. */
	static const char *const targets[] = {
		"/?user=%20", "/?user=", "/?user=a&user=a", "/?device=%20", "/?device=a&device=a"};
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		expect_refused(rig, ask_bearer(rig, 0, targets[i], token_of("a")), 4000,
			"bad login", CLOSE_REASON_BAD_LOGIN);
	}
	snprintf(target, sizeof(target), "/?user=b");
	expect_refused(rig, ask_bearer(rig, 0, target, token_of("a")), 3000, "bad token",
		CLOSE_REASON_BAD_TOKEN);
	/* A token by its clock's leeway. */
	snprintf(nbf, sizeof(nbf), ",\"nbf\":%lld", now + 20);
	expect_alive(rig, ask_bearer(rig, 0, "/", sign(ours, "a", 600, nbf)));
	expect_alive(rig, ask_bearer(rig, 0, "/", sign(ours, "b", -20, "")));
	assert_int_equal(COUNTED(rig, tokens_expired), 1);
	assert_int_equal(COUNTED(rig, tokens_not_yet), 1);
	assert_int_equal(COUNTED(rig, logins), 2);
}

static void test_audience_and_issuer(void **state)
{
	struct rig *rig = *state;
	strcpy(rig->config.auth_audience, "chat");
	strcpy(rig->config.auth_issuer, "https://id.example.org/");
	configure(rig);
	expect_refused(rig, ask_bearer(rig, 0, "/", token_of("a")), 3000, "bad token",
		CLOSE_REASON_BAD_TOKEN);
	expect_alive(rig,
		ask_bearer(rig, 0, "/",
			sign(ours, "a", 600,
				",\"aud\":[\"x\",\"chat\"],\"iss\":\"https://id.example.org/\"")));
}

static void test_a_device_of_the_token(void **state)
{
	struct rig *rig = *state;
	char token[TARGET_MAX];
	struct user_device found[USER_SESSIONS_MAX];
	strcpy(token, sign(ours, "a", 600, ",\"device\":\"phone\""));
	expect_alive(rig, ask_bearer(rig, 0, "/", token));
	assert_int_equal(user_table_devices(rig->node.users, "a", 1, found), 1);
	assert_int_equal(found[0].len, 5);
	assert_memory_equal(found[0].name, "phone", 5);
	expect_alive(rig, ask_bearer(rig, 0, "/?device=phone", token));
	expect_refused(rig, ask_bearer(rig, 0, "/?device=desk", token), 3000, "bad token",
		CLOSE_REASON_BAD_TOKEN);
	expect_refused(rig, ask_bearer(rig, 0, "/?device=", token), 3000, "bad token",
		CLOSE_REASON_BAD_TOKEN);
	/* One that names none lets the request say. */
	expect_alive(rig, ask_bearer(rig, 0, "/?device=desk", token_of("a")));
	assert_int_equal(user_table_devices(rig->node.users, "a", 1, found), 2);
}

static void test_keys_that_change(void **state)
{
	struct rig *rig = *state;
	struct client *old = login_v1(rig, 0, "a", "");
	know(rig, theirs);
	expect_alive(rig, old);
	expect_refused(rig, ask_bearer(rig, 1, "/", token_of("b")), 3000, "bad token",
		CLOSE_REASON_BAD_TOKEN);
	expect_alive(rig, ask_bearer(rig, 1, "/", sign(theirs, "b", 600, "")));
	client_packet(old, PACKET_TOKEN, token_of("a"), (uint32_t)strlen(token_of("a")));
	rig_run(rig);
	assert_in_range(expect_session(old, PACKET_NOT_ALLOWED).seconds_left, 598, 600);
	expect_alive(rig, old);
}

/* --- rights ------------------------------------------------------------------------------------
 */

static void test_what_a_token_without_rights_allows(void **state)
{
	struct rig *rig = *state;
	struct client *a = login_v1(rig, 0, "a", "");
	struct client *b = login_v1(rig, 1, "b", "");
	struct client *classic = ask_bearer(rig, 1, "/", token_of("c"));
	v1_say(a, 1, "", "to all");
	rig_run(rig);
	v1_expect_answer(a, 1, PACKET_NOT_ALLOWED, 0);
	expect_nothing(b);
	expect_nothing(classic);
	v1_say(a, 2, "@b", "hi");
	rig_run(rig);
	v1_expect_answer(a, 2, PACKET_DONE, 1);
	v1_expect_message(b, "a", "@b", "hi");
	v1_join(rig, a, "room", 1);
	v1_join(rig, b, "room", 2);
	v1_say(a, 3, "#room", "hello");
	rig_run(rig);
	v1_expect_answer(a, 3, PACKET_DONE, 1);
	v1_expect_message(b, "a", "#room", "hello");
	client_text(classic, "to all");
	rig_run(rig);
	expect_close(classic, 1008, "not allowed");
	expect_nothing(a);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_NOT_ALLOWED), 1);
}

static void test_a_packet_102_takes_the_right_to_it(void **state)
{
	struct rig *rig = *state;
	struct client *may = login_v1(rig, 0, "may", ",\"tg\":{\"all\":true}");
	struct client *not = login_v1(rig, 1, "not", ",\"tg\":{}");
	client_packet(may, PACKET_TEXT, "x", 1);
	rig_run(rig);
	struct packet packet = expect_packet(not, PACKET_TEXT);
	assert_int_equal(packet.payload_len, strlen("x -- FROM may"));
	client_packet(not, PACKET_TEXT, "x", 1);
	client_text(not, "x");
	rig_run(rig);
	v1_expect_answer(not, 0, PACKET_NOT_ALLOWED, 0);
	v1_expect_answer(not, 0, PACKET_NOT_ALLOWED, 0);
	expect_nothing(may);
}

static void test_rights_of_a_token(void **state)
{
	struct rig *rig = *state;
	struct client *a = login_v1(rig, 0, "a",
		",\"tg\":{\"say\":[\"@bo*\",\"#team-*\"],\"join\":[\"team-*\",\"lobby\"]}");
	struct client *b = login_v1(rig, 1, "bob", "");
	v1_say(a, 1, "@bob", "hi");
	v1_say(a, 2, "@carol", "hi");
	v1_say(a, 3, "", "hi");
	v1_say(a, 4, "?", "hi");
	rig_run(rig);
	v1_expect_answer(a, 1, PACKET_DONE, 1);
	v1_expect_answer(a, 2, PACKET_NOT_ALLOWED, 0);
	v1_expect_answer(a, 3, PACKET_NOT_ALLOWED, 0);
	v1_expect_answer(a, 4, PACKET_BAD_NAME, 0);
	v1_expect_message(b, "a", "@bob", "hi");
	v1_join(rig, a, "team-1", 1);
	v1_join(rig, a, "lobby", 1);
	v1_ask_to_join(a, 5, 0, "other");
	v1_say(a, 6, "#team-1", "hi");
	v1_say(a, 7, "#lobby", "hi");
	v1_say(a, 8, "#team-2", "hi");
	rig_run(rig);
	v1_expect_answer(a, 5, PACKET_NOT_ALLOWED, 0);
	v1_expect_answer(a, 6, PACKET_NOBODY_THERE, 0);
	v1_expect_answer(a, 7, PACKET_NOT_ALLOWED, 0); /* in it, and may not speak there */
	v1_expect_answer(a, 8, PACKET_NOT_A_MEMBER, 0);
}

static void expect_reply(struct client *client, uint32_t id, uint8_t result)
{
	struct reply_packet reply;
	struct packet packet = expect_packet(client, PACKET_REPLY);
	assert_int_equal(reply_packet_decode(packet.payload, packet.payload_len, &reply), 0);
	assert_int_equal(reply.id, id);
	assert_int_equal(reply.result, result);
	assert_int_equal(reply.bytes.len, 0);
}

static void test_requests_go_nowhere_yet(void **state)
{
	struct rig *rig = *state;
	struct client *a = login_v1(rig, 0, "a", "");
	struct client *b = login_v1(rig, 0, "b", ",\"tg\":{\"all\":true}");
	client_packet(a, PACKET_REQUEST, "\0\0\0\5{}", 6);
	client_packet(a, PACKET_REQUEST, "\0\0\0\0", 4);
	client_packet(b, PACKET_REQUEST, "\0\0\0\6", 4);
	rig_run(rig);
	expect_reply(a, 5, PACKET_UNREACHABLE);
	expect_reply(a, 0, PACKET_UNREACHABLE);
	expect_reply(b, 6, PACKET_NOT_ALLOWED);
	client_packet(a, PACKET_REQUEST, "\0\0\0", 3);
	rig_run(rig);
	expect_close(a, 4002, "bad packet");
}

static void test_equal_rights_are_kept_once(void **state)
{
	struct rig *rig = *state;
	const char *more = ",\"tg\":{\"say\":[\"@*\"],\"join\":[\"*\"]}";
	struct client *a = login_v1(rig, 0, "a", more);
	struct client *b = login_v1(rig, 1, "b", more);
	struct conn_extra *extra = conn_extra_of(client_conn(rig, a));
	assert_ptr_equal(extra->rights, conn_extra_of(client_conn(rig, b))->rights);
	assert_int_equal(rights_table_count(rig->node.rights), 1);
	client_leave(a);
	client_leave(b);
	rig_run(rig);
	assert_int_equal(rights_table_count(rig->node.rights), 0);
}

/* --- refresh -----------------------------------------------------------------------------------
 */

static void refresh(struct rig *rig, struct client *client, const char *token)
{
	client_packet(client, PACKET_TOKEN, token, (uint32_t)strlen(token));
	rig_run(rig);
}

static void test_a_refresh_prolongs(void **state)
{
	struct rig *rig = *state;
	struct client *a = ask_v1(rig, 0, "/", sign(ours, "a", 10, ""));
	assert_in_range(expect_session(a, PACKET_DONE).seconds_left, 8, 10);
	refresh(rig, a, sign(ours, "a", 300, ""));
	assert_in_range(expect_session(a, PACKET_DONE).seconds_left, 298, 300);
	/* The old one ends. */
	rig_pass(rig, 60 * SECOND);
	rig_run(rig);
	expect_alive(rig, a);
	/* One that ends sooner counts too. */
	refresh(rig, a, sign(ours, "a", 5, ""));
	assert_in_range(expect_session(a, PACKET_DONE).seconds_left, 3, 5);
	rig_pass(rig, 36 * SECOND);
	rig_run(rig);
	expect_close(a, 3000, "expired");
	assert_int_equal(COUNTED(rig, refreshes_good), 2);
}

static void test_a_refresh_once_in_five_seconds(void **state)
{
	struct rig *rig = *state;
	struct client *a = login_v1(rig, 0, "a", "");
	refresh(rig, a, "rubbish");
	assert_in_range(expect_session(a, PACKET_NOT_ALLOWED).seconds_left, 598, 600);
	refresh(rig, a, token_of("a"));
	expect_session(a, PACKET_BUSY);
	rig_pass(rig, 4 * SECOND);
	rig_run(rig);
	refresh(rig, a, token_of("b"));
	expect_session(a, PACKET_BUSY); /* not even looked at */
	rig_pass(rig, 1 * SECOND);
	rig_run(rig);
	refresh(rig, a, token_of("a"));
	expect_session(a, PACKET_DONE);
	expect_nothing(a);
	assert_int_equal(COUNTED(rig, refreshes_bad), 1);
	assert_int_equal(COUNTED(rig, refreshes_too_soon), 2);
	assert_int_equal(COUNTED(rig, refreshes_good), 1);
}

static void test_bad_refreshes(void **state)
{
	struct rig *rig = *state;
	struct client *a = login_v1(rig, 0, "a", "");
	char tokens[3][TARGET_MAX];
	strcpy(tokens[0], sign(theirs, "a", 600, ""));
	strcpy(tokens[1], sign(ours, "a", -40, ""));
	tokens[2][0] = '\0';
	for (int i = 0; i < 3; i++) {
		refresh(rig, a, tokens[i]);
		expect_session(a, PACKET_NOT_ALLOWED);
		rig_pass(rig, 5 * SECOND);
		rig_run(rig);
	}
	expect_alive(rig, a);
	refresh(rig, a, token_of("b"));
	expect_refused(rig, a, 3000, "bad token", CLOSE_REASON_BAD_TOKEN);
	assert_int_equal(user_table_count(rig->node.users), 0);
}

static void test_a_refresh_for_another_device(void **state)
{
	struct rig *rig = *state;
	struct client *a = ask_v1(rig, 0, "/?device=phone", token_of("a"));
	expect_session(a, PACKET_DONE);
	refresh(rig, a, sign(ours, "a", 600, ",\"device\":\"phone\""));
	expect_session(a, PACKET_DONE);
	rig_pass(rig, 5 * SECOND);
	rig_run(rig);
	refresh(rig, a, sign(ours, "a", 600, ",\"device\":\"desk\""));
	expect_refused(rig, a, 3000, "bad token", CLOSE_REASON_BAD_TOKEN);
}

/* A backend's hand. */
static void put_in(struct rig *rig, struct client *client, const char *room)
{
	uint32_t users;
	struct conn *conn = client_conn(rig, client);
	struct sessions *sessions = &rig->workers[client->worker].sessions;
	conn_visit_begin(sessions->conns, conn);
	assert_int_equal(join_put_in(sessions, conn, slice_of(room), &users), PACKET_DONE);
	conn_visit_end(sessions->conns, conn);
	rig_run(rig);
}

static void test_rooms_that_are_not_allowed_any_more(void **state)
{
	struct rig *rig = *state;
	struct client *a = login_v1(
		rig, 0, "a", ",\"tg\":{\"join\":[\"one\",\"two\",\"three\"],\"say\":[\"#*\"]}");
	struct client *b = login_v1(rig, 1, "b", "");
	put_in(rig, a, "staff"); /* which its token does not name */
	expect_packet(a, PACKET_MEMBERS);
	v1_join(rig, a, "one", 1);
	v1_join(rig, a, "two", 1);
	v1_join(rig, a, "three", 1);
	v1_join_as(rig, b, JOIN_TELL_MEMBERS, "three", 2);
	refresh(rig, a, sign(ours, "a", 600, ",\"tg\":{\"join\":[\"two\"]}"));
	v1_expect_members(a, "three", 1, MEMBERS_TAKEN_OUT, "");
	v1_expect_members(a, "one", 0, MEMBERS_TAKEN_OUT, "");
	expect_session(a, PACKET_DONE);
	expect_nothing(a);
	v1_expect_members(b, "three", 1, MEMBERS_WENT, "a");
	v1_ask_to_join(a, 1, 0, "one");
	v1_ask_to_leave(a, 2, "two");
	v1_ask_to_leave(a, 3, "staff");
	v1_say(a, 4, "@b", "?");
	rig_run(rig);
	v1_expect_answer(a, 1, PACKET_NOT_ALLOWED, 0);
	v1_expect_answer(a, 2, PACKET_DONE, 0);
	v1_expect_answer(a, 3, PACKET_DONE, 0);
	v1_expect_answer(a, 4, PACKET_NOT_ALLOWED, 0);
}

/* Where nobody asks for tokens. */
static void test_a_refresh_of_nothing(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *classic = rig_login(rig, 0, "b");
	for (int i = 0; i < 2; i++) {
		refresh(rig, a, "whatever");
		assert_int_equal(expect_session(a, PACKET_DONE).seconds_left, SESSION_WITHOUT_END);
	}
	refresh(rig, classic, "whatever");
	expect_nothing(classic);
	assert_int_equal(COUNTED(rig, unknown_commands), 1);
	assert_null(conn_extra_of(client_conn(rig, a)));
}

static void test_a_classic_session_has_no_refresh(void **state)
{
	struct rig *rig = *state;
	struct client *a = ask_bearer(rig, 0, "/", sign(ours, "a", 1, ""));
	refresh(rig, a, token_of("a"));
	expect_alive(rig, a);
	rig_pass(rig, 33 * SECOND);
	rig_run(rig);
	expect_close(a, 3000, "expired");
}

/* --- the end -----------------------------------------------------------------------------------
 */

/* Only the monotonic clock moves here: whatever the wall's says, the end is where it was. */
static void test_a_session_ends_with_its_token(void **state)
{
	struct rig *rig = *state;
	struct client *a = ask_v1(rig, 0, "/", sign(ours, "a", 100, ""));
	expect_session(a, PACKET_DONE);
	for (int i = 0; i < 128; i++) {
		rig_pass(rig, 1 * SECOND);
		rig_run(rig);
		expect_nothing(a);
		if (i % 50 == 49) {
			expect_alive(rig, a);
		}
	}
	rig_pass(rig, 3 * SECOND);
	rig_run(rig);
	expect_refused(rig, a, 3000, "expired", CLOSE_REASON_TOKEN_EXPIRED);
	assert_int_equal(user_table_count(rig->node.users), 0);
}

static void test_an_end_in_the_leeway(void **state)
{
	struct rig *rig = *state;
	struct client *a = ask_v1(rig, 0, "/", sign(ours, "a", -20, ""));
	assert_int_equal(expect_session(a, PACKET_DONE).seconds_left, 1);
	rig_pass(rig, 7 * SECOND);
	rig_run(rig);
	expect_alive(rig, a);
	rig_pass(rig, 5 * SECOND);
	rig_run(rig);
	expect_close(a, 3000, "expired");
}

static void test_many_end_at_once(void **state)
{
	struct rig *rig = *state;
	enum {
		MANY = 300,
	};
	char user[16];
	struct client *clients[MANY];
	for (int i = 0; i < MANY; i++) {
		snprintf(user, sizeof(user), "user%d", i);
		clients[i] = ask_bearer(rig, (uint32_t)i % 2, "/", sign(ours, user, 10, ""));
	}
	rig_pass(rig, 60 * SECOND);
	rig_run(rig);
	for (int i = 0; i < MANY; i++) {
		expect_close(clients[i], 3000, "expired");
	}
	assert_int_equal(rig_ends(rig, CLOSE_REASON_TOKEN_EXPIRED), MANY);
}

static void test_a_token_for_ever(void **state)
{
	struct rig *rig = *state;
	char claims[128];
	snprintf(
		claims, sizeof(claims), "{\"sub\":\"a\",\"exp\":253402300799}"); /* the year 9999 */
	struct client *a = ask_v1(rig, 0, "/", rig_token(ours, ALGORITHM_HS256, claims));
	uint32_t left = expect_session(a, PACKET_DONE).seconds_left;
	assert_in_range(left, 300000000, 400000000);
	rig_pass(rig, 100 * SECOND);
	rig_run(rig);
	expect_alive(rig, a);
}

static void test_what_a_backend_is_shown(void **state)
{
	struct rig *rig = *state;
	struct client *a = ask_v1(rig, 0, "/", sign(ours, "a", 100, ""));
	struct conn *conn = client_conn(rig, a);
	const uint32_t now = rig->loops[0].now_tick;
	assert_in_range(session_token_left_ms(conn, now), 98000, 100250);
	assert_int_equal(session_token_left_ms(conn, now + 110 * SECOND), 0);
	struct conn without = {.flags = 0};
	assert_true(session_token_left_ms(&without, now) == UINT64_MAX);
}

/* Comes with a token; its request lies there when the worker's turn comes. */
static struct client *put_request(struct rig *rig, const char *token)
{
	char request[8192];
	struct client *client = rig_connect(rig, 0, 0, false);
	client_write(client, request,
		(size_t)snprintf(request, sizeof(request),
			"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n"
			"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer %s\r\n\r\n",
			token));
	return client;
}

/* As many users with a token each. */
static void ask_many(struct rig *rig, struct client **ret_clients, int count)
{
	char user[16];
	for (int i = 0; i < count; i++) {
		snprintf(user, sizeof(user), "user%d", i);
		ret_clients[i] = put_request(rig, token_of(user));
		/* What lies behind a request waits with it. */
		client_packet(ret_clients[i], PACKET_PING, NULL, 0);
	}
}

/* A turn's reading has no time for more than two of them: the others wait, and nobody who is in
 * waits for them. */
static void test_logins_that_wait(void **state)
{
	struct rig *rig = *state;
	enum {
		MANY = 200,
	};
	struct client *clients[MANY];
	struct client *in = ask_bearer(rig, 0, "/", token_of("in"));
	know_another(rig, ALGORITHM_ES256);
	rig->loops[0].look_us = 60;
	ask_many(rig, clients, MANY);
	client_packet(in, PACKET_PING, NULL, 0);
	for (int i = 0; i < 2 * MANY && client_pump(in) == false; i++) {
		rig_turn(rig, 0);
	}
	/* It has its answer before most have theirs. */
	assert_true(in->in_len > in->in_at);
	assert_in_range(rig->workers[0].sessions.waiting.count, MANY / 2, MANY);
	const size_t users = user_table_count(rig->node.users);
	assert_in_range(users, 2, MANY / 2);
	client_leave(clients[MANY - 1]);
	rig_run(rig);
	assert_int_equal(rig->workers[0].sessions.waiting.count, 0);
	assert_int_equal(user_table_count(rig->node.users), MANY);
	static const uint8_t pong[] = {0, PACKET_PONG, 0, 0, 0, 0};
	for (int i = 0; i < MANY - 1; i++) {
		assert_int_equal(client_status(clients[i]), 101);
		expect_frame(clients[i], FRAME_BINARY, pong, sizeof(pong));
		expect_nothing(clients[i]);
	}
}

static void expect_none_waits(struct rig *rig)
{
	enum {
		MANY = 200,
	};
	struct client *clients[MANY];
	ask_many(rig, clients, MANY);
	for (int i = 0; i < 10 * MANY && user_table_count(rig->node.users) < MANY; i++) {
		rig_turn(rig, 0);
		assert_int_equal(rig->workers[0].sessions.waiting.count, 0);
	}
	assert_int_equal(user_table_count(rig->node.users), MANY);
}

/* Of HS256 tokens are judged as they come, however many. */
static void test_logins_that_need_not_wait(void **state)
{
	struct rig *rig = *state;
	know_another(rig, ALGORITHM_ES256);
	rig->loops[0].look_us = 5;
	expect_none_waits(rig);
}

/* Where that is known before, however long the worker was interrupted. */
static void test_logins_by_secrets_never_wait(void **state)
{
	struct rig *rig = *state;
	know_another(rig, ALGORITHM_HS512);
	rig->loops[0].look_us = 60;
	expect_none_waits(rig);
}

/* Whose header is as long as that, and whose signature is nobody's. */
static const char *strange(size_t header_len)
{
	static char token[8192];
	char header[4096];
	const int at = snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"x\":\"");
	memset(header + at, 'x', header_len - (size_t)at - 2);
	strcpy(header + header_len - 2, "\"}");
	strcpy(token, rig_sign(theirs, ALGORITHM_HS256, header, "{}"));
	return token;
}

/* How many strangers are told no before the time of a turn's events is over, which it is at the
 * second look at the clock. */
static uint64_t strangers_of_a_turn(struct rig *rig, size_t header_len)
{
	const uint64_t before = COUNTED(rig, tokens_bad);
	for (int i = 0; i < 40; i++) {
		put_request(rig, strange(header_len));
	}
	rig->loops[0].look_us = 150;
	rig_events(rig, 0);
	const uint64_t refused = COUNTED(rig, tokens_bad) - before;
	rig->loops[0].look_us = 0;
	rig_run(rig);
	assert_int_equal(COUNTED(rig, tokens_bad) - before, 40);
	return refused;
}

/* What strangers bring is looked at for so long only, though secrets alone are known. */
static void test_long_tokens_of_strangers(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(strangers_of_a_turn(rig, 300), 2 * READER_VISITS);
	assert_int_equal(strangers_of_a_turn(rig, 900), 2);
	assert_int_equal(strangers_of_a_turn(rig, 2900), 2);
}

/* On a machine that was started a moment ago. */
static void test_what_is_left_of_the_leeway(void **state)
{
	const uint32_t leeway = TOKEN_LEEWAY_S * SECOND;
	struct conn_extra extra = {.ends_tick = leeway - 20};
	struct conn conn = {.flags = CONN_EXTRA, .extra = &extra};
	assert_int_equal(session_token_left_ms(&conn, 1), 0);
	extra.ends_tick = leeway + 1 + SECOND;
	assert_int_equal(session_token_left_ms(&conn, 1), 1000);
}

static void test_who_waits_in_a_ring(void **state)
{
	struct waiting waiting = {.count = 0};
	handle_t got;
	uint64_t put = 0;
	uint64_t taken = 0;
	assert_false(waiting_take(&waiting, &got));
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 7 * (round % 9); i++) {
			assert_int_equal(waiting_put(&waiting, ++put), 0);
		}
		for (int i = 0; i < 5 * (round % 7) && waiting.count > 0; i++) {
			assert_true(waiting_take(&waiting, &got));
			assert_int_equal(got, ++taken);
		}
	}
	while (waiting_take(&waiting, &got)) {
		assert_int_equal(got, ++taken);
	}
	assert_int_equal(taken, put);
	assert_true(waiting.capacity > 64);
	waiting_finish(&waiting);
	waiting_finish(&waiting);
}

static void test_an_extra_takes_the_rooms_along(void **state)
{
	const uint64_t rooms = 4711;
	struct conn conn = {.rooms = rooms};
	assert_null(conn_extra_of(&conn));
	assert_int_equal(conn_extra_make(&conn), 0);
	assert_int_equal(*conn_rooms(&conn), rooms);
	struct conn_extra *extra = conn_extra_of(&conn);
	assert_int_equal(conn_extra_make(&conn), 0);
	assert_ptr_equal(conn_extra_of(&conn), extra);
	conn_extra_free(&conn);
	assert_null(conn_extra_of(&conn));
	conn_extra_free(&conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_CASE_WITH(test_where_a_token_is_found, setup, teardown, 2),
		RIG_CASE_WITH(test_a_token_is_never_answered, setup, teardown, 1),
		RIG_CASE_WITH(test_one_too_many, setup, teardown, 1),
		RIG_CASE_WITH(test_none_at_all, setup, teardown, 1),
		RIG_CASE_WITH(test_a_long_one, setup, teardown, 1),
		RIG_CASE_WITH(test_refusals, setup, teardown, 1),
		RIG_CASE_WITH(test_audience_and_issuer, setup, teardown, 1),
		RIG_CASE_WITH(test_a_device_of_the_token, setup, teardown, 1),
		RIG_CASE_WITH(test_keys_that_change, setup, teardown, 2),
		RIG_CASE_WITH(test_what_a_token_without_rights_allows, setup, teardown, 2),
		RIG_CASE_WITH(test_a_packet_102_takes_the_right_to_it, setup, teardown, 2),
		RIG_CASE_WITH(test_rights_of_a_token, setup, teardown, 2),
		RIG_CASE_WITH(test_requests_go_nowhere_yet, setup, teardown, 1),
		RIG_CASE_WITH(test_equal_rights_are_kept_once, setup, teardown, 2),
		RIG_CASE_WITH(test_a_refresh_prolongs, setup, teardown, 1),
		RIG_CASE_WITH(test_a_refresh_once_in_five_seconds, setup, teardown, 1),
		RIG_CASE_WITH(test_bad_refreshes, setup, teardown, 1),
		RIG_CASE_WITH(test_a_refresh_for_another_device, setup, teardown, 1),
		RIG_CASE_WITH(test_rooms_that_are_not_allowed_any_more, setup, teardown, 2),
		RIG_CASE(test_a_refresh_of_nothing, 1),
		RIG_CASE_WITH(test_a_classic_session_has_no_refresh, setup, teardown, 1),
		RIG_CASE_WITH(test_a_session_ends_with_its_token, setup, teardown, 1),
		RIG_CASE_WITH(test_an_end_in_the_leeway, setup, teardown, 1),
		RIG_CASE_WITH(test_many_end_at_once, setup, teardown, 2),
		RIG_CASE_WITH(test_a_token_for_ever, setup, teardown, 1),
		RIG_CASE_WITH(test_what_a_backend_is_shown, setup, teardown, 1),
		RIG_CASE_WITH(test_logins_that_wait, setup, teardown, 1),
		RIG_CASE_WITH(test_logins_that_need_not_wait, setup, teardown, 1),
		RIG_CASE_WITH(test_logins_by_secrets_never_wait, setup, teardown, 1),
		RIG_CASE_WITH(test_long_tokens_of_strangers, setup, teardown, 1),
		cmocka_unit_test(test_what_is_left_of_the_leeway),
		cmocka_unit_test(test_who_waits_in_a_ring),
		cmocka_unit_test(test_an_extra_takes_the_rooms_along),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
