#include "chat_options.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/user_name.h"
#include "build_config.h"

/* Keys that are no letters. */
enum {
	KEY_HEARTBEAT = 256,
	KEY_READ_DEADLINE,
	KEY_RECONNECT,
	KEY_ONCE,
	KEY_PACKET,
	KEY_STAY,
	KEY_DEVICE,
	KEY_TOKEN_FILE,
	KEY_V1,
	KEY_CLASSIC,
	KEY_CA,
	KEY_INSECURE,
};

enum {
	HEARTBEAT_S = 50,
};

enum group {
	GROUP_WHO = 1,
	GROUP_LINE,
	GROUP_TEXT,
};

static const struct argp_option options_table[] = {
	{"address", 'a', "ADDRESS", 0,
		"the gateway: ws://HOST[:PORT][/PATH], port 80 unless told, wss:// likewise for TLS, port "
		"443, or unix:PATH (default ws://127.0.0.1:8000)",
		GROUP_WHO},
	{"user", 'u', "NAME", 0, "log in as NAME, 1 to 64 bytes; required without a token",
		GROUP_WHO},
	{"device", KEY_DEVICE, "NAME", 0,
		"which of the user's devices this is, 1 to 32 bytes; a login ends that of the same "
		"device only, where the gateway allows several",
		GROUP_WHO},

	{"token-file", KEY_TOKEN_FILE, "FILE", 0,
		"show the token in FILE's first line; it is read again whenever one is needed. The user "
		"is the token's unless --user says the same",
		GROUP_WHO},

	{"ca", KEY_CA, "FILE", 0,
		"of wss://: trust those whose certificates are in FILE, in PEM, to have signed the "
		"gateway's (default: whom the system trusts)",
		GROUP_WHO},
	{"insecure", KEY_INSECURE, "REASON", 0,
		"of wss://: take any certificate, of anybody. REASON says why that is right, and is shown",
		GROUP_WHO},

	{.doc = "The line, S in seconds such as 50 or 0.5:", .group = GROUP_LINE},
	{"heartbeat", KEY_HEARTBEAT, "S", 0,
		"ping the gateway every S; 0: never (default 50, or a third of a shorter read deadline)",
		GROUP_LINE},
	{"read-deadline", KEY_READ_DEADLINE, "S", 0,
		"give the line up when nothing was heard for S (default: three heartbeats)",
		GROUP_LINE},
	{"reconnect", KEY_RECONNECT, "N|forever|never", 0,
		"attempts to get a lost line back, 2 to 10 s apart; forever: also when the gateway is "
		"not there at first (default 10)",
		GROUP_LINE},
	{"once", KEY_ONCE, NULL, 0, "the same as --reconnect=never", GROUP_LINE},

	{.doc = "What is said and shown:", .group = GROUP_TEXT},
	{"v1", KEY_V1, NULL, 0,
		"speak tidegate.v1: lines that begin with a slash are commands, /help shows them "
		"(default on a terminal)",
		GROUP_TEXT},
	{"classic", KEY_CLASSIC, NULL, 0,
		"texts to everybody and no commands (default where the input is no terminal)",
		GROUP_TEXT},
	{"packet", KEY_PACKET, NULL, 0, "send packets 102 instead of text messages", GROUP_TEXT},
	{"stay", KEY_STAY, NULL, 0, "stay logged in when the input ends; Ctrl-C logs out",
		GROUP_TEXT},
	{"quiet", 'q', NULL, 0, "show messages and errors only", GROUP_TEXT},
	{"verbose", 'v', NULL, 0, "show the heartbeat as well", GROUP_TEXT},
	{0},
};

static const char doc[] =
	"Chat at a Tidegate gateway: each line of the input is sent to everybody else, each message is "
	"written to the output."
	"\v"
	"Ctrl-D, or the end of the input, logs out when everything has been sent; Ctrl-C logs out now, "
	"a second one ends at once. On a terminal the arrow keys edit the line and bring back older ones. Messages go to standard output; states and errors to standard error, "
	"in colour on a terminal unless NO_COLOR is set.\n"
	"\n"
	"Examples:\n"
	"  tidegate-chat -a ws://127.0.0.1:8000 -u alice\n"
	"  echo hello | tidegate-chat -u bot\n"
	"  echo '/to @alice done' | tidegate-chat -u bot --v1\n"
	"  tidegate-chat -a unix:/run/tidegate/socket -u bob\n"
	"  tidegate-chat -a wss://gate.example -u carol\n"
	"  tidegate-chat -u log --stay --quiet </dev/null >chat.log\n"
	"\n"
	"Exit status:\n"
	"  0  logged out, and the gateway has everything that was said\n"
	"  1  something failed here: a line that cannot be sent or was refused, the output, memory\n"
	"  2  the command line is wrong\n"
	"  3  kicked: the same user logged in elsewhere\n"
	"  4  refused: by HTTP status, bad login, or a rule of the gateway\n"
	"  5  unreachable: no such host, no connection, no answer in time\n"
	"  6  i/o timeout: nothing was heard for the read deadline\n"
	"  7  the line was lost or ended by the gateway, or what was said may be lost\n"
	"  8  the protocol was broken, or what answers is no WebSocket server\n"
	"  9  the gateway's certificate was not accepted, or no TLS could be agreed on\n"
	"With reconnects it is the last attempt that counts. See tidegate-chat(1).";

