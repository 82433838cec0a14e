/* The public face of tidegate.v1 over real sockets: what is offered, asked, answered and told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/packet.h"
#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"
#include "../../tools/client/tidegate-client.h"
#include "scripted_gateway.h"

enum {
	SAYS = 1000,
};

struct seen {
	uint32_t join_id;
	uint32_t say_id;
	unsigned answers;
	unsigned said;             /* answers to what was said */
	enum tg_status not_spoken; /* of on_error */
	char diary[512];
};

static void note(struct seen *seen, const char *format, ...)
{
	const size_t len = strlen(seen->diary);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(seen->diary + len, sizeof(seen->diary) - len, format, arguments);
	va_end(arguments);
}

/* --- the gateway ----------------------------------------------------------------------------- */

static bool send_packet(
	struct gateway *gateway, uint16_t command, const uint8_t *payload, const uint8_t *end)
{
	uint8_t packet[PACKET_HEADER_LEN + 256];
	const size_t len = (size_t)(end - payload);

	packet_header_write(packet, command, (uint32_t)len);
	memcpy(packet + PACKET_HEADER_LEN, payload, len);
	return gateway_frame(gateway, FRAME_BINARY, packet, PACKET_HEADER_LEN + len);
}

/* The next message is a packet of that command, whose payload begins with an id, and is answered.
 */
static bool answers(struct gateway *gateway, uint16_t command, uint32_t count)
{
	struct message message;
	struct packet packet;
	uint8_t payload[ANSWER_PACKET_LEN];
	struct answer_packet answer = {.count = count};

	if (gateway_read(gateway, &message) != MESSAGE_BINARY ||
		packet_decode(message.data, message.len, &packet) < 0 ||
		packet.command != command) {
		return false;
	}
	answer.id = load_be32(packet.payload);
	return send_packet(gateway, PACKET_ANSWER, payload, answer_packet_write(payload, &answer));
}

static bool greets(struct gateway *gateway)
{
	const struct session_packet session = {.seconds_left = SESSION_WITHOUT_END,
		.user = SLICE("bob"),
		.device = SLICE("phone")};
	uint8_t payload[128];
	return send_packet(
		gateway, PACKET_SESSION, payload, session_packet_write(payload, &session));
}

static bool pushes(struct gateway *gateway)
{
	const struct message_packet message = {.sent_ms = 1700000000123,
		.from = SLICE("alice"),
		.audience = SLICE("#dev"),
		.text = SLICE("welcome")};
	uint8_t payload[128];
	return send_packet(
		gateway, PACKET_MESSAGE, payload, message_packet_write(payload, &message));
}

/* --- the application ------------------------------------------------------------------------- */

static void on_state(struct tg_client *client, const struct tg_state_change *change, void *data)
{
	if (change->to == TG_STATE_CONNECTED) {
		note(data, "connected:%d ", tg_client_protocol(client));
	}
}

static void on_session(struct tg_client *client, const struct tg_session *session, void *data)
{
	note(data, "session:%.*s/%.*s ", (int)session->user.len, session->user.data,
		(int)session->device.len, session->device.data);
}

static void on_message(struct tg_client *client, const struct tg_message *message, void *data)
{
	note(data, "%.*s %.*s: %.*s@%llu ", (int)message->audience_len, message->audience,
		(int)message->from_len, message->from, (int)message->len, message->data,
		(unsigned long long)message->sent_ms);
	tg_client_logout(client);
}

static void on_error(struct tg_client *client, const struct tg_error *error, void *data)
{
	struct seen *seen = data;
	seen->not_spoken = error->status;
}

static struct tg_client *make_client(const char *url, struct seen *seen)
{
	struct tg_client *client;

	assert_int_equal(tg_client_create(&client), TG_OK);
	assert_int_equal(tg_client_set_url(client, url), TG_OK);
	assert_int_equal(tg_client_set_user(client, "bob"), TG_OK);
	assert_int_equal(tg_client_set_device(client, "phone"), TG_OK);
	assert_int_equal(tg_client_set_protocol(client, TG_PROTOCOL_V1), TG_OK);
	tg_client_set_close_timeout_ms(client, 10000); /* for machines under load */
	tg_client_set_reconnect_delay_ms(client, 1, 5);
	tg_client_set_user_data(client, seen);
	tg_client_on_state(client, on_state);
	tg_client_on_session(client, on_session);
	tg_client_on_message(client, on_message);
	tg_client_on_error(client, on_error);
	return client;
}

