/* A client's login under a script of orders, times, transports and bytes, from outside and from
 * inside of its callbacks. Whatever comes:
 *
 * - each change of state begins where the one before it ended, and follows an arrow of the machine;
 * - what is sent is a request, then masked frames that the gateway's own reader takes;
 * - each request of tidegate.v1 is answered once, at the latest by the end of its line;
 * - a new line is asked for the rooms that are wanted before anything else;
 * - a login at rest wants nothing, and one that waits for a time is not late for it;
 * - bytes one by one lead to what the pieces lead to. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/accept.h"
#include "../../proto/bytes.h"
#include "../../proto/frame.h"
#include "../../proto/message.h"
#include "../../proto/packet.h"
#include "../../proto/room_packets.h"
#include "../../tools/client/clock.h"
#include "../../tools/client/orders.h"
#include "../../tools/client/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum action {
	ACT_LOGIN,
	ACT_LOGOUT,
	ACT_PROBE,
	ACT_SEND_TEXT,
	ACT_SEND_PACKET,
	ACT_PASS,   /* time, with its ticks */
	ACT_SLEEP,  /* time without */
	ACT_OPENED, /* the transport's events */
	ACT_TRYING,
	ACT_FAILED,
	ACT_ENDED,
	ACT_STALE,  /* events of a line that is not */
	ACT_ANSWER, /* the right 101 */
	ACT_BYTES,  /* of the gateway, raw */
	ACT_FRAME,  /* of the gateway, with a header that fits */
	ACT_TAKE,   /* a part of what is to be sent */
	ACT_INSIDE, /* what is to be done inside of the next callback */
	ACT_HALT,
	ACT_SAY, /* of tidegate.v1 */
	ACT_JOIN,
	ACT_LEAVE,
	ACT_LIST,
	ACT_PACKET, /* of the gateway */
	ACT_GIVE,   /* a token */
	ACT_PING,
	ACT_COUNT,
};

struct script {
	const uint8_t *data;
	size_t len;
};

enum {
	IDS_MAX = 4096, /* that are followed */
};

/* One run of a script. */
struct run {
	struct login login;
	struct login_options options;
	uint64_t now_ms;
	bool is_byte_by_byte;
	bool is_halted;
	uint8_t random;
	enum tg_state state; /* as told */
	uint8_t inside;      /* an action and one more than it; 0: none */
	uint64_t digest;     /* of all that was told and sent */
	bool takes_v1;       /* the gateway does, if it is offered */
	bool gives_inside;   /* a token, whenever one is asked for */
	bool waits[IDS_MAX]; /* for the answer to the request of that id */
	uint32_t waiting;
	size_t joins_due; /* messages of the line that have to be joins */

	/* What the line in `reading` has sent. */
	uint32_t reading;
	char head[8192];
	size_t head_len;
	bool has_head;
	struct message_reader *reader;
};

static const struct message_rules gateway_rules = {.max_message = 65536, .peer_masks = true};

static uint8_t take(struct script *script)
{
	if (script->len == 0) {
		return 0;
	}
	script->len--;
	return *script->data++;
}

/* Bytes that follow, as many as a byte says and there are. */
static size_t take_len(struct script *script)
{
	const size_t len = take(script);
	return len < script->len ? len : script->len;
}

static void drop(struct script *script, size_t len)
{
	script->data += len;
	script->len -= len;
}

/* FNV-1a. */
static void digest(struct run *run, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	for (size_t i = 0; i < len; i++) {
		run->digest = (run->digest ^ bytes[i]) * UINT64_C(1099511628211);
	}
}

static void digest_number(struct run *run, uint64_t number)
{
	digest(run, &number, sizeof(number));
}

/* --- what the application is told ------------------------------------------------------------ */

static void login(struct run *run)
{
	orders_log_in(&run->login, &run->options, "/?user=a", "b", NULL, run->now_ms);
}