/* A command line being read. */
struct parse {
	struct tg_client *client;
	struct chat_options *options;
	enum tg_status status; /* TG_ERR_NO_MEMORY or TG_OK */
	double heartbeat_s;    /* -1: not given */
	double deadline_s;     /* 0: not given */
	bool has_ca;
};

/* --- values ---------------------------------------------------------------------------------- */

/* Ends the process when the text is not a number of seconds. */
static double read_seconds(struct argp_state *state, const char *name, const char *text)
{
	char *end;
	errno = 0;
	const double seconds = strtod(text, &end);

	if (end == text || *end || errno || !isfinite(seconds) || seconds < 0 ||
		seconds > UINT32_MAX / 1000 || (seconds > 0 && seconds < 0.001)) {
		argp_error(state, "--%s: \"%s\" is not a number of seconds (0, or 0.001 to %u)",
			name, text, UINT32_MAX / 1000);
	}
	return seconds;
}

static uint32_t to_ms(double seconds)
{
	const uint32_t ms = (uint32_t)llround(seconds * 1000);
	return seconds > 0 && ms == 0 ? 1 : ms;
}

static void read_reconnect(struct argp_state *state, struct parse *parse, const char *text)
{
	char *end;
	errno = 0;
	long attempts = strtol(text, &end, 10);

	if (strcmp(text, "forever") == 0) {
		attempts = TG_ATTEMPTS_INFINITE;
	} else if (strcmp(text, "never") == 0) {
		attempts = 0;
	} else if (end == text || *end || errno || attempts < 0 || attempts > INT_MAX) {
		argp_error(state, "--reconnect: \"%s\" is neither a count nor forever nor never",
			text);
	}
	parse->options->attempts = (int)attempts;
}

static bool begins(const char *url, const char *scheme)
{
	return strncasecmp(url, scheme, strlen(scheme)) == 0;
}

static void set_url(struct argp_state *state, struct parse *parse, const char *url)
{
	const enum tg_status status = tg_client_set_url(parse->client, url);

	if (status == TG_ERR_ARGUMENT) {
		argp_error(state,
			"--address: \"%.*s\" is not an address: ws://HOST[:PORT][/PATH], wss:// "
			"or unix:PATH",
			(int)strcspn(url, "?"), url);
	} else if (!begins(url, "ws:") && !begins(url, "wss:") && !begins(url, "unix:")) {
		argp_error(state,
			"--address: \"%.*s\" is neither ws:// nor wss:// nor unix:, and nothing "
			"else is spoken",
			(int)strcspn(url, "?"), url);
	}
	parse->status = status;
	parse->options->url = url;
}

static void set_user(struct argp_state *state, struct parse *parse, const char *user)
{
	const enum tg_status status = tg_client_set_user(parse->client, user);

	if (status == TG_ERR_ARGUMENT) {
		argp_error(state, "--user: a name has 1 to 64 bytes of UTF-8 " USER_NAME_RULE);
	}
	parse->status = status;
	parse->options->user = user;
}

static void set_device(struct argp_state *state, struct parse *parse, const char *device)
{
	const enum tg_status status = tg_client_set_device(parse->client, device);

	if (status == TG_ERR_ARGUMENT) {
		argp_error(state, "--device: a name has 1 to 32 bytes of UTF-8 " USER_NAME_RULE);
	}
	parse->status = status;
}

static void set_ca(struct argp_state *state, struct parse *parse, const char *path)
{
	const enum tg_status status = tg_client_set_ca_file(parse->client, path);

	if (status == TG_ERR_ARGUMENT) {
		argp_error(state, "--ca=%s: %s", path, tg_client_detail(parse->client));
	}
	parse->status = status;
	parse->has_ca = true;
}

