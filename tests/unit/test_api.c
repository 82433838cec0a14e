/* What backends, nodes and sessions ask of a node, with workers of its own, and other nodes that a
 * test plays: cluster.c is not in this program. */
#include <jansson.h>

#include "../../server/cluster/link.h"
#include "../../server/cluster/link_message.h"
#include "../../server/fanout/elsewhere.h"
#include "../../server/node/api.h"
#include "../../server/node/requests.h"
#include "../../server/session/late.h"
#include "talk_rig.h"

enum {
	RIG_MAIL_API = 80,
	TEXT_MAX = 100000,
};

/* --- the other nodes ---------------------------------------------------------------------------
 */

/* What is asked of them, and what they have been answered.
 * Owner: the test. */
struct others {
	struct cluster_call *call; /* under way */
	struct cluster_target target;
	uint8_t op;
	char body[TEXT_MAX];
	int err; /* of the next ask */
	uint32_t asks;
	uint64_t answered; /* the ask that was answered last */
	uint16_t node;
	uint8_t result;
	char answer[TEXT_MAX];
	uint32_t room_users;
};

static struct others others;

int cluster_ask(struct cluster *cluster, const struct cluster_target *target, uint8_t op,
	struct slice body, uint64_t timeout_ms, struct cluster_call *call)
{
	assert_int_equal(timeout_ms, API_ASK_MS);
	if (others.err) {
		return others.err;
	}
	assert_null(others.call);
	others.call = call;
	others.target = *target;
	others.op = op;
	others.asks++;
	snprintf(others.body, sizeof(others.body), "%.*s", (int)body.len, body.data);
	return 0;
}

void cluster_forget(struct cluster *cluster, struct cluster_call *call)
{
	if (others.call == call) {
		others.call = NULL;
	}
}

void cluster_answer(struct cluster *cluster, uint16_t node, uint64_t ask, uint8_t result,
	uint32_t count, struct slice body)
{
	others.node = node;
	others.answered = ask;
	others.result = result;
	snprintf(others.answer, sizeof(others.answer), "%.*s", (int)body.len, body.data);
}

static void other_says(const char *node, uint8_t result, const char *body)
{
	assert_non_null(others.call);
	others.call->answered(others.call, slice_of(node), result, 0, slice_of(body));
}

static void others_are_done(void)
{
	struct cluster_call *call = others.call;
	assert_non_null(call);
	others.call = NULL;
	call->done(call);
}

static uint32_t room_users_elsewhere(const void *directory, uint32_t hash)
{
	return others.room_users;
}

static bool has_user_elsewhere(const void *directory, uint32_t hash)
{
	return false;
}

static bool is_watched_elsewhere(const void *directory, uint32_t hash)
{
	return false;
}

/* --- the backend -------------------------------------------------------------------------------
 */

/* Owner: the test. */
struct backend {
	struct link link;
	struct mailbox *mailbox; /* the registrar's */
	struct api *api;
	struct elsewhere elsewhere;
	uint32_t replies;
	uint32_t unanswered; /* sessions of worker 0 that wait at the end */
	char reply[TEXT_MAX];
};

static struct backend backend;

static int send_parcel(struct link *link, const struct link_parcel *parcel)
{
	assert_int_equal(parcel->to, LINK_TO_REPLY);
	assert_string_equal(parcel->name, "inbox.1");
	backend.replies++;
	snprintf(backend.reply, sizeof(backend.reply), "%.*s", (int)parcel->len,
		(const char *)parcel->data);
	return 0;
}

static const struct link_ops ops = {.send = send_parcel};