static void begin_request(struct run *run, enum tg_status status, uint32_t id)
{
	if (status == TG_OK && id != 0 && id < IDS_MAX) {
		assert(!run->waits[id]);
		run->waits[id] = true;
		run->waiting++;
	}
}

static void end_request(struct run *run, uint32_t id)
{
	if (id != 0 && id < IDS_MAX) {
		assert(run->waits[id]);
		run->waits[id] = false;
		run->waiting--;
	}
}

/* One letter: of few rooms, so that they meet. */
static void room_of(uint8_t byte, char ret_room[2])
{
	ret_room[0] = (char)('a' + byte % 8);
	ret_room[1] = '\0';
}

static void say(struct run *run, const char *audience, const void *text, size_t len)
{
	uint32_t id = 0;
	begin_request(run, orders_say(&run->login, audience, text, len, &id), id);
}

static void join(struct run *run, uint8_t byte)
{
	char room[2];
	room_of(byte, room);
	orders_join(&run->login, room, byte & 8, NULL);
}

static void leave(struct run *run, uint8_t byte)
{
	char room[2];
	uint32_t id = 0;
	room_of(byte, room);
	begin_request(run, orders_leave(&run->login, room, &id), id);
}

static void list(struct run *run, uint8_t byte)
{
	char room[2];
	uint32_t id = 0;
	room_of(byte, room);
	begin_request(run, orders_list(&run->login, room, "", &id), id);
}

static void request(struct run *run, uint8_t byte)
{
	uint32_t id = 0;
	begin_request(run, orders_request(&run->login, &byte, 1, &id), id);
}

/* Who is there, or something else altogether. */
static void ask(struct run *run, uint8_t byte)
{
	(byte & 16 ? request : list)(run, byte);
}

static void act_inside(struct run *run)
{
	const uint8_t inside = run->inside;

	assert(!run->is_halted);
	run->inside = 0;
	switch (inside % 12) {
	case 1:
		orders_log_out(&run->login, run->now_ms);
		break;
	case 2:
		login(run);
		break;
	case 3:
		orders_log_out(&run->login, run->now_ms);
		login(run);
		break;
	case 4:
		orders_probe(&run->login, run->now_ms);
		break;
	case 5:
		orders_send_text(&run->login, "inside", 6);
		break;
	case 6:
		for (unsigned i = 0; i < 20; i++) {
			login(run);
			orders_log_out(&run->login, run->now_ms);
		}
		break;
	case 7:
		run->is_halted = true;
		notices_halt(&run->login.notices);
		break;
	case 8:
		say(run, "#a", "inside", 6);
		break;
	case 9:
		join(run, inside / 12);
		break;
	case 10:
		leave(run, inside / 12);
		break;
	case 11:
		ask(run, inside / 12);
		break;
	}
}

static bool is_arrow(enum tg_state from, enum tg_state to)
{
	switch (to) {
	case TG_STATE_INIT:
		return false;
	case TG_STATE_CONNECTING:
		return from == TG_STATE_INIT || from == TG_STATE_CLOSED;
	case TG_STATE_CONNECTED:
		return from == TG_STATE_CONNECTING || from == TG_STATE_RECONNECTING;
	case TG_STATE_RECONNECTING:
		return from == TG_STATE_CONNECTING || from == TG_STATE_CONNECTED;
	case TG_STATE_CLOSING:
		return from != TG_STATE_CLOSED && from != TG_STATE_CLOSING;
	case TG_STATE_CLOSED:
		return from != TG_STATE_INIT && from != TG_STATE_CLOSED;
	}
	return false;
}

static void on_state(void *data, const struct tg_state_change *change)
{
	struct run *run = data;
	assert(change->from == run->state);
	assert(is_arrow(change->from, change->to));
	assert(run->waiting == 0 || change->to == TG_STATE_CLOSING);
	if (change->to == TG_STATE_CONNECTED && login_speaks_v1(&run->login)) {
		run->joins_due = run->login.rooms.count;
	}
	run->state = change->to;
	digest_number(run, change->to);
	digest_number(run, change->status);
	digest_number(run, change->close_code);
	digest_number(run, change->unsent_len);
	digest(run, change->reason, strlen(change->reason));
	act_inside(run);
}

