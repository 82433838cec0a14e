/* Clients of conn_rig.h that speak tidegate.v1. */
#ifndef TIDEGATE_TALK_RIG_H
#define TIDEGATE_TALK_RIG_H

#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"
#include "conn_rig.h"
#include "payloads.h"

/* The next frame, which is a packet of that command. */
static inline struct packet expect_packet(struct client *client, uint16_t command)
{
	struct seen_frame frame = {0};
	struct packet packet;
	assert_true(client_frame(client, &frame));
	assert_int_equal(frame.opcode, FRAME_BINARY);
	assert_int_equal(packet_decode(frame.data, frame.len, &packet), 0);
	assert_int_equal(packet.command, command);
	return packet;
}

/* --- logins ------------------------------------------------------------------------------------
 */

/* Asks to speak v1 without letting anybody work. */
static inline struct client *v1_ask(
	struct rig *rig, uint32_t worker, const char *user, const char *device)
{
	char target[256];
	char request[512];
	struct client *client = rig_connect(rig, worker, 0, false);
	snprintf(target, sizeof(target), "/?user=%s&device=%s", user, device);
	client_write(client, request,
		make_request_with(target, "Sec-WebSocket-Protocol: tidegate.v1\r\n", request));
	return client;
}

static inline void v1_expect_greeting(struct client *client, const char *user, const char *device)
{
	struct session_packet session;
	assert_int_equal(client_status(client), 101);
	struct packet packet = expect_packet(client, PACKET_SESSION);
	assert_int_equal(session_packet_decode(packet.payload, packet.payload_len, &session), 0);
	assert_int_equal(session.result, PACKET_DONE);
	assert_int_equal(session.seconds_left, SESSION_WITHOUT_END);
	assert_slice(session.user, user);
	assert_slice(session.device, device);
}

static inline struct client *v1_login_device(
	struct rig *rig, uint32_t worker, const char *user, const char *device)
{
	struct client *client = v1_ask(rig, worker, user, device);
	rig_run(rig);
	v1_expect_greeting(client, user, device);
	return client;
}

static inline struct client *v1_login(struct rig *rig, uint32_t worker, const char *user)
{
	return v1_login_device(rig, worker, user, "");
}

/* --- what they send ----------------------------------------------------------------------------
 */

static inline void v1_say(
	struct client *client, uint32_t id, const char *audience, const char *text)
{
	uint8_t payload[512];
	const struct say_packet say = {
		.id = id, .audience = slice_of(audience), .text = slice_of(text)};
	client_packet(
		client, PACKET_SAY, payload, (uint32_t)(say_packet_write(payload, &say) - payload));
}

static inline void v1_ask_to_join(
	struct client *client, uint32_t id, uint8_t flags, const char *room)
{
	uint8_t payload[512];
	const struct join_packet join = {.id = id, .flags = flags, .room = slice_of(room)};
	client_packet(client, PACKET_JOIN, payload,
		(uint32_t)(join_packet_write(payload, &join) - payload));
}

static inline void v1_ask_to_leave(struct client *client, uint32_t id, const char *room)
{
	uint8_t payload[512];
	const struct leave_packet leave = {.id = id, .room = slice_of(room)};
	client_packet(client, PACKET_LEAVE, payload,
		(uint32_t)(leave_packet_write(payload, &leave) - payload));
}

static inline void v1_list(struct client *client, uint32_t id, const char *room, const char *after)
{
	uint8_t payload[512];
	const struct list_packet list = {
		.id = id, .room = slice_of(room), .after = slice_of(after)};
	client_packet(client, PACKET_LIST, payload,
		(uint32_t)(list_packet_write(payload, &list) - payload));
}

/* --- what they get -----------------------------------------------------------------------------
 */

static inline void v1_expect_answer(
	struct client *client, uint32_t id, uint8_t result, uint32_t count)
{
	struct answer_packet answer;
	struct packet packet = expect_packet(client, PACKET_ANSWER);
	assert_int_equal(answer_packet_decode(packet.payload, packet.payload_len, &answer), 0);
	assert_int_equal(answer.id, id);
	assert_int_equal(answer.result, result);
	assert_int_equal(answer.count, count);
}

static inline void v1_expect_message(
	struct client *client, const char *from, const char *audience, const char *text)
{
	struct message_packet message;
	struct packet packet = expect_packet(client, PACKET_MESSAGE);
	assert_int_equal(message_packet_decode(packet.payload, packet.payload_len, &message), 0);
	assert_int_equal(message.flags, 0);
	assert_slice(message.from, from);
	assert_slice(message.audience, audience);
	assert_slice(message.text, text);
	/* Some time in this century. */
	assert_in_range(message.sent_ms, UINT64_C(1700000000000), UINT64_C(4102444800000));
}

static inline void v1_expect_members(
	struct client *client, const char *room, uint32_t count, uint8_t change, const char *user)
{
	struct members_packet members;
	struct packet packet = expect_packet(client, PACKET_MEMBERS);
	assert_int_equal(members_packet_decode(packet.payload, packet.payload_len, &members), 0);
	assert_slice(members.room, room);
	assert_int_equal(members.count, count);
	assert_int_equal(members.change, change);
	assert_slice(members.user, user);
}

/* Joins and is in. */
static inline void v1_join_as(
	struct rig *rig, struct client *client, uint8_t flags, const char *room, uint32_t count)
{
	v1_ask_to_join(client, 7, flags, room);
	rig_run(rig);
	v1_expect_answer(client, 7, PACKET_DONE, count);
}

static inline void v1_join(struct rig *rig, struct client *client, const char *room, uint32_t count)
{
	v1_join_as(rig, client, 0, room, count);
}

#endif
