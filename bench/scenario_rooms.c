/* Texts for some and not for all, in tidegate.v1: `rooms`, whose senders each speak in the room
 * that they are in, and `direct`, whose senders each speak to one user. Everybody knows who may be
 * heard where he is; what comes from elsewhere is misdelivered. */
#include <stdio.h>

#include "crowd.h"
#include "generator.h"
#include "talk_frames.h"

enum {
	MEMBERS_DEFAULT = 10,
};

static size_t take(struct generator *generator, struct client *client, const uint8_t *data,
	size_t len, uint64_t now_ns)
{
	return generator->options->is_blind
		       ? crowd_take_blind(generator, client, len, now_ns)
		       : talk_frames_take(generator, client, data, len, now_ns);
}

/* What both ask for, or NULL. */
static const char *what_is_wrong(const struct options *options)
{
	if (options->payload < TEXT_MARK_LEN) {
		return "a text has at least 32 bytes, for its sender, number and time";
	}
	if (options->is_blind && (options->threads > 1 || !options->is_closed)) {
		return "who is blind is --closed and has one thread";
	}
	if (options->is_among_others) {
		return "--among-others is for fanout and churn";
	}
	return NULL;
}

static uint32_t default_rooms(const struct options *options)
{
	const uint32_t members = options->circle_size ? options->circle_size : MEMBERS_DEFAULT;
	return options->connections < members ? 1 : options->connections / members;
}

/* Written once, ahead of any thread. */
static const char *too_few(const struct options *options, uint64_t seats)
{
	static char why[120];
	snprintf(why, sizeof(why),
		"%u rooms of %u members need -c %llu, and all are to be numbered up to %d",
		options->circles, options->circle_size, (unsigned long long)seats,
		OPTIONS_USER_MAX);
	return why;
}

static const char *check_rooms(struct options *options)
{
	const char *why = what_is_wrong(options);
	if (why) {
		return why;
	}
	options->circles = options->circles ? options->circles : default_rooms(options);
	if (options->circle_size == 0) {
		options->circle_size = options->connections / options->circles;
	}
	const uint64_t seats = (uint64_t)options->circles * options->circle_size;
	if (options->circle_size < 2) {
		return "a room has two members or more: fewer --rooms, or more -c";
	}
	if (seats > options->connections) {
		return too_few(options, seats);
	}
	options->senders = options->senders ? options->senders : options->circles;
	return options->senders > seats ? "more speak than are in rooms" : NULL;
}

static const char *check_direct(struct options *options)
{
	const char *why = what_is_wrong(options);
	if (why) {
		return why;
	}
	if (options->connections % 2 != 0) {
		return "users talk in pairs: -c is even";
	}
	if (options->circles > 0 || options->circle_size > 0) {
		return "--rooms and --members are for rooms";
	}
	options->circles = options->connections / 2;
	options->circle_size = 2;
	options->senders = options->senders ? options->senders : options->circles;
	return options->senders > options->connections ? "more speak than there are" : NULL;
}

const struct scenario scenario_rooms = {
	.name = "rooms",
	.help = "--senders whose texts reach the other --members of their room",
	CROWD_SCENARIO,
	.subprotocol = SUBPROTOCOL_V1,
	.check = check_rooms,
	.take = take,
};

const struct scenario scenario_direct = {
	.name = "direct",
	.help = "-c users in pairs, --senders of whom speak to the other one",
	CROWD_SCENARIO,
	.is_private = true,
	.subprotocol = SUBPROTOCOL_V1,
	.check = check_direct,
	.take = take,
};
