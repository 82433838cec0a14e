#include "../../server/session/orders.h"
#include "talk_rig.h"

enum {
	RIG_MAIL_BACK = 77,
};

/* Somebody who gives orders, and where they come back to. */
struct giver {
	struct mailbox *mailbox;
	struct ended ended;
	struct order_user users[64];
	struct ended copy;
	char name[USER_NAME_MAX];
};

static struct giver giver;

static struct order order_for(struct rig *rig, enum order_action action, const char *user)
{
	struct order order = {
		.back = giver.mailbox,
		.back_kind = RIG_MAIL_BACK,
		.action = action,
		.users = giver.users,
		.capacity = 64,
		.name = user,
		.name_len = strlen(user),
	};
	if (*user) {
		struct user_session found[USER_SESSIONS_MAX];
		if (user_table_find(rig->node.users, user, strlen(user), found) > 0) {
			order.handle = found[0].handle;
		}
	}
	return order;
}

/* Has a worker carry it out, and takes it back. */
static enum order_result carry_out(struct rig *rig, uint32_t worker, struct order *order)
{
	struct mail *mail;
	struct orders *orders = &rig->workers[worker].orders;
	orders->ended = &giver.ended;
	orders_carry_out(orders, order);
	assert_int_equal(mailbox_take(giver.mailbox, &mail), MAILBOX_MAIL);
	assert_int_equal(mail->kind, RIG_MAIL_BACK);
	assert_ptr_equal(order_of(mail), order);
	return order->result;
}

static enum order_result push(
	struct rig *rig, uint32_t worker, struct order *order, const char *text)
{
	order->opcode = FRAME_TEXT;
	order->payload = (uint8_t *)(uintptr_t)text;
	order->payload_len = strlen(text);
	return carry_out(rig, worker, order);
}

static void test_a_push_follows_what_is_owed(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 1, "b");
	client_text(b, "said before");
	rig_events(rig, 1);
	fanout_publish(rig->workers[1].fanout);
	/* In the log of the user's worker, and handed out to nobody yet. */
	assert_int_equal(rig_mail(rig, 0), 1);
	struct order order = order_for(rig, ORDER_PUSH, "a");
	assert_int_equal(push(rig, 0, &order, "pushed"), ORDER_DONE);
	expect_text(a, "said before -- FROM b");
	expect_text(a, "pushed");
	expect_nothing(a);
	rig_run(rig);
	expect_nothing(a);
	expect_nothing(b);
	assert_int_equal(stats_read(&rig->workers[0].stats.pushes), 1);
}

/* A session that a newer login has replaced: its kick has not come yet, and still it is stale. */
static void test_a_replaced_session_is_gone(void **state)
{
	struct rig *rig = *state;
	struct client *old = rig_login(rig, 0, "a");
	struct order order = order_for(rig, ORDER_PUSH, "a");
	struct client *fresh = rig_connect(rig, 1, 0, false);
	client_request(fresh, "/?user=a");
	rig_events(rig, 1);
	assert_int_equal(client_conn(rig, old)->state, CONN_LIVE);
	assert_int_equal(push(rig, 0, &order, "x"), ORDER_GONE);
	for (int action = ORDER_SHOW; action <= ORDER_MUTE; action++) {
		if (action != ORDER_LIST) {
			order.action = (enum order_action)action;
			assert_int_equal(carry_out(rig, 0, &order), ORDER_GONE);
		}
	}
	order = order_for(rig, ORDER_PUSH, "a");
	assert_int_equal(push(rig, 1, &order, "to the newer one"), ORDER_DONE);
	rig_run(rig);
	expect_close(old, 4001, "kicked");
	assert_int_equal(client_status(fresh), 101);
	expect_text(fresh, "to the newer one");
}

