/* -c receivers, and --senders beside them whose texts reach everybody but themselves. With --closed
 * a sender has -d texts under way, each of which ends when the last one has got it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "crowd.h"
#include "generator.h"
#include "text_frames.h"
#include "text_mark.h"

static size_t take(struct generator *generator, struct client *client, const uint8_t *data,
	size_t len, uint64_t now_ns)
{
	if (generator->options->is_blind) {
		return crowd_take_blind(generator, generator->state, len, now_ns);
	}
	return text_frames_take(generator, generator->state, client, data, len, now_ns);
}

static void begin(struct generator *generator)
{
	crowd_begin(generator, generator->state);
}

static uint64_t turn(struct generator *generator, uint64_t now_ns)
{
	return crowd_turn(generator, generator->state, now_ns);
}

static void cut(struct generator *generator, struct client *client)
{
	(void)client;
	crowd_leave(generator);
}

static bool is_settled(struct generator *generator)
{
	return crowd_is_settled(generator, generator->state);
}

static void account(struct generator *generator)
{
	crowd_account(generator, generator->state);
}

static int prepare(struct generator *generator)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	if (!crowd) {
		return -ENOMEM;
	}
	generator->state = crowd;
	return crowd_init(generator, crowd);
}

static void dispose(struct generator *generator)
{
	crowd_finish(generator, generator->state);
	free(generator->state);
	generator->state = NULL;
}

static int check(struct options *options, char *ret_error, size_t error_size)
{
	const char *why = NULL;
	if (options->payload < TEXT_MARK_LEN) {
		why = "a text has at least 32 bytes, for its sender, number and time";
	} else if (options->senders == 0 || options->connections == 0) {
		why = "a fan-out needs a sender and a receiver";
	} else if (options->is_blind && (options->threads > 1 || !options->is_closed)) {
		why = "a blind fan-out is --closed and has one thread";
	} else if (options->is_among_others &&
		   (options->threads > 1 || options->is_closed || options->is_blind)) {
		why = "a fan-out --among-others has a --rate and one thread";
	}
	if (why) {
		snprintf(ret_error, error_size, "%s", why);
		return -EINVAL;
	}
	return 0;
}

const struct scenario scenario_fanout = {
	.name = "fanout",
	.help = "--senders whose texts reach -c receivers, and each other",
	.unit = "deliveries",
	.check = check,
	.share = crowd_share,
	.unshare = crowd_unshare,
	.prepare = prepare,
	.dispose = dispose,
	.begin = begin,
	.turn = turn,
	.take = take,
	.cut = cut,
	.is_settled = is_settled,
	.account = account,
};
