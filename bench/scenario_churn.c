/* Logins at a rate, each ended by a Close handshake as soon as it has its 101. A cycle is complete
 * when the server has closed the connection; its latency is that until the 101. */
#include <errno.h>
#include <stdlib.h>

#include "../proto/frame.h"
#include "../server/base/clock.h"
#include "client.h"
#include "frames.h"
#include "generator.h"

enum {
	RETRY_NS = 1000000, /* until a full backlog is tried again */
};

/* Owner:  a generator.
 * Freed:  by dispose. */
struct churn {
	uint32_t *idle; /* indices of clients without a connection */
	uint32_t idle_count;
	uint64_t begun; /* cycles */
	struct schedule schedule;
};

static void begin(struct generator *generator)
{
	const struct options *options = generator->options;
	struct churn *churn = generator->state;
	const uint64_t count = options->count > 0 ? options->count / options->threads : UINT64_MAX;
	churn->schedule = schedule_make(
		generator->run->start_ns, options->rate, generator->id, options->threads, count);
}

static bool is_settled(struct generator *generator)
{
	const struct churn *churn = generator->state;
	return churn->idle_count == generator->client_count;
}

static uint64_t turn(struct generator *generator, uint64_t now_ns)
{
	struct churn *churn = generator->state;
	if (generator->phase != PHASE_RUN) {
		return UINT64_MAX;
	}
	const uint64_t due = schedule_due(&churn->schedule, now_ns);
	while (churn->begun < due) {
		if (churn->idle_count == 0 || generator->opening_count >= generator->opening_max) {
			return UINT64_MAX;
		}
		struct client *client = &generator->clients[churn->idle[churn->idle_count - 1]];
		uint64_t intended_ns = generator->options->is_closed
					       ? clock_ns()
					       : schedule_at(&churn->schedule, churn->begun);
		int err = client_open(generator, client, intended_ns);
		if (err == -EAGAIN) {
			return now_ns + RETRY_NS;
		}
		if (err) {
			int none = 0;
			count_add(&generator->counts.failed, 1);
			atomic_compare_exchange_strong(&generator->run->connect_error, &none, err);
			atomic_store(&generator->run->is_broken, true);
			return UINT64_MAX;
		}
		churn->idle_count--;
		churn->begun++;
		count_add(&generator->counts.sent, 1);
		if (!generator->options->is_closed && is_measured(generator, intended_ns)) {
			histogram_record(&generator->lag,
				now_ns > intended_ns ? now_ns - intended_ns : 0, 1);
		}
	}
	if (churn->begun == churn->schedule.count_max && is_settled(generator)) {
		atomic_store(&generator->is_settled, true);
		return UINT64_MAX;
	}
	return schedule_at(&churn->schedule, churn->begun);
}

static void opened(struct generator *generator, struct client *client, uint64_t now_ns)
{
	generator_record(generator, client->intended_ns, now_ns, 1);
	client_close(generator, client);
}

/* What others say meanwhile. */
static void let_pass(struct generator *generator, struct client *client,
	const struct frame_message *message, uint64_t now_ns)
{
	(void)client;
	(void)message;
	(void)now_ns;
	count_add(&generator->counts.of_others, 1);
}

static size_t take(struct generator *generator, struct client *client, const uint8_t *data,
	size_t len, uint64_t now_ns)
{
	return generator->options->is_among_others
		       ? frames_take(generator, client, data, len, now_ns, let_pass)
		       : client_take_control(generator, client, data, len);
}

static void cut(struct generator *generator, struct client *client)
{
	struct churn *churn = generator->state;
	churn->idle[churn->idle_count++] = client->index;
}

static void closed(struct generator *generator, struct client *client, uint64_t now_ns)
{
	struct churn *churn = generator->state;
	churn->idle[churn->idle_count++] = client->index;
	count_add(&generator->counts.answered, 1);
}

static void account(struct generator *generator)
{
	const struct counts *counts = &generator->counts;
	count_add(&generator->counts.lost, count_of(&counts->sent) - count_of(&counts->answered) -
						   count_of(&counts->cut) -
						   count_of(&counts->failed));
}

static int prepare(struct generator *generator)
{
	struct churn *churn = calloc(1, sizeof(*churn));
	if (!churn) {
		return -ENOMEM;
	}
	generator->state = churn;
	churn->idle = calloc(generator->client_count + 1, sizeof(churn->idle[0]));
	if (!churn->idle) {
		return -ENOMEM;
	}
	churn->idle_count = generator->client_count;
	for (uint32_t i = 0; i < generator->client_count; i++) {
		churn->idle[i] = generator->client_count - 1 - i;
	}
	return 0;
}

static void dispose(struct generator *generator)
{
	struct churn *churn = generator->state;
	free(churn->idle);
	free(churn);
	generator->state = NULL;
}

static const char *check(struct options *options)
{
	return options->is_blind ? "a churn is never blind: it needs the server's Close" : NULL;
}

const struct scenario scenario_churn = {
	.name = "churn",
	.help = "logins at --rate a second, each ended by a Close",
	.unit = "cycles",
	.opens_later = true,
	.check = check,
	.prepare = prepare,
	.dispose = dispose,
	.begin = begin,
	.turn = turn,
	.opened = opened,
	.take = take,
	.closed = closed,
	.cut = cut,
	.is_settled = is_settled,
	.account = account,
};