/* Over a limit nothing is appended and nobody cut off, whatever is queued already. */
static void test_limits_are_looked_at_first(void **state)
{
	struct rig *rig = *state;
	static char text[16384];
	memset(text, 'x', sizeof(text) - 1);
	struct client *a = rig_login_with(rig, 0, "a", 4096);
	a->deaf = true;
	rig_conns(rig, 0)->outbox->queue_limit = 100000;
	struct order order = order_for(rig, ORDER_PUSH, "a");
	int queued = 0;
	while (push(rig, 0, &order, text) == ORDER_DONE) {
		queued++;
	}
	assert_int_equal(order.result, ORDER_OVERFLOW);
	struct conn *conn = client_conn(rig, a);
	size_t bytes = conn->tx->bytes;
	assert_in_range(bytes, 100000 - sizeof(text) - 10, 100000);
	assert_int_equal(push(rig, 0, &order, text), ORDER_OVERFLOW);
	assert_int_equal(conn->tx->bytes, bytes);
	assert_int_equal(conn->state, CONN_LIVE);
	/* A small one still fits. */
	assert_int_equal(push(rig, 0, &order, "small"), ORDER_DONE);
	/* The node's limit. */
	rig->node.budget.limit = budget_used(&rig->node.budget);
	assert_int_equal(push(rig, 0, &order, "small"), ORDER_OVERFLOW);
	order = order_for(rig, ORDER_SHOW, "a");
	assert_int_equal(carry_out(rig, 0, &order), ORDER_DONE);
	assert_int_equal(giver.users[0].queue_bytes, bytes + 7);
	rig->node.budget.limit = SIZE_MAX;
	a->deaf = false;
	rig_run(rig);
	for (int i = 0; i < queued; i++) {
		expect_text(a, text);
	}
	expect_text(a, "small");
	expect_nothing(a);
}

static void test_a_broadcast_knows_its_receivers(void **state)
{
	struct rig *rig = *state;
	struct client *clients[4];
	const struct stats_histogram *sizes = &rig->workers[0].stats.fanout_receivers;
	for (uint32_t i = 0; i < 4; i++) {
		char name[2] = {(char)('a' + i), '\0'};
		clients[i] = rig_login(rig, i % 2, name);
	}
	struct order order = order_for(rig, ORDER_BROADCAST, "");
	client_text(clients[0], "before");
	rig_events(rig, 0);
	assert_int_equal(push(rig, 0, &order, "to all"), ORDER_DONE);
	assert_int_equal(order.receivers, 4);
	rig_run(rig);
	for (uint32_t i = 0; i < 4; i++) {
		if (i > 0) {
			expect_text(clients[i], "before -- FROM a");
		}
		expect_text(clients[i], "to all");
		expect_nothing(clients[i]);
	}
	assert_int_equal(stats_read(&rig->workers[0].stats.fanout_messages), 2);
	/* Three for the one with a sender, four for the other. */
	assert_int_equal(stats_read(&sizes->sum), 7);
	assert_int_equal(stats_read(&sizes->counts[stats_bucket(3)]), 2);
}

static void test_a_broadcast_is_refused_while_senders_are_held_back(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct order order = order_for(rig, ORDER_BROADCAST, "");
	rig->node.fanout.backlog_limit = 100;
	rig->node.fanout.backlog = 101;
	assert_int_equal(push(rig, 0, &order, "x"), ORDER_OVERFLOW);
	rig->node.fanout.backlog = 0;
	size_t limit = rig->node.budget.limit;
	rig->node.budget.limit = budget_used(&rig->node.budget);
	assert_int_equal(push(rig, 0, &order, "x"), ORDER_OVERFLOW);
	rig->node.budget.limit = limit;
	assert_int_equal(push(rig, 0, &order, "y"), ORDER_DONE);
	rig_run(rig);
	expect_text(a, "y");
	expect_nothing(a);
}

static void test_a_list_in_pieces(void **state)
{
	struct rig *rig = *state;
	uint32_t seen = 0;
	for (int i = 0; i < 300; i++) {
		char name[8];
		snprintf(name, sizeof(name), "u%03d", i);
		rig_login(rig, 0, name);
	}
	struct order order = order_for(rig, ORDER_LIST, "");
	order.capacity = 40;
	do {
		order.count = 0;
		carry_out(rig, 0, &order);
		for (uint32_t i = 0; i < order.count; i++) {
			char name[8];
			snprintf(name, sizeof(name), "u%03u", seen + i);
			assert_memory_equal(giver.users[i].name, name, 4);
			assert_int_equal(giver.users[i].name_len, 4);
		}
		seen += order.count;
	} while (order.cursor != CONN_NONE);
	assert_int_equal(seen, 300);
	/* With a prefix that few have, one order looks at no more than its share of records. */
	order = order_for(rig, ORDER_LIST, "u29");
	order.handle = 0;
	carry_out(rig, 0, &order);
	assert_int_equal(order.count, 0);
	assert_int_equal(order.cursor, ORDER_SLOTS_MAX);
	carry_out(rig, 0, &order);
	assert_int_equal(order.count, 10);
	assert_int_equal(order.cursor, CONN_NONE);
}