static int setup(void **state)
{
	assert_int_equal(rig_setup(state), 0);
	struct rig *rig = *state;
	memset(&others, 0, sizeof(others));
	memset(&backend, 0, sizeof(backend));
	backend.link.ops = &ops;
	backend.elsewhere = (struct elsewhere){
		.nodes = 1,
		.has_user = has_user_elsewhere,
		.room_users = room_users_elsewhere,
		.room_is_watched = is_watched_elsewhere,
	};
	rig->node.fanout.elsewhere = &backend.elsewhere;
	assert_int_equal(mailbox_create(&backend.mailbox), 0);
	const struct api_setup setup = {
		.node = &rig->node,
		.link = &backend.link,
		.mailbox = backend.mailbox,
		.mail_kind = RIG_MAIL_API,
		.name = "gw-1",
	};
	assert_int_equal(api_create(&setup, &rig->config, &backend.api), 0);
	api_set_time(backend.api, 100000);
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	assert_false(api_is_busy(backend.api));
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		assert_int_equal(
			rig->workers[i].sessions.unanswered.count, i == 0 ? backend.unanswered : 0);
	}
	api_destroy(&backend.api);
	mailbox_destroy(&backend.mailbox);
	return rig_teardown(state);
}

/* Lets workers and registrar work until nobody has anything to do. */
static void run(struct rig *rig)
{
	struct mail *mail;
	bool busy = true;
	while (busy) {
		busy = false;
		rig_run(rig);
		while (mailbox_take(backend.mailbox, &mail) == MAILBOX_MAIL) {
			api_on_mail(backend.api, mail);
			busy = true;
		}
	}
}

static void ask(struct rig *rig, const char *name, const char *body)
{
	struct link_message *message;
	assert_int_equal(link_message_create(LINK_REQUEST, name, "inbox.1", body, strlen(body),
				 NULL, 0, &message),
		0);
	api_on_message(backend.api, message);
	link_message_free(&message);
	run(rig);
}

static json_t *reply(void)
{
	json_t *json = json_loads(backend.reply, 0, NULL);
	assert_non_null(json);
	return json;
}

static void expect_reply(uint32_t replies, const char *wanted)
{
	json_t *is = reply();
	json_t *should_be = json_loads(wanted, 0, NULL);
	assert_non_null(should_be);
	assert_int_equal(backend.replies, replies);
	if (!json_equal(is, should_be)) {
		fail_msg("%s, not %s", backend.reply, wanted);
	}
	json_decref(is);
	json_decref(should_be);
}

static void expect_problem(uint32_t replies, const char *type, int status)
{
	json_t *is = reply();
	const char *its = json_string_value(json_object_get(is, "type"));
	assert_int_equal(backend.replies, replies);
	assert_non_null(its);
	if (strcmp(its + strlen("/problems/"), type) != 0) {
		fail_msg("%s, not %s", backend.reply, type);
	}
	assert_int_equal(json_integer_value(json_object_get(is, "status")), status);
	json_decref(is);
}

/* --- pushes ------------------------------------------------------------------------------------
 */

static void test_a_push_to_a_user_here_and_there(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 1, "alice");
	ask(rig, "push", "{\"user\":\"alice\",\"text\":\"hi\"}");
	expect_text(a, "hi");
	assert_int_equal(backend.replies, 0);
	assert_int_equal(others.op, API_PUSH);
	assert_int_equal(others.target.aim, CLUSTER_TO_USER);
	assert_int_equal(others.target.key, user_table_hash64(rig->node.users, "alice", 5));
	assert_string_equal(others.body, "{\"user\":\"alice\",\"text\":\"hi\"}");
	other_says("gw-2", CLUSTER_DONE, "{\"result\":\"queued\",\"sessions\":2,\"overflowed\":1}");
	assert_int_equal(backend.replies, 0);
	others_are_done();
	expect_reply(1, "{\"result\":\"queued\",\"sessions\":3,\"overflowed\":1}");
}

