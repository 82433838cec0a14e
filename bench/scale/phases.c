#include "phases.h"

#include <string.h>

#include "../../proto/close_reason.h"
#include "../../proto/frame.h"
#include "../../proto/packet.h"
#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"
#include "../../server/base/clock.h"
#include "../measure.h"
#include "allocator.h"

enum {
	HEARTBEAT_S = 50,
	HEARTBEAT_TICKS = HEARTBEAT_S * 1000 / LOOP_TICK_MS,
	WARM_UP_ROUNDS = 3, /* longer than the read deadline: from then on the wheel has visits */
	MEASURED_ROUNDS = 2,
	PING_ROUNDS = 1,
	HOUSEKEEP_EVERY = 131072, /* logins: about what comes in the second between two looks */
	BROADCASTS = 9,
	BURST = 16, /* messages of one turn */
	TEXT_LEN = 32,
	DRAIN_S = 60,
	DRAIN_STEP_MS = 10,
	TURNS_KEPT = 1 << 20,
	AUDIENCE_LEN_MAX = 16,
	TALK_FRAME_MAX = 128,
	ROOMS_OF_TURN = 16, /* that somebody speaks in */
};

/* --- what clients send ------------------------------------------------------------------------ */

/* As a browser asks; the user's number is filled in. */
static uint8_t head[] =
	"GET /?user=u00000000 HTTP/1.1\r\n"
	"Host: chat.example.org\r\n"
	"Connection: Upgrade\r\n"
	"Pragma: no-cache\r\n"
	"Cache-Control: no-cache\r\n"
	"User-Agent: Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) "
	"Chrome/126.0.0.0 Mobile Safari/537.36\r\n"
	"Upgrade: websocket\r\n"
	"Origin: https://chat.example.org\r\n"
	"Sec-WebSocket-Version: 13\r\n"
	"Sec-WebSocket-Protocol: tidegate.v1\r\n"
	"Accept-Encoding: gzip, deflate, br, zstd\r\n"
	"Accept-Language: zh-CN,zh;q=0.9\r\n"
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

static const uint8_t mask[4] = {0x3a, 0x5c, 0x91, 0x07};

static size_t head_for(uint32_t user)
{
	enum {
		DIGITS_AT = 12,
		DIGITS = 8,
	};
	for (int i = DIGITS - 1; i >= 0; i--) {
		head[DIGITS_AT + i] = (uint8_t)('0' + user % 10);
		user /= 10;
	}
	return sizeof(head) - 1;
}

static size_t masked_frame(uint8_t *at, uint8_t opcode, const void *payload, size_t len)
{
	size_t header_len = frame_header_write(at, opcode, len, mask);
	if (len > 0) {
		memcpy(at + header_len, payload, len);
		frame_mask(at + header_len, len, mask, 0);
	}
	return header_len + len;
}

static size_t close_frame(uint8_t *at, uint16_t code)
{
	const uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
	return masked_frame(at, FRAME_CLOSE, payload, sizeof(payload));
}

/* The answer to the last thing fed begins so and is so long. */
static bool answered(const void *begin, size_t begin_len, size_t len)
{
	return stand_in.sent_len == len && memcmp(stand_in.sent, begin, begin_len) == 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Begins a row; what is counted and timed until row_end is its. */
static struct result_row *row_begin(
	struct scale *scale, const char *name, const char *operation, uint64_t count)
{
	CHECK(scale->result.row_count < RESULT_ROWS_MAX);
	struct result_row *row = &scale->result.rows[scale->result.row_count++];
	*row = (struct result_row){.name = name,
		.operation = operation,
		.count = count,
		.calls = stand_in.calls,
		.cpu_ns = measure_process_ns()};
	return row;
}

static void row_end(struct result_row *row)
{
	const struct stand_in_calls *before = &row->calls;
	row->cpu_ns = measure_process_ns() - row->cpu_ns;
	row->calls = (struct stand_in_calls){
		.recv = stand_in.calls.recv - before->recv,
		.send = stand_in.calls.send - before->send,
		.epoll_ctl = stand_in.calls.epoll_ctl - before->epoll_ctl,
		.close = stand_in.calls.close - before->close,
		.other = stand_in.calls.other - before->other,
	};
}

/* --- logins ----------------------------------------------------------------------------------- */

static handle_t log_in(struct scale *scale, uint32_t worker, uint32_t user)
{
	static const char accepted[] = "HTTP/1.1 101 ";
	handle_t handle = simulation_open(&scale->simulation, worker);
	uint64_t sends = stand_in.calls.send;
	simulation_feed(&scale->simulation, handle, head, head_for(user));
	CHECK(stand_in.calls.send == sends + 1);
	CHECK(memcmp(stand_in.sent, accepted, sizeof(accepted) - 1) == 0);
	return handle;
}

static uint64_t housekeep(struct scale *scale)
{
	uint64_t begin = measure_process_ns();
	node_housekeep(&scale->simulation.node);
	return measure_process_ns() - begin;
}

static void herd_of(struct scale *scale, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		uint32_t worker = i % scale->simulation.worker_count;
		scale->sessions[i] = (struct session){log_in(scale, worker, i), i};
		if (i % SIMULATION_BATCH == 0) {
			simulation_run(&scale->simulation);
			progress("logins", i, scale->count);
		}
		if (i % HOUSEKEEP_EVERY == 0) {
			scale->result.housekeep_ns += housekeep(scale);
		}
	}
	simulation_run(&scale->simulation);
}

