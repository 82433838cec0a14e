/* Some clients at three workers, classic and of tidegate.v1, who do what the input says: log in,
 * say, come and go, send anything, read or not; and in between the workers get on, a part of a turn
 * at a time. Whatever it is, what they are sent is whole packets that they may get, and when all
 * have gone nothing is left of them. The workers stay: that is twenty times as fast as new ones. */
#include <assert.h>

#include "../unit/talk_rig.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
	WORKERS = 3,
	PLAYERS = 6,
	NAMES = 4,   /* of users, devices and rooms */
	LONG = 6000, /* bytes of a text that no socket takes many of */
	SOCKET_BYTES = 4096,
};

struct player {
	struct client *client; /* NULL: not there */
	bool speaks_v1;
	bool is_past_head;
};

struct input {
	const uint8_t *at;
	size_t left;
};

static struct rig rig;
static struct player players[PLAYERS];

static uint8_t take(struct input *input)
{
	if (input->left == 0) {
		return 0;
	}
	input->left--;
	return *input->at++;
}

/* --- what they are sent ------------------------------------------------------------------------
 */

static void look_at_packet(const struct player *player, const struct seen_frame *frame)
{
	struct packet packet;
	struct message_packet message;
	struct answer_packet answer;
	struct members_packet members;
	struct page_packet page;
	struct reply_packet reply;
	struct slice users[PAGE_USERS_MAX];
	assert(packet_decode(frame->data, frame->len, &packet) == 0);
	assert(player->speaks_v1 || packet.command == PACKET_PONG || packet.command == PACKET_TEXT);
	switch (packet.command) {
	case PACKET_MESSAGE:
		assert(message_packet_decode(packet.payload, packet.payload_len, &message) == 0);
		break;
	case PACKET_ANSWER:
		assert(answer_packet_decode(packet.payload, packet.payload_len, &answer) == 0);
		break;
	case PACKET_MEMBERS:
		assert(members_packet_decode(packet.payload, packet.payload_len, &members) == 0);
		assert(members.count > 0);
		break;
	case PACKET_PAGE:
		assert(page_packet_decode(packet.payload, packet.payload_len, &page, users) == 0);
		break;
	case PACKET_REPLY:
		assert(reply_packet_decode(packet.payload, packet.payload_len, &reply) == 0);
		assert(reply.result == PACKET_UNREACHABLE);
		break;
	case PACKET_SESSION:
	case PACKET_PONG:
	case PACKET_TEXT:
		break;
	default:
		assert(!"a packet of ours");
	}
}

static void look_at(struct player *player)
{
	struct seen_frame frame;
	if (!player->is_past_head) {
		int status = client_status(player->client);
		assert(status == 0 || status == 101);
		player->is_past_head = status == 101;
	}
	while (player->is_past_head && client_frame(player->client, &frame)) {
		if (frame.opcode == FRAME_BINARY) {
			look_at_packet(player, &frame);
		}
	}
}

/* --- what they do ------------------------------------------------------------------------------
 */

static void leave(struct player *player)
{
	if (player->client) {
		client_leave(player->client);
		*player = (struct player){0};
	}
}

static void log_in(struct player *player, uint8_t how)
{
	static const char *const devices[NAMES] = {"", "b", "c", "d"};
	char target[64];
	char request[512];
	leave(player);
	player->client = rig_connect(&rig, (how >> 1) % WORKERS, SOCKET_BYTES, false);
	player->client->deaf = true;
	player->speaks_v1 = how & 1;
	snprintf(target, sizeof(target), "/?user=u%u&device=%s", how >> 3 & 3,
		devices[how >> 5 & 3]);
	client_write(player->client, request,
		make_request_with(target,
			player->speaks_v1 ? "Sec-WebSocket-Protocol: tidegate.v1\r\n" : "",
			request));
}