static void test_nobody_has_him(void **state)
{
	struct rig *rig = *state;
	ask(rig, "push", "{\"user\":\"alice\",\"text\":\"hi\"}");
	others_are_done();
	expect_problem(1, "offline", 404);
	ask(rig, "push", "{\"user\":\"alice\",\"text\":\"hi\"}");
	other_says("gw-2", CLUSTER_UNREACHABLE, "");
	others_are_done();
	expect_problem(2, "unreachable", 503);
	assert_non_null(strstr(backend.reply, "\"missing\":[\"gw-2\"]"));
	ask(rig, "push", "{\"user\":\"alice\",\"text\":\"hi\"}");
	other_says("gw-2", CLUSTER_UNKNOWN, "");
	others_are_done();
	expect_problem(3, "unknown", 504);
	/* What is no answer is none. */
	ask(rig, "push", "{\"user\":\"alice\",\"text\":\"hi\"}");
	other_says("gw-2", CLUSTER_DONE, "{\"sess");
	other_says("gw-3", CLUSTER_DONE, "[]");
	others_are_done();
	expect_problem(4, "unknown", 504);
}

static void test_a_partial_answer_names_who_is_missing(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "alice");
	ask(rig, "push", "{\"user\":\"alice\",\"text\":\"hi\"}");
	expect_text(a, "hi");
	other_says("gw-2", CLUSTER_UNKNOWN, "");
	others_are_done();
	expect_reply(1, "{\"result\":\"queued\",\"sessions\":1,\"overflowed\":0,"
			"\"missing\":[\"gw-2\"]}");
	assert_int_equal(api_stats(backend.api)->partial, 1);
}

/* A retry is no double, and is answered as the first time; another user's is another one. */
static void test_a_retry_is_no_double(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "alice");
	struct client *b = v1_login(rig, 1, "bob");
	for (uint32_t i = 1; i <= 3; i++) {
		ask(rig, "push",
			"{\"user\":\"alice\",\"text\":\"hi\",\"from\":\"bob\",\"id\":\"1\"}");
		others_are_done();
		expect_reply(i, "{\"result\":\"queued\",\"sessions\":1,\"overflowed\":0}");
	}
	v1_expect_message(a, "bob", "@alice", "hi");
	expect_nothing(a);
	ask(rig, "push", "{\"user\":\"bob\",\"text\":\"hi\",\"from\":\"bob\",\"id\":\"1\"}");
	others_are_done();
	v1_expect_message(b, "bob", "@bob", "hi");
	v1_join_as(rig, a, 0, "team", 1);
	for (uint32_t i = 5; i <= 6; i++) {
		ask(rig, "push", "{\"room\":\"team\",\"text\":\"to all\",\"id\":\"1\"}");
		others_are_done();
		expect_reply(i, "{\"result\":\"queued\",\"sessions\":1,\"users\":1}");
	}
	v1_expect_message(a, "", "#team", "to all");
	for (uint32_t i = 7; i <= 8; i++) {
		ask(rig, "push", "{\"all\":true,\"text\":\"to all\",\"id\":\"1\"}");
		others_are_done();
		expect_reply(i, "{\"result\":\"queued\",\"receivers\":2}");
	}
	expect_text(a, "to all");
	expect_text(b, "to all");
	expect_nothing(a);
	expect_nothing(b);
	/* What was not done may be tried again. */
	ask(rig, "push", "{\"user\":\"carl\",\"text\":\"hi\",\"id\":\"9\"}");
	others_are_done();
	expect_problem(9, "offline", 404);
	struct client *c = rig_login(rig, 0, "carl");
	ask(rig, "push", "{\"user\":\"carl\",\"text\":\"hi\",\"id\":\"9\"}");
	others_are_done();
	expect_text(c, "hi");
	/* A minute later, and one more, nothing is remembered. */
	api_set_time(backend.api, 100000 + 121000);
	ask(rig, "push", "{\"user\":\"carl\",\"text\":\"hi\",\"id\":\"9\"}");
	others_are_done();
	expect_text(c, "hi");
}