static void set_insecure(struct argp_state *state, struct parse *parse, const char *reason)
{
	const enum tg_status status = tg_client_set_insecure(parse->client, reason);

	/* The next option is no reason either. */
	if (status == TG_ERR_ARGUMENT || *reason == '-') {
		argp_error(state, "--insecure: why is it right to take any certificate? "
				  "--insecure=REASON says so, and is shown");
	}
	parse->status = status;
	parse->options->insecure = reason;
}

static void set_protocol(struct argp_state *state, struct parse *parse, enum chat_protocol protocol)
{
	if (parse->options->protocol != CHAT_PROTOCOL_BY_INPUT &&
		parse->options->protocol != protocol) {
		argp_error(state, "--v1 and --classic exclude each other");
	}
	parse->options->protocol = protocol;
}

/* --- what argp finds ------------------------------------------------------------------------- */

/* What can be judged only when all options are known. */
static void finish(struct argp_state *state, struct parse *parse)
{
	struct chat_options *options = parse->options;

	if (!options->user && !options->token_file) {
		argp_error(state, "who are you? --user=NAME is missing");
	}
	if (parse->has_ca && options->insecure) {
		argp_error(state, "--ca and --insecure exclude each other");
	}
	if ((parse->has_ca || options->insecure) && !begins(options->url, "wss:")) {
		argp_error(state, "--ca and --insecure are of wss://, and --address is not");
	}
	if (options->is_quiet && options->is_verbose) {
		argp_error(state, "--quiet and --verbose exclude each other");
	}
	if (parse->heartbeat_s < 0) {
		const double third = parse->deadline_s / 3;
		parse->heartbeat_s = third > 0 && third < HEARTBEAT_S ? third : HEARTBEAT_S;
	}
	options->has_heartbeat = parse->heartbeat_s > 0;
	tg_client_set_heartbeat_ms(parse->client, to_ms(parse->heartbeat_s));
	tg_client_set_read_deadline_ms(parse->client, to_ms(parse->deadline_s));
	tg_client_set_reconnect_attempts(parse->client, options->attempts);
	tg_client_set_retry_login(parse->client, options->attempts == TG_ATTEMPTS_INFINITE);
}

static error_t parse_key(int key, char *argument, struct argp_state *state)
{
	struct parse *parse = state->input;
	struct chat_options *options = parse->options;

	switch (key) {
	case 'a':
		set_url(state, parse, argument);
		break;
	case 'u':
		set_user(state, parse, argument);
		break;
	case KEY_DEVICE:
		set_device(state, parse, argument);
		break;
	case KEY_TOKEN_FILE:
		options->token_file = argument;
		break;
	case KEY_CA:
		set_ca(state, parse, argument);
		break;
	case KEY_INSECURE:
		set_insecure(state, parse, argument);
		break;
	case KEY_V1:
		set_protocol(state, parse, CHAT_PROTOCOL_V1);
		break;
	case KEY_CLASSIC:
		set_protocol(state, parse, CHAT_PROTOCOL_CLASSIC);
		break;
	case KEY_HEARTBEAT:
		parse->heartbeat_s = read_seconds(state, "heartbeat", argument);
		break;
	case KEY_READ_DEADLINE:
		parse->deadline_s = read_seconds(state, "read-deadline", argument);
		break;
	case KEY_RECONNECT:
		read_reconnect(state, parse, argument);
		break;
	case KEY_ONCE:
		options->attempts = 0;
		break;
	case KEY_PACKET:
		options->uses_packets = true;
		break;
	case KEY_STAY:
		options->stays = true;
		break;
	case 'q':
		options->is_quiet = true;
		break;
	case 'v':
		options->is_verbose = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\" is no option; lines to send are read from standard input",
			argument);
		break;
	case ARGP_KEY_END:
		finish(state, parse);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return parse->status == TG_OK ? 0 : ENOMEM;
}

enum tg_status chat_options_parse(
	int argc, char **argv, struct tg_client *client, struct chat_options *ret_options)
{
	const struct argp argp = {.options = options_table, .parser = parse_key, .doc = doc};
	struct parse parse = {
		.client = client,
		.options = ret_options,
		.heartbeat_s = -1,
	};

	*ret_options = (struct chat_options){.url = "ws://127.0.0.1:8000", .attempts = 10};
	parse.status = tg_client_set_url(client, ret_options->url);
	argp_program_version = "tidegate-chat " TIDEGATE_VERSION;
	argp_err_exit_status = CHAT_EXIT_USAGE;
	if (parse.status == TG_OK && argp_parse(&argp, argc, argv, 0, NULL, &parse) != 0) {
		parse.status = TG_ERR_NO_MEMORY;
	}
	return parse.status;
}