/* What a socket does not take is cut off: its client says no more that makes sense. */
static void send_frame(struct player *player, uint8_t opcode, const void *payload, size_t len)
{
	uint8_t frame[LONG + 256 + FRAME_HEADER_MAX];
	if (player->client) {
		size_t frame_len = make_frame(frame, opcode, payload, len);
		(void)send(player->client->fd, frame, frame_len, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

static void send_packet(
	struct player *player, uint16_t command, uint8_t *packet, const uint8_t *end)
{
	packet_header_write(packet, command, (uint32_t)(end - packet) - PACKET_HEADER_LEN);
	send_frame(player, FRAME_BINARY, packet, (size_t)(end - packet));
}

static void say(struct player *player, uint8_t to, size_t text_len)
{
	uint8_t packet[LONG + 256];
	char audience[4];
	static char text[LONG];
	memset(text, 'x', sizeof(text));
	snprintf(audience, sizeof(audience), "%c%c%u", to & 4 ? '#' : '@', to & 4 ? 'r' : 'u',
		to & 3);
	const struct say_packet its = {
		.id = to,
		.audience = slice_of(to & 8 ? audience : ""),
		.text = {text, text_len},
	};
	send_packet(player, PACKET_SAY, packet, say_packet_write(packet + PACKET_HEADER_LEN, &its));
}

static void come_or_go(struct player *player, uint8_t how)
{
	uint8_t packet[64];
	char room[3];
	snprintf(room, sizeof(room), "r%u", how & 3);
	const struct join_packet join = {.id = how, .flags = how >> 3 & 1, .room = slice_of(room)};
	const struct leave_packet its = {.id = how, .room = slice_of(room)};
	if (how & 4) {
		send_packet(player, PACKET_LEAVE, packet,
			leave_packet_write(packet + PACKET_HEADER_LEN, &its));
	} else {
		send_packet(player, PACKET_JOIN, packet,
			join_packet_write(packet + PACKET_HEADER_LEN, &join));
	}
}

static void list(struct player *player, uint8_t how)
{
	uint8_t packet[64];
	char room[3];
	snprintf(room, sizeof(room), "r%u", how & 3);
	const struct list_packet its = {.room = slice_of(room), .after = SLICE("u1")};
	send_packet(
		player, PACKET_LIST, packet, list_packet_write(packet + PACKET_HEADER_LEN, &its));
}

static void send_anything(struct player *player, struct input *input)
{
	uint8_t packet[64];
	uint8_t *end = packet + PACKET_HEADER_LEN;
	const uint16_t command = 100 + take(input) % 28;
	for (uint8_t len = take(input) % 48; len > 0; len--) {
		*end++ = take(input);
	}
	send_packet(player, command, packet, end);
}

/* --- the game ----------------------------------------------------------------------------------
 */

static void step(struct input *input)
{
	const uint8_t what = take(input);
	struct player *player = &players[(what >> 4) % PLAYERS];
	const uint32_t worker = (what >> 4) % WORKERS;
	switch (what & 15) {
	case 0:
		log_in(player, take(input));
		break;
	case 1:
		leave(player);
		break;
	case 2:
	case 3:
		come_or_go(player, take(input));
		break;
	case 4:
	case 5:
		say(player, take(input), 2);
		break;
	case 6:
		say(player, take(input), LONG);
		break;
	case 7:
		list(player, take(input));
		break;
	case 8:
		send_anything(player, input);
		break;
	case 9:
		send_frame(player, FRAME_TEXT, "hello", 5);
		break;
	case 10:
		if (player->client) {
			look_at(player);
		}
		break;
	case 11:
		rig_events(&rig, worker);
		break;
	case 12:
		rig_mail(&rig, worker);
		break;
	case 13:
		fanout_step(rig.workers[worker].fanout, 1);
		break;
	case 14:
		rig_turn(&rig, worker);
		break;
	case 15:
		rig_pass(&rig, 1 + take(input) % 8);
		break;
	}
}

/* Everybody goes, and nothing is left. */
static void clear_up(void)
{
	for (int i = 0; i < PLAYERS; i++) {
		leave(&players[i]);
	}
	rig_run(&rig);
	/* What waits for more of the like. */
	rig_pass(&rig, 1);
	rig_run(&rig);
	for (uint32_t i = 0; i < WORKERS; i++) {
		assert(stats_read(&rig.workers[i].stats.sessions) == 0);
		assert(stats_read(&rig.workers[i].stats.memberships) == 0);
		assert(stats_read(&rig.workers[i].stats.connections) == 0);
	}
	assert(user_table_count(rig.node.users) == 0);
	assert(rooms_count(rig.node.fanout.rooms) == 0);
	assert(budget_used(&rig.node.budget) == 0);
	assert(rig.node.fanout.backlog == 0);
	for (uint32_t i = 0; i < rig.client_count; i++) {
		free(rig.clients[i].in);
	}
	rig.client_count = 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	rig_init(&rig, WORKERS);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input input = {data, len};
	while (input.left > 0 && rig.client_count + 1 < RIG_CLIENTS) {
		step(&input);
	}
	clear_up();
	return 0;
}
