#include "../../server/cluster/link.h"
#include "../../server/node/requests.h"
#include "../../server/session/late.h"
#include "talk_rig.h"

enum {
	RIG_MAIL_REQUEST = 91,
	PARCELS_MAX = 600,
	REPLY_MAX = 1000,
};

/* What has gone over the line. */
struct sent {
	uint64_t ask;
	char headers[200];
	char data[64];
	size_t len;
};

/* The registrar's part, on a line that a test plays. */
struct asker {
	struct link link;
	int err; /* of the next send */
	struct sent sent[PARCELS_MAX];
	uint32_t count;
	struct mailbox *mailbox;
	struct requests *requests;
	uint64_t now_ms;
};

static struct asker asker;

static int send_parcel(struct link *link, const struct link_parcel *parcel)
{
	struct sent *sent = &asker.sent[asker.count];
	size_t at = 0;
	assert_ptr_equal(link, &asker.link);
	assert_int_equal(parcel->to, LINK_TO_UP);
	if (asker.err) {
		return asker.err;
	}
	assert_in_range(asker.count, 0, PARCELS_MAX - 1);
	asker.count++;
	*sent = (struct sent){.ask = parcel->ask, .len = parcel->len};
	for (size_t i = 0; i < parcel->header_count; i++) {
		at += (size_t)snprintf(sent->headers + at, sizeof(sent->headers) - at, "%s=%s;",
			parcel->headers[i].name, parcel->headers[i].value);
	}
	memcpy(sent->data, parcel->data, parcel->len < sizeof(sent->data) ? parcel->len : 0);
	return 0;
}

static const struct link_ops ops = {.send = send_parcel};

static int setup(void **state)
{
	assert_int_equal(rig_setup(state), 0);
	struct rig *rig = *state;
	asker = (struct asker){.link.ops = &ops, .now_ms = 5000};
	assert_int_equal(mailbox_create(&asker.mailbox), 0);
	const struct requests_setup setup = {
		.link = &asker.link,
		.outward = &rig->node.outward,
		.mailboxes = rig->node.fanout.mailboxes,
		.late_kind = SERVING_MAIL_LATE,
		.node = "gw-1",
		.reply_max = REPLY_MAX,
	};
	assert_int_equal(requests_create(&setup, &asker.requests), 0);
	rig->node.outward.request_kind = RIG_MAIL_REQUEST;
	rig->node.outward.mailbox = asker.mailbox;
	return 0;
}

/* Every account is back at zero. */
static int teardown(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(rig->node.outward.bytes, 0);
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		assert_int_equal(rig->workers[i].sessions.unanswered.count, 0);
	}
	requests_destroy(&asker.requests);
	assert_int_equal(rig->node.outward.requests, 0);
	mailbox_destroy(&asker.mailbox);
	return rig_teardown(state);
}

static void request(struct client *client, uint32_t id, const char *text)
{
	uint8_t payload[2000];
	const struct request_packet its = {.id = id, .bytes = slice_of(text)};
	client_packet(client, PACKET_REQUEST, payload,
		(uint32_t)(request_packet_write(payload, &its) - payload));
}

static void expect_reply(struct client *client, uint32_t id, uint8_t result, const char *text)
{
	struct reply_packet reply;
	struct packet packet = expect_packet(client, PACKET_REPLY);
	assert_int_equal(reply_packet_decode(packet.payload, packet.payload_len, &reply), 0);
	assert_int_equal(reply.id, id);
	assert_int_equal(reply.result, result);
	assert_slice(reply.bytes, text);
}

/* Lets the workers work, and the registrar take what they ask. */
static void run(struct rig *rig)
{
	struct mail *mail;
	rig_run(rig);
	while (mailbox_take(asker.mailbox, &mail) == MAILBOX_MAIL) {
		assert_int_equal(mail->kind, RIG_MAIL_REQUEST);
		requests_on_mail(asker.requests, mail, asker.now_ms);
	}
	rig_run(rig);
}

static void answer(struct rig *rig, uint64_t ask, const char *text)
{
	requests_on_answer(asker.requests, ask, false, slice_of(text));
	rig_run(rig);
}