static void on_message(void *data, const struct tg_message *message)
{
	struct run *run = data;
	act_inside(run);
	assert(message->text_len <= message->len);
	digest(run, message->data, message->len);
	digest_number(run, message->text_len);
	digest(run, message->audience, message->audience_len);
	digest_number(run, message->sent_ms);
}

static void digest_name(struct run *run, struct tg_name name)
{
	digest(run, name.data, name.len);
}

static void on_session(void *data, const struct tg_session *session)
{
	struct run *run = data;
	digest_number(run, session->seconds_left);
	digest_name(run, session->user);
	digest_name(run, session->device);
	act_inside(run);
}

static void on_answer(void *data, const struct tg_answer *answer)
{
	struct run *run = data;
	end_request(run, answer->id);
	digest_number(run, answer->id);
	digest_number(run, answer->status);
	digest_name(run, answer->room);
	act_inside(run);
}

static void on_members(void *data, const struct tg_members *members)
{
	struct run *run = data;
	assert(members->change <= TG_MEMBERS_TAKEN_OUT);
	digest_name(run, members->room);
	digest_name(run, members->user);
	digest_number(run, members->count);
	act_inside(run);
}

static void on_page(void *data, const struct tg_page *page)
{
	struct run *run = data;
	end_request(run, page->id);
	assert(page->count <= PAGE_USERS_MAX);
	for (size_t i = 0; i < page->count; i++) {
		digest_name(run, page->users[i]);
	}
	act_inside(run);
}

static void on_reply(void *data, const struct tg_reply *reply)
{
	struct run *run = data;
	end_request(run, reply->id);
	digest(run, reply->data, reply->len);
	act_inside(run);
}

static void on_gap(void *data, const struct tg_gap *gap)
{
	struct run *run = data;
	digest_number(run, gap->batches);
	act_inside(run);
}

static void on_error(void *data, const struct tg_error *error)
{
	struct run *run = data;
	digest_number(run, error->status);
	digest(run, error->detail, strlen(error->detail));
	act_inside(run);
}

static void on_event(void *data, const struct tg_event *event)
{
	struct run *run = data;
	digest_number(run, event->kind);
	digest_number(run, event->value);
	act_inside(run);
}

static void on_writable(void *data)
{
	act_inside(data);
}

static void give(struct run *run, uint8_t which)
{
	const char *const tokens[] = {NULL, "a", "b", "c"};
	orders_give_token(&run->login, tokens[which % 4], run->now_ms);
}

static void on_token(void *data, enum tg_token_need need)
{
	struct run *run = data;
	digest_number(run, need);
	if (run->gives_inside) {
		give(run, (uint8_t)run->now_ms);
	}
	act_inside(run);
}

static bool on_auth(void *data)
{
	struct run *run = data;
	act_inside(run);
	return true;
}

static int fetch(void *data, uint8_t *ret_bytes, size_t len)
{
	struct run *run = data;
	for (size_t i = 0; i < len; i++) {
		ret_bytes[i] = run->random = (uint8_t)(run->random * 5 + 1);
	}
	return 0;
}

/* --- what is sent ---------------------------------------------------------------------------- */

static void read_frames(struct run *run, const uint8_t *data, size_t len)
{
	struct message message;
	enum message_kind kind;
	uint8_t *copy = malloc(len);

	assert(copy);
	memcpy(copy, data, len);
	message_reader_feed(run->reader, copy, len);
	while ((kind = message_reader_next(run->reader, &message)) != MESSAGE_MORE) {
		assert(kind != MESSAGE_BROKEN);
		digest_number(run, kind);
		digest(run, message.data, message.len);
		if (run->joins_due > 0 && kind == MESSAGE_BINARY) {
			assert(load_be16(message.data) == PACKET_JOIN);
			run->joins_due--;
		} else {
			assert(run->joins_due == 0 || kind != MESSAGE_TEXT);
		}
	}
	free(copy);
}

