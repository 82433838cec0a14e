/* What is not for everybody, at 100,000 connections: to come to a room and to go, and to say
 * something to a room or to a user, from the packet that arrives down to the sends, which a
 * stand-in takes. The kernel's share is not in it. */
#include <string.h>

#include "../../proto/frame.h"
#include "../../proto/packet.h"
#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"
#include "../measure.h"
#include "../scale/simulation.h"
#include "../scale/stand_in.h"

enum {
	USERS = 100000,
	MEMBERS = 10, /* of a room */
	ROOMS = USERS / MEMBERS,
	TEXT_LEN = 32,
	FRAME_MAX = 128,
	NAME_MAX = 16,
	AT_ONCE_MAX = 1024, /* messages of one turn */
	LARGE = 1000,       /* members of the large room, who are in another as well */
};

/* Owner: main. */
struct talk {
	struct simulation *simulation;
	handle_t *users;
	uint32_t *order;     /* in which they come and go */
	uint32_t messages;   /* of one turn */
	bool is_private;     /* to a user, not to a room */
	bool has_shout;      /* and one more, to everybody */
	const char *room;    /* where all of them are said; NULL: each in a room of its own */
	uint32_t receivers;  /* of one message */
	uint64_t deliveries; /* before the run */
};

static const uint8_t mask[4] = {1, 2, 3, 4};

/* --- what clients send ------------------------------------------------------------------------ */

/* Everybody's room, by the order in which they come. */
static uint32_t room_of(uint32_t place)
{
	return place % ROOMS;
}

static size_t name_of(char name[NAME_MAX], char mark, uint32_t number)
{
	return (size_t)snprintf(name, NAME_MAX, "%c%06u", mark, number);
}

/* Makes a frame of a packet whose payload stands behind the places of both headers. */
static void feed_packet(
	struct talk *talk, uint32_t user, uint16_t command, uint8_t *frame, size_t payload_len)
{
	const size_t len = PACKET_HEADER_LEN + payload_len;
	const size_t header_len = frame_header_len(len) + sizeof(mask);
	frame += FRAME_HEADER_MAX - header_len;
	frame_header_write(frame, FRAME_BINARY, len, mask);
	packet_header_write(frame + header_len, command, (uint32_t)payload_len);
	frame_mask(frame + header_len, len, mask, 0);
	simulation_feed(talk->simulation, talk->users[user], frame, header_len + len);
}

static void feed_join(struct talk *talk, uint32_t user, struct slice room)
{
	uint8_t frame[FRAME_MAX];
	const struct join_packet join = {.id = 1, .room = room};
	join_packet_write(frame + FRAME_HEADER_MAX + PACKET_HEADER_LEN, &join);
	feed_packet(talk, user, PACKET_JOIN, frame, join_packet_len(&join));
}

static void feed_leave(struct talk *talk, uint32_t user, struct slice room)
{
	uint8_t frame[FRAME_MAX];
	const struct leave_packet leave = {.id = 1, .room = room};
	leave_packet_write(frame + FRAME_HEADER_MAX + PACKET_HEADER_LEN, &leave);
	feed_packet(talk, user, PACKET_LEAVE, frame, leave_packet_len(&leave));
}

static void feed_say(struct talk *talk, uint32_t user, struct slice audience)
{
	uint8_t frame[FRAME_MAX];
	static const char text[TEXT_LEN + 1] = "0123456789abcdef0123456789abcdef";
	const struct say_packet say = {.audience = audience, .text = {text, TEXT_LEN}};
	say_packet_write(frame + FRAME_HEADER_MAX + PACKET_HEADER_LEN, &say);
	feed_packet(talk, user, PACKET_SAY, frame, say_packet_len(&say));
}

/* --- coming and going ------------------------------------------------------------------------- */

static void join_all(void *context)
{
	struct talk *talk = context;
	for (uint32_t i = 0; i < USERS; i++) {
		char name[NAME_MAX];
		const size_t len = name_of(name, 'r', room_of(i));
		feed_join(talk, talk->order[i], (struct slice){name, len});
	}
}

static void leave_all(void *context)
{
	struct talk *talk = context;
	for (uint32_t i = 0; i < USERS; i++) {
		char name[NAME_MAX];
		const size_t len = name_of(name, 'r', room_of(i));
		feed_leave(talk, talk->order[i], (struct slice){name, len});
	}
	simulation_run(talk->simulation);
}

static void leave_before(void *context)
{
	struct talk *talk = context;
	if (simulation_memberships(talk->simulation) > 0) {
		leave_all(talk);
	}
}

static void join_before(void *context)
{
	struct talk *talk = context;
	if (simulation_memberships(talk->simulation) == 0) {
		join_all(talk);
	}
}

static void check_memberships(struct talk *talk, uint64_t memberships, size_t rooms)
{
	CHECK(simulation_memberships(talk->simulation) == memberships);
	CHECK(rooms_count(talk->simulation->node.fanout.rooms) == rooms);
}

