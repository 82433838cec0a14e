/* Requests and their answers: `echo`, and `heartbeat`, which is the same at one request per
 * connection every S seconds.
 *
 * Answers come in the order of the requests, so the n-th answer of a connection belongs to its n-th
 * request: when that was due follows from the schedule (open loop), or is noted once for each batch
 * that left together (closed loop). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../proto/bytes.h"
#include "../proto/frame.h"
#include "../proto/packet.h"
#include "../server/base/clock.h"
#include "client.h"
#include "exchange.h"
#include "generator.h"
#include "sequence.h"

enum {
	BLOCK = 1 << 16, /* most bytes of one send that holds several requests */
};

/* Requests that left together. */
struct batch {
	uint64_t sent_ns;
	uint32_t count;
};

/* What a connection has under way in a closed loop: a ring of at most `depth` batches. */
struct flight {
	uint32_t first;
	uint32_t count;
};

/* Owner:  a generator.
 * Shared: never.
 * Freed:  by dispose. */
struct echo {
	struct exchange exchange;
	struct sequence *sequences; /* of the answers, by client */
	struct flight *flights;
	struct batch *batches; /* depth for each client */
	struct schedule schedule;
	uint64_t issued;  /* requests given to clients, of the schedule or of --count */
	uint64_t allowed; /* by --count */
	uint64_t begun_ns;
};

static uint16_t tag_of(const struct client *client)
{
	return (uint16_t)(client->number * 40503u >> 3 ^ 0x5a5a);
}

/* --- sending -------------------------------------------------------------------------------------
 */

static void note_batch(struct generator *generator, struct echo *echo, struct client *client,
	uint64_t now_ns, uint32_t count)
{
	const uint32_t depth = generator->options->depth;
	struct flight *flight = &echo->flights[client->index];
	echo->batches[client->index * (size_t)depth + (flight->first + flight->count) % depth] =
		(struct batch){now_ns, count};
	flight->count++;
}

static uint64_t intended_at(const struct generator *generator, const struct echo *echo,
	const struct client *client, uint32_t number)
{
	return schedule_at(
		&echo->schedule, (uint64_t)number * generator->client_count + client->index);
}

static void record_lag(struct generator *generator, struct echo *echo, struct client *client,
	uint64_t now_ns, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t intended_ns = intended_at(generator, echo, client, client->sent + i);
		if (is_measured(generator, intended_ns)) {
			histogram_record(&generator->lag,
				now_ns > intended_ns ? now_ns - intended_ns : 0, 1);
		}
	}
}

/* Sends all that is due, with one system call for each BLOCK bytes. */
static void flush(struct generator *generator, struct client *client, uint64_t now_ns)
{
	struct echo *echo = generator->state;
	const uint32_t block = echo->exchange.request_len >= BLOCK
				       ? 1
				       : (uint32_t)(BLOCK / echo->exchange.request_len);
	while (client->sent != client->due && !wire_is_full(&client->wire) &&
		client->state == CLIENT_OPEN) {
		uint32_t count = client->due - client->sent;
		count = count < block ? count : block;
		exchange_write(
			&echo->exchange, tag_of(client), client->sent, count, generator->out);
		if (generator->options->is_closed) {
			note_batch(generator, echo, client, now_ns, count);
		} else {
			record_lag(generator, echo, client, now_ns, count);
		}
		client->sent += count;
		count_add(&generator->counts.sent, count);
		wire_send(
			&client->wire, generator->out, (size_t)count * echo->exchange.request_len);
	}
}

/* --- answers -------------------------------------------------------------------------------------
 */

static void on_answers(
	struct generator *generator, struct client *client, uint32_t count, uint64_t now_ns)
{
	struct echo *echo = generator->state;
	const struct options *options = generator->options;
	count_add(&generator->counts.answered, count);
	if (!options->is_closed) {
		for (uint32_t i = 0; i < count; i++) {
			uint64_t intended_ns =
				intended_at(generator, echo, client, client->answered + i);
			generator_record(generator, intended_ns, now_ns, 1);
			generator_note_longest(generator, &client->longest_ns, intended_ns, now_ns);
		}
		client->answered += count;
		return;
	}
	struct flight *flight = &echo->flights[client->index];
	struct batch *batches = &echo->batches[client->index * (size_t)options->depth];
	client->answered += count;
	uint32_t freed = count;
	while (count > 0 && flight->count > 0) {
		struct batch *batch = &batches[flight->first];
		uint32_t taken = count < batch->count ? count : batch->count;
		generator_record(generator, batch->sent_ns, now_ns, taken);
		batch->count -= taken;
		count -= taken;
		if (batch->count == 0) {
			flight->first = flight->first + 1 == options->depth ? 0 : flight->first + 1;
			flight->count--;
		}
	}
	freed -= count; /* What was never asked for frees no place. */
	if (generator->phase != PHASE_RUN) {
		return;
	}
	if (freed > echo->allowed - echo->issued) {
		freed = (uint32_t)(echo->allowed - echo->issued);
	}
	echo->issued += freed;
	client->due += freed;
	flush(generator, client, now_ns);
}