void phase_herd(struct scale *scale)
{
	struct result *result = &scale->result;
	uint32_t half = scale->count / 2;
	result->resident_before = measure_resident();
	struct result_row *row = row_begin(scale, "herd of logins", "login", scale->count);
	herd_of(scale, 0, half);
	result->resident_half = measure_resident();
	herd_of(scale, half, scale->count);
	row_end(row);
	row->cpu_ns -= result->housekeep_ns;
	result->resident_full = measure_resident();
	result->bytes_per_session =
		((double)result->resident_full - (double)result->resident_before) / scale->count;
	result->bytes_slope = ((double)result->resident_full - (double)result->resident_half) /
			      (scale->count - half);
	snprintf(row->note, sizeof(row->note), "a browser's head of %zu bytes", sizeof(head) - 1);
	CHECK(simulation_sessions(&scale->simulation) == scale->count);
	CHECK(user_table_count(scale->simulation.node.users) == scale->count);
}

void phase_shuffle(struct scale *scale)
{
	uint64_t state = 7;
	for (uint32_t i = scale->count - 1; i > 0; i--) {
		uint32_t at = (uint32_t)(measure_random(&state) % (i + 1));
		struct session session = scale->sessions[i];
		scale->sessions[i] = scale->sessions[at];
		scale->sessions[at] = session;
	}
}

/* --- heartbeats ------------------------------------------------------------------------------- */

struct beat {
	const char *name;
	uint8_t frame[FRAME_HEADER_MAX + PACKET_HEADER_LEN];
	size_t frame_len;
	uint8_t answer[8];
	size_t answer_len;
};

static void one_round(struct scale *scale, const struct beat *beat)
{
	uint32_t done = 0;
	for (uint32_t tick = 1; tick <= HEARTBEAT_TICKS; tick++) {
		uint32_t until = (uint32_t)((uint64_t)scale->count * tick / HEARTBEAT_TICKS);
		simulation_pass(&scale->simulation, LOOP_TICK_MS);
		for (; done < until; done++) {
			simulation_feed(&scale->simulation, scale->sessions[done].handle,
				beat->frame, beat->frame_len);
			CHECK(answered(beat->answer, beat->answer_len, beat->answer_len));
			if (done % SIMULATION_BATCH == 0) {
				simulation_run(&scale->simulation);
			}
		}
		simulation_run(&scale->simulation);
		progress(beat->name, done, scale->count);
	}
}

static struct result_row *measure_beats(
	struct scale *scale, const struct beat *beat, uint32_t warm_up, uint32_t rounds)
{
	for (uint32_t i = 0; i < warm_up; i++) {
		one_round(scale, beat);
	}
	struct result_row *row =
		row_begin(scale, beat->name, "heartbeat", (uint64_t)scale->count * rounds);
	for (uint32_t i = 0; i < rounds; i++) {
		one_round(scale, beat);
	}
	row_end(row);
	CHECK(row->calls.recv == row->count && row->calls.send == row->count);
	CHECK(simulation_sessions(&scale->simulation) == scale->count);
	return row;
}

