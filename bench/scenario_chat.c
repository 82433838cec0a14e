/* A realistic mix: users who all hear each other, some of whom speak at --rate, all of whom send
 * heartbeats, while others come and go at --churn. Who speaks stays. */
#include <errno.h>
#include <stdlib.h>

#include "../proto/frame.h"
#include "../proto/packet.h"
#include "client.h"
#include "crowd.h"
#include "generator.h"
#include "text_frames.h"
#include "text_mark.h"

/* Owner:  a generator.
 * Freed:  by dispose. */
struct chat {
	struct crowd crowd; /* first: generator->state is it as well */
	struct schedule heartbeats;
	uint64_t heartbeats_sent;
	struct schedule logouts;
	uint64_t logouts_done;
	uint32_t away; /* between a logout and the next 101 */
	uint8_t ping[FRAME_HEADER_MAX + PACKET_HEADER_LEN];
	size_t ping_len;
};

static void begin(struct generator *generator)
{
	const struct options *options = generator->options;
	struct chat *chat = generator->state;
	const uint64_t start_ns = generator->run->start_ns;
	const uint32_t threads = options->threads;
	crowd_begin(generator);
	chat->heartbeats = schedule_make(start_ns,
		options->every_s > 0 ? options->connections / options->every_s : 0, generator->id,
		threads, options->every_s > 0 ? UINT64_MAX : 0);
	/* Who speaks does not leave. */
	bool may_churn = options->churn > 0 && chat->crowd.own_count < generator->client_count;
	chat->logouts = schedule_make(
		start_ns, options->churn, generator->id, threads, may_churn ? UINT64_MAX : 0);
}

static void send_heartbeats(struct generator *generator, struct chat *chat, uint64_t now_ns)
{
	const uint64_t due = schedule_due(&chat->heartbeats, now_ns);
	for (; chat->heartbeats_sent < due; chat->heartbeats_sent++) {
		struct client *client =
			&generator->clients[chat->heartbeats_sent % generator->client_count];
		if (client->state == CLIENT_OPEN && !wire_is_full(&client->wire)) {
			client->sent++;
			count_add(&generator->counts.heartbeats, 1);
			wire_send(&client->wire, chat->ping, chat->ping_len);
		}
	}
}

static void log_out(struct generator *generator, struct chat *chat, uint64_t now_ns)
{
	const uint64_t due = schedule_due(&chat->logouts, now_ns);
	const uint32_t listeners = generator->client_count - chat->crowd.own_count;
	for (; chat->logouts_done < due; chat->logouts_done++) {
		struct client *client =
			&generator->clients[chat->crowd.own_count + chat->logouts_done % listeners];
		if (client->state == CLIENT_OPEN) {
			chat->away++;
			client_close(generator, client);
		}
	}
}

static uint64_t sooner(uint64_t next_ns, const struct schedule *schedule, uint64_t n)
{
	if (n >= schedule->count_max) {
		return next_ns;
	}
	uint64_t at_ns = schedule_at(schedule, n);
	return at_ns < next_ns ? at_ns : next_ns;
}

static uint64_t turn(struct generator *generator, uint64_t now_ns)
{
	struct chat *chat = generator->state;
	uint64_t next_ns = crowd_turn(generator, now_ns);
	if (generator->phase != PHASE_RUN) {
		return next_ns;
	}
	send_heartbeats(generator, chat, now_ns);
	log_out(generator, chat, now_ns);
	next_ns = sooner(next_ns, &chat->heartbeats, chat->heartbeats_sent);
	return sooner(next_ns, &chat->logouts, chat->logouts_done);
}

static void opened(struct generator *generator, struct client *client, uint64_t now_ns)
{
	struct chat *chat = generator->state;
	crowd_join(generator, client);
	chat->away -= chat->away > 0;
}

/* What was under way when the connection ended has come before its end, or never will. */
static void closed(struct generator *generator, struct client *client, uint64_t now_ns)
{
	count_add(&generator->counts.lost, client->sent - client->answered);
	client->sent = 0;
	client->answered = 0;
	int err = client_open(generator, client, now_ns);
	if (err) {
		int none = 0;
		count_add(&generator->counts.failed, 1);
		atomic_compare_exchange_strong(&generator->run->connect_error, &none, err);
		atomic_store(&generator->run->is_broken, true);
	}
}

static size_t take(struct generator *generator, struct client *client, const uint8_t *data,
	size_t len, uint64_t now_ns)
{
	return text_frames_take(generator, client, data, len, now_ns);
}

static uint64_t heartbeats_missing(const struct generator *generator)
{
	uint64_t missing = 0;
	for (uint32_t i = 0; i < generator->client_count; i++) {
		missing += generator->clients[i].sent - generator->clients[i].answered;
	}
	return missing;
}

static bool is_settled(struct generator *generator)
{
	struct chat *chat = generator->state;
	return chat->away == 0 && crowd_is_settled(generator) && heartbeats_missing(generator) == 0;
}

static void account(struct generator *generator)
{
	const struct chat *chat = generator->state;
	crowd_account(generator);
	count_add(&generator->counts.lost, heartbeats_missing(generator) + chat->away);
}

static int prepare(struct generator *generator)
{
	struct chat *chat = calloc(1, sizeof(*chat));
	if (!chat) {
		return -ENOMEM;
	}
	generator->state = chat;
	size_t header =
		frame_header_write(chat->ping, FRAME_BINARY, PACKET_HEADER_LEN, generator->mask);
	packet_header_write(chat->ping + header, PACKET_PING, 0);
	frame_mask(chat->ping + header, PACKET_HEADER_LEN, generator->mask, 0);
	chat->ping_len = header + PACKET_HEADER_LEN;
	return crowd_init(generator, &chat->crowd);
}

static void dispose(struct generator *generator)
{
	struct chat *chat = generator->state;
	crowd_finish(generator, &chat->crowd);
	free(chat);
	generator->state = NULL;
}

static const char *check(struct options *options)
{
	const char *why = NULL;
	if (options->payload < TEXT_MARK_LEN) {
		why = "a text has at least 32 bytes, for its sender, number and time";
	} else if (options->senders > options->connections) {
		why = "more speak than there are";
	} else if (options->is_closed || options->is_blind) {
		why = "a chat is an open loop, and checked";
	}
	options->circles = 1;
	options->circle_size = options->connections;
	return why;
}

const struct scenario scenario_chat = {
	.name = "chat",
	.help = "-c users: texts at --rate, heartbeats, logouts and logins at --churn",
	.unit = "deliveries",
	.says_texts = true,
	.check = check,
	.share = crowd_share,
	.unshare = crowd_unshare,
	.prepare = prepare,
	.dispose = dispose,
	.begin = begin,
	.turn = turn,
	.opened = opened,
	.take = take,
	.closed = closed,
	.is_settled = is_settled,
	.account = account,
};