/* --- a life ---------------------------------------------------------------------------------- */

static void be_in_dev(struct gateway *gateway)
{
	struct handshake_request request;
	char answer[HANDSHAKE_ANSWER_MAX];

	GATEWAY_STEP(gateway, gateway_accept(gateway));
	GATEWAY_STEP(gateway, gateway_take_request(gateway, &request));
	GATEWAY_STEP(gateway, request.subprotocol == SUBPROTOCOL_V1);
	GATEWAY_STEP(gateway, request.device_len == 5 && memcmp(request.device, "phone", 5) == 0);
	GATEWAY_STEP(gateway, gateway_send(gateway, answer, handshake_answer(&request, answer)));
	GATEWAY_STEP(gateway, greets(gateway));
	for (unsigned line = 0; line < 2; line++) {
		GATEWAY_STEP(gateway, answers(gateway, PACKET_JOIN, 3));
		if (line == 0) {
			gateway_drop(gateway);
			GATEWAY_STEP(gateway, gateway_open(gateway));
		}
	}
	GATEWAY_STEP(gateway, answers(gateway, PACKET_SAY, 2));
	GATEWAY_STEP(gateway, pushes(gateway));
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

/* Says something when it is in the room on the second line. */
static void on_answer(struct tg_client *client, const struct tg_answer *answer, void *data)
{
	struct seen *seen = data;

	note(seen, "%s=%d/%u%.*s ", answer->id == seen->join_id ? "join" : "say", answer->status,
		answer->count, (int)answer->room.len, answer->room.data);
	if (++seen->answers == 2) {
		assert_int_equal(tg_client_say(client, "#dev", "hello", 5, &seen->say_id), TG_OK);
	} else if (seen->answers == 3) {
		assert_int_equal(answer->id, seen->say_id);
	}
}

static void a_room_is_kept_and_spoken_in(void **state)
{
	struct seen seen = {0};
	struct gateway gateway;

	gateway_start(&gateway, be_in_dev, NULL);
	struct tg_client *client = make_client(gateway.url, &seen);
	tg_client_on_answer(client, on_answer);
	assert_int_equal(tg_client_protocol(client), TG_PROTOCOL_CLASSIC);
	assert_int_equal(tg_client_join(client, "dev", true, &seen.join_id), TG_OK);
	assert_int_equal(tg_client_run(client), TG_OK);
	gateway_stop(&gateway);
	assert_string_equal(seen.diary,
		"connected:1 session:bob/phone join=0/3dev connected:1 join=0/3dev say=0/2 "
		"#dev alice: welcome@1700000000123 ");
	tg_client_destroy(client);
}

/* --- a gateway of before --------------------------------------------------------------------- */

static void know_nothing_of_it(struct gateway *gateway)
{
	struct handshake_request request;
	char answer[HANDSHAKE_ANSWER_MAX];

	GATEWAY_STEP(gateway, gateway_accept(gateway));
	GATEWAY_STEP(gateway, gateway_take_request(gateway, &request));
	request.subprotocol = SUBPROTOCOL_NONE;
	GATEWAY_STEP(gateway, gateway_send(gateway, answer, handshake_answer(&request, answer)));
	GATEWAY_STEP(gateway, gateway_reads_text(gateway, "hello"));
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

static void say_it_classically(
	struct tg_client *client, const struct tg_state_change *change, void *data)
{
	struct seen *seen = data;
	uint32_t id;

	if (change->to == TG_STATE_CONNECTED) {
		assert_int_equal(seen->not_spoken, TG_ERR_NOT_SPOKEN);
		assert_int_equal(tg_client_protocol(client), TG_PROTOCOL_CLASSIC);
		assert_int_equal(tg_client_say(client, "", "hello", 5, &id), TG_ERR_NOT_SPOKEN);
		assert_int_equal(tg_client_list(client, "dev", NULL, &id), TG_ERR_NOT_SPOKEN);
		assert_int_equal(tg_client_send_text(client, "hello", 5), TG_OK);
		tg_client_logout(client);
	}
}

static void a_gateway_of_before_is_spoken_to_as_before(void **state)
{
	struct seen seen = {0};
	struct gateway gateway;

	gateway_start(&gateway, know_nothing_of_it, NULL);
	struct tg_client *client = make_client(gateway.url, &seen);
	tg_client_on_state(client, say_it_classically);
	assert_int_equal(tg_client_run(client), TG_OK);
	gateway_stop(&gateway);
	tg_client_destroy(client);
}

/* --- many ------------------------------------------------------------------------------------ */

static void answer_all(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	for (unsigned i = 0; i < SAYS; i++) {
		GATEWAY_STEP(gateway, answers(gateway, PACKET_SAY, 1));
	}
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

static void say_next(struct tg_client *client, const struct tg_answer *answer, void *data)
{
	struct seen *seen = data;

	seen->said++;
	if (seen->said == SAYS) {
		tg_client_logout(client);
	} else {
		assert_int_equal(tg_client_say(client, "@alice", "hello", 5, &seen->say_id), TG_OK);
	}
}

static void begin_to_say(struct tg_client *client, const struct tg_state_change *change, void *data)
{
	struct seen *seen = data;
	if (change->to == TG_STATE_CONNECTED) {
		assert_int_equal(tg_client_say(client, "@alice", "hello", 5, &seen->say_id), TG_OK);
	}
}

static void a_thousand_are_answered_one_by_one(void **state)
{
	struct seen seen = {0};
	struct gateway gateway;

	gateway_start(&gateway, answer_all, NULL);
	struct tg_client *client = make_client(gateway.url, &seen);
	tg_client_on_state(client, begin_to_say);
	tg_client_on_answer(client, say_next);
	assert_int_equal(tg_client_run(client), TG_OK);
	gateway_stop(&gateway);
	assert_int_equal(seen.said, SAYS);
	assert_int_equal(seen.say_id, SAYS);
	tg_client_destroy(client);
}

/* --- ends ------------------------------------------------------------------------------------ */

static void drop_unanswered(struct gateway *gateway)
{
	struct message message;

	GATEWAY_STEP(gateway, gateway_open(gateway));
	for (unsigned i = 0; i < 3; i++) {
		GATEWAY_STEP(gateway, gateway_read(gateway, &message) == MESSAGE_BINARY);
	}
	GATEWAY_STEP(gateway, gateway_close(gateway, 4001, "kicked"));
	gateway_reads_to_end(gateway);
}

static void say_three(struct tg_client *client, const struct tg_state_change *change, void *data)
{
	for (unsigned i = 0; change->to == TG_STATE_CONNECTED && i < 3; i++) {
		assert_int_equal(tg_client_say(client, "@alice", "hi", 2, &(uint32_t){0}), TG_OK);
	}
}

static void destroy_at_once(struct tg_client *client, const struct tg_answer *answer, void *data)
{
	struct seen *seen = data;
	assert_int_equal(answer->status, TG_ERR_UNKNOWN);
	seen->answers++;
	tg_client_destroy(client);
}

static void a_callback_destroys_amid_what_was_lost(void **state)
{
	struct seen seen = {0};
	struct gateway gateway;

	gateway_start(&gateway, drop_unanswered, NULL);
	struct tg_client *client = make_client(gateway.url, &seen);
	tg_client_on_state(client, say_three);
	tg_client_on_answer(client, destroy_at_once);
	assert_int_equal(tg_client_run(client), TG_ERR_DESTROYED);
	gateway_stop(&gateway);
	assert_int_equal(seen.answers, 1);
}

static void options_are_judged(void **state)
{
	static const char *const refused[] = {"", " ", "a\n", "\xff"};
	char device[DEVICE_NAME_MAX + 2];
	struct tg_client *client;

	memset(device, 'd', sizeof(device));
	device[DEVICE_NAME_MAX + 1] = '\0';
	assert_int_equal(tg_client_create(&client), TG_OK);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(tg_client_set_device(client, refused[i]), TG_ERR_ARGUMENT);
	}
	assert_int_equal(tg_client_set_device(client, device), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_device(client, device + 1), TG_OK);
	assert_int_equal(tg_client_set_device(client, NULL), TG_OK);
	assert_int_equal(tg_client_set_protocol(client, (enum tg_protocol)2), TG_ERR_ARGUMENT);
	assert_non_null(strstr(tg_client_detail(client), "TG_PROTOCOL_V1"));
	tg_client_destroy(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_room_is_kept_and_spoken_in),
		cmocka_unit_test(a_gateway_of_before_is_spoken_to_as_before),
		cmocka_unit_test(a_thousand_are_answered_one_by_one),
		cmocka_unit_test(a_callback_destroys_amid_what_was_lost),
		cmocka_unit_test(options_are_judged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
