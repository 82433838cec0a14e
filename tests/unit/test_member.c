/* A node's part in a cluster, on a line that the test plays. */
#include <sodium.h>

#include "../../server/cluster/cluster.h"
#include "../../server/cluster/link_message.h"
#include "../../server/cluster/link_nats.h"
#include "../../server/fanout/elsewhere.h"
#include "../../server/node/member_pack.h"
#include "../../server/node/registrar_mail.h"
#include "../../server/node/requests.h"
#include "talk_rig.h"

enum {
	WALL_MS = 1700000000,
};

/* The line, and what went over it. */
static struct line {
	struct link link;
	uint32_t sent[8]; /* by enum link_to */
	uint64_t ask;     /* of what was sent to a backend last */
	uint64_t taken;
	uint64_t asked; /* of link_settle */
	bool serves;
	bool has_stopped;
	bool is_destroyed;
} line;

struct place {
	struct rig *rig;
	struct mailbox *mailbox;
	struct elsewhere elsewhere;
	struct cluster_key key;
	struct event_rules rules;
	struct member *member;
	uint64_t wall_ms;
	bool is_resting;
};

/* --- the line ----------------------------------------------------------------------------------
 */

static int send_parcel(struct link *link, const struct link_parcel *parcel)
{
	assert_false(line.has_stopped);
	line.sent[parcel->to]++;
	line.ask = parcel->to == LINK_TO_UP ? parcel->ask : line.ask;
	line.taken++;
	return 0;
}

static void serve(struct link *link, bool serves)
{
	line.serves = serves;
}

static void look(struct link *link, struct link_status *ret_status)
{
	*ret_status = (struct link_status){
		.is_up = true, .ups = 1, .server = "nats://here", .taken = line.taken};
}

static int settle(struct link *link, uint64_t ask)
{
	line.asked = ask;
	return 0;
}

static void count_on(struct link *link, const struct link_status *before)
{
}

static void stop(struct link *link)
{
	line.has_stopped = true;
}

static void destroy(struct link *link)
{
	assert_true(line.has_stopped);
	line.is_destroyed = true;
}

static const struct link_ops ops = {
	.send = send_parcel,
	.serve = serve,
	.look = look,
	.settle = settle,
	.count_on = count_on,
	.stop = stop,
	.destroy = destroy,
};

int __wrap_link_nats_create(
	const struct link_nats_setup *setup, char ret_why[LINK_TEXT_MAX], struct link **ret_link);

int __wrap_link_nats_create(
	const struct link_nats_setup *setup, char ret_why[LINK_TEXT_MAX], struct link **ret_link)
{
	assert_string_equal(setup->id, "gw-1");
	assert_true(setup->payload_needed > 65536);
	line = (struct line){.link.ops = &ops};
	*ret_link = &line.link;
	return 0;
}

/* --- the node ----------------------------------------------------------------------------------
 */

static void on_end(void *context, const char *why)
{
	fail_msg("%s", why);
}

static void make_member_of(struct place *place, const char *takes_over_from)
{
	struct node *node = &place->rig->node;
	char why[CONFIG_ERROR_MAX];
	strcpy(place->rig->config.id, "gw-1");
	const struct member_setup setup = {
		.node = node,
		.config = &place->rig->config,
		.key = &place->key,
		.address = "",
		.incarnation = {.wall_ms = place->wall_ms, .random = 7},
		.mailbox = place->mailbox,
		.loop = &place->rig->loops[0],
		.rules = &place->rules,
		.takes_over_from = takes_over_from,
		.end = on_end,
	};
	assert_int_equal(member_create(&setup, &place->member, why), 0);
}

static void make_member(struct place *place)
{
	make_member_of(place, NULL);
}