void phase_heartbeats(struct scale *scale)
{
	uint8_t packet[PACKET_HEADER_LEN];
	struct beat packets = {
		.name = "heartbeat, packet 100",
		.answer = {0x80 | FRAME_BINARY, PACKET_HEADER_LEN, 0, PACKET_PONG},
		.answer_len = 8,
	};
	packet_header_write(packet, PACKET_PING, 0);
	packets.frame_len = masked_frame(packets.frame, FRAME_BINARY, packet, sizeof(packet));
	struct beat pings = {
		.name = "heartbeat, Ping",
		.answer = {0x80 | FRAME_PONG, 0},
		.answer_len = 2,
	};
	pings.frame_len = masked_frame(pings.frame, FRAME_PING, NULL, 0);
	struct result_row *row = measure_beats(scale, &packets, WARM_UP_ROUNDS, MEASURED_ROUNDS);
	scale->result.heartbeat_cores = (double)row->cpu_ns / MEASURED_ROUNDS / (HEARTBEAT_S * 1e9);
	snprintf(row->note, sizeof(row->note), "in random order, the wheel's visits included");
	measure_beats(scale, &pings, 0, PING_ROUNDS);
}

/* --- broadcasts ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a;
	const uint64_t *right = b;
	return *left < *right ? -1 : *left > *right;
}

/* Hands out what has been said; returns how many turns that took, their times in `times`. */
static size_t hand_out(struct scale *scale, uint64_t *times)
{
	size_t turns = 0;
	bool busy = true;
	simulation_publish(&scale->simulation);
	while (busy) {
		busy = false;
		for (uint32_t i = 0; i < scale->simulation.worker_count; i++) {
			uint64_t begin = clock_ns();
			busy |= simulation_turn(&scale->simulation, i);
			times[turns] = clock_ns() - begin;
			turns += turns + 1 < TURNS_KEPT;
		}
	}
	return turns;
}

/* Everybody else gets what one has said, `messages` times in one turn; the best of some. */
static void measure_broadcast(
	struct scale *scale, const char *name, uint32_t messages, uint64_t *times)
{
	uint8_t frame[FRAME_HEADER_MAX + TEXT_LEN];
	uint8_t text[TEXT_LEN];
	struct result_row best = {.cpu_ns = UINT64_MAX};
	uint64_t all_ns[BROADCASTS];
	memset(text, 'x', sizeof(text));
	size_t len = masked_frame(frame, FRAME_TEXT, text, sizeof(text));
	for (uint32_t i = 0; i < BROADCASTS; i++) {
		uint64_t before = simulation_deliveries(&scale->simulation);
		struct result_row *row = row_begin(scale, name, "receiver", scale->count - 1);
		for (uint32_t n = 0; n < messages; n++) {
			simulation_feed(&scale->simulation, scale->sessions[i].handle, frame, len);
		}
		size_t turns = hand_out(scale, times);
		row_end(row);
		scale->result.row_count--;
		qsort(times, turns, sizeof(*times), compare);
		if (row->cpu_ns < best.cpu_ns) {
			best = *row;
			scale->result.slice_ns =
				messages == 1 ? (double)times[turns / 2] : scale->result.slice_ns;
		}
		all_ns[i] = row->cpu_ns;
		CHECK(simulation_deliveries(&scale->simulation) - before ==
			(uint64_t)messages * (scale->count - 1));
		CHECK(row->calls.send == scale->count - 1);
		progress(name, i, BROADCASTS);
	}
	qsort(all_ns, BROADCASTS, sizeof(all_ns[0]), compare);
	snprintf(best.note, sizeof(best.note), "best of %d, median %.3f s", BROADCASTS,
		(double)all_ns[BROADCASTS / 2] / 1e9);
	scale->result.rows[scale->result.row_count++] = best;
}

void phase_broadcast(struct scale *scale)
{
	uint64_t *times = malloc(TURNS_KEPT * sizeof(*times));
	CHECK(times);
	measure_broadcast(scale, "broadcast", 1, times);
	measure_broadcast(scale, "16 broadcasts at once", BURST, times);
	free(times);
}

/* --- rooms ------------------------------------------------------------------------------------ */

/* A frame of a packet whose payload stands at `packet` + PACKET_HEADER_LEN. */
static size_t packet_frame(uint8_t *at, uint16_t command, uint8_t *packet, size_t payload_len)
{
	packet_header_write(packet, command, (uint32_t)payload_len);
	return masked_frame(at, FRAME_BINARY, packet, PACKET_HEADER_LEN + payload_len);
}