static void test_a_room_of_all_nodes(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "alice");
	v1_join_as(rig, a, 0, "team", 1);
	ask(rig, "push", "{\"room\":\"team\",\"text\":\"hi\",\"from\":\"ci\"}");
	v1_expect_message(a, "ci", "#team", "hi");
	assert_int_equal(others.target.aim, CLUSTER_TO_ROOM);
	assert_int_equal(others.target.key, rooms_hash64(rig->node.fanout.rooms, SLICE("team")));
	other_says("gw-2", CLUSTER_DONE, "{\"result\":\"queued\",\"users\":4,\"sessions\":5}");
	other_says("gw-3", CLUSTER_DONE, "{\"problem\":\"no-room\",\"detail\":\"gone\"}");
	others_are_done();
	expect_reply(1, "{\"result\":\"queued\",\"users\":5,\"sessions\":6}");
}

/* --- the others --------------------------------------------------------------------------------
 */

static void test_a_kick(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "alice");
	ask(rig, "kick", "{\"user\":\"alice\",\"code\":1008,\"reason\":\"banned\"}");
	expect_close(a, 1008, "banned");
	other_says("gw-2", CLUSTER_DONE, "{\"sessions\":1}");
	others_are_done();
	expect_reply(1, "{\"sessions\":2}");
	struct client *b = rig_login(rig, 0, "bob");
	ask(rig, "kick", "{\"user\":\"bob\"}");
	expect_close(b, 4003, "disconnected");
	others_are_done();
	expect_reply(2, "{\"sessions\":1}");
}

static void test_where(void **state)
{
	struct rig *rig = *state;
	v1_login_device(rig, 1, "alice", "phone");
	ask(rig, "where", "{\"user\":\"alice\"}");
	other_says("gw-2", CLUSTER_DONE,
		"{\"user\":\"alice\",\"sessions\":[{\"device\":\"desk\",\"node\":\"gw-2\"}]}");
	others_are_done();
	json_t *its = reply();
	json_t *sessions = json_object_get(its, "sessions");
	assert_int_equal(json_array_size(sessions), 2);
	assert_string_equal(json_string_value(json_object_get(its, "user")), "alice");
	json_t *first = json_array_get(sessions, 0);
	assert_string_equal(json_string_value(json_object_get(first, "node")), "gw-1");
	assert_string_equal(json_string_value(json_object_get(first, "device")), "phone");
	json_decref(its);
}

static void test_rooms(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "alice");
	others.room_users = 3;
	ask(rig, "rooms.join", "{\"user\":\"alice\",\"room\":\"team\"}");
	others_are_done();
	v1_expect_members(a, "team", 4, MEMBERS_CAME, "alice");
	expect_reply(1, "{\"sessions\":1,\"refused\":0,\"users\":4}");
	ask(rig, "rooms.list", "{\"room\":\"team\",\"limit\":2}");
	other_says("gw-2", CLUSTER_DONE,
		"{\"room\":\"team\",\"users\":3,\"sessions\":3,\"members\":[\"bob\",\"aa\"],"
		"\"more\":1}");
	others_are_done();
	expect_reply(2, "{\"room\":\"team\",\"users\":4,\"sessions\":4,\"members\":[\"aa\","
			"\"alice\"],\"after\":\"alice\"}");
	ask(rig, "rooms.list", "{}");
	assert_int_equal(others.target.aim, CLUSTER_TO_ALL);
	other_says("gw-2", CLUSTER_DONE,
		"{\"rooms\":[{\"room\":\"a\",\"users\":1,\"sessions\":1},"
		"{\"room\":\"team\",\"users\":3,\"sessions\":4}],\"more\":0}");
	others_are_done();
	expect_reply(3, "{\"rooms\":[{\"room\":\"a\",\"users\":1,\"sessions\":1},"
			"{\"room\":\"team\",\"users\":4,\"sessions\":5}],\"after\":null}");
	ask(rig, "rooms.leave", "{\"user\":\"alice\",\"room\":\"team\"}");
	others_are_done();
	v1_expect_members(a, "team", 3, MEMBERS_TAKEN_OUT, "");
	expect_reply(4, "{\"sessions\":1,\"refused\":0,\"users\":3}");
}