static int setup(void **state)
{
	static struct place place;
	rig_setup(state);
	place = (struct place){.rig = *state, .wall_ms = (uint64_t)WALL_MS * 1000};
	struct node *node = &place.rig->node;
	static const uint8_t secret[CLUSTER_KEY_LEN] = {1, 2, 3};
	cluster_key_derive(secret, &place.key);
	assert_int_equal(mailbox_create(&place.mailbox), 0);
	place.elsewhere.mailbox = place.mailbox;
	place.elsewhere.batch_kind = REGISTRAR_MAIL_BATCH;
	place.elsewhere.say_kind = REGISTRAR_MAIL_SAY;
	place.elsewhere.egress_limit = 1 << 20;
	node->fanout.elsewhere = &place.elsewhere;
	node->presence.mailbox = place.mailbox;
	node->presence.kind = REGISTRAR_MAIL_PRESENCE;
	node->presence.room_kind = REGISTRAR_MAIL_ROOM;
	node->presence.wants_rooms = true;
	assert_int_equal(event_rules_init(&place.rules, &node->budget, node->users, NULL, NULL), 0);
	make_member(&place);
	*state = &place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	struct mail *mail;
	void *rig = place->rig;
	member_leave(place->member);
	assert_true(line.has_stopped);
	/* What the last sessions tell comes to nobody. */
	for (uint32_t i = 0; i < place->rig->worker_count; i++) {
		place->rig->workers[i].sessions.presences.target = NULL;
	}
	while (mailbox_take(place->mailbox, &mail) == MAILBOX_MAIL) {
		assert_int_not_equal(mail->kind, REGISTRAR_MAIL_PRESENCE);
		member_dispose(place->member, mail);
	}
	event_rules_finish(&place->rules);
	member_destroy(&place->member);
	assert_null(place->member);
	assert_true(line.is_destroyed);
	place->rig->node.fanout.elsewhere = NULL;
	rig_teardown(&rig);
	mailbox_destroy(&place->mailbox);
	return 0;
}

/* Whether workers tell of logins and ends; else nobody hears of them. */
static void let_tell(struct place *place, bool tells)
{
	for (uint32_t i = 0; i < place->rig->worker_count; i++) {
		place->rig->workers[i].sessions.presences.target =
			tells ? &place->rig->node.presence : NULL;
	}
}

/* A turn of the registrar's. Returns for how long the next one may wait. */
static int turn(struct place *place)
{
	struct mail *mail;
	member_begin_turn(place->member, place->wall_ms, place->is_resting);
	while (mailbox_take(place->mailbox, &mail) == MAILBOX_MAIL) {
		if (mail->kind != REGISTRAR_MAIL_PRESENCE) {
			member_on_mail(place->member, mail);
			continue;
		}
		struct presence *first = presence_of(mail);
		for (struct presence *at = first; at; at = at->next) {
			member_on_presence(place->member, at);
		}
		presence_free(&first);
	}
	return member_end_turn(place->member, place->wall_ms);
}

/* Lets so much time pass that the figures are those of now. */
static struct cluster_node look_at_self(struct place *place)
{
	struct cluster_figures figures;
	struct cluster_node self;
	for (int i = 0; i < 8; i++) {
		rig_pass(place->rig, 1);
		place->wall_ms += LOOP_TICK_MS;
		turn(place);
	}
	assert_int_equal(cluster_look(member_cluster(place->member), &figures, &self, 1), 1);
	assert_true(self.is_self);
	return self;
}

static void expect_self(struct place *place, uint32_t sessions, uint32_t rooms)
{
	const struct cluster_node self = look_at_self(place);
	assert_int_equal(self.sessions, sessions);
	assert_int_equal(self.rooms, rooms);
}

