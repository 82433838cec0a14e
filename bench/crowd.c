#include "crowd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../server/base/clock.h"
#include "circles.h"
#include "client.h"
#include "generator.h"

enum {
	RINGS_MAX = 1 << 22, /* texts under way in all that are followed to their last receiver */
};

static struct crowd *crowd_of(const struct generator *generator)
{
	return generator->state;
}

static struct crowd_shared *shared_of(const struct generator *generator)
{
	return generator->run->shared;
}

/* --- what all share ------------------------------------------------------------------------------
 */

/* Texts of one sender that can be under way: with an open loop all that it says. */
static uint64_t most_under_way(const struct options *options)
{
	if (options->is_closed) {
		return options->depth;
	}
	double all = options->count > 0 ? (double)options->count
					: options->rate * (options->warmup_s + options->duration_s);
	return (uint64_t)(all / options->senders) + 2;
}

int crowd_share(const struct options *options, void **ret_shared)
{
	struct crowd_shared *shared;
	const size_t size = sizeof(*shared) + options->senders * sizeof(shared->senders[0]);
	uint64_t ring = 1;
	while (ring < most_under_way(options)) {
		ring *= 2;
	}
	shared = aligned_alloc(64, (size + 63) / 64 * 64);
	if (!shared) {
		return -ENOMEM;
	}
	memset(shared, 0, size);
	shared->ring_mask = (uint32_t)(ring - 1);
	*ret_shared = shared;
	if (!options->is_closed && ring * options->senders > RINGS_MAX) {
		return 0;
	}
	for (uint32_t i = 0; i < options->senders; i++) {
		shared->senders[i].missing = calloc(ring, sizeof(shared->senders[i].missing[0]));
		if (!shared->senders[i].missing) {
			return -ENOMEM;
		}
	}
	return 0;
}

void crowd_unshare(const struct options *options, void *shared)
{
	struct crowd_shared *crowd = shared;
	for (uint32_t i = 0; i < options->senders; i++) {
		free(crowd->senders[i].missing);
	}
	free(crowd);
}

/* --- life ----------------------------------------------------------------------------------------
 */

/* Of all this generator's connections: one for each sender that they hear. */
static size_t sequence_count(const struct generator *generator)
{
	return (size_t)generator->client_count * circle_senders_max(generator->options);
}

/* That of the n-th sender of its circle. */
static struct sequence *sequence_at(const struct generator *generator, const struct crowd *crowd,
	const struct client *client, uint32_t n)
{
	return &crowd->sequences[client->index * (size_t)circle_senders_max(generator->options) +
				 n];
}

int crowd_init(struct generator *generator, struct crowd *crowd)
{
	const struct options *options = generator->options;
	while (crowd->own_count < generator->client_count &&
		generator->clients[crowd->own_count].number < options->senders) {
		crowd->own_count++;
	}
	if (!options->is_blind) {
		crowd->sequences =
			calloc(sequence_count(generator) + 1, sizeof(crowd->sequences[0]));
		if (!crowd->sequences) {
			return -ENOMEM;
		}
	}
	return speech_init(&crowd->speech, options, generator->mask);
}

int crowd_prepare(struct generator *generator)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	if (!crowd) {
		return -ENOMEM;
	}
	generator->state = crowd;
	return crowd_init(generator, crowd);
}

void crowd_finish(struct generator *generator, struct crowd *crowd)
{
	for (size_t i = 0; crowd->sequences && i < sequence_count(generator); i++) {
		sequence_restart(&crowd->sequences[i], 0, false);
	}
	free(crowd->sequences);
	speech_finish(&crowd->speech);
}

void crowd_dispose(struct generator *generator)
{
	crowd_finish(generator, crowd_of(generator));
	free(generator->state);
	generator->state = NULL;
}

/* --- saying --------------------------------------------------------------------------------------
 */

void crowd_begin(struct generator *generator)
{
	struct crowd *crowd = crowd_of(generator);
	const struct options *options = generator->options;
	const double share = (double)crowd->own_count / options->senders;
	crowd->allowed =
		options->count > 0 ? (uint64_t)((double)options->count * share + 0.5) : UINT64_MAX;
	crowd->schedule = schedule_make(generator->run->start_ns, options->rate * share, 0, 1,
		crowd->own_count > 0 ? crowd->allowed : 0);
	if (options->rate > 0) {
		crowd->schedule.start_ns +=
			(uint64_t)(generator->id * (double)NS_PER_S / options->rate);
	}
}

