/* Real workers on threads of their own, under fire from several threads of clients, classic ones
 * and some that speak tidegate.v1, that log in, talk to all, to users and in rooms, stall, break
 * rules, kick each other and vanish at random. Now and then all of it stands still. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../proto/frame.h"
#include "../../proto/packet.h"
#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"
#include "../../server/base/clock.h"
#include "../../server/base/log.h"
#include "../../server/node/newcomers.h"
#include "../../server/node/registrar.h"
#include "../../server/node/registrar_pack.h"
#include "../../server/node/rest.h"
#include "../../server/node/serving_last.h"
#include "../../server/node/worker.h"
#include "split.h"

enum {
	WORKERS = 3,
	CLIENT_THREADS = 4,
	STEPS = 20000, /* of each thread at least */
	PLACES = 24,   /* connections of each thread at a time */
	SERVED = 60,   /* of all threads; only who came from beyond is held to that */
	USERS = 40,
	ROOMS = 3,
	DEVICES = 4,
	DEVICES_MAX = 2, /* sessions of a user */
	SESSIONS_MAX = 8192,
	SOCKETS_MAX = 4000, /* at the workers, before more come */
	YIELDS_MAX = 1000,
	FRAME_MAX = 1024,
	KICK_LIMIT = 3,
	GIVE_UP_S = 300,
	RESTS = 200, /* times that all stands still */
	RESTS_MS = 60000,
	BETWEEN_RESTS = 20, /* deliveries */
};

struct client {
	int fd; /* -1: none */
	bool is_deaf;
	bool is_spoilt; /* has sent something after which no texts count */
	bool is_past_head;
	bool is_refused; /* what follows its head are no frames */
	bool speaks_v1;
	uint16_t session;
	uint16_t said;           /* texts sent */
	uint16_t said_to_all;    /* of them */
	uint16_t said_in[ROOMS]; /* likewise */
	bool has_joined[ROOMS];  /* by what it has sent */
	bool is_in[ROOMS];       /* by the answers it has got */
	uint8_t pending[FRAME_MAX];
	size_t pending_len;
	uint8_t in[1 << 17];
	size_t in_len;
	/* The next numbers of each session, once heard. */
	uint16_t heard[SESSIONS_MAX];
	uint16_t heard_to_all[SESSIONS_MAX];
	uint16_t heard_in[ROOMS][SESSIONS_MAX];
	/* What each had begun to say when this one knew that he was there. */
	uint16_t came_at[SESSIONS_MAX];
	uint16_t came_in_at[ROOMS][SESSIONS_MAX];
};

struct crowd {
	pthread_t thread;
	uint32_t random;
	struct node *node;
	bool (*is_enough)(const struct node *node); /* NULL: STEPS are */
	struct client *clients;
	struct counts {
		uint64_t opened;
		uint64_t heard; /* texts, whatever their audience */
		uint64_t heard_alone;
		uint64_t heard_in_rooms;
		uint64_t told; /* who comes and goes */
		uint64_t pages;
	} counts;
};

static _Atomic uint32_t next_session;
/* Of each session, what it has begun to say: its next number, ahead of what is on its way. */
static _Atomic uint16_t begun_to_all[SESSIONS_MAX + 1];
static _Atomic uint16_t begun_in[ROOMS][SESSIONS_MAX + 1];
static atomic_bool newcomers_wait; /* as while acceptors have stopped */
static _Atomic uint32_t rests;     /* so far */

/* Everything below runs on threads where cmocka's asserts cannot jump. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static uint32_t roll(struct crowd *crowd, uint32_t sides)
{
	return (split_random(&crowd->random) >> 8) % sides;
}

/* --- what a client hears -----------------------------------------------------------------------
 */

static void note_begun(uint16_t *came_at, const _Atomic uint16_t *begun)
{
	const uint32_t sessions = next_session < SESSIONS_MAX ? next_session : SESSIONS_MAX;
	for (uint32_t i = 0; i < sessions; i++) {
		came_at[i] = begun[i];
	}
}

/* All that was said since he came, without a gap. What was said shortly before and was still on
 * its way to others of his worker may come besides. */
static void hear_next(uint16_t *next, unsigned number, uint16_t came_at)
{
	CHECK((*next > 0 && number == *next) || number <= came_at);
	*next = (uint16_t)(number + 1);
}

/* `SESSION.NUMBER AUDIENCE.NUMBER`, each number counted for itself: of each session in order,
 * whatever the audience, and of each audience without a gap; but who is being replaced may miss
 * what is said to him alone. */