static void test_times_are_told(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	rig_pass(rig, loop_ticks(2000));
	client_text(a, "x");
	rig_run(rig);
	rig_pass(rig, loop_ticks(1000));
	struct order order = order_for(rig, ORDER_SHOW, "a");
	assert_int_equal(carry_out(rig, 0, &order), ORDER_DONE);
	assert_int_equal(giver.users[0].connected_ms, 3000);
	assert_int_equal(giver.users[0].idle_ms, 1000);
	assert_int_equal(giver.users[0].queue_bytes, 0);
}

static void test_a_close_says_what_it_is_told(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	rig->workers[0].sessions.ended = &giver.ended;
	rig_pass(rig, loop_ticks(500));
	struct order order = order_for(rig, ORDER_CLOSE, "a");
	order.payload = (uint8_t *)(uintptr_t)"\x11\x5cgo";
	order.payload_len = 4;
	assert_int_equal(carry_out(rig, 0, &order), ORDER_DONE);
	assert_int_equal(carry_out(rig, 0, &order), ORDER_GONE);
	expect_close(a, 4444, "go");
	assert_int_equal(rig_ends(rig, CLOSE_REASON_DISCONNECTED), 1);
	struct order ended = order_for(rig, ORDER_ENDED, "");
	ended.ended = &giver.copy;
	carry_out(rig, 0, &ended);
	assert_int_equal(giver.copy.rings[ENDED_NORMAL].count, 0);
	const struct ended_ring *ring = &giver.copy.rings[ENDED_OTHER];
	assert_int_equal(ended_count(ring), 1);
	assert_int_equal(ring->entries[0].code, 4444);
	assert_int_equal(ring->entries[0].reason, CLOSE_REASON_DISCONNECTED);
	assert_int_equal(ring->entries[0].age_ms, 500);
	assert_int_equal(ring->entries[0].name_len, 1);
}

static void test_only_the_last_ends_are_kept(void **state)
{
	struct ended *ended = &giver.ended;
	struct ended_ring *ring = &ended->rings[ENDED_OTHER];
	(void)state;
	memset(ended, 0, sizeof(*ended));
	for (uint64_t i = 1; i <= ENDED_MAX; i++) {
		ended_next(ended, ENDED_OTHER)->ended_us = i;
	}
	assert_int_equal(ring->lost_us, 0);
	for (uint64_t i = 1; i <= 10; i++) {
		ended_next(ended, ENDED_OTHER)->ended_us = ENDED_MAX + i;
	}
	assert_int_equal(ended_count(ring), ENDED_MAX);
	assert_int_equal(ring->lost_us, 10);
	for (uint32_t i = 0; i < ENDED_MAX; i++) {
		assert_in_range(ring->entries[i].ended_us, 11, ENDED_MAX + 10);
	}
	/* Whoever leaves in good order pushes out nobody who did not. */
	ended_next(ended, ENDED_NORMAL)->ended_us = 1000;
	assert_int_equal(ended_count(ring), ENDED_MAX);
	assert_int_equal(ended_count(&ended->rings[ENDED_NORMAL]), 1);
}

static void test_normal_ends(void **state)
{
	(void)state;
	assert_int_equal(ended_kind_of(CLOSE_REASON_PEER_CLOSE, 1000), ENDED_NORMAL);
	assert_int_equal(ended_kind_of(CLOSE_REASON_PEER_CLOSE, 1001), ENDED_NORMAL);
	assert_int_equal(ended_kind_of(CLOSE_REASON_PEER_CLOSE, 1005), ENDED_NORMAL);
	assert_int_equal(ended_kind_of(CLOSE_REASON_PEER_CLOSE, 1011), ENDED_OTHER);
	assert_int_equal(ended_kind_of(CLOSE_REASON_PEER_EOF, 0), ENDED_OTHER);
	assert_int_equal(ended_kind_of(CLOSE_REASON_DRAIN, 1012), ENDED_OTHER);
}