/* Makes crowd->speech.frame of the next text of a sender, which is under way from here on. */
static void make_text(struct generator *generator, struct crowd *crowd, const struct client *client,
	uint64_t intended_ns)
{
	const struct options *options = generator->options;
	struct crowd_shared *shared = shared_of(generator);
	struct crowd_sender *sender = &shared->senders[client->number];
	const uint32_t number = atomic_load_explicit(&sender->sent, memory_order_relaxed);
	speech_write(&crowd->speech, (struct text_mark){
					     .sender = client->number,
					     .number = number,
					     .intended_ns = intended_ns,
				     });
	if (sender->missing) {
		atomic_store_explicit(&sender->missing[number & shared->ring_mask],
			circle_hearers(options) - atomic_load(&shared->cut_count),
			memory_order_relaxed);
	}
	atomic_store(&sender->sent, number + 1);
	count_add(&generator->counts.sent, 1);
}

static void say(struct generator *generator, struct crowd *crowd, struct client *client,
	uint64_t intended_ns)
{
	make_text(generator, crowd, client, intended_ns);
	wire_send(&client->wire, crowd->speech.frame, crowd->speech.frame_len);
}

/* So many at once, in as few pieces as there can be: sent one by one, a server that looks meanwhile
 * would find the first one alone. */
static void say_all(
	struct generator *generator, struct crowd *crowd, struct client *client, uint32_t count)
{
	const size_t frame_len = crowd->speech.frame_len;
	size_t len = 0;
	for (; count > 0; count--) {
		if (frame_len > GENERATOR_BUFFER) {
			say(generator, crowd, client, clock_ns());
			continue;
		}
		if (len + frame_len > GENERATOR_BUFFER) {
			wire_send(&client->wire, generator->out, len);
			len = 0;
		}
		make_text(generator, crowd, client, clock_ns());
		memcpy(generator->out + len, crowd->speech.frame, frame_len);
		len += frame_len;
	}
	if (len > 0) {
		wire_send(&client->wire, generator->out, len);
	}
}

/* How many more texts this sender may have under way. */
static uint32_t may_send(
	const struct generator *generator, const struct crowd *crowd, const struct client *client)
{
	const struct options *options = generator->options;
	struct crowd_shared *shared = shared_of(generator);
	struct crowd_sender *sender = &shared->senders[client->number];
	const uint32_t sent = atomic_load_explicit(&sender->sent, memory_order_relaxed);
	uint32_t completed = atomic_load(&sender->completed);
	if (options->is_blind && !circles_have_one_sender(options)) {
		/* Whose deliveries they were is not known: all senders are taken to advance alike.
		 */
		uint64_t texts = atomic_load(&shared->delivered) / circle_hearers(options);
		completed = (uint32_t)((texts + options->senders - 1 - client->number) /
				       options->senders);
	}
	uint32_t under_way = sent - completed;
	return under_way < options->depth ? options->depth - under_way : 0;
}

static void turn_closed(struct generator *generator, struct crowd *crowd)
{
	for (uint32_t i = 0; i < crowd->own_count; i++) {
		struct client *client = &generator->clients[i];
		uint32_t count =
			client->state == CLIENT_OPEN ? may_send(generator, crowd, client) : 0;
		if (count > crowd->allowed - crowd->issued) {
			count = (uint32_t)(crowd->allowed - crowd->issued);
		}
		crowd->issued += count;
		say_all(generator, crowd, client, count);
	}
}

/* A sender whose socket is full keeps later ones waiting as well: the lag tells. */
static void turn_open(struct generator *generator, struct crowd *crowd, uint64_t now_ns)
{
	const uint64_t due = schedule_due(&crowd->schedule, now_ns);
	for (; crowd->issued < due; crowd->issued++) {
		struct client *client = &generator->clients[crowd->issued % crowd->own_count];
		if (client->wire.fd < 0 && generator->options->is_among_others) {
			continue; /* It was cut, which is counted. */
		}
		if (wire_is_full(&client->wire) || client->state != CLIENT_OPEN) {
			return;
		}
		uint64_t intended_ns = schedule_at(&crowd->schedule, crowd->issued);
		if (is_measured(generator, intended_ns)) {
			histogram_record(&generator->lag,
				now_ns > intended_ns ? now_ns - intended_ns : 0, 1);
		}
		say(generator, crowd, client, intended_ns);
	}
}