static void hear(struct crowd *crowd, struct client *client, const uint8_t *data, size_t len)
{
	char text[256];
	unsigned session;
	unsigned number;
	unsigned of_audience;
	unsigned place = 0;
	char mark;
	CHECK(len < sizeof(text));
	memcpy(text, data, len);
	text[len] = '\0';
	CHECK(sscanf(text, "%u.%u %c%u.%u", &session, &number, &mark, &place, &of_audience) == 5);
	CHECK(session < SESSIONS_MAX && session != client->session);
	CHECK(client->heard[session] <= number);
	client->heard[session] = (uint16_t)(number + 1);
	crowd->counts.heard++;
	if (mark == '*') {
		hear_next(&client->heard_to_all[session], of_audience, client->came_at[session]);
	} else if (mark == '#') {
		CHECK(place < ROOMS && client->is_in[place]);
		hear_next(&client->heard_in[place][session], of_audience,
			client->came_in_at[place][session]);
		crowd->counts.heard_in_rooms++;
	} else {
		CHECK(mark == '@');
		crowd->counts.heard_alone++;
	}
}

/* --- what it is answered -----------------------------------------------------------------------
 */

enum {
	ASKED_TO_JOIN = 1 << 8,
	ASKED_TO_LEAVE = 1 << 9,
};

static void hear_answer(struct client *client, const struct packet *packet)
{
	struct answer_packet answer;
	CHECK(answer_packet_decode(packet->payload, packet->payload_len, &answer) == 0);
	uint32_t room = answer.id & 0xff;
	if (answer.id == 0) {
		/* He is not there, or nobody else is in that room. */
		CHECK(answer.result == PACKET_NOBODY_THERE);
		return;
	}
	CHECK(answer.result == PACKET_DONE && room < ROOMS);
	CHECK(client->is_in[room] == (answer.id == (ASKED_TO_LEAVE | room)));
	client->is_in[room] = !client->is_in[room];
	CHECK(answer.count > 0 || !client->is_in[room]);
	memset(client->heard_in[room], 0, sizeof(client->heard_in[room]));
	note_begun(client->came_in_at[room], begun_in[room]);
}

static void hear_members(struct crowd *crowd, struct client *client, const struct packet *packet)
{
	struct members_packet members;
	CHECK(members_packet_decode(packet->payload, packet->payload_len, &members) == 0);
	CHECK(members.room.len == 2 && members.room.data[0] == 'r');
	CHECK(client->is_in[members.room.data[1] - '0']);
	CHECK(members.count > 0 && members.count <= USERS);
	CHECK(members.change <= MEMBERS_WENT);
	CHECK(members.change == MEMBERS_COUNTED
			? members.user.len == 0
			: members.user.len > 1 && members.user.data[0] == 'u');
	crowd->counts.told++;
}

static void hear_page(struct crowd *crowd, const struct packet *packet)
{
	struct page_packet page;
	struct slice users[PAGE_USERS_MAX];
	CHECK(page_packet_decode(packet->payload, packet->payload_len, &page, users) == 0);
	CHECK(page.result == PACKET_DONE || page.result == PACKET_BUSY);
	CHECK(page.count <= USERS && page.is_last);
	/* Whoever asks is in it. */
	CHECK(page.count > 0 || page.result == PACKET_BUSY);
	crowd->counts.pages++;
}

static void hear_packet(struct crowd *crowd, struct client *client, const uint8_t *data, size_t len)
{
	struct packet packet;
	struct message_packet message;
	CHECK(packet_decode(data, len, &packet) == 0);
	CHECK(client->speaks_v1 || packet.command == PACKET_PONG);
	switch (packet.command) {
	case PACKET_MESSAGE:
		CHECK(message_packet_decode(packet.payload, packet.payload_len, &message) == 0);
		hear(crowd, client, (const uint8_t *)message.text.data, message.text.len);
		break;
	case PACKET_ANSWER:
		hear_answer(client, &packet);
		break;
	case PACKET_MEMBERS:
		hear_members(crowd, client, &packet);
		break;
	case PACKET_PAGE:
		hear_page(crowd, &packet);
		break;
	case PACKET_SESSION:
	case PACKET_PONG:
		break;
	default:
		CHECK(!"a packet of ours");
	}
}

/* --- what it hears -----------------------------------------------------------------------------
 */