/* What is queued already goes out; whatever comes while it is muted does not, a Close neither. */
static void test_a_mute(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	struct order order = order_for(rig, ORDER_MUTE, "a");
	order.is_muted = true;
	assert_int_equal(carry_out(rig, 0, &order), ORDER_DONE);
	client_send(a, FRAME_PING, "1", 1);
	client_packet(a, PACKET_PING, "", 0);
	client_text(a, "heard");
	client_text(b, "unheard");
	rig_run(rig);
	expect_text(b, "heard -- FROM a");
	expect_nothing(a);
	struct order pushed = order_for(rig, ORDER_PUSH, "a");
	assert_int_equal(push(rig, 0, &pushed, "would be dropped"), ORDER_OVERFLOW);
	assert_int_equal(stats_read(&rig->workers[0].stats.pushes), 0);
	order.is_muted = false;
	assert_int_equal(carry_out(rig, 0, &order), ORDER_DONE);
	client_send(a, FRAME_PING, "2", 1);
	rig_run(rig);
	expect_frame(a, FRAME_PONG, "2", 1);
	order.is_muted = true;
	carry_out(rig, 0, &order);
	rig_pass(rig, loop_ticks(120000) + 3);
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_READ_TIMEOUT), 2);
	expect_nothing(a);
}

static void test_a_cut(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct order order = order_for(rig, ORDER_CUT, "a");
	assert_int_equal(carry_out(rig, 0, &order), ORDER_DONE);
	assert_int_equal(carry_out(rig, 0, &order), ORDER_GONE);
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_DEMO_CUT), 1);
	expect_nothing(a);
	assert_true(a->at_end);
}

/* --- rooms -------------------------------------------------------------------------------------
 */

static enum order_result say(
	struct rig *rig, struct order *order, const char *room, const char *from, const char *text)
{
	order->room = slice_of(room);
	order->from = slice_of(from);
	return push(rig, 0, order, text);
}

static void test_a_room_hears_a_backend(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	struct client *b2 = v1_login_device(rig, 0, "b", "phone");
	struct client *other = v1_login(rig, 1, "other");
	struct stats *stats = &rig->workers[0].stats;
	v1_join(rig, a, "room", 1);
	v1_join(rig, b, "room", 2);
	v1_join(rig, b2, "room", 2);
	v1_join(rig, other, "elsewhere", 1);
	struct order order = order_for(rig, ORDER_SAY, "");
	v1_say(a, 0, "#room", "before");
	rig_events(rig, 0);
	assert_int_equal(say(rig, &order, "room", "shop", "open"), ORDER_DONE);
	assert_int_equal(order.receivers, 3);
	assert_int_equal(order.room_users, 2);
	/* Whose name it is does not matter: he hears it too. Without one it is nobody's. */
	assert_int_equal(say(rig, &order, "room", "a", "in a's name"), ORDER_DONE);
	assert_int_equal(say(rig, &order, "room", "", "in no name"), ORDER_DONE);
	rig_run(rig);
	struct client *members[] = {a, b, b2};
	for (int i = 0; i < 3; i++) {
		if (members[i] != a) {
			v1_expect_message(members[i], "a", "#room", "before");
		}
		v1_expect_message(members[i], "shop", "#room", "open");
		v1_expect_message(members[i], "a", "#room", "in a's name");
		v1_expect_message(members[i], "", "#room", "in no name");
		expect_nothing(members[i]);
	}
	expect_nothing(other);
	assert_int_equal(stats_read(&stats->said_to_room), 4);
	assert_int_equal(stats_read(&stats->said_to_all), 0);
	assert_int_equal(stats_read(&stats->fanout_receivers.sum), 0);
}