static void fall_silent(struct generator *generator, struct crowd *crowd)
{
	if (!crowd->is_silent) {
		crowd->is_silent = true;
		atomic_fetch_add(&shared_of(generator)->silent_count, 1);
	}
}

uint64_t crowd_turn(struct generator *generator, uint64_t now_ns)
{
	struct crowd *crowd = crowd_of(generator);
	if (generator->phase != PHASE_RUN) {
		fall_silent(generator, crowd);
		return UINT64_MAX;
	}
	if (crowd->issued == crowd->allowed || crowd->own_count == 0) {
		if (generator->options->count > 0) {
			fall_silent(generator, crowd);
			if (crowd_is_settled(generator)) {
				atomic_store(&generator->is_settled, true);
			}
		}
		return UINT64_MAX;
	}
	if (generator->options->is_closed) {
		turn_closed(generator, crowd);
		return UINT64_MAX;
	}
	turn_open(generator, crowd, now_ns);
	return schedule_at(&crowd->schedule, crowd->issued);
}

/* --- hearing -------------------------------------------------------------------------------------
 */

void crowd_join(struct generator *generator, const struct client *client)
{
	struct crowd *crowd = crowd_of(generator);
	struct crowd_shared *shared = shared_of(generator);
	const struct options *options = generator->options;
	uint32_t sender = circle_of(options, client->number);
	for (uint32_t n = 0; crowd->sequences && sender < options->senders; n++) {
		sequence_restart(sequence_at(generator, crowd, client, n),
			atomic_load(&shared->senders[sender].sent), true);
		sender += options->circles;
	}
}

void crowd_leave(struct generator *generator)
{
	atomic_fetch_add(&shared_of(generator)->cut_count, 1);
}

/* One more has got this text. Returns whether it was the last one. */
static bool is_last_receiver(struct generator *generator, const struct text_mark *mark)
{
	struct crowd_shared *shared = shared_of(generator);
	_Atomic uint32_t *missing =
		&shared->senders[mark->sender].missing[mark->number & shared->ring_mask];
	if (generator->options->threads == 1) {
		uint32_t left = atomic_load_explicit(missing, memory_order_relaxed) - 1;
		atomic_store_explicit(missing, left, memory_order_relaxed);
		return left == 0;
	}
	return atomic_fetch_sub(missing, 1) == 1;
}

/* All have got this text; in a closed loop its sender may say another. */
static void complete(struct generator *generator, const struct text_mark *mark, uint64_t now_ns)
{
	struct crowd_sender *sender = &shared_of(generator)->senders[mark->sender];
	const uint32_t threads = generator->options->threads;
	if (is_measured(generator, mark->intended_ns)) {
		histogram_record(&generator->completions,
			now_ns > mark->intended_ns ? now_ns - mark->intended_ns : 0, 1);
	}
	if (threads == 1) {
		count_add_32(&sender->completed, 1);
		return;
	}
	atomic_fetch_add(&sender->completed, 1);
	if (mark->sender % threads != generator->id) {
		generator_ring(&generator->run->generators[mark->sender % threads]);
	}
}

void crowd_hear(struct generator *generator, struct client *client, const struct text_mark *mark,
	uint64_t now_ns)
{
	struct crowd *crowd = crowd_of(generator);
	struct counts *counts = &generator->counts;
	const struct options *options = generator->options;
	if (!circle_hears(options, client->number, mark->sender)) {
		count_add(&counts->misdelivered, 1);
		return;
	}
	struct sequence *sequence =
		sequence_at(generator, crowd, client, mark->sender / options->circles);
	uint32_t sent = atomic_load_explicit(
		&shared_of(generator)->senders[mark->sender].sent, memory_order_acquire);
	switch (sequence_take(sequence, mark->number, sent)) {
	case SEQUENCE_NEXT:
	case SEQUENCE_AHEAD:
		break;
	case SEQUENCE_LATE:
		count_add(&counts->reordered, 1);
		break;
	case SEQUENCE_DUPLICATE:
		count_add(&counts->duplicated, 1);
		return;
	case SEQUENCE_IMPOSSIBLE:
		count_add(&counts->corrupt, 1);
		return;
	}
	count_add(&counts->answered, 1);
	generator_record(generator, mark->intended_ns, now_ns, 1);
	generator_note_longest(generator, &client->longest_ns, mark->intended_ns, now_ns);
	if (shared_of(generator)->senders[mark->sender].missing &&
		is_last_receiver(generator, mark)) {
		complete(generator, mark, now_ns);
	}
}

