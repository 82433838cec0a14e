#include "floor_options.h"

#include <stddef.h>
#include <string.h>

#include "arguments.h"

enum {
	KEY_MODE = 256,
	KEY_REQUEST,
	KEY_ANSWER,
	KEY_NO_GATHER,
	KEY_COLLECT,
	KEY_ROOMS,
	KEY_MEMBERS,
	KEY_THREADS,
	KEY_CERTIFICATE,
	KEY_KEY,
};

static const struct argp_option table[] = {
	{"listen", 'l', "HOST:PORT", 0, "where to listen (default 127.0.0.1:8000)", 0},
	{"mode", KEY_MODE, "MODE", 0,
		"echo: answer the sender; fanout: answer everybody else; login: accept only (default "
		"echo)",
		0},
	{"request-bytes", KEY_REQUEST, "N", 0, "size of one request on the wire (default 12)", 0},
	{"answer-bytes", KEY_ANSWER, "N", 0, "size of one answer on the wire (default 8)", 0},
	{"no-gather", KEY_NO_GATHER, NULL, 0, "one send for each request, not for each recv", 0},
	{"collect", KEY_COLLECT, NULL, 0, "of a fan-out: one send for each receiver and turn", 0},
	{"rooms", KEY_ROOMS, "N", 0,
		"with --collect and --members: users are dealt to so many rooms as tidegate-bench does "
		"(direct: half of the users), and a request is for its room",
		0},
	{"members", KEY_MEMBERS, "N", 0, "of each room (direct: 2)", 0},
	{"threads", KEY_THREADS, "N", 0, "to echo on, each with connections of its own (default 1)",
		0},
	{"tls-cert", KEY_CERTIFICATE, "FILE", 0,
		"speak TLS 1.3, on OpenSSL as it is, with this certificate (PEM); sizes are those inside "
		"of it",
		0},
	{"tls-key", KEY_KEY, "FILE", 0, "the certificate's private key (PEM)", 0},
	{0},
};

static enum floor_mode mode_of(struct argp_state *state, const char *name)
{
	static const char *const names[] = {
		[FLOOR_ECHO] = "echo", [FLOOR_FANOUT] = "fanout", [FLOOR_LOGIN] = "login"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0) {
			return (enum floor_mode)i;
		}
	}
	argp_error(state, "the mode is echo, fanout or login, not \"%s\"", name);
	return FLOOR_ECHO;
}

static void check(struct argp_state *state, const struct floor_options *options)
{
	const bool has_rooms = options->room_count > 0;
	if (has_rooms != (options->member_most > 0) ||
		(has_rooms && (!options->collects || options->mode != FLOOR_FANOUT))) {
		argp_error(state, "rooms need --mode fanout, --collect, --rooms and --members");
	}
	if (options->threads > 1 && options->mode != FLOOR_ECHO) {
		argp_error(state, "--threads needs --mode echo");
	}
	if (!options->certificate != !options->key) {
		argp_error(state, "--tls-cert and --tls-key go together");
	}
}

static error_t parse_key(int key, char *argument, struct argp_state *state)
{
	struct floor_options *options = state->input;
	switch (key) {
	case 'l':
		options->listen_at = argument;
		return 0;
	case KEY_MODE:
		options->mode = mode_of(state, argument);
		return 0;
	case KEY_REQUEST:
		options->request_bytes =
			arguments_count(state, "request-bytes", argument, 1, UINT32_MAX);
		return 0;
	case KEY_ANSWER:
		options->answer_bytes =
			arguments_count(state, "answer-bytes", argument, 1, UINT32_MAX);
		return 0;
	case KEY_NO_GATHER:
		options->gathers = false;
		return 0;
	case KEY_COLLECT:
		options->collects = true;
		return 0;
	case KEY_ROOMS:
		options->room_count = arguments_count(state, "rooms", argument, 1, UINT32_MAX);
		return 0;
	case KEY_MEMBERS:
		options->member_most = arguments_count(state, "members", argument, 1, UINT32_MAX);
		return 0;
	case KEY_THREADS:
		options->threads = arguments_count(state, "threads", argument, 1, 64);
		return 0;
	case KEY_CERTIFICATE:
		options->certificate = argument;
		return 0;
	case KEY_KEY:
		options->key = argument;
		return 0;
	case ARGP_KEY_END:
		check(state, options);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\" is no option", argument);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void floor_options_parse(int argc, char **argv, struct floor_options *ret_options)
{
	static const struct argp argp = {.options = table,
		.parser = parse_key,
		.doc = "A server that does only the unavoidable recv and send, to compare others with."};
	struct floor_options options = {
		.mode = FLOOR_ECHO,
		.request_bytes = 12,
		.answer_bytes = 8,
		.gathers = true,
		.threads = 1,
		.listen_at = "127.0.0.1:8000",
	};
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	options.collects = options.collects && options.mode == FLOOR_FANOUT;
	*ret_options = options;
}
