/* -c receivers, and --senders beside them whose texts reach everybody but themselves. With --closed
 * a sender has -d texts under way, each of which ends when the last one has got it. */
#include "client.h"
#include "crowd.h"
#include "generator.h"
#include "text_frames.h"
#include "text_mark.h"

static size_t take(struct generator *generator, struct client *client, const uint8_t *data,
	size_t len, uint64_t now_ns)
{
	if (generator->options->is_blind) {
		return crowd_take_blind(generator, client, len, now_ns);
	}
	return text_frames_take(generator, client, data, len, now_ns);
}

static void cut(struct generator *generator, struct client *client)
{
	(void)client;
	crowd_leave(generator);
}

static const char *check(struct options *options)
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
	options->circles = 1;
	options->circle_size = options_connections(options);
	return why;
}

const struct scenario scenario_fanout = {
	.name = "fanout",
	.help = "--senders whose texts reach -c receivers, and each other",
	CROWD_SCENARIO,
	.check = check,
	.take = take,
	.cut = cut,
};