/* "#" and a room's number; a room's own name stands behind the mark. */
static struct slice audience_of_room(char text[AUDIENCE_LEN_MAX], uint32_t room)
{
	const int len = snprintf(text, AUDIENCE_LEN_MAX, "#r%08u", room);
	return (struct slice){text, (size_t)len};
}

static struct slice without_mark(struct slice audience)
{
	return (struct slice){audience.data + 1, audience.len - 1};
}

static size_t join_frame(uint8_t *at, struct slice room)
{
	uint8_t packet[TALK_FRAME_MAX];
	const struct join_packet join = {.id = 1, .room = room};
	join_packet_write(packet + PACKET_HEADER_LEN, &join);
	return packet_frame(at, PACKET_JOIN, packet, join_packet_len(&join));
}

static size_t leave_frame(uint8_t *at, struct slice room)
{
	uint8_t packet[TALK_FRAME_MAX];
	const struct leave_packet leave = {.id = 1, .room = room};
	leave_packet_write(packet + PACKET_HEADER_LEN, &leave);
	return packet_frame(at, PACKET_LEAVE, packet, leave_packet_len(&leave));
}

static size_t say_frame(uint8_t *at, struct slice audience)
{
	uint8_t packet[TALK_FRAME_MAX];
	char text[TEXT_LEN];
	memset(text, 'x', sizeof(text));
	const struct say_packet say = {.audience = audience, .text = {text, sizeof(text)}};
	say_packet_write(packet + PACKET_HEADER_LEN, &say);
	return packet_frame(at, PACKET_SAY, packet, say_packet_len(&say));
}

/* Everybody who is in one comes to it or goes, in random order, and is answered. */
static void all_come_or_go(
	struct scale *scale, const char *name, size_t (*make_frame)(uint8_t *at, struct slice room))
{
	static const uint8_t done[] = {0x80 | FRAME_BINARY, PACKET_HEADER_LEN + ANSWER_PACKET_LEN,
		0, PACKET_ANSWER, 0, 0, 0, ANSWER_PACKET_LEN, 0, 0, 0, 1, PACKET_DONE};
	const uint32_t rooms = scale->result.rooms;
	const uint32_t members = rooms * scale->members;
	struct result_row *row = row_begin(scale, name, "membership", members);
	for (uint32_t i = 0; i < members; i++) {
		char text[AUDIENCE_LEN_MAX];
		uint8_t frame[TALK_FRAME_MAX];
		const size_t len =
			make_frame(frame, without_mark(audience_of_room(text, i % rooms)));
		simulation_feed(&scale->simulation, scale->sessions[i].handle, frame, len);
		CHECK(answered(done, sizeof(done), 2 + PACKET_HEADER_LEN + ANSWER_PACKET_LEN));
		if (i % SIMULATION_BATCH == 0) {
			simulation_run(&scale->simulation);
			progress(name, i, members);
		}
		if (i % HOUSEKEEP_EVERY == 0) {
			housekeep(scale);
		}
	}
	simulation_run(&scale->simulation);
	row_end(row);
	snprintf(row->note, sizeof(row->note), "rooms of %u, in random order", scale->members);
}

/* One of each room says something; some rooms in a turn. */
static void say_in_each(struct scale *scale)
{
	const uint32_t rooms = scale->result.rooms;
	const uint32_t receivers = scale->members - 1;
	const uint64_t before = simulation_deliveries(&scale->simulation);
	struct result_row *row =
		row_begin(scale, "a text to each room", "receiver", (uint64_t)rooms * receivers);
	for (uint32_t i = 0; i < rooms; i++) {
		char text[AUDIENCE_LEN_MAX];
		uint8_t frame[TALK_FRAME_MAX];
		const size_t len = say_frame(frame, audience_of_room(text, i));
		simulation_feed(&scale->simulation, scale->sessions[i].handle, frame, len);
		if (i % ROOMS_OF_TURN == 0) {
			simulation_run(&scale->simulation);
			progress(row->name, i, rooms);
		}
	}
	simulation_run(&scale->simulation);
	row_end(row);
	snprintf(row->note, sizeof(row->note), "%d rooms in a turn", ROOMS_OF_TURN);
	CHECK(simulation_deliveries(&scale->simulation) - before == row->count);
	CHECK(row->calls.send == row->count);
}