static void read_sent(struct run *run, const uint8_t *data, size_t len)
{
	const uint32_t line = wire_wanted_line(&run->login);

	if (line != run->reading) {
		message_reader_destroy(&run->reader);
		assert(message_reader_create(&gateway_rules, &run->reader) == 0);
		run->reading = line;
		run->head_len = 0;
		run->has_head = false;
		run->joins_due = 0;
	}
	while (!run->has_head && len > 0) {
		assert(run->head_len < sizeof(run->head));
		run->head[run->head_len++] = (char)*data++;
		len--;
		run->has_head = run->head_len > 4 &&
				memcmp(run->head + run->head_len - 4, "\r\n\r\n", 4) == 0;
	}
	if (len > 0) {
		read_frames(run, data, len);
	}
}

static void take_sent(struct run *run, size_t most)
{
	const uint8_t *data;
	size_t len;

	while (most > 0 && (len = wire_peek(&run->login, &data)) > 0) {
		len = len < most ? len : most;
		most -= len;
		read_sent(run, data, len);
		wire_advance(&run->login, wire_wanted_line(&run->login), len);
	}
}

/* --- what comes ------------------------------------------------------------------------------ */

static void feed(struct run *run, const uint8_t *data, size_t len)
{
	const uint32_t line = wire_wanted_line(&run->login);
	const size_t step = run->is_byte_by_byte ? 1 : len;

	for (size_t at = 0; at < len; at += step) {
		uint8_t *copy = malloc(step);
		assert(copy);
		memcpy(copy, data + at, step);
		wire_feed(&run->login, line, copy, step, run->now_ms);
		free(copy);
	}
}

static void answer(struct run *run)
{
	static const char field[] = "Sec-WebSocket-Key: ";
	static const char start[] = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\n"
				    "Connection: Upgrade\r\nSec-WebSocket-Accept: ";
	char text[sizeof(start) + ACCEPT_LEN + 64];
	char accept[ACCEPT_LEN + 1];

	take_sent(run, SIZE_MAX);
	const char *key =
		run->head_len ? memmem(run->head, run->head_len, field, sizeof(field) - 1) : NULL;
	if (!key || run->reading != wire_wanted_line(&run->login)) {
		return;
	}
	accept_of_key(key + sizeof(field) - 1, accept);
	char *end = mempcpy(text, start, sizeof(start) - 1);
	end = mempcpy(end, accept, ACCEPT_LEN);
	end = stpcpy(end, "\r\n");
	if (run->takes_v1) {
		end = stpcpy(end, "Sec-WebSocket-Protocol: tidegate.v1\r\n");
	}
	end = stpcpy(end, "\r\n");
	feed(run, (const uint8_t *)text, (size_t)(end - text));
}

static void feed_frame(struct run *run, struct script *script)
{
	uint8_t frame[FRAME_HEADER_MAX + 255];
	const uint8_t opcode = take(script);
	const size_t len = take_len(script);
	const size_t header_len = frame_header_write(frame, opcode & 0xf, len, NULL);
	frame[0] ^= opcode & 0x80; /* now and then a fragment */
	memcpy(frame + header_len, script->data, len);
	drop(script, len);
	feed(run, frame, header_len + len);
}

static void feed_packet(struct run *run, struct script *script)
{
	uint8_t frame[FRAME_HEADER_MAX + PACKET_HEADER_LEN + 255];
	const uint16_t command = (uint16_t)(100 + take(script) % 32);
	const size_t len = take_len(script);
	const size_t header_len =
		frame_header_write(frame, FRAME_BINARY, PACKET_HEADER_LEN + len, NULL);
	uint8_t *packet = frame + header_len;
	packet_header_write(packet, command, (uint32_t)len);
	memcpy(packet + PACKET_HEADER_LEN, script->data, len);
	drop(script, len);
	feed(run, frame, header_len + PACKET_HEADER_LEN + len);
}