static size_t take_frame(struct crowd *crowd, struct client *client, const uint8_t *at, size_t len)
{
	if (len < 2 || (at[1] == 126 && len < 4)) {
		return 0;
	}
	CHECK(at[1] < 127);
	size_t header_len = at[1] < 126 ? 2 : 4;
	size_t payload_len = at[1] < 126 ? at[1] : (size_t)at[2] << 8 | at[3];
	if (len - header_len < payload_len) {
		return 0;
	}
	switch (at[0]) {
	case 0x80 | FRAME_TEXT:
		hear(crowd, client, at + header_len, payload_len);
		break;
	case 0x80 | FRAME_BINARY:
		hear_packet(crowd, client, at + header_len, payload_len);
		break;
	case 0x80 | FRAME_PONG:
		break;
	case 0x80 | FRAME_CLOSE:
		CHECK(len == header_len + payload_len); /* nothing after it */
		break;
	default:
		CHECK(!"a frame of ours");
	}
	return header_len + payload_len;
}

static void listen_to(struct crowd *crowd, struct client *client)
{
	ssize_t len = recv(client->fd, client->in + client->in_len,
		sizeof(client->in) - client->in_len, MSG_DONTWAIT);
	if (len <= 0) {
		return;
	}
	client->in_len += (size_t)len;
	size_t at = 0;
	if (!client->is_past_head) {
		uint8_t *end = memmem(client->in, client->in_len, "\r\n\r\n", 4);
		if (!end) {
			return;
		}
		CHECK(memcmp(client->in, "HTTP/1.1 ", 9) == 0);
		at = (size_t)(end + 4 - client->in);
		client->is_past_head = true;
		note_begun(client->came_at, begun_to_all);
		client->is_refused = memcmp(client->in, "HTTP/1.1 101 ", 13) != 0;
	}
	if (client->is_refused) {
		client->in_len = 0; /* a line for people */
		return;
	}
	size_t step;
	while ((step = take_frame(crowd, client, client->in + at, client->in_len - at)) > 0) {
		at += step;
	}
	client->in_len -= at;
	memmove(client->in, client->in + at, client->in_len);
}

/* --- what a client says ------------------------------------------------------------------------
 */

/* Returns whether it is on its way, at least in part; the rest follows then. */
static bool say(struct client *client, const void *data, size_t len)
{
	if (client->pending_len > 0) {
		ssize_t sent = send(client->fd, client->pending, client->pending_len,
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent > 0) {
			client->pending_len -= (size_t)sent;
			memmove(client->pending, client->pending + sent, client->pending_len);
		}
		if (client->pending_len > 0) {
			return false;
		}
	}
	ssize_t sent = send(client->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent <= 0) {
		return false;
	}
	client->pending_len = len - (size_t)sent;
	CHECK(client->pending_len <= sizeof(client->pending));
	memcpy(client->pending, (const uint8_t *)data + sent, client->pending_len);
	return true;
}

static bool say_frame(struct client *client, uint8_t opcode, const void *payload, size_t len)
{
	static const uint8_t mask[4] = {1, 2, 3, 4};
	uint8_t frame[FRAME_MAX];
	size_t header_len = frame_header_write(frame, opcode, len, mask);
	CHECK(header_len + len <= sizeof(frame));
	if (len > 0) {
		memcpy(frame + header_len, payload, len);
		frame_mask(frame + header_len, len, mask, 0);
	}
	return say(client, frame, header_len + len);
}

static void say_text(struct client *client)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "%u.%u *0.%u", client->session, client->said,
		client->said_to_all);
	if (client->is_spoilt) {
		return;
	}
	begun_to_all[client->session] = client->said_to_all + 1;
	if (say_frame(client, FRAME_TEXT, text, (size_t)len)) {
		client->said++;
		client->said_to_all++;
	}
}

static bool say_packet(struct client *client, uint16_t command, uint8_t *packet, const uint8_t *end)
{
	size_t len = (size_t)(end - packet);
	packet_header_write(packet, command, (uint32_t)(len - PACKET_HEADER_LEN));
	return say_frame(client, FRAME_BINARY, packet, len);
}

/* To all, to a user or in a room, as `mark` has it. */
static void say_to(struct client *client, char mark, unsigned place)
{
	uint8_t packet[256];
	char audience[16];
	char text[64];
	bool is_room = mark == '#';
	bool is_all = mark == '*';
	int audience_len = is_all ? 0
				  : snprintf(audience, sizeof(audience), "%c%c%u", mark,
					    is_room ? 'r' : 'u', place);
	int len = snprintf(text, sizeof(text), "%u.%u %c%u.%u", client->session, client->said, mark,
		place,
		is_room  ? client->said_in[place]
		: is_all ? client->said_to_all
			 : 0u);
	const struct say_packet its = {
		.audience = {audience, (size_t)audience_len}, .text = {text, (size_t)len}};
	if (is_all) {
		begun_to_all[client->session] = client->said_to_all + 1;
	} else if (is_room) {
		begun_in[place][client->session] = client->said_in[place] + 1;
	}
	if (say_packet(client, PACKET_SAY, packet,
		    say_packet_write(packet + PACKET_HEADER_LEN, &its))) {
		client->said++;
		client->said_to_all += is_all;
		client->said_in[is_room ? place : 0] += is_room;
	}
}

