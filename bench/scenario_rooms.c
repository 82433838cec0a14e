/* Texts for some and not for all, in tidegate.v1: `rooms`, whose senders each speak in the room
 * that they are in, and `direct`, whose senders each speak to one user. Everybody knows who may be
 * heard where he is; what comes from elsewhere is misdelivered. */
#include <errno.h>
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

static int refuse(const char *why, char *ret_error, size_t error_size)
{
	snprintf(ret_error, error_size, "%s", why);
	return -EINVAL;
}

static uint32_t default_rooms(const struct options *options)
{
	const uint32_t members = options->circle_size ? options->circle_size : MEMBERS_DEFAULT;
	return options->connections < members ? 1 : options->connections / members;
}

static int check_rooms(struct options *options, char *ret_error, size_t error_size)
{
	const char *why = what_is_wrong(options);
	if (why) {
		return refuse(why, ret_error, error_size);
	}
	options->circles = options->circles ? options->circles : default_rooms(options);
	if (options->circle_size == 0) {
		options->circle_size = options->connections / options->circles;
	}
	const uint64_t seats = (uint64_t)options->circles * options->circle_size;
	if (options->circle_size < 2) {
		return refuse("a room has two members or more: fewer --rooms, or more -c",
			ret_error, error_size);
	}
	if (seats > options->connections) {
		snprintf(ret_error, error_size,
			"%u rooms of %u members need -c %llu, and all are to be numbered up to %d",
			options->circles, options->circle_size, (unsigned long long)seats,
			OPTIONS_USER_MAX);
		return -EINVAL;
	}
	options->senders = options->senders ? options->senders : options->circles;
	return options->senders > seats
		       ? refuse("more speak than are in rooms", ret_error, error_size)
		       : 0;
}

static int check_direct(struct options *options, char *ret_error, size_t error_size)
{
	const char *why = what_is_wrong(options);
	if (why) {
		return refuse(why, ret_error, error_size);
	}
	if (options->connections % 2 != 0) {
		return refuse("users talk in pairs: -c is even", ret_error, error_size);
	}
	if (options->circles > 0 || options->circle_size > 0) {
		return refuse("--rooms and --members are for rooms", ret_error, error_size);
	}
	options->circles = options->connections / 2;
	options->circle_size = 2;
	options->senders = options->senders ? options->senders : options->circles;
	return options->senders > options->connections
		       ? refuse("more speak than there are", ret_error, error_size)
		       : 0;
}

const struct scenario scenario_rooms = {
	.name = "rooms",
	.help = "--senders whose texts reach the other --members of their room",
	.unit = "deliveries",
	.says_texts = true,
	.subprotocol = SUBPROTOCOL_V1,
	.check = check_rooms,
	.share = crowd_share,
	.unshare = crowd_unshare,
	.prepare = crowd_prepare,
	.dispose = crowd_dispose,
	.begin = crowd_begin,
	.turn = crowd_turn,
	.take = take,
	.is_settled = crowd_is_settled,
	.account = crowd_account,
};

const struct scenario scenario_direct = {
	.name = "direct",
	.help = "-c users in pairs, --senders of whom speak to the other one",
	.unit = "deliveries",
	.says_texts = true,
	.is_private = true,
	.subprotocol = SUBPROTOCOL_V1,
	.check = check_direct,
	.share = crowd_share,
	.unshare = crowd_unshare,
	.prepare = crowd_prepare,
	.dispose = crowd_dispose,
	.begin = crowd_begin,
	.turn = crowd_turn,
	.take = take,
	.is_settled = crowd_is_settled,
	.account = crowd_account,
};