/* So many more texts of the one who speaks there, in the order in which they were said. */
static void complete_in_order(struct generator *generator, struct client *client, size_t count)
{
	const uint32_t sender = circle_of(generator->options, client->number);
	for (; count > 0 && sender < generator->options->senders; count--) {
		const struct text_mark mark = {.sender = sender, .number = client->answered++};
		if (is_last_receiver(generator, &mark)) {
			complete(generator, &mark, 0);
		}
	}
}

size_t crowd_take_blind(
	struct generator *generator, struct client *client, size_t len, uint64_t now_ns)
{
	struct crowd *crowd = crowd_of(generator);
	const size_t count = len / crowd->speech.answer_len;
	count_add(&generator->counts.answered, count);
	count_add(&shared_of(generator)->delivered, count);
	if (circles_have_one_sender(generator->options)) {
		complete_in_order(generator, client, count);
	}
	/* With one under way, it is the one said last. */
	if (generator->options->senders == 1 && generator->options->depth == 1 && count > 0) {
		generator_record(generator, speech_last(&crowd->speech).intended_ns, now_ns, count);
	}
	return count * crowd->speech.answer_len;
}

/* --- the end -------------------------------------------------------------------------------------
 */

static uint64_t missing_at(
	const struct generator *generator, const struct crowd *crowd, const struct client *client)
{
	const struct crowd_shared *shared = shared_of(generator);
	const struct options *options = generator->options;
	uint32_t sender = circle_of(options, client->number);
	uint64_t missing = 0;
	for (uint32_t n = 0; sender < options->senders; n++) {
		if (circle_hears(options, client->number, sender)) {
			missing += sequence_missing(sequence_at(generator, crowd, client, n),
				atomic_load(&shared->senders[sender].sent));
		}
		sender += options->circles;
	}
	return missing;
}

static uint64_t said_in_all(const struct generator *generator)
{
	const struct crowd_shared *shared = shared_of(generator);
	uint64_t said = 0;
	for (uint32_t i = 0; i < generator->options->senders; i++) {
		said += atomic_load(&shared->senders[i].sent);
	}
	return said;
}

bool crowd_is_settled(struct generator *generator)
{
	struct crowd *crowd = crowd_of(generator);
	const struct crowd_shared *shared = shared_of(generator);
	if (atomic_load(&shared->silent_count) < generator->options->threads) {
		return false;
	}
	if (generator->options->is_blind) {
		return atomic_load(&shared->delivered) >=
		       said_in_all(generator) * circle_hearers(generator->options);
	}
	while (crowd->settled_cursor < generator->client_count) {
		const struct client *client = &generator->clients[crowd->settled_cursor];
		if (client->state == CLIENT_OPEN && missing_at(generator, crowd, client) > 0) {
			return false;
		}
		crowd->settled_cursor++;
	}
	return true;
}

void crowd_account(struct generator *generator)
{
	struct crowd *crowd = crowd_of(generator);
	struct counts *counts = &generator->counts;
	if (generator->options->is_blind) {
		const struct crowd_shared *shared = shared_of(generator);
		uint64_t wanted = said_in_all(generator) * circle_hearers(generator->options);
		uint64_t got = atomic_load(&shared->delivered);
		if (generator->id == 0) {
			count_add(&counts->lost, wanted > got ? wanted - got : 0);
		}
		return;
	}
	for (uint32_t i = 0; i < generator->client_count; i++) {
		if (generator->clients[i].state == CLIENT_OPEN) {
			count_add(&counts->lost,
				missing_at(generator, crowd, &generator->clients[i]));
		}
	}
}