static void come_or_go(struct crowd *crowd, struct client *client, uint8_t room)
{
	uint8_t packet[64];
	uint8_t *payload = packet + PACKET_HEADER_LEN;
	const char name[] = {'r', (char)('0' + room)};
	const struct slice its = {name, sizeof(name)};
	bool is_in = client->has_joined[room];
	const struct join_packet join = {
		.id = ASKED_TO_JOIN | room, .flags = roll(crowd, 2) == 0, .room = its};
	const struct leave_packet leave = {.id = ASKED_TO_LEAVE | room, .room = its};
	uint8_t *end =
		is_in ? leave_packet_write(payload, &leave) : join_packet_write(payload, &join);
	if (say_packet(client, is_in ? PACKET_LEAVE : PACKET_JOIN, packet, end)) {
		client->has_joined[room] = !is_in;
	}
}

static void ask_for_members(struct client *client, uint8_t room)
{
	uint8_t packet[64];
	const char name[] = {'r', (char)('0' + room)};
	const struct list_packet list = {.id = 1, .room = {name, sizeof(name)}, .after = SLICE("")};
	say_packet(
		client, PACKET_LIST, packet, list_packet_write(packet + PACKET_HEADER_LEN, &list));
}

/* What only those can say who speak tidegate.v1. */
static void say_v1(struct crowd *crowd, struct client *client)
{
	uint8_t room = (uint8_t)roll(crowd, ROOMS);
	uint32_t what = roll(crowd, 8);
	if (client->is_spoilt) {
		return;
	}
	if (what == 0) {
		come_or_go(crowd, client, room);
	} else if (what == 1) {
		say_to(client, '*', 0);
	} else if (what < 4) {
		say_to(client, '@', roll(crowd, USERS));
	} else if (!client->has_joined[room]) {
		come_or_go(crowd, client, room);
	} else if (what == 4) {
		ask_for_members(client, room);
	} else {
		say_to(client, '#', room);
	}
}

static void say_nonsense(struct crowd *crowd, struct client *client)
{
	static const struct {
		const char *bytes;
		size_t len;
	} nonsense[] = {
		{"\x81\x01x", 3},
		{"\x82\x85\0\0\0\0\0\x64", 8},
		{"\x01\x80\0\0\0\0", 6},
		{"\x88\x82\0\0\0\0\x03\xe8", 8},
		{"\x82\x80\0\0\0\0", 6},
		{"\x82\x86\0\0\0\0\0\x6e\0\0\0\0", 12}, /* bad from who speaks v1 only */
		{"GET / HTTP/1.0\r\n\r\n", 18},
	};
	uint32_t which = roll(crowd, sizeof(nonsense) / sizeof(nonsense[0]));
	say(client, nonsense[which].bytes, nonsense[which].len);
	client->is_spoilt = true;
}

static void leave(struct client *client)
{
	close(client->fd);
	client->fd = -1;
}

static uint32_t held_by_workers(const struct node *node)
{
	uint32_t held = 0;
	for (int i = 0; i < WORKERS; i++) {
		held += atomic_load(worker_load(node->workers[i]));
	}
	return held;
}

/* Lets the workers close what has come: there are only so many descriptors. They may have been
 * stopped, so not for ever. */
static void wait_for_room(const struct node *node)
{
	for (int i = 0; i < YIELDS_MAX && held_by_workers(node) > SOCKETS_MAX; i++) {
		sched_yield();
	}
}