static void test_bad_requests(void **state)
{
	struct rig *rig = *state;
	ask(rig, "nonsense", "{}");
	expect_problem(1, "not-found", 404);
	ask(rig, "push", "{\"user\":\"a\"}");
	expect_problem(2, "bad-body", 400);
	ask(rig, "push", "\xff\xfe");
	expect_problem(3, "bad-body", 400);
	ask(rig, "kick", "");
	expect_problem(4, "bad-body", 400);
	others.err = -EBUSY;
	ask(rig, "where", "{\"user\":\"alice\"}");
	expect_problem(5, "busy", 503);
	assert_int_equal(others.asks, 0);
	assert_int_equal(api_stats(backend.api)->refused, 5);
}

/* --- by another node ---------------------------------------------------------------------------
 */

static void call(struct rig *rig, uint8_t op, const char *body)
{
	others.answered = 0;
	api_on_call(backend.api, 3, 77, op, slice_of(body));
	run(rig);
	assert_int_equal(others.answered, 77);
	assert_int_equal(others.node, 3);
}

static void test_another_node_asks(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 1, "alice");
	call(rig, API_PUSH, "{\"user\":\"alice\",\"text\":\"hi\",\"id\":\"1\"}");
	expect_text(a, "hi");
	assert_int_equal(others.result, CLUSTER_DONE);
	assert_string_equal(
		others.answer, "{\"result\":\"queued\",\"sessions\":1,\"overflowed\":0}");
	call(rig, API_PUSH, "{\"user\":\"alice\",\"text\":\"hi\",\"id\":\"1\"}");
	expect_nothing(a);
	call(rig, API_KICK, "{\"user\":\"bob\"}");
	assert_non_null(strstr(others.answer, "\"problem\":\"offline\""));
	call(rig, 99, "{}");
	assert_non_null(strstr(others.answer, "\"problem\":\"bad-body\""));
	call(rig, API_PUSH, "{");
	assert_non_null(strstr(others.answer, "\"problem\":\"bad-body\""));
	/* It is asked by one that asks the others itself. */
	assert_int_equal(others.asks, 0);
	assert_int_equal(backend.replies, 0);
}

/* --- by a session ------------------------------------------------------------------------------
 */

static void expect_page(
	struct client *client, uint32_t id, uint8_t result, bool is_last, const char *names)
{
	static struct slice users[PAGE_USERS_MAX];
	struct page_packet page;
	char text[1000] = "";
	struct packet packet = expect_packet(client, PACKET_PAGE);
	assert_int_equal(page_packet_decode(packet.payload, packet.payload_len, &page, users), 0);
	assert_int_equal(page.id, id);
	assert_int_equal(page.result, result);
	assert_int_equal(page.is_last, is_last);
	for (uint32_t i = 0; i < page.count; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s ",
			(int)users[i].len, users[i].data);
	}
	assert_string_equal(text, names);
}