static void come_up(struct place *place)
{
	struct link_message *message;
	assert_int_equal(link_message_create(LINK_UP, "", "", "here", 4, NULL, 0, &message), 0);
	message->max_payload = 1 << 20;
	message->mail.kind = REGISTRAR_MAIL_LINK;
	mailbox_post(place->mailbox, &message->mail);
	turn(place);
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void test_sessions_and_rooms_are_counted(void **state)
{
	struct place *place = *state;
	let_tell(place, true);
	struct client *alice = v1_login(place->rig, 0, "alice");
	struct client *bob = v1_login(place->rig, 1, "bob");
	expect_self(place, 2, 0);
	v1_join(place->rig, alice, "r", 1);
	v1_join(place->rig, bob, "r", 2);
	expect_self(place, 2, 1);
	client_leave(alice);
	rig_run(place->rig);
	expect_self(place, 1, 1);
	client_leave(bob);
	rig_run(place->rig);
	expect_self(place, 0, 0);
}

/* A kick of its own replaces the entry, it does not add one. */
static void test_a_newer_login_is_one_session(void **state)
{
	struct place *place = *state;
	let_tell(place, true);
	rig_login(place->rig, 0, "alice");
	rig_login(place->rig, 1, "alice");
	expect_self(place, 1, 0);
}

/* One that is told of late, when another has taken its place: nobody would take it out again. */
static void test_who_is_not_in_is_not_put_in(void **state)
{
	struct place *place = *state;
	let_tell(place, false);
	struct client *alice = rig_login(place->rig, 0, "alice");
	struct presences presences = {.target = &place->rig->node.presence};
	const struct conn *conn = client_conn(place->rig, alice);
	const uint64_t epoch = user_entry_epoch(conn->user);
	presence_came(&presences, conn->user, epoch - 1, &conn->remote, false);
	presence_post(&presences);
	expect_self(place, 0, 0);
	presence_came(&presences, conn->user, epoch, &conn->remote, false);
	presence_post(&presences);
	expect_self(place, 1, 0);
}

/* Workers had no memory to tell who came and went. */
static void test_what_was_lost_is_looked_up(void **state)
{
	struct place *place = *state;
	let_tell(place, true);
	struct client *alice = v1_login(place->rig, 0, "alice");
	v1_join(place->rig, alice, "old", 1);
	expect_self(place, 1, 1);
	let_tell(place, false);
	client_leave(alice);
	struct client *bob = v1_login(place->rig, 1, "bob");
	struct client *carol = v1_login(place->rig, 0, "carol");
	v1_join(place->rig, bob, "r", 1);
	v1_join(place->rig, carol, "s", 1);
	expect_self(place, 1, 1);
	member_rescan(place->member);
	expect_self(place, 2, 2);
	/* Of a room alone it is found out by itself. */
	v1_join(place->rig, bob, "t", 1);
	atomic_store(&place->rig->node.presence.is_room_lost, true);
	expect_self(place, 2, 3);
	assert_false(place->rig->node.presence.is_room_lost);
	/* From there on it is told of as ever. */
	let_tell(place, true);
	client_leave(bob);
	client_leave(carol);
	rig_run(place->rig);
	expect_self(place, 0, 0);
}

/* Who comes and goes while all are looked up is neither missed nor kept. */
static void test_logins_during_a_look(void **state)
{
	struct place *place = *state;
	let_tell(place, true);
	struct client *alice = rig_login(place->rig, 0, "alice");
	member_rescan(place->member);
	assert_int_equal(turn(place), 0);
	client_leave(alice);
	rig_run(place->rig);
	rig_login(place->rig, 1, "bob");
	while (turn(place) == 0) {
	}
	expect_self(place, 1, 0);
}

static void test_events_go_out_while_the_line_is_up(void **state)
{
	struct place *place = *state;
	member_publish(place->member, "{}", 2);
	assert_int_equal(line.sent[LINK_TO_EVENTS], 0);
	assert_false(line.serves);
	come_up(place);
	assert_true(line.serves);
	member_publish(place->member, "{}", 2);
	assert_int_equal(line.sent[LINK_TO_EVENTS], 1);
	look_at_self(place);
	assert_true(line.sent[LINK_TO_ALL] > 0);
}

static void test_a_drain(void **state)
{
	struct place *place = *state;
	come_up(place);
	assert_true(line.serves);
	place->rig->node.is_draining = true;
	turn(place);
	assert_false(line.serves);
	assert_true(look_at_self(place).is_draining);
	/* It comes up again: backends are not served any more. */
	come_up(place);
	assert_false(line.serves);
}

/* --- before another process goes on ------------------------------------------------------------
 */

static void post_link(struct place *place, enum link_about about, uint64_t ask, const char *text)
{
	struct link_message *message;
	assert_int_equal(
		link_message_create(about, "push", "reply", text, strlen(text), NULL, 0, &message),
		0);
	message->ask = ask;
	message->mail.kind = REGISTRAR_MAIL_LINK;
	mailbox_post(place->mailbox, &message->mail);
}

static bool is_at_rest(struct place *place, bool is_late, const char *busy)
{
	char said[MEMBER_BUSY_MAX];
	member_last_turn(place->member, is_late);
	turn(place);
	const bool is = member_is_at_rest(place->member, said);
	assert_string_equal(said, busy);
	return is;
}

/* Messages of others that it has looked at: they are of nobody's key. */
static uint64_t looked_at(struct place *place)
{
	struct cluster_figures figures;
	struct cluster_node self;
	look_at_self(place);
	cluster_look(member_cluster(place->member), &figures, &self, 1);
	return figures.refused_key + figures.refused_malformed;
}

static void test_it_comes_to_rest(void **state)
{
	struct place *place = *state;
	come_up(place);
	look_at_self(place);
	place->is_resting = true;
	turn(place);
	assert_false(line.serves); /* the other process takes requests */
	assert_int_equal(line.asked, 1);
	assert_false(is_at_rest(place, false, "NATS does not answer"));
	post_link(place, LINK_FROM_ALL, 0, "before");
	post_link(place, LINK_SETTLED, 1, "");
	assert_false(is_at_rest(place, false, "NATS does not answer"));
	/* What it says itself has to be on its way, too. */
	member_publish(place->member, "{}", 2);
	assert_false(is_at_rest(place, false, "messages are on their way to NATS"));
	assert_int_equal(line.asked, 2);
	post_link(place, LINK_SETTLED, 1, ""); /* of another time */
	assert_false(is_at_rest(place, false, "NATS does not answer"));
	post_link(place, LINK_SETTLED, 2, "");
	assert_true(is_at_rest(place, false, ""));
	assert_true(is_at_rest(place, false, ""));
}

static void come_to_rest(struct place *place)
{
	come_up(place);
	look_at_self(place);
	place->is_resting = true;
	turn(place);
	post_link(place, LINK_SETTLED, line.asked, "");
	turn(place);
	assert_true(is_at_rest(place, false, "") ||
		    (post_link(place, LINK_SETTLED, line.asked, ""), is_at_rest(place, false, "")));
}

/* What comes from there on is the other process's; or this one's, if it goes on after all. */
static void test_what_comes_at_rest_is_left_lying(void **state)
{
	struct place *place = *state;
	come_up(place);
	const uint64_t before = looked_at(place);
	post_link(place, LINK_FROM_ALL, 0, "one");
	turn(place);
	assert_int_equal(looked_at(place), before + 1);
	come_to_rest(place);
	post_link(place, LINK_FROM_ALL, 0, "two");
	post_link(place, LINK_FROM_NODE, 0, "three");
	turn(place);
	assert_int_equal(looked_at(place), before + 1);
	/* A request has come here alone: it is answered. */
	const uint32_t replies = line.sent[LINK_TO_REPLY];
	post_link(place, LINK_REQUEST, 0, "no JSON");
	turn(place);
	assert_int_equal(line.sent[LINK_TO_REPLY], replies + 1);
	place->is_resting = false;
	turn(place);
	assert_true(line.serves);
	assert_int_equal(looked_at(place), before + 3);
	/* And it may come to rest once more. */
	come_to_rest(place);
	post_link(place, LINK_FROM_ALL, 0, "four"); /* freed with it */
	turn(place);
}

/* A request to the backend, as far as the worker brings it. */
static void ask_backend(struct place *place, struct client *client, uint32_t id)
{
	uint8_t payload[64];
	const struct request_packet request = {.id = id, .bytes = SLICE("please")};
	client_packet(client, PACKET_REQUEST, payload,
		(uint32_t)(request_packet_write(payload, &request) - payload));
	rig_run(place->rig);
}

static void answer_backend(struct place *place, uint64_t ask, const char *text)
{
	struct link_message *message;
	assert_int_equal(
		link_message_create(LINK_ANSWER, "", "", text, strlen(text), NULL, 0, &message), 0);
	message->ask = ask;
	message->mail.kind = REGISTRAR_MAIL_LINK;
	mailbox_post(place->mailbox, &message->mail);
	turn(place);
}

static void expect_reply(struct place *place, struct client *client, uint32_t id, uint8_t result)
{
	struct reply_packet reply;
	rig_run(place->rig);
	struct packet packet = expect_packet(client, PACKET_REPLY);
	assert_int_equal(reply_packet_decode(packet.payload, packet.payload_len, &reply), 0);
	assert_int_equal(reply.id, id);
	assert_int_equal(reply.result, result);
	expect_nothing(client);
}

/* Wherever a request is when all stand still, and whatever comes of it. */
static void test_whoever_asks_a_backend_is_answered(void **state)
{
	struct place *place = *state;
	come_up(place);
	look_at_self(place);
	struct client *alice = v1_login(place->rig, 0, "alice");
	ask_backend(place, alice, 1);
	turn(place);
	assert_int_equal(line.sent[LINK_TO_UP], 1);
	place->is_resting = true;
	ask_backend(place, alice, 2); /* which the registrar has not taken yet */
	turn(place);
	assert_int_equal(line.sent[LINK_TO_UP], 2);
	post_link(place, LINK_SETTLED, line.asked, "");
	assert_false(is_at_rest(place, false, "answers of other nodes or of backends are awaited"));
	/* In time. */
	answer_backend(place, line.ask, "pleased");
	expect_reply(place, alice, 2, PACKET_DONE);
	assert_false(is_at_rest(place, false, "answers of other nodes or of backends are awaited"));
	/* Given up; and one that comes behind that is, too. */
	ask_backend(place, alice, 3);
	assert_false(is_at_rest(place, true, "answers of other nodes or of backends are awaited"));
	expect_reply(place, alice, 1, PACKET_UNKNOWN);
	const uint64_t given_up = line.ask;
	assert_false(is_at_rest(place, true, "messages are on their way to NATS"));
	expect_reply(place, alice, 3, PACKET_UNKNOWN);
	post_link(place, LINK_SETTLED, line.asked, "");
	turn(place);
	assert_true(is_at_rest(place, true, ""));
	/* It goes on after all, with one that had just come, and with one that has no answer. */
	ask_backend(place, alice, 4);
	turn(place);
	place->is_resting = false;
	turn(place);
	answer_backend(place, given_up, "too late");
	answer_backend(place, line.ask, "pleased");
	expect_reply(place, alice, 4, PACKET_DONE);
	ask_backend(place, alice, 5);
	place->is_resting = true;
	turn(place);
	place->is_resting = false;
	rig_pass(place->rig, loop_ticks(REQUESTS_MS) + 1);
	turn(place);
	expect_reply(place, alice, 5, PACKET_UNKNOWN);
}

/* Whoever goes on has what was counted, remembered and held; others are not told anything. */
static void test_another_process_goes_on(void **state)
{
	struct place *place = *state;
	struct pack pack = PACK_EMPTY;
	let_tell(place, true);
	struct client *alice = v1_login(place->rig, 0, "alice");
	v1_join(place->rig, alice, "r", 1);
	expect_self(place, 1, 1);
	come_to_rest(place);
	member_pack(place->member, &pack);
	/* What lies there goes with it. */
	post_link(place, LINK_FROM_ALL, 0, "lies");
	turn(place);
	member_quit(place->member);
	assert_true(line.has_stopped);
	member_destroy(&place->member);
	/* The other one, whose sessions are there. */
	place->is_resting = false;
	make_member_of(place, "nats://here");
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(member_unpack(place->member, &unpack), 0);
	assert_true(unpack_is_over(&unpack));
	char why[CONFIG_ERROR_MAX];
	assert_int_equal(member_has_all(place->member, why), 0);
	const uint64_t before = line.taken;
	post_link(place, LINK_FROM_ALL, 0, "first");
	turn(place);
	assert_true(line.serves);
	assert_true(line.taken > before); /* its heartbeat */
	expect_self(place, 1, 1);
	for (size_t len = 0; len < pack.len; len += 1 + pack.len / 64) {
		/* A half is refused: a process that has it does not go on. */
		member_leave(place->member);
		member_destroy(&place->member);
		make_member_of(place, "");
		struct unpack half = unpack_of(pack.bytes, len);
		assert_true(member_unpack(place->member, &half) < 0);
	}
	pack_finish(&pack);
}

/* The taker is told to give up: requests that have come to it are nobody's. */
static void test_who_is_abandoned_answers_requests(void **state)
{
	struct place *place = *state;
	member_leave(place->member);
	member_destroy(&place->member);
	make_member_of(place, "nats://here");
	assert_false(member_has_settled_in(place->member));
	post_link(place, LINK_DOWN, 0, "refused");
	assert_false(member_has_settled_in(place->member));
	assert_string_equal(member_why_down(place->member), "refused");
	post_link(place, LINK_UP, 0, "here");
	post_link(place, LINK_REQUEST, 0, "{}");
	assert_false(member_has_settled_in(place->member));
	assert_true(line.serves);
	post_link(place, LINK_SETTLED, line.asked, "");
	post_link(place, LINK_REQUEST, 0, "{}");
	assert_true(member_has_settled_in(place->member));
	post_link(place, LINK_REQUEST, 0, "{}");
	assert_int_equal(line.sent[LINK_TO_REPLY], 0);
	const uint64_t asked = line.asked;
	member_begin_end(place->member);
	assert_false(line.serves);
	assert_int_equal(line.asked, asked + 1);
	assert_false(member_may_end(place->member));
	assert_int_equal(line.sent[LINK_TO_REPLY], 3);
	/* The server has given it one more, before it knew. */
	post_link(place, LINK_REQUEST, 0, "{}");
	post_link(place, LINK_SETTLED, asked + 1, "");
	assert_true(member_may_end(place->member));
	assert_int_equal(line.sent[LINK_TO_REPLY], 4);
	member_quit(place->member);
	assert_int_equal(line.sent[LINK_TO_ALL], 0);
	assert_true(line.has_stopped);
}

#define CASE(name) RIG_CASE_WITH(name, setup, teardown, 2)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_sessions_and_rooms_are_counted),
		CASE(test_a_newer_login_is_one_session),
		CASE(test_who_is_not_in_is_not_put_in),
		CASE(test_what_was_lost_is_looked_up),
		CASE(test_logins_during_a_look),
		CASE(test_events_go_out_while_the_line_is_up),
		CASE(test_a_drain),
		CASE(test_it_comes_to_rest),
		CASE(test_what_comes_at_rest_is_left_lying),
		CASE(test_whoever_asks_a_backend_is_answered),
		CASE(test_another_process_goes_on),
		CASE(test_who_is_abandoned_answers_requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