static void come(struct crowd *crowd, struct client *client)
{
	int fds[2];
	wait_for_room(crowd->node);
	char request[512];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	int small = 4096;
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	memset(client, 0, sizeof(*client));
	client->fd = fds[1];
	uint32_t session = next_session++;
	/* Without a number it says no texts. */
	client->session = (uint16_t)(session < SESSIONS_MAX ? session : SESSIONS_MAX);
	client->is_spoilt = session >= SESSIONS_MAX;
	client->is_deaf = roll(crowd, 10) == 0;
	struct socket_batch *batch = malloc(sizeof(*batch) + sizeof(batch->sockets[0]));
	CHECK(batch);
	batch->count = 1;
	bool is_beyond = roll(crowd, 50) == 0;
	struct places *places = &crowd->node->places;
	atomic_fetch_add(is_beyond ? &places->refusals : &places->taken, 1);
	batch->sockets[0] = (struct accepted_socket){.fd = fds[0],
		.epoch = epoch_next(&crowd->node->epochs, clock_wall_us()),
		.is_beyond = is_beyond};
	struct worker *worker = crowd->node->workers[roll(crowd, WORKERS)];
	atomic_fetch_add(worker_load(worker), 1);
	worker_post(worker, SERVING_MAIL_SOCKETS, &batch->mail);
	crowd->counts.opened++;
	client->speaks_v1 = roll(crowd, 2) == 0;
	int len = snprintf(request, sizeof(request),
		"GET /?user=u%u&device=%.*s HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
		"Connection: upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Version: 13\r\n%s\r\n",
		roll(crowd, USERS), (int)roll(crowd, DEVICES), "phone",
		client->speaks_v1 ? "Sec-WebSocket-Protocol: tidegate.v1\r\n" : "");
	if (roll(crowd, 20) == 0) {
		client->is_spoilt = true; /* never says it all */
		len /= 2;
	}
	if (roll(crowd, 4) == 0) {
		/* With the next words: others that come meanwhile are read before it. */
		memcpy(client->pending, request, (size_t)len);
		client->pending_len = (size_t)len;
		return;
	}
	say(client, request, (size_t)len);
	if (roll(crowd, 8) == 0) {
		leave(client); /* a dial that is given up */
	}
}

static void act(struct crowd *crowd, struct client *client)
{
	static const uint8_t ping[6] = {0, 100};
	if (client->fd < 0) {
		if (!newcomers_wait) {
			come(crowd, client);
		}
		return;
	}
	if (!client->is_deaf) {
		listen_to(crowd, client);
	}
	if (client->speaks_v1 && roll(crowd, 3) != 0) {
		say_v1(crowd, client);
		return;
	}
	switch (roll(crowd, 16)) {
	case 0:
		leave(client);
		break;
	case 1:
		say_nonsense(crowd, client);
		break;
	case 2:
		if (!client->is_spoilt) {
			say_frame(client, FRAME_PING, "?", 1);
		}
		break;
	case 3:
		if (!client->is_spoilt) {
			say_frame(client, FRAME_BINARY, ping, sizeof(ping));
		}
		break;
	case 4:
		shutdown(client->fd, SHUT_WR);
		client->is_spoilt = true;
		break;
	default:
		say_text(client);
		break;
	}
}

/* Whether a crowd has heard all there is to hear often. */
static bool has_heard_enough(const struct counts *counts)
{
	return counts->heard > 1000 && counts->heard_alone > 20 && counts->heard_in_rooms > 300 &&
	       counts->told > 100 && counts->pages > 10;
}

static bool has_enough(const struct crowd *crowd)
{
	return !crowd->is_enough ||
	       (crowd->is_enough(crowd->node) && has_heard_enough(&crowd->counts));
}

static void *run_crowd(void *context)
{
	struct crowd *crowd = context;
	for (int step = 0; step < STEPS; step++) {
		act(crowd, &crowd->clients[roll(crowd, PLACES)]);
	}
	/* By the clock, as users who kick each other too often have to wait. */
	for (time_t end = time(NULL) + GIVE_UP_S; !has_enough(crowd);) {
		CHECK(time(NULL) < end);
		act(crowd, &crowd->clients[roll(crowd, PLACES)]);
		sched_yield();
	}
	return NULL;
}

/* --- the node ----------------------------------------------------------------------------------
 */

struct rig {
	struct node node;
	struct crowd crowds[CLIENT_THREADS];
	struct config config;
	struct registrar *registrar; /* NULL: nobody asks for it */
};