/* An answer that is not the one expected: what is wrong with it? */
static void on_wrong_mark(
	struct generator *generator, struct client *client, uint32_t number, uint16_t tag)
{
	struct echo *echo = generator->state;
	struct counts *counts = &generator->counts;
	if (tag != tag_of(client)) {
		count_add(&counts->corrupt, 1);
		return;
	}
	switch (sequence_judge(&echo->sequences[client->index], number, client->sent)) {
	case SEQUENCE_DUPLICATE:
		count_add(&counts->duplicated, 1);
		break;
	case SEQUENCE_LATE:
		count_add(&counts->reordered, 1);
		break;
	case SEQUENCE_IMPOSSIBLE:
		count_add(&counts->corrupt, 1);
		break;
	case SEQUENCE_NEXT:
	case SEQUENCE_AHEAD:
		break;
	}
}

static size_t take_blind(
	struct generator *generator, struct client *client, size_t len, uint64_t now_ns)
{
	const struct echo *echo = generator->state;
	size_t count = len / echo->exchange.answer_len;
	if (count > 0) {
		on_answers(generator, client, (uint32_t)count, now_ns);
	}
	return count * echo->exchange.answer_len;
}

/* Checks one answer that begins as it should. */
static void check_answer(struct generator *generator, struct client *client, const uint8_t *answer)
{
	struct echo *echo = generator->state;
	struct sequence *sequence = &echo->sequences[client->index];
	const uint32_t mark = echo->exchange.answer_mark;
	if (!mark) {
		/* One looks like the other: there can only be too many of them. */
		if (sequence_take(sequence, sequence->next, client->sent) != SEQUENCE_NEXT) {
			count_add(&generator->counts.duplicated, 1);
		}
		return;
	}
	const uint32_t number = load_be32(answer + mark);
	const uint16_t tag = load_be16(answer + mark + 4);
	if (tag == tag_of(client) && number == sequence->next && number != client->sent) {
		sequence->next++;
	} else {
		on_wrong_mark(generator, client, number, tag);
	}
	if (!exchange_ends(&echo->exchange, answer)) {
		count_add(&generator->counts.corrupt, 1);
	}
}

/* Takes answers up to what is none. */
static size_t take_answers(struct generator *generator, struct client *client, const uint8_t *data,
	size_t len, uint64_t now_ns)
{
	const struct echo *echo = generator->state;
	const struct exchange *exchange = &echo->exchange;
	size_t used = 0;
	uint32_t count = 0;
	while (len - used >= exchange->answer_len && exchange_begins(exchange, data + used)) {
		check_answer(generator, client, data + used);
		used += exchange->answer_len;
		count++;
	}
	if (count > 0) {
		on_answers(generator, client, count, now_ns);
	}
	return used;
}

/* Whether these bytes, which are no whole answer, can become one. */
static bool may_become_answer(const struct exchange *exchange, const uint8_t *data, size_t len)
{
	return len < 2 ||
	       (len < exchange->answer_len && load_be16(data) == load_be16(exchange->answer));
}

static size_t take(struct generator *generator, struct client *client, const uint8_t *data,
	size_t len, uint64_t now_ns)
{
	const struct echo *echo = generator->state;
	if (generator->options->is_blind) {
		return take_blind(generator, client, len, now_ns);
	}
	size_t used = 0;
	while (client->wire.fd >= 0) {
		used += take_answers(generator, client, data + used, len - used, now_ns);
		if (may_become_answer(&echo->exchange, data + used, len - used)) {
			break;
		}
		/* A control frame between answers, or something wrong. */
		size_t control = client_take_control(generator, client, data + used, len - used);
		if (control == 0) {
			break;
		}
		used += control;
	}
	return used;
}

/* --- the run -------------------------------------------------------------------------------------
 */

static void begin(struct generator *generator)
{
	struct echo *echo = generator->state;
	const struct options *options = generator->options;
	const uint64_t count = options->count > 0 ? options->count : UINT64_MAX;
	echo->allowed = count == UINT64_MAX
				? count
				: (count + options->threads - 1 - generator->id) / options->threads;
	echo->schedule = schedule_make(generator->run->start_ns, options->rate, generator->id,
		options->threads, echo->allowed);
	if (!options->is_closed) {
		return;
	}
	for (uint32_t i = 0; i < generator->client_count; i++) {
		struct client *client = &generator->clients[i];
		uint64_t left = echo->allowed - echo->issued;
		uint32_t depth = options->depth < left ? options->depth : (uint32_t)left;
		client->due += depth;
		echo->issued += depth;
		flush(generator, client, clock_ns());
	}
}

static bool has_answers_due(const struct generator *generator)
{
	return count_of(&generator->counts.answered) < count_of(&generator->counts.sent);
}