static void test_a_room_is_promised_nothing(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct order order = order_for(rig, ORDER_SAY, "");
	assert_int_equal(say(rig, &order, "room", "shop", "?"), ORDER_NO_ROOM);
	v1_join(rig, a, "room", 1);
	rig->node.fanout.backlog_limit = 100;
	rig->node.fanout.backlog = 101;
	assert_int_equal(say(rig, &order, "room", "shop", "?"), ORDER_OVERFLOW);
	rig->node.fanout.backlog = 0;
	size_t limit = rig->node.budget.limit;
	rig->node.budget.limit = budget_used(&rig->node.budget);
	assert_int_equal(say(rig, &order, "room", "shop", "?"), ORDER_OVERFLOW);
	rig->node.budget.limit = limit;
	assert_int_equal(say(rig, &order, "room", "shop", "!"), ORDER_DONE);
	rig_run(rig);
	v1_expect_message(a, "shop", "#room", "!");
	expect_nothing(a);
	v1_ask_to_leave(a, 1, "room");
	rig_run(rig);
	v1_expect_answer(a, 1, PACKET_DONE, 0);
	assert_int_equal(say(rig, &order, "room", "shop", "?"), ORDER_NO_ROOM);
}

/* He is told, and so is who has asked to be; what is said from then on he hears. */
static void test_put_in_and_taken_out(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	struct client *old = rig_login(rig, 1, "old");
	v1_join_as(rig, a, JOIN_TELL_MEMBERS, "room", 1);
	struct order order = order_for(rig, ORDER_TAKE_OUT, "b");
	order.room = slice_of("room");
	assert_int_equal(carry_out(rig, 1, &order), ORDER_NOT_IN);
	v1_say(a, 0, "#room", "before");
	order.action = ORDER_PUT_IN;
	assert_int_equal(carry_out(rig, 1, &order), ORDER_DONE);
	assert_int_equal(order.room_users, 2);
	rig_run(rig);
	v1_expect_members(a, "room", 2, MEMBERS_CAME, "b");
	v1_expect_members(b, "room", 2, MEMBERS_CAME, "b");
	v1_say(a, 0, "#room", "hello");
	rig_run(rig);
	/* What was on its way when he came is for him as well. */
	v1_expect_message(b, "a", "#room", "before");
	v1_expect_message(b, "a", "#room", "hello");
	/* Once more is once. */
	assert_int_equal(carry_out(rig, 1, &order), ORDER_DONE);
	assert_int_equal(order.room_users, 2);
	rig_run(rig);
	expect_nothing(a);
	expect_nothing(b);
	/* He may be in so many rooms. */
	rig->workers[1].sessions.rooms_max = 1;
	order.room = slice_of("another");
	assert_int_equal(carry_out(rig, 1, &order), ORDER_FULL);
	order.room = slice_of("room");
	v1_say(a, 0, "#room", "last words");
	rig_events(rig, 0);
	fanout_publish(rig->workers[0].fanout);
	rig_mail(rig, 1);
	order.action = ORDER_TAKE_OUT;
	assert_int_equal(carry_out(rig, 1, &order), ORDER_DONE);
	assert_int_equal(order.room_users, 1);
	v1_say(a, 3, "#room", "alone");
	rig_run(rig);
	v1_expect_message(b, "a", "#room", "last words");
	v1_expect_members(b, "room", 1, MEMBERS_TAKEN_OUT, "");
	v1_expect_answer(a, 3, PACKET_NOBODY_THERE, 0);
	v1_expect_members(a, "room", 1, MEMBERS_WENT, "b");
	expect_nothing(b);
	/* Who does not speak it gets none of this. */
	struct order for_old = order_for(rig, ORDER_PUT_IN, "old");
	for_old.room = slice_of("room");
	assert_int_equal(carry_out(rig, 1, &for_old), ORDER_CLASSIC);
	for_old.action = ORDER_TAKE_OUT;
	assert_int_equal(carry_out(rig, 1, &for_old), ORDER_CLASSIC);
	rig_run(rig);
	expect_nothing(old);
}

static uint64_t rooms_up_to(const struct rig *rig, uint32_t users)
{
	uint64_t count = 0;
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		count += stats_read(&rig->workers[i].stats.room_users.counts[stats_bucket(users)]);
	}
	return count;
}