static int make(void **state, bool has_registrar)
{
	struct rig *rig = aligned_alloc(64, (sizeof(*rig) + 63) / 64 * 64);
	memset(rig, 0, sizeof(*rig));
	log_set_level(LOG_LEVEL_ERROR);
	next_session = 0;
	memset((void *)begun_to_all, 0, sizeof(begun_to_all));
	memset((void *)begun_in, 0, sizeof(begun_in));
	config_init(&rig->config);
	rig->config.tx_queue_limit = 16384;
	assert_int_equal(node_init(&rig->node, WORKERS, SERVING_MAIL_FANOUT), 0);
	rig->node.budget.limit = 8 << 20;
	rig->node.places.max = SERVED;
	rig->node.fanout.backlog_limit = 32768;
	user_table_thread_begin();
	assert_int_equal(node_make_tables(&rig->node, 64, DEVICES_MAX, NULL), 0);
	user_table_set_kick_limit(rig->node.users, KICK_LIMIT);
	if (has_registrar) {
		strcpy(rig->config.admin, "127.0.0.1:0");
		assert_int_equal(registrar_create(&rig->node, &rig->config, &rig->registrar), 0);
	}
	for (uint8_t i = 0; i < WORKERS; i++) {
		assert_int_equal(
			worker_create(&rig->node, i, &rig->config, &rig->node.workers[i]), 0);
	}
	*state = rig;
	return 0;
}

static int setup(void **state)
{
	return make(state, false);
}

static int setup_with_registrar(void **state)
{
	return make(state, true);
}

static uint64_t sum_of(const struct node *node, size_t offset)
{
	uint64_t total = 0;
	for (int i = 0; i < WORKERS; i++) {
		const char *stats = (const char *)worker_stats(node->workers[i]);
		total += stats_read((const _Atomic uint64_t *)(const void *)(stats + offset));
	}
	return total;
}

#define SUM(rig, field) sum_of(&(rig)->node, offsetof(struct stats, field))

static uint64_t ends(struct rig *rig)
{
	uint64_t total = 0;
	for (size_t reason = CLOSE_REASON_NONE + 1; reason < CLOSE_REASON_COUNT; reason++) {
		total += sum_of(
			&rig->node, offsetof(struct stats, ends) + reason * sizeof(uint64_t));
	}
	return total;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	registrar_stop(rig->registrar);
	for (int i = 0; i < WORKERS; i++) {
		worker_stop(rig->node.workers[i]);
	}
	for (int i = 0; i < WORKERS; i++) {
		worker_join(rig->node.workers[i]);
	}
	assert_int_equal(SUM(rig, connections), 0);
	assert_int_equal(SUM(rig, sessions), 0);
	assert_int_equal(SUM(rig, accepted), ends(rig));
	for (int i = 0; i < WORKERS; i++) {
		worker_destroy(&rig->node.workers[i]);
		assert_null(rig->node.workers[i]);
		worker_destroy(&rig->node.workers[i]);
	}
	registrar_destroy(&rig->registrar);
	assert_int_equal(user_table_count(rig->node.users), 0);
	assert_int_equal(budget_used(&rig->node.budget), 0);
	assert_int_equal(rig->node.budget.leaving, 0);
	assert_int_equal(rig->node.fanout.backlog, 0);
	node_finish(&rig->node);
	user_table_thread_end();
	free(rig);
	return 0;
}

static void start_workers(struct rig *rig)
{
	for (int i = 0; i < WORKERS; i++) {
		assert_int_equal(worker_start(rig->node.workers[i]), 0);
	}
}

static void start_crowds(struct rig *rig, bool (*is_enough)(const struct node *node))
{
	for (uint32_t i = 0; i < CLIENT_THREADS; i++) {
		struct crowd *crowd = &rig->crowds[i];
		*crowd = (struct crowd){
			.random = 1000 + i, .node = &rig->node, .is_enough = is_enough};
		crowd->clients = calloc(PLACES, sizeof(struct client));
		for (int k = 0; k < PLACES; k++) {
			crowd->clients[k].fd = -1;
		}
		assert_int_equal(pthread_create(&crowd->thread, NULL, run_crowd, crowd), 0);
	}
}

static void end_crowds(struct rig *rig, struct counts *ret_counts)
{
	*ret_counts = (struct counts){0};
	for (int i = 0; i < CLIENT_THREADS; i++) {
		struct crowd *crowd = &rig->crowds[i];
		pthread_join(crowd->thread, NULL);
		for (int k = 0; k < PLACES; k++) {
			if (crowd->clients[k].fd >= 0) {
				leave(&crowd->clients[k]);
			}
		}
		free(crowd->clients);
		ret_counts->opened += crowd->counts.opened;
		ret_counts->heard += crowd->counts.heard;
		ret_counts->heard_alone += crowd->counts.heard_alone;
		ret_counts->heard_in_rooms += crowd->counts.heard_in_rooms;
		ret_counts->told += crowd->counts.told;
		ret_counts->pages += crowd->counts.pages;
	}
}