static void test_a_backend_is_asked(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login_device(rig, 1, "alice", "phone");
	request(a, 7, "what?");
	run(rig);
	expect_nothing(a);
	assert_int_equal(asker.count, 1);
	assert_string_equal(asker.sent[0].data, "what?");
	assert_non_null(strstr(asker.sent[0].headers,
		"Tidegate-User=alice;Tidegate-Device=phone;Tidegate-Node=gw-1;Tidegate-Address="));
	answer(rig, asker.sent[0].ask, "that");
	expect_reply(a, 7, PACKET_DONE, "that");
	/* Another answer to it is one to nothing. */
	answer(rig, asker.sent[0].ask, "again");
	expect_nothing(a);
	request(a, 8, "");
	run(rig);
	assert_int_not_equal(asker.sent[1].ask, asker.sent[0].ask);
	answer(rig, asker.sent[0].ask, "of the old one");
	answer(rig, asker.sent[1].ask, "");
	expect_reply(a, 8, PACKET_DONE, "");
	expect_nothing(a);
}

static void test_without_an_id_refusals_are_told(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "alice");
	request(a, 0, "one");
	request(a, 0, "two");
	run(rig);
	answer(rig, asker.sent[0].ask, "done");
	expect_nothing(a);
	requests_on_answer(asker.requests, asker.sent[1].ask, true, SLICE(""));
	rig_run(rig);
	expect_reply(a, 0, PACKET_UNREACHABLE, "");
}

static void test_nobody_is_there(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "alice");
	request(a, 1, "one");
	run(rig);
	requests_on_answer(asker.requests, asker.sent[0].ask, true, SLICE(""));
	rig_run(rig);
	expect_reply(a, 1, PACKET_UNREACHABLE, "");
	asker.err = -ENOTCONN;
	request(a, 2, "two");
	run(rig);
	expect_reply(a, 2, PACKET_UNREACHABLE, "");
	asker.err = -ENOBUFS;
	request(a, 3, "three");
	run(rig);
	expect_reply(a, 3, PACKET_BUSY, "");
}

static void test_late_answers(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "alice");
	assert_int_equal(requests_turn(asker.requests, asker.now_ms), -1);
	request(a, 1, "one");
	run(rig);
	asker.now_ms += 400;
	request(a, 2, "two");
	run(rig);
	assert_int_equal(requests_turn(asker.requests, asker.now_ms), REQUESTS_MS - 400);
	asker.now_ms += REQUESTS_MS - 401;
	assert_int_equal(requests_turn(asker.requests, asker.now_ms), 1);
	rig_run(rig);
	expect_nothing(a);
	asker.now_ms++;
	assert_int_equal(requests_turn(asker.requests, asker.now_ms), 400);
	rig_run(rig);
	expect_reply(a, 1, PACKET_UNKNOWN, "");
	answer(rig, asker.sent[0].ask, "too late");
	answer(rig, asker.sent[1].ask, "in time");
	expect_reply(a, 2, PACKET_DONE, "in time");
	expect_nothing(a);
	assert_int_equal(requests_turn(asker.requests, asker.now_ms), -1);
}

static void test_so_many_of_a_session(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "alice");
	struct client *b = v1_login(rig, 0, "bob");
	for (uint32_t id = 1; id <= UNANSWERED_REQUESTS_MAX; id++) {
		request(a, id, "x");
	}
	request(a, 100, "one too many");
	request(b, 1, "mine");
	run(rig);
	expect_reply(a, 100, PACKET_BUSY, "");
	assert_int_equal(asker.count, UNANSWERED_REQUESTS_MAX + 1);
	answer(rig, asker.sent[3].ask, "y");
	expect_reply(a, 4, PACKET_DONE, "y");
	request(a, 101, "now");
	request(a, 102, "one too many");
	run(rig);
	expect_reply(a, 102, PACKET_BUSY, "");
	expect_nothing(a);
	for (uint32_t i = 0; i < asker.count; i++) {
		answer(rig, asker.sent[i].ask, "z");
	}
}

static void test_so_many_of_a_node(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "alice");
	rig->node.outward.requests = OUTWARD_REQUESTS_MAX - 1;
	request(a, 1, "the last");
	request(a, 2, "one too many");
	run(rig);
	expect_reply(a, 2, PACKET_BUSY, "");
	answer(rig, asker.sent[0].ask, "");
	expect_reply(a, 1, PACKET_DONE, "");
	assert_int_equal(rig->node.outward.requests, OUTWARD_REQUESTS_MAX - 1);
	rig->node.outward.requests = 0;
	rig->node.outward.bytes = OUTWARD_BYTES_MAX;
	request(a, 3, "no room");
	run(rig);
	expect_reply(a, 3, PACKET_BUSY, "");
	assert_int_equal(rig->node.outward.bytes, OUTWARD_BYTES_MAX);
	rig->node.outward.bytes = 0;
}