static void check_joined(void *context)
{
	check_memberships(context, USERS, ROOMS);
}

static void check_left(void *context)
{
	check_memberships(context, 0, 0);
}

/* --- saying ----------------------------------------------------------------------------------- */

static void note_deliveries(void *context)
{
	struct talk *talk = context;
	talk->deliveries = simulation_deliveries(talk->simulation);
}

/* Message `i` is said by the user who has come as the i-th one, to whom is next to him. */
static void say_all(void *context)
{
	struct talk *talk = context;
	for (uint32_t i = 0; i < talk->messages; i++) {
		char name[1 + NAME_MAX];
		if (talk->room) {
			feed_say(talk, talk->order[i % LARGE],
				(struct slice){talk->room, strlen(talk->room)});
		} else if (talk->is_private) {
			name[0] = '@';
			const size_t len = 1 + name_of(name + 1, 'u', talk->order[USERS - 1 - i]);
			feed_say(talk, talk->order[i], (struct slice){name, len});
		} else {
			name[0] = '#';
			const size_t len = 1 + name_of(name + 1, 'r', room_of(i));
			feed_say(talk, talk->order[i], (struct slice){name, len});
		}
	}
	if (talk->has_shout) {
		feed_say(talk, talk->order[0], SLICE(""));
	}
	simulation_run(talk->simulation);
}

static void check_said(void *context)
{
	const struct talk *talk = context;
	const uint64_t shouted = talk->has_shout ? USERS - 1 : 0;
	CHECK(simulation_deliveries(talk->simulation) - talk->deliveries ==
		(uint64_t)talk->messages * talk->receivers + shouted);
}

static void measure_say(struct talk *talk, const char *name, uint32_t messages, uint32_t receivers)
{
	char line[64];
	talk->messages = messages;
	talk->receivers = receivers;
	snprintf(line, sizeof(line), "%s, %u in a turn", name, messages);
	measure_run(&(struct measure){.name = line,
		.ops = (uint64_t)messages * receivers,
		.prepare = note_deliveries,
		.run = say_all,
		.verify = check_said,
		.context = talk});
}

/* What a text to everybody costs each receiver, with so many others in its turn. */
static void measure_shout(struct talk *talk, uint32_t messages)
{
	char line[64];
	talk->messages = messages;
	talk->receivers = 1;
	talk->is_private = true;
	talk->has_shout = true;
	snprintf(line, sizeof(line), "to all, beside %u to a user", messages);
	measure_run(&(struct measure){.name = line,
		.ops = USERS - 1,
		.prepare = note_deliveries,
		.run = say_all,
		.verify = check_said,
		.context = talk});
	talk->has_shout = false;
}

static void measure_talk(struct talk *talk)
{
	static const uint32_t at_once[] = {1, 64, AT_ONCE_MAX};
	for (size_t i = 0; i < sizeof(at_once) / sizeof(at_once[0]); i++) {
		talk->is_private = true;
		measure_say(talk, "to a user", at_once[i], 1);
		talk->is_private = false;
		measure_say(talk, "to rooms of 10, a member", at_once[i], MEMBERS - 1);
	}
	measure_shout(talk, 0);
	measure_shout(talk, 8);
	measure_shout(talk, 200);
	talk->is_private = false;
	for (uint32_t i = 0; i < LARGE; i++) {
		feed_join(talk, talk->order[i], SLICE("large"));
	}
	talk->room = "#large";
	measure_say(talk, "to one of 1,000, a member", 1, LARGE - 1);
	measure_say(talk, "to one of 1,000, a member", 64, LARGE - 1);
}

/* --- the whole -------------------------------------------------------------------------------- */

int main(void)
{
	static struct simulation simulation;
	static struct talk talk = {.simulation = &simulation};
	talk.order = measure_shuffled(USERS);
	talk.users = calloc(USERS, sizeof(*talk.users));
	CHECK(talk.users);
	simulation_init(&simulation, 1, USERS);
	for (uint32_t i = 0; i < USERS; i++) {
		talk.users[i] = simulation_log_in(&simulation, 0, i, SUBPROTOCOL_V1);
	}
	simulation_run(&simulation);
	CHECK(simulation_sessions(&simulation) == USERS);
	/* As the gateway does once a second: the table is large enough for the rooms. */
	join_all(&talk);
	node_housekeep(&simulation.node);
	measure_begin("rooms and direct messages among 100,000 users");
	measure_run(&(struct measure){.name = "join, rooms of 10",
		.ops = USERS,
		.runs_min = 3,
		.prepare = leave_before,
		.run = join_all,
		.verify = check_joined,
		.context = &talk});
	measure_run(&(struct measure){.name = "leave",
		.ops = USERS,
		.runs_min = 3,
		.prepare = join_before,
		.run = leave_all,
		.verify = check_left,
		.context = &talk});
	join_all(&talk);
	measure_talk(&talk);
	simulation_finish(&simulation);
	free(talk.users);
	free(talk.order);
	return 0;
}