static bool is_empty(struct rig *rig)
{
	uint32_t load = 0;
	for (int i = 0; i < WORKERS; i++) {
		load += *worker_load(rig->node.workers[i]);
	}
	return load == 0 && rig->node.fanout.backlog == 0;
}

static void wait_until_empty(struct rig *rig)
{
	time_t end = time(NULL) + GIVE_UP_S;
	while (!is_empty(rig)) {
		assert_true(time(NULL) < end);
		sched_yield();
	}
}

static void post_change(struct rig *rig, int worker, enum serving_mail kind)
{
	struct serving_change *change = calloc(1, sizeof(*change));
	change->drain_ms = 200;
	change->config = rig->config;
	worker_post(rig->node.workers[worker], kind, &change->mail);
}

/* Hands over one who never says anything. Returns the other end. */
static int post_silent_one(struct rig *rig, int worker)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	struct socket_batch *batch = malloc(sizeof(*batch) + sizeof(batch->sockets[0]));
	batch->count = 1;
	batch->sockets[0] = (struct accepted_socket){.fd = fds[0]};
	atomic_fetch_add(worker_load(rig->node.workers[worker]), 1);
	atomic_fetch_add(&rig->node.places.taken, 1);
	worker_post(rig->node.workers[worker], SERVING_MAIL_SOCKETS, &batch->mail);
	return fds[1];
}

/* Whether all that is to be tortured has happened often. */
static bool is_the_real_thing(const struct node *node)
{
	return sum_of(node, offsetof(struct stats, kicks)) > 100 &&
	       sum_of(node, offsetof(struct stats, deliveries)) > 10000 &&
	       sum_of(node, offsetof(struct stats, ends[CLOSE_REASON_UNAVAILABLE])) > 0 &&
	       sum_of(node, offsetof(struct stats, ends[CLOSE_REASON_SUPERSEDED])) > 10 &&
	       sum_of(node, offsetof(struct stats, ends[CLOSE_REASON_KICK_DUEL])) > 10;
}

static void test_all_comes_back_to_zero(void **state)
{
	struct rig *rig = *state;
	struct counts counts;
	start_workers(rig);
	start_crowds(rig, is_the_real_thing);
	for (int i = 0; i < 50; i++) {
		post_change(rig, i % WORKERS, SERVING_MAIL_RELOAD);
		sched_yield();
	}
	end_crowds(rig, &counts);
	wait_until_empty(rig);
	assert_int_equal(SUM(rig, accepted), counts.opened);
	assert_int_equal(ends(rig), counts.opened);
	assert_int_equal(user_table_count(rig->node.users), 0);
	assert_int_equal(rig->node.places.taken, 0);
	assert_int_equal(rig->node.places.refusals, 0);
	assert_true(is_the_real_thing(&rig->node));
	assert_int_equal(SUM(rig, memberships), 0);
	assert_int_equal(rooms_count(rig->node.fanout.rooms), 0);
	assert_true(counts.opened > 500);
}

/* --- standing still ----------------------------------------------------------------------------
 */

static void ask_all_to_stand(struct rig *rig)
{
	for (int i = 0; i < WORKERS; i++) {
		worker_park(rig->node.workers[i]);
	}
	registrar_park(rig->registrar);
}

/* Nothing is anywhere but in connections and tables. */
static void check_rest(struct rig *rig)
{
	for (int i = 0; i < WORKERS; i++) {
		const struct serving *serving = worker_serving(rig->node.workers[i]);
		assert_null(serving_in_hand(serving));
		assert_false(serving->is_stopping);
	}
	assert_int_equal(rig->node.fanout.backlog, 0);
}

/* All of it stands still, comes to rest and goes on, a while later by the machine's clock and not
 * by anybody's own. */
static void stand_still(struct rig *rig)
{
	char text[REST_BUSY_MAX];
	struct rest rest;
	newcomers_wait = true;
	ask_all_to_stand(rig);
	assert_int_equal(park_await(&rig->node.park, RESTS_MS, text), 0);
	rest_init(&rest, &rig->node, rig->registrar);
	const bool has_come = rest_reach(&rest, RESTS_MS, text);
	assert_string_equal(has_come ? "" : text, "");
	const uint64_t rested_us = clock_machine_us();
	check_rest(rig);
	sched_yield();
	clock_skip(clock_machine_us() - rested_us);
	registrar_end_rest(rig->registrar);
	park_open(&rig->node.park);
	newcomers_wait = false;
	rests++;
}

/* They are asked, and need not come after all. */
static void think_better_of_it(struct rig *rig)
{
	ask_all_to_stand(rig);
	park_open(&rig->node.park);
}