static void say_as_told(struct run *run, struct script *script)
{
	char audience[2 + 1] = {"@# "[take(script) % 3], 'a', '\0'};
	const size_t len = take_len(script);
	say(run, audience, script->data, len);
	drop(script, len);
}

/* --- the script ------------------------------------------------------------------------------ */

static void settle(struct run *run)
{
	unsigned turns = 0;

	while (clock_next_deadline(&run->login) <= run->now_ms) {
		clock_tick(&run->login, run->now_ms);
		assert(turns++ < 8);
	}
}

static void pass(struct run *run, uint64_t ms)
{
	const uint64_t until = run->now_ms + ms;
	uint64_t due;
	unsigned turns = 0;

	while ((due = clock_next_deadline(&run->login)) <= until && turns++ < 64) {
		run->now_ms = due > run->now_ms ? due : run->now_ms;
		clock_tick(&run->login, run->now_ms);
	}
	run->now_ms = until > run->now_ms ? until : run->now_ms;
	settle(run);
}

static uint64_t take_ms(struct script *script)
{
	const uint8_t exponent = take(script) % 20;
	return (UINT64_C(1) << exponent) + take(script);
}

static void stale(struct run *run, uint8_t which)
{
	uint8_t kick[] = "\x88\x02\x0f\xa1";
	const uint32_t line = wire_wanted_line(&run->login) + 1 + which % 3;

	wire_opened(&run->login, line, run->now_ms);
	wire_trying(&run->login, line, run->now_ms);
	wire_feed(&run->login, line, kick, sizeof(kick) - 1, run->now_ms);
	wire_failed(&run->login, line, TG_ERR_LOST, 0, NULL, run->now_ms);
	wire_ended(&run->login, line, run->now_ms);
	wire_advance(&run->login, line, 1);
}

static void step(struct run *run, struct script *script)
{
	const uint32_t line = wire_wanted_line(&run->login);
	uint16_t command;
	size_t len;

	switch (take(script) % ACT_COUNT) {
	case ACT_LOGIN:
		login(run);
		break;
	case ACT_LOGOUT:
		orders_log_out(&run->login, run->now_ms);
		break;
	case ACT_PROBE:
		orders_probe(&run->login, run->now_ms);
		break;
	case ACT_SEND_TEXT:
		len = take_len(script);
		orders_send_text(&run->login, (const char *)script->data, len);
		drop(script, len);
		break;
	case ACT_SEND_PACKET:
		command = (uint16_t)(100 + take(script) % 4);
		len = take_len(script);
		orders_send_packet(&run->login, command, script->data, len);
		drop(script, len);
		break;
	case ACT_PASS:
		pass(run, take_ms(script));
		break;
	case ACT_SLEEP:
		run->now_ms += take_ms(script);
		settle(run);
		break;
	case ACT_OPENED:
		wire_opened(&run->login, line, run->now_ms);
		break;
	case ACT_TRYING:
		wire_trying(&run->login, line, run->now_ms);
		break;
	case ACT_FAILED:
		wire_failed(&run->login, line, TG_ERR_RESOLVE + take(script) % 3,
			take(script) % 2 * 111, NULL, run->now_ms);
		break;
	case ACT_ENDED:
		wire_ended(&run->login, line, run->now_ms);
		break;
	case ACT_STALE:
		stale(run, take(script));
		break;
	case ACT_ANSWER:
		answer(run);
		break;
	case ACT_BYTES:
		len = take_len(script);
		feed(run, script->data, len);
		drop(script, len);
		break;
	case ACT_FRAME:
		feed_frame(run, script);
		break;
	case ACT_TAKE:
		take_sent(run, 1 + (size_t)take(script));
		break;
	case ACT_INSIDE:
		run->inside = take(script);
		break;
	case ACT_SAY:
		say_as_told(run, script);
		break;
	case ACT_JOIN:
		join(run, take(script));
		break;
	case ACT_LEAVE:
		leave(run, take(script));
		break;
	case ACT_LIST:
		ask(run, take(script));
		break;
	case ACT_PACKET:
		feed_packet(run, script);
		break;
	case ACT_GIVE:
		give(run, take(script));
		break;
	case ACT_PING:
		orders_ping(&run->login, run->now_ms);
		break;
	default:
		if (take(script) == 0xff) {
			run->is_halted = true;
			notices_halt(&run->login.notices);
		}
		break;
	}
}