static void test_a_list_of_all_nodes(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "alice");
	v1_join_as(rig, a, 0, "team", 1);
	others.room_users = 2;
	v1_list(a, 5, "team", "");
	run(rig);
	expect_nothing(a);
	assert_string_equal(others.body, "{\"room\":\"team\",\"after\":\"\",\"limit\":256}");
	other_says("gw-2", CLUSTER_DONE,
		"{\"room\":\"team\",\"members\":[\"zoe\",\"bob\",\"alice\",7],\"more\":0}");
	others_are_done();
	run(rig);
	expect_page(a, 5, PACKET_DONE, true, "alice bob zoe ");
	/* What is known is told, and that it is not all. */
	v1_list(a, 6, "team", "");
	run(rig);
	other_says("gw-2", CLUSTER_UNREACHABLE, "");
	others_are_done();
	run(rig);
	expect_page(a, 6, PACKET_UNREACHABLE, true, "alice ");
	v1_list(a, 7, "team", "b\xff");
	run(rig);
	assert_string_equal(others.body, "{\"room\":\"team\",\"after\":\"b\",\"limit\":256}");
	other_says("gw-2", CLUSTER_DONE, "{\"members\":[\"bob\",\"zoe\"],\"more\":0}");
	others_are_done();
	run(rig);
	expect_page(a, 7, PACKET_DONE, true, "zoe ");
	/* Nobody elsewhere: answered at once, and who is no member is none. */
	others.room_users = 0;
	v1_list(a, 8, "team", "");
	v1_list(a, 9, "other", "");
	rig_run(rig);
	expect_page(a, 8, PACKET_DONE, true, "alice ");
	expect_page(a, 9, PACKET_NOT_A_MEMBER, true, "");
	assert_int_equal(others.asks, 3);
}

/* --- by the admin port -------------------------------------------------------------------------
 */

static void test_the_admin_port_asks(void **state)
{
	enum {
		RIG_MAIL_BACK = 70
	};
	struct rig *rig = *state;
	struct mailbox *back;
	struct mail *mail;
	assert_int_equal(mailbox_create(&back), 0);
	struct api_ask its = {
		.mail.kind = rig->node.outward.ask_kind,
		.back = back,
		.back_kind = RIG_MAIL_BACK,
		.op = API_KICK,
		.aim = API_USER,
		.to = SLICE("alice"),
		.body = SLICE("{\"user\":\"alice\"}"),
	};
	mailbox_post(rig->node.outward.mailbox, &its.mail);
	run(rig);
	other_says("gw-2", CLUSTER_DONE, "{\"sessions\":1}");
	others_are_done();
	assert_int_equal(mailbox_take(back, &mail), MAILBOX_MAIL);
	assert_int_equal(mail->kind, RIG_MAIL_BACK);
	assert_ptr_equal(api_ask_of(mail), &its);
	assert_int_equal(json_integer_value(json_object_get(its.outcome.sum, "sessions")), 1);
	outcome_finish(&its.outcome);
	others.err = -EBUSY;
	its.mail.kind = rig->node.outward.ask_kind;
	mailbox_post(rig->node.outward.mailbox, &its.mail);
	run(rig);
	assert_int_equal(mailbox_take(back, &mail), MAILBOX_MAIL);
	assert_non_null(its.outcome.fault);
	outcome_finish(&its.outcome);
	mailbox_destroy(&back);
}

/* --- limits and ends ---------------------------------------------------------------------------
 */

static void test_what_is_under_way_at_the_end(void **state)
{
	struct rig *rig = *state;
	rig_login(rig, 0, "alice");
	ask(rig, "where", "{\"user\":\"alice\"}");
	assert_non_null(others.call);
	assert_int_equal(backend.replies, 0);
	others.call = NULL;
	struct client *b = v1_login(rig, 0, "bob");
	v1_join_as(rig, b, 0, "team", 1);
	others.room_users = 2;
	v1_list(b, 5, "team", "");
	run(rig);
	assert_non_null(others.call);
	backend.unanswered = 1;
	/* api_destroy forgets both. */
}

int main(void)
{
#define TEST(function) RIG_CASE_WITH(function, setup, teardown, 2)
	const struct CMUnitTest tests[] = {
		TEST(test_a_push_to_a_user_here_and_there),
		TEST(test_nobody_has_him),
		TEST(test_a_partial_answer_names_who_is_missing),
		TEST(test_a_retry_is_no_double),
		TEST(test_a_room_of_all_nodes),
		TEST(test_a_kick),
		TEST(test_where),
		TEST(test_rooms),
		TEST(test_bad_requests),
		TEST(test_another_node_asks),
		TEST(test_a_list_of_all_nodes),
		TEST(test_the_admin_port_asks),
		TEST(test_what_is_under_way_at_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