void phase_rooms(struct scale *scale)
{
	struct result *result = &scale->result;
	const struct rooms *rooms = scale->simulation.node.fanout.rooms;
	result->members = scale->members;
	result->rooms = scale->count / scale->members;
	const uint64_t members = (uint64_t)result->rooms * result->members;
	allocator_purge();
	const size_t before = measure_resident();
	all_come_or_go(scale, "join", join_frame);
	allocator_purge();
	result->bytes_per_room = ((double)measure_resident() - (double)before) / result->rooms;
	CHECK(rooms_count(rooms) == result->rooms);
	CHECK(simulation_memberships(&scale->simulation) == members);
	say_in_each(scale);
	all_come_or_go(scale, "leave", leave_frame);
	CHECK(rooms_count(rooms) == 0);
	CHECK(simulation_memberships(&scale->simulation) == 0);
}

/* --- kicks ------------------------------------------------------------------------------------ */

/* The old connections' clients answer their Close 4001. */
static void answer_kicks(struct scale *scale, const handle_t *kicked, uint32_t count)
{
	uint8_t frame[FRAME_HEADER_MAX + 2];
	size_t len = close_frame(frame, CLOSE_CODE_KICKED);
	for (uint32_t i = 0; i < count; i++) {
		simulation_feed(&scale->simulation, kicked[i], frame, len);
	}
	simulation_run(&scale->simulation);
}

void phase_kicks(struct scale *scale)
{
	struct simulation *simulation = &scale->simulation;
	handle_t kicked[SIMULATION_BATCH];
	uint32_t pending = 0;
	struct result_row *row = row_begin(scale, "kick storm", "login that kicks", scale->count);
	for (uint32_t i = 0; i < scale->count; i++) {
		struct session *session = &scale->sessions[i];
		uint32_t worker = (handle_worker(session->handle) + 1U) % simulation->worker_count;
		kicked[pending++] = session->handle;
		session->handle = log_in(scale, worker, session->user);
		if (pending == SIMULATION_BATCH || i + 1 == scale->count) {
			simulation_run(simulation);
			answer_kicks(scale, kicked, pending);
			pending = 0;
			progress("kick storm", i, scale->count);
		}
	}
	row_end(row);
	snprintf(row->note, sizeof(row->note), "the login, the kick, both Closes and the reap");
	CHECK(simulation_kicks(simulation) == scale->count);
	CHECK(simulation_ends(simulation, CLOSE_REASON_KICKED) == scale->count);
	CHECK(simulation_sessions(simulation) == scale->count);
	CHECK(simulation_connections(simulation) == scale->count);
	CHECK(user_table_count(simulation->node.users) == scale->count);
}

/* --- drain ------------------------------------------------------------------------------------ */

/* One turn of a draining worker; those who were told answer. Returns whether it must hurry. */
static bool drain_some(struct scale *scale, uint32_t worker)
{
	uint8_t frame[FRAME_HEADER_MAX + 2];
	size_t len = close_frame(frame, CLOSE_CODE_RESTART);
	struct serving *serving = &scale->simulation.workers[worker];
	uint32_t begin = serving->drain.cursor;
	bool must_hurry = simulation_turn(&scale->simulation, worker);
	for (uint32_t i = begin; i < serving->drain.cursor; i++) {
		struct conn *conn = conn_table_at(serving->conns.table, i);
		if (conn->state == CONN_CLOSING) {
			simulation_feed(&scale->simulation,
				conn_table_handle(serving->conns.table, conn), frame, len);
		}
	}
	return must_hurry;
}

void phase_drain(struct scale *scale)
{
	struct simulation *simulation = &scale->simulation;
	struct result_row *row = row_begin(scale, "drain", "connection", scale->count);
	simulation_drain(simulation, (uint64_t)DRAIN_S * 1000);
	bool is_active = true;
	while (is_active) {
		bool must_hurry = false;
		is_active = false;
		for (uint32_t i = 0; i < simulation->worker_count; i++) {
			must_hurry |= drain_some(scale, i);
			is_active |= simulation->workers[i].drain.active;
		}
		if (!must_hurry) {
			simulation_pass(simulation, DRAIN_STEP_MS);
		}
		progress("drain", scale->count - simulation_connections(simulation), scale->count);
	}
	simulation_run(simulation);
	row_end(row);
	snprintf(row->note, sizeof(row->note), "over %d s of simulated time", DRAIN_S);
	CHECK(simulation_ends(simulation, CLOSE_REASON_DRAIN) == scale->count);
	CHECK(simulation_connections(simulation) == 0);
	CHECK(user_table_count(simulation->node.users) == 0);
	CHECK(row->calls.close == scale->count);
}