/* Whichever workers see them grow and shrink. */
static void test_sizes_of_rooms_are_counted(void **state)
{
	struct rig *rig = *state;
	struct client *clients[5];
	struct client *again = v1_login_device(rig, 1, "a", "phone");
	for (uint32_t i = 0; i < 5; i++) {
		char name[2] = {(char)('a' + i), '\0'};
		clients[i] = v1_login(rig, i % 2, name);
		v1_join(rig, clients[i], "room", i + 1);
		assert_int_equal(rooms_up_to(rig, i + 1), 1);
		/* Of none and of one, of three and of four is the same. */
		assert_int_equal(rooms_up_to(rig, i), i == 0 || i == 3);
	}
	v1_join(rig, again, "room", 5);
	v1_join(rig, again, "another", 1);
	assert_int_equal(rooms_up_to(rig, 1), 1);
	for (uint32_t i = 0; i < 5; i++) {
		client_leave(clients[i]);
		rig_run(rig);
	}
	/* That user is in it still. */
	assert_int_equal(rooms_up_to(rig, 1), 2);
	client_leave(again);
	rig_run(rig);
	for (uint32_t users = 1; users < 6; users++) {
		assert_int_equal(rooms_up_to(rig, users), 0);
	}
	assert_int_equal(
		rig->workers[0].stats.room_users.sum + rig->workers[1].stats.room_users.sum, 0);
}

/* --- sessions of a user ------------------------------------------------------------------------
 */

static void test_sessions_are_shown(void **state)
{
	struct rig *rig = *state;
	struct client *desk = v1_login_device(rig, 0, "a", "desk");
	rig_login(rig, 1, "b");
	struct user_device devices[USER_SESSIONS_MAX];
	v1_login_device(rig, 1, "a", "phone");
	v1_join(rig, desk, "one", 1);
	v1_join(rig, desk, "two", 1);
	assert_int_equal(user_table_devices(rig->node.users, "a", 1, devices), 2);
	assert_int_equal(user_table_devices(rig->node.users, "c", 1, devices), 0);
	struct order order = order_for(rig, ORDER_SHOW, "a");
	for (uint32_t i = 0; i < 2; i++) {
		order.handle = devices[i].handle;
		assert_int_equal(carry_out(rig, i, &order), ORDER_DONE);
	}
	order = order_for(rig, ORDER_SHOW, "b");
	order.count = 2;
	assert_int_equal(carry_out(rig, 1, &order), ORDER_DONE);
	assert_int_equal(order.count, 3);
	static const struct {
		const char *device;
		uint16_t rooms;
		uint8_t worker;
		bool speaks_v1;
	} wanted[] = {{"desk", 2, 0, true}, {"phone", 0, 1, true}, {"", 0, 1, false}};
	for (int i = 0; i < 3; i++) {
		const struct order_user *user = &giver.users[i];
		assert_slice((struct slice){user->device, user->device_len}, wanted[i].device);
		assert_int_equal(user->rooms, wanted[i].rooms);
		assert_int_equal(user->worker, wanted[i].worker);
		assert_int_equal(user->speaks_v1, wanted[i].speaks_v1);
	}
	/* There is place for no more. */
	order.capacity = 3;
	assert_int_equal(carry_out(rig, 1, &order), ORDER_DONE);
	assert_int_equal(order.count, 3);
}

static int setup(void **state)
{
	memset(&giver, 0, sizeof(giver));
	assert_int_equal(mailbox_create(&giver.mailbox), 0);
	return rig_setup(state);
}

static int teardown(void **state)
{
	rig_teardown(state);
	mailbox_destroy(&giver.mailbox);
	return 0;
}

int main(void)
{
#define TEST(function) RIG_CASE_WITH(function, setup, teardown, 2)
	const struct CMUnitTest tests[] = {
		TEST(test_a_push_follows_what_is_owed),
		TEST(test_a_replaced_session_is_gone),
		TEST(test_limits_are_looked_at_first),
		TEST(test_a_broadcast_knows_its_receivers),
		TEST(test_a_broadcast_is_refused_while_senders_are_held_back),
		TEST(test_a_list_in_pieces),
		TEST(test_times_are_told),
		TEST(test_a_close_says_what_it_is_told),
		TEST(test_only_the_last_ends_are_kept),
		TEST(test_normal_ends),
		TEST(test_a_mute),
		TEST(test_a_cut),
		TEST(test_a_room_hears_a_backend),
		TEST(test_a_room_is_promised_nothing),
		TEST(test_put_in_and_taken_out),
		TEST(test_sizes_of_rooms_are_counted),
		TEST(test_sessions_are_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