static uint64_t turn(struct generator *generator, uint64_t now_ns)
{
	struct echo *echo = generator->state;
	if (generator->phase != PHASE_RUN) {
		return UINT64_MAX;
	}
	if (!generator->options->is_closed) {
		const uint64_t due = schedule_due(&echo->schedule, now_ns);
		const uint64_t first = echo->issued;
		for (; echo->issued < due; echo->issued++) {
			generator->clients[echo->issued % generator->client_count].due++;
		}
		/* Each client once, whatever it owes. */
		uint64_t touched = due - first < generator->client_count ? due - first
									 : generator->client_count;
		for (uint64_t i = 0; i < touched; i++) {
			flush(generator, &generator->clients[(first + i) % generator->client_count],
				now_ns);
		}
	}
	if (echo->issued == echo->allowed && !has_answers_due(generator)) {
		atomic_store(&generator->is_settled, true);
		return UINT64_MAX;
	}
	return generator->options->is_closed ? UINT64_MAX
					     : schedule_at(&echo->schedule, echo->issued);
}

static void writable(struct generator *generator, struct client *client)
{
	if (generator->phase == PHASE_RUN) {
		flush(generator, client, clock_ns());
	}
}

static bool is_settled(struct generator *generator)
{
	return !has_answers_due(generator);
}

static void account(struct generator *generator)
{
	const struct echo *echo = generator->state;
	struct counts *counts = &generator->counts;
	for (uint32_t i = 0; i < generator->client_count; i++) {
		const struct client *client = &generator->clients[i];
		count_add(&counts->unsent, client->due - client->sent);
		count_add(&counts->lost,
			generator->options->is_blind
				? client->sent - client->answered
				: sequence_missing(&echo->sequences[i], client->sent));
	}
}

/* --- life ----------------------------------------------------------------------------------------
 */

static void dispose(struct generator *generator)
{
	struct echo *echo = generator->state;
	for (uint32_t i = 0; i < generator->client_count && echo->sequences; i++) {
		sequence_restart(&echo->sequences[i], 0, false);
	}
	free(echo->sequences);
	free(echo->flights);
	free(echo->batches);
	exchange_finish(&echo->exchange);
	free(echo);
	generator->state = NULL;
}

static int prepare(struct generator *generator)
{
	const uint32_t clients = generator->client_count + 1;
	struct echo *echo = calloc(1, sizeof(*echo));
	if (!echo) {
		return -ENOMEM;
	}
	generator->state = echo;
	echo->sequences = calloc(clients, sizeof(echo->sequences[0]));
	if (!echo->sequences) {
		return -ENOMEM;
	}
	if (generator->options->is_closed) {
		echo->flights = calloc(clients, sizeof(echo->flights[0]));
		echo->batches = calloc(
			(size_t)clients * generator->options->depth, sizeof(echo->batches[0]));
		if (!echo->flights || !echo->batches) {
			return -ENOMEM;
		}
	}
	return exchange_init(&echo->exchange, generator->options, generator->mask);
}

static const char *check(struct options *options)
{
	const uint32_t payload = options->payload;
	const char *why = NULL;
	if (payload < PAYLOAD_MARK) {
		why = "a payload has at least 6 bytes, for its number and tag";
	} else if (options->kind == PAYLOAD_PING && payload > FRAME_CONTROL_PAYLOAD_MAX) {
		why = "a protocol ping holds at most 125 bytes";
	} else if (options->kind == PAYLOAD_PACKET &&
		   payload > PACKET_HEADER_LEN + PACKET_PING_PAYLOAD_MAX) {
		why = "a packet 100 has at most 131 bytes, its header included";
	} else if (options->kind == PAYLOAD_PACKET && payload > PACKET_HEADER_LEN &&
		   payload < PACKET_HEADER_LEN + PAYLOAD_MARK) {
		why = "a packet has 6 bytes, which are counted only, or 12 and more, which are numbered";
	}
	return why;
}

const struct scenario scenario_echo = {
	.name = "echo",
	.help = "requests and answers: -c connections, with --closed -d outstanding on each",
	.unit = "messages",
	.check = check,
	.prepare = prepare,
	.dispose = dispose,
	.begin = begin,
	.turn = turn,
	.take = take,
	.writable = writable,
	.is_settled = is_settled,
	.account = account,
};

static const char *check_heartbeat(struct options *options)
{
	if (options->is_closed || options->every_s <= 0) {
		return "heartbeats come every S > 0 seconds, in an open loop";
	}
	options->rate = options->connections / options->every_s;
	return check(options);
}

const struct scenario scenario_heartbeat = {
	.name = "heartbeat",
	.help = "-c connections that each send a packet 100 (or --ping) every --every S",
	.unit = "heartbeats",
	.check = check_heartbeat,
	.prepare = prepare,
	.dispose = dispose,
	.begin = begin,
	.turn = turn,
	.take = take,
	.writable = writable,
	.is_settled = is_settled,
	.account = account,
};
