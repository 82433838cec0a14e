/* One message appended to each of 100,000 connections: the fan-out's log, a visit to each receiver
 * and the outbox, down to the send, which a stand-in takes. */
#include <string.h>

#include "../../proto/frame.h"
#include "../../proto/suffix.h"
#include "../measure.h"
#include "../scale/simulation.h"
#include "../scale/stand_in.h"

enum {
	RECEIVERS = 100000,
	TEXT_MAX = 65536,
	BURST_MAX = 64,
};

/* Owner: main. */
struct broadcast {
	struct simulation *simulation;
	handle_t sender;
	uint32_t messages; /* said in one turn */
	uint8_t frame[FRAME_HEADER_MAX + TEXT_MAX];
	size_t frame_len;
	uint64_t deliveries; /* before the run */
	uint64_t sent_bytes;
	uint64_t sends;
};

static void log_in_all(struct simulation *simulation, handle_t *ret_first)
{
	*ret_first = simulation_log_in(simulation, 0, 0, SUBPROTOCOL_NONE);
	for (uint32_t i = 1; i < RECEIVERS + 1; i++) {
		simulation_log_in(simulation, 0, i, SUBPROTOCOL_NONE);
	}
	simulation_run(simulation);
	CHECK(simulation_sessions(simulation) == RECEIVERS + 1);
}

/* What is said is encoded before the clock starts: the append is what is measured. */
static void say(void *context)
{
	struct broadcast *broadcast = context;
	for (uint32_t i = 0; i < broadcast->messages; i++) {
		simulation_feed(broadcast->simulation, broadcast->sender, broadcast->frame,
			broadcast->frame_len);
	}
	broadcast->deliveries = simulation_deliveries(broadcast->simulation);
	broadcast->sent_bytes = stand_in.sent_bytes;
	broadcast->sends = stand_in.calls.send;
}

static void hand_out(void *context)
{
	struct broadcast *broadcast = context;
	while (simulation_turn(broadcast->simulation, 0)) {
	}
}

static void check_handed_out(void *context)
{
	struct broadcast *broadcast = context;
	size_t text_len = broadcast->frame_len - frame_header_len(broadcast->frame_len) - 4;
	size_t line_len = text_len + suffix_len(strlen("u000000"));
	uint64_t bytes = (frame_header_len(line_len) + line_len) * broadcast->messages;
	CHECK(simulation_deliveries(broadcast->simulation) - broadcast->deliveries ==
		(uint64_t)RECEIVERS * broadcast->messages);
	CHECK(stand_in.sent_bytes - broadcast->sent_bytes == RECEIVERS * bytes);
	CHECK(stand_in.calls.send - broadcast->sends >= RECEIVERS);
}

static void measure_broadcast(struct broadcast *broadcast, size_t text_len, uint32_t messages)
{
	static uint8_t text[TEXT_MAX];
	static const uint8_t mask[4] = {1, 2, 3, 4};
	char line[64];
	memset(text, 'x', text_len);
	broadcast->messages = messages;
	broadcast->frame_len = frame_header_write(broadcast->frame, FRAME_TEXT, text_len, mask);
	memcpy(broadcast->frame + broadcast->frame_len, text, text_len);
	frame_mask(broadcast->frame + broadcast->frame_len, text_len, mask, 0);
	broadcast->frame_len += text_len;
	snprintf(line, sizeof(line), "%u x %zu B, per receiver", messages, text_len);
	double best = measure_run(&(struct measure){.name = line,
		.ops = RECEIVERS,
		.prepare = say,
		.run = hand_out,
		.verify = check_handed_out,
		.context = broadcast});
	printf("  %.2f ms for all, %.2f ns a delivery\n", best * RECEIVERS / 1e6, best / messages);
}

int main(void)
{
	static struct simulation simulation;
	static struct broadcast broadcast = {.simulation = &simulation};
	simulation_init(&simulation, 1, RECEIVERS);
	log_in_all(&simulation, &broadcast.sender);
	measure_begin("fan-out to 100,000 connections");
	measure_broadcast(&broadcast, 32, 1);
	measure_broadcast(&broadcast, 32, 8);
	measure_broadcast(&broadcast, 32, BURST_MAX);
	measure_broadcast(&broadcast, 1024, 1);
	measure_broadcast(&broadcast, 60000, 1);
	simulation_finish(&simulation);
	return 0;
}