static void check(const struct run *run)
{
	if (run->is_halted) {
		return;
	}
	assert(run->login.state == run->state);
	if (run->state == TG_STATE_INIT) {
		assert(wire_wanted_line(&run->login) == 0);
		assert(clock_next_deadline(&run->login) == MOMENT_NEVER);
	}
	if (run->state == TG_STATE_CONNECTED || run->state == TG_STATE_CLOSING) {
		assert(wire_wanted_line(&run->login) != 0);
	}
	if (run->state == TG_STATE_CONNECTING) {
		assert(wire_wanted_line(&run->login) != 0 || run->login.tokens.dial_waits);
	}
	if (run->state == TG_STATE_CLOSED && wire_wanted_line(&run->login) == 0) {
		assert(clock_next_deadline(&run->login) == MOMENT_NEVER);
	}
	/* What waits for nobody's answer has a time. */
	if (run->state == TG_STATE_RECONNECTING || run->state == TG_STATE_CLOSING) {
		assert(clock_next_deadline(&run->login) != MOMENT_NEVER ||
			run->login.wants_next_address);
	}
	assert(login_unsent_len(&run->login) <= run->options.send_queue_limit);
}

static uint64_t play(const uint8_t *data, size_t len, bool is_byte_by_byte)
{
	struct script script = {data, len};
	struct run run = {
		.now_ms = 1000,
		.is_byte_by_byte = is_byte_by_byte,
		.options =
			{
				.heartbeat_ms = 50000,
				.read_deadline_ms = 150000,
				.connect_timeout_ms = 5000,
				.close_timeout_ms = 1500,
				.probe_timeout_ms = 5000,
				.reconnect_attempts = 3,
				.reconnect_min_ms = 2000,
				.reconnect_max_ms = 10000,
				.min_uptime_ms = 5000,
				.send_queue_limit = 600,
			},
		.digest = UINT64_C(14695981039346656037),
	};
	const struct listener listener = {
		.state = on_state,
		.message = on_message,
		.session = on_session,
		.answer = on_answer,
		.members = on_members,
		.page = on_page,
		.reply = on_reply,
		.gap = on_gap,
		.error = on_error,
		.event = on_event,
		.writable = on_writable,
		.token = on_token,
		.auth = on_auth,
		.data = &run,
	};
	const uint8_t flags = take(&script);

	run.options.retry_login = flags & 1;
	run.options.close_timeout_ms = flags & 2 ? 0 : 1500;
	run.options.reconnect_attempts = flags & 4 ? -1 : 3;
	run.options.heartbeat_ms = flags & 8 ? 0 : 50000;
	run.options.offers = flags & 16 ? SUBPROTOCOL_V1 : SUBPROTOCOL_NONE;
	run.takes_v1 = (flags & 16) && !(flags & 32);
	run.options.asks_for_tokens = flags & 64;
	run.gives_inside = flags & 128;
	login_init(&run.login, &listener);
	run.login.entropy.fetch = fetch;
	run.login.entropy.data = &run;
	while (script.len > 0) {
		step(&run, &script);
		check(&run);
	}
	digest_number(&run, run.login.state);
	digest_number(&run, run.login.stats.dials);
	login_finish(&run.login);
	message_reader_destroy(&run.reader);
	return run.digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	assert(play(data, len, false) == play(data, len, true));
	return 0;
}