static bool has_stood_still(const struct node *node)
{
	return rests >= RESTS && is_the_real_thing(node);
}

static void test_stands_still_in_mid_traffic(void **state)
{
	struct rig *rig = *state;
	struct counts counts;
	rests = 0;
	start_workers(rig);
	assert_int_equal(registrar_start(rig->registrar), 0);
	start_crowds(rig, has_stood_still);
	while (rests < RESTS) {
		const uint64_t delivered = SUM(rig, deliveries);
		stand_still(rig);
		/* After the last one nobody has to say anything any more. */
		while (rests < RESTS && SUM(rig, deliveries) < delivered + BETWEEN_RESTS) {
			sched_yield();
		}
		if (rests % 3 == 0) {
			think_better_of_it(rig);
		}
	}
	end_crowds(rig, &counts);
	wait_until_empty(rig);
	assert_int_equal(SUM(rig, accepted), counts.opened);
	assert_int_equal(ends(rig), counts.opened);
	assert_int_equal(rig->node.places.taken, 0);
	assert_int_equal(SUM(rig, memberships), 0);
	assert_int_equal(rooms_count(rig->node.fanout.rooms), 0);
	assert_true(registrar_stats(rig->registrar)->events > 0);
}

/* --- the end -----------------------------------------------------------------------------------
 */

/* Stopped in the middle of it, without a word to anybody: what was on its way is disposed of. */
static void test_stop_in_mid_traffic(void **state)
{
	struct rig *rig = *state;
	struct counts counts;
	start_workers(rig);
	start_crowds(rig, NULL);
	while (SUM(rig, deliveries) < 1000) {
		sched_yield();
	}
	/* Whatever the crowds are at: one is there at the end, and one comes after it. */
	int before = post_silent_one(rig, 0);
	for (int i = 0; i < WORKERS; i++) {
		worker_stop(rig->node.workers[i]);
		worker_join(rig->node.workers[i]);
	}
	int after = post_silent_one(rig, 0);
	/* Who still comes ends up in the mailbox of a thread that has ended. */
	end_crowds(rig, &counts);
	close(before);
	close(after);
	assert_true(SUM(rig, accepted) <= counts.opened + 1);
	assert_true(
		stats_read(&worker_stats(rig->node.workers[0])->ends[CLOSE_REASON_SHUTDOWN]) > 0);
	for (int i = 0; i < WORKERS; i++) {
		post_change(rig, i, SERVING_MAIL_DRAIN);
	}
}

static int teardown_stopped(void **state)
{
	struct rig *rig = *state;
	for (int i = 0; i < WORKERS; i++) {
		worker_destroy(&rig->node.workers[i]);
	}
	assert_int_equal(user_table_count(rig->node.users), 0);
	assert_int_equal(budget_used(&rig->node.budget), 0);
	assert_int_equal(rig->node.budget.leaving, 0);
	assert_int_equal(rig->node.fanout.backlog, 0);
	node_finish(&rig->node);
	user_table_thread_end();
	free(rig);
	return 0;
}

static void test_drain_in_mid_traffic(void **state)
{
	struct rig *rig = *state;
	struct counts counts;
	start_workers(rig);
	start_crowds(rig, NULL);
	while (SUM(rig, deliveries) < 1000) {
		sched_yield();
	}
	for (int i = 0; i < WORKERS; i++) {
		post_change(rig, i, SERVING_MAIL_DRAIN);
	}
	end_crowds(rig, &counts);
	wait_until_empty(rig);
	assert_int_equal(SUM(rig, accepted), counts.opened);
	assert_int_equal(ends(rig), counts.opened);
	assert_true(SUM(rig, ends[CLOSE_REASON_UNAVAILABLE]) > 0);
}

/* As when the gateway cannot start: made, and unmade without having run. */
static void test_never_started(void **state)
{
	struct rig *rig = *state;
	int peer = post_silent_one(rig, 0);
	post_change(rig, 1, SERVING_MAIL_RELOAD);
	worker_join(rig->node.workers[0]);
	worker_destroy(&rig->node.workers[0]);
	char byte;
	assert_int_equal(recv(peer, &byte, 1, 0), 0);
	close(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_comes_back_to_zero, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_stands_still_in_mid_traffic, setup_with_registrar, teardown),
		cmocka_unit_test_setup_teardown(test_stop_in_mid_traffic, setup, teardown_stopped),
		cmocka_unit_test_setup_teardown(test_drain_in_mid_traffic, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_started, setup, teardown_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