static void test_a_reply_that_is_too_large(void **state)
{
	static char large[REPLY_MAX + 2];
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "alice");
	memset(large, 'x', REPLY_MAX);
	request(a, 1, "one");
	request(a, 2, "two");
	run(rig);
	answer(rig, asker.sent[0].ask, large);
	expect_reply(a, 1, PACKET_DONE, large);
	large[REPLY_MAX] = 'x';
	answer(rig, asker.sent[1].ask, large);
	expect_reply(a, 2, PACKET_NOT_ALLOWED, "");
}

/* Who has gone is not answered, nor is who has come in his place. */
static void test_who_asked_has_gone(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "alice");
	request(a, 1, "one");
	run(rig);
	client_leave(a);
	rig_run(rig);
	rig_pass(rig, 1);
	rig_run(rig);
	struct client *again = v1_login(rig, 0, "alice");
	answer(rig, asker.sent[0].ask, "for whom?");
	expect_nothing(again);
}

static void test_answers_to_nothing(void **state)
{
	struct rig *rig = *state;
	answer(rig, 0, "x");
	answer(rig, UINT64_MAX, "x");
	answer(rig, UINT64_C(1) << 32, "x");
	struct client *a = v1_login(rig, 0, "alice");
	request(a, 1, "one");
	run(rig);
	for (unsigned bit = 0; bit < 64; bit++) {
		answer(rig, asker.sent[0].ask ^ UINT64_C(1) << bit, "x");
	}
	expect_nothing(a);
	answer(rig, asker.sent[0].ask, "");
	expect_reply(a, 1, PACKET_DONE, "");
}

/* Hundreds of sessions, in any order: each gets its own answers. */
static void test_many_at_once(void **state)
{
	enum {
		MANY = 200
	};
	struct rig *rig = *state;
	struct client *clients[MANY];
	char name[16];
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		clients[i] = v1_login(rig, i % rig->worker_count, name);
	}
	for (int round = 0; round < 3; round++) {
		asker.count = 0;
		for (uint32_t i = 0; i < MANY; i++) {
			snprintf(name, sizeof(name), "q%u", i);
			request(clients[i], i + 1, name);
		}
		run(rig);
		assert_int_equal(asker.count, MANY);
		for (uint32_t i = 0; i < MANY; i++) {
			const struct sent *sent = &asker.sent[(i * 7 + 3) % MANY];
			answer(rig, sent->ask, sent->data);
		}
		for (uint32_t i = 0; i < MANY; i++) {
			snprintf(name, sizeof(name), "q%u", i);
			expect_reply(clients[i], i + 1, PACKET_DONE, name);
		}
	}
}

static void test_without_a_cluster(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "alice");
	rig->node.outward.mailbox = NULL;
	request(a, 1, "one");
	rig_run(rig);
	expect_reply(a, 1, PACKET_UNREACHABLE, "");
}

/* Who has asked goes on in another process, where nobody knows of it: it is answered as one that is
 * late, at once, and the reply is for nobody. */
static void test_all_are_given_up(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	request(a, 1, "one");
	request(a, 2, "two");
	request(b, 3, "three");
	run(rig);
	assert_int_equal(asker.count, 3);
	requests_answer_unknown(asker.requests);
	rig_run(rig);
	expect_reply(a, 1, PACKET_UNKNOWN, "");
	expect_reply(a, 2, PACKET_UNKNOWN, "");
	expect_reply(b, 3, PACKET_UNKNOWN, "");
	assert_int_equal(rig->node.outward.requests, 0);
	answer(rig, asker.sent[0].ask, "too late");
	expect_nothing(a);
	requests_answer_unknown(asker.requests); /* fine with none */
	request(a, 4, "four");
	run(rig);
	answer(rig, asker.sent[3].ask, "as ever");
	expect_reply(a, 4, PACKET_DONE, "as ever");
}

int main(void)
{
#define TEST(function) RIG_CASE_WITH(function, setup, teardown, 2)
	const struct CMUnitTest tests[] = {
		TEST(test_a_backend_is_asked),
		TEST(test_without_an_id_refusals_are_told),
		TEST(test_nobody_is_there),
		TEST(test_late_answers),
		TEST(test_so_many_of_a_session),
		TEST(test_so_many_of_a_node),
		TEST(test_a_reply_that_is_too_large),
		TEST(test_who_asked_has_gone),
		TEST(test_answers_to_nothing),
		TEST(test_many_at_once),
		TEST(test_without_a_cluster),
		TEST(test_all_are_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
