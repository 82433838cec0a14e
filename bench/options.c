#include "options.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "../proto/quantity.h"
#include "arguments.h"
#include "build_config.h"
#include "scenario.h"
#include "text_mark.h"

const struct scenario *const scenarios[] = {&scenario_login, &scenario_heartbeat, &scenario_echo,
	&scenario_fanout, &scenario_chat, &scenario_rooms, &scenario_direct, &scenario_churn, NULL};

enum group {
	GROUP_LOAD = 1,
	GROUP_PAYLOAD,
	GROUP_TIME,
	GROUP_CLIENT,
	GROUP_RESULT,
};

enum {
	KEY_CLOSED = 256,
	KEY_SENDERS,
	KEY_ROOMS,
	KEY_MEMBERS,
	KEY_EVERY,
	KEY_CHURN,
	KEY_PACKET,
	KEY_PING,
	KEY_BLIND,
	KEY_AMONG_OTHERS,
	KEY_WARMUP,
	KEY_TIMEOUT,
	KEY_TICK,
	KEY_COUNT,
	KEY_RAMP,
	KEY_OPENINGS,
	KEY_FIRST_USER,
	KEY_NAME_BYTES,
	KEY_THREADS,
	KEY_SOURCE,
	KEY_SPIN,
	KEY_TOKEN_KEY,
	KEY_CA,
	KEY_SUITE,
	KEY_AWAIT,
	KEY_SERVER_PID,
	KEY_JSON,
};

static const struct argp_option options_table[] = {
	{.doc = "The load:", .group = GROUP_LOAD},
	{"connections", 'c', "N", 0,
		"connections; of a fan-out: receivers (default 1000, or as many as --rooms and --members "
		"need)",
		GROUP_LOAD},
	{"rate", 'r', "N", 0,
		"requests a second in all, sent when they are due whatever the answers do (default "
		"10000; rooms, direct 1000; fanout, churn 100; chat 10)",
		GROUP_LOAD},
	{"closed", KEY_CLOSED, NULL, 0,
		"closed loop: the next request leaves when an answer comes; finds the most that goes "
		"through",
		GROUP_LOAD},
	{"depth", 'd', "N", 0, "with --closed: requests under way on each connection (default 1)",
		GROUP_LOAD},
	{"in-flight", 'd', NULL, OPTION_ALIAS, NULL, GROUP_LOAD},
	{"senders", KEY_SENDERS, "N", 0,
		"fanout: senders beside the receivers (default 1); chat: users who speak (default 100); "
		"rooms, direct: likewise (default one in each room, half of the users)",
		GROUP_LOAD},
	{"rooms", KEY_ROOMS, "N", 0, "rooms: how many (default: of ten members each)", GROUP_LOAD},
	{"members", KEY_MEMBERS, "N", 0,
		"rooms: members of each; who is in none is idle (default: all are in one)",
		GROUP_LOAD},
	{"every", KEY_EVERY, "S", 0,
		"seconds between two heartbeats of a connection (default 50; 0 in chat: none)",
		GROUP_LOAD},
	{"churn", KEY_CHURN, "N", 0, "chat: logouts and logins a second (default 0)", GROUP_LOAD},

	{.doc = "Messages; BYTES also as 4K:", .group = GROUP_PAYLOAD},
	{"payload", 'p', "BYTES", 0,
		"of one message; 6 and more, of a text 32 and more (default 6, of a text 32)",
		GROUP_PAYLOAD},
	{"packet", KEY_PACKET, NULL, 0,
		"packet 100, which every gateway answers, instead of a binary message for --echo",
		GROUP_PAYLOAD},
	{"ping", KEY_PING, NULL, 0, "a protocol Ping", GROUP_PAYLOAD},
	{"blind", KEY_BLIND, NULL, 0,
		"only counts bytes, against a server that says constant ones (tidegate-floor)",
		GROUP_PAYLOAD},
	{"among-others", KEY_AMONG_OTHERS, NULL, 0,
		"fanout, churn: others use the server too; what they say is let pass, and a connection "
		"that is cut or refused does not end the run",
		GROUP_PAYLOAD},

	{.doc = "Time; S also as 500ms, 90s, 5m, MS as 2s:", .group = GROUP_TIME},
	{"duration", 't', "S", 0, "seconds that are measured (default 10; login 0)", GROUP_TIME},
	{"warmup", KEY_WARMUP, "S", 0, "seconds before that (default 1)", GROUP_TIME},
	{"count", KEY_COUNT, "N", 0, "end after N requests; no warm-up then", GROUP_TIME},
	{"ramp", KEY_RAMP, "MS", 0, "open the connections over MS milliseconds (default 0)",
		GROUP_TIME},
	{"tick", KEY_TICK, "MS", 0,
		"a piece of the time series in --json (default 100, of more than a minute 1000)",
		GROUP_TIME},
	{"timeout", KEY_TIMEOUT, "S", 0,
		"wait so long for the last answers, and for openings when none comes (default 10)",
		GROUP_TIME},

	{.doc = "The generator:", .group = GROUP_CLIENT},
	{"threads", KEY_THREADS, "N", 0, "threads (default 1)", GROUP_CLIENT},
	{"openings", KEY_OPENINGS, "N", 0, "most openings under way at once (default 256)",
		GROUP_CLIENT},
	{"source", KEY_SOURCE, "ADDRESS[,...]", 0,
		"addresses to connect from; on the loopback one of 127/8 for each 10,000 connections is "
		"taken by itself",
		GROUP_CLIENT},
	{"first-user", KEY_FIRST_USER, "N", 0,
		"number of the first user's name, so that several benches can share a server (default 0)",
		GROUP_CLIENT},
	{"name-bytes", KEY_NAME_BYTES, "N", 0,
		"bytes of a user's name, where nobody speaks (default 7, at most 64)",
		GROUP_CLIENT},
	{"token-key", KEY_TOKEN_KEY, "FILE", 0,
		"log in with a token for each user, signed before the run with this private key, a JWK "
		"for HS256 or ES256",
		GROUP_CLIENT},
	{"ca", KEY_CA, "FILE", 0,
		"wss: certificates of who may have signed the server's, as PEM (default: the system's); "
		"there is no way around it",
		GROUP_CLIENT},
	{"suite", KEY_SUITE, "NAME", 0,
		"wss: the only one to offer, as in TLS_AES_128_GCM_SHA256 (default: all of OpenSSL's)",
		GROUP_CLIENT},
	{"await", KEY_AWAIT, NULL, 0,
		"say \"ready\" when all is prepared, begin at a line on standard input, or its end, and say "
		"\"open\" when all connections are: so that several benches begin together, or one behind "
		"the other",
		GROUP_CLIENT},
	{"spin", KEY_SPIN, NULL, 0, "never sleep: finer latencies for a whole core per thread",
		GROUP_CLIENT},

	{.doc = "The result:", .group = GROUP_RESULT},
	{"server-pid", KEY_SERVER_PID, "PID[,...]", 0,
		"measure CPU time and memory of this process on the same machine; of several: the sum, as "
		"of a gateway and the proxy in front of it",
		GROUP_RESULT},
	{"json", KEY_JSON, "FILE", 0, "write everything to FILE as well", GROUP_RESULT},
	{0},
};

static const char doc[] =
	"Load for a WebSocket gateway: opens connections, sends on schedule, checks every answer, and "
	"counts latency from when a request should have left. URL is ws://HOST:PORT/, wss://HOST:PORT/ or "
	"unix:PATH."
	"\v"
	"Scenarios:\n"
	"  login      a storm of -c logins, all at once or over --ramp ms\n"
	"  heartbeat  -c connections, each with a heartbeat every --every S\n"
	"  echo       requests and answers: a gateway with --packet or --ping, an echo server without\n"
	"  fanout     texts of --senders to -c receivers\n"
	"  chat       -c users: texts at --rate, heartbeats, logouts and logins at --churn\n"
	"  rooms      texts of --senders to the other --members of their room, of --rooms, in "
	"tidegate.v1\n"
	"  direct     texts of --senders to one user each, in tidegate.v1\n"
	"  churn      logins at --rate a second, each ended by a Close\n"
	"\n"
	"Examples:\n"
	"  tidegate-bench echo --packet -c 1000 -r 10000 ws://127.0.0.1:8000/\n"
	"  tidegate-bench echo --packet --closed -c 100 -d 16 ws://127.0.0.1:8000/\n"
	"  tidegate-bench rooms --rooms 1000 --members 18 -r 5000 ws://127.0.0.1:8000/\n"
	"  tidegate-bench login -c 18000 --server-pid 4711 ws://127.0.0.1:8000/\n"
	"  tidegate-bench echo --packet --ca localhost.pem wss://localhost:8443/\n"
	"\n"
	"Ctrl-C ends a run early; what was measured is still shown. Exit status: 0; 1 when something was "
	"lost, came twice, came out of order, came changed or never came at all; 2 for a wrong command "
	"line.";

static const double unset = -1;

/* --- the command line ----------------------------------------------------------------------------
 */

static void take_scenario(struct argp_state *state, struct options *options, const char *name)
{
	for (size_t i = 0; scenarios[i]; i++) {
		if (strcmp(scenarios[i]->name, name) == 0) {
			options->scenario = scenarios[i];
			return;
		}
	}
	argp_error(state,
		"\"%s\" is no scenario: login, heartbeat, echo, fanout, chat, rooms, direct or churn",
		name);
}

static void take_argument(struct argp_state *state, struct options *options, const char *argument)
{
	char error[ADDRESS_ERROR_MAX];
	if (!options->scenario) {
		take_scenario(state, options, argument);
	} else if (options->url) {
		argp_error(state, "one URL is enough: \"%s\"", argument);
	} else {
		struct address parsed;
		options->url = argument;
		if (address_parse(argument, &parsed, error) < 0) {
			argp_error(state, "%s", error);
			return;
		}
		memcpy(parsed.sources, options->address.sources, sizeof(parsed.sources));
		parsed.source_count = options->address.source_count;
		options->address = parsed;
	}
}

static void take_servers(struct argp_state *state, struct options *options, char *list)
{
	const char *pid;
	options->server_count = 0;
	while ((pid = strsep(&list, ","))) {
		if (options->server_count == OPTIONS_SERVERS_MAX) {
			argp_error(state, "--server-pid takes up to %d processes",
				OPTIONS_SERVERS_MAX);
			return;
		}
		options->server_pids[options->server_count++] =
			(pid_t)arguments_count(state, "server-pid", pid, 1, INT32_MAX);
	}
}

static error_t parse_load(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;
	switch (key) {
	case 'c':
		options->connections =
			arguments_count(state, "connections", argument, 1, OPTIONS_USER_MAX);
		return 0;
	case 'r':
		options->rate = arguments_real(state, "rate", argument, 1e9);
		return 0;
	case KEY_CLOSED:
		options->is_closed = true;
		return 0;
	case 'd':
		options->depth = arguments_count(state, "depth", argument, 1, 1 << 20);
		return 0;
	case KEY_SENDERS:
		options->senders = arguments_count(state, "senders", argument, 1, 100000);
		return 0;
	case KEY_ROOMS:
		options->circles = arguments_count(state, "rooms", argument, 1, OPTIONS_USER_MAX);
		return 0;
	case KEY_MEMBERS:
		options->circle_size =
			arguments_count(state, "members", argument, 2, OPTIONS_USER_MAX);
		return 0;
	case KEY_EVERY:
		options->every_s = arguments_seconds(state, "every", argument, 86400);
		return 0;
	case KEY_CHURN:
		options->churn = arguments_real(state, "churn", argument, 1e6);
		return 0;
	case 'p':
		options->payload = (uint32_t)arguments_whole(
			state, "payload", argument, QUANTITY_BYTES, 1, OPTIONS_PAYLOAD_MAX);
		return 0;
	case KEY_PACKET:
		options->kind = PAYLOAD_PACKET;
		return 0;
	case KEY_PING:
		options->kind = PAYLOAD_PING;
		return 0;
	case KEY_BLIND:
		options->is_blind = true;
		return 0;
	case KEY_AMONG_OTHERS:
		options->is_among_others = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_rest(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;
	char error[ADDRESS_ERROR_MAX];
	switch (key) {
	case 't':
		options->duration_s = arguments_seconds(state, "duration", argument, 1e6);
		return 0;
	case KEY_WARMUP:
		options->warmup_s = arguments_seconds(state, "warmup", argument, 1e6);
		return 0;
	case KEY_COUNT:
		options->count = arguments_whole(
			state, "count", argument, QUANTITY_COUNT, 1, UINT64_MAX / 2);
		return 0;
	case KEY_RAMP:
		options->ramp_ms =
			(uint32_t)arguments_whole(state, "ramp", argument, QUANTITY_MS, 0, 1 << 30);
		return 0;
	case KEY_TICK:
		options->tick_ms =
			(uint32_t)arguments_whole(state, "tick", argument, QUANTITY_MS, 10, 60000);
		return 0;
	case KEY_TIMEOUT:
		options->timeout_s = arguments_seconds(state, "timeout", argument, 86400);
		return 0;
	case KEY_THREADS:
		options->threads = arguments_count(state, "threads", argument, 1, 256);
		return 0;
	case KEY_OPENINGS:
		options->openings = arguments_count(state, "openings", argument, 1, 1 << 20);
		return 0;
	case KEY_SOURCE:
		if (address_add_sources(&options->address, argument, error) < 0) {
			argp_error(state, "%s", error);
		}
		return 0;
	case KEY_FIRST_USER:
		options->first_user =
			arguments_count(state, "first-user", argument, 0, OPTIONS_USER_MAX);
		return 0;
	case KEY_NAME_BYTES:
		options->name_len = arguments_count(
			state, "name-bytes", argument, OPTIONS_NAME_LEN, OPTIONS_NAME_MAX);
		return 0;
	case KEY_CA:
		options->ca = argument;
		return 0;
	case KEY_SUITE:
		options->suite = argument;
		return 0;
	case KEY_TOKEN_KEY:
		options->token_key = argument;
		return 0;
	case KEY_AWAIT:
		options->awaits = true;
		return 0;
	case KEY_SPIN:
		options->spins = true;
		return 0;
	case KEY_SERVER_PID:
		take_servers(state, options, argument);
		return 0;
	case KEY_JSON:
		options->json = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static uint32_t default_connections(const struct options *options)
{
	const uint64_t seats = (uint64_t)options->circles * options->circle_size;
	const bool are_known = options->scenario == &scenario_rooms && seats > 0;
	return are_known && seats <= OPTIONS_USER_MAX ? (uint32_t)seats : 1000;
}

static uint32_t default_senders(const struct options *options)
{
	if (options->scenario != &scenario_chat) {
		return 1;
	}
	return options->connections < 100 ? options->connections : 100;
}

static double default_rate(const struct scenario *scenario)
{
	if (scenario == &scenario_chat) {
		return 10;
	}
	if (scenario->subprotocol) {
		return 1000;
	}
	return scenario == &scenario_echo ? 10000 : 100;
}

static void complete(struct argp_state *state, struct options *options)
{
	const struct scenario *scenario = options->scenario;
	if (options->payload == 0) {
		options->payload = scenario->says_texts ? TEXT_MARK_LEN : 6;
	}
	if (scenario == &scenario_heartbeat && options->kind == PAYLOAD_BINARY) {
		options->kind = PAYLOAD_PACKET;
	}
	if (options->connections == 0) {
		options->connections = default_connections(options);
	}
	/* Those that have rooms know how many speak there. */
	if (options->senders == 0 && !scenario->subprotocol) {
		options->senders = default_senders(options);
	}
	if (options->rate < 0) {
		options->rate = options->is_closed ? 0 : default_rate(scenario);
	}
	if (options->duration_s < 0) {
		options->duration_s = scenario->measures_opening ? 0 : 10;
	}
	if (options->count > 0) {
		options->warmup_s = 0;
	}
	if (options->threads > options->connections) {
		options->threads = options->connections;
	}
	if (options->first_user + options_connections(options) > OPTIONS_USER_MAX) {
		argp_error(state, "users are numbered up to %d", OPTIONS_USER_MAX);
	}
	if (options->name_len != OPTIONS_NAME_LEN && (scenario->says_texts || options->token_key)) {
		argp_error(
			state, "names that are in texts or tokens have %d bytes", OPTIONS_NAME_LEN);
	}
	if (!options->address.is_secure && (options->ca || options->suite)) {
		argp_error(state, "--ca and --suite are for wss://HOST:PORT/");
	}
	const char *why = scenario->check ? scenario->check(options) : NULL;
	if (why) {
		argp_error(state, "%s", why);
	}
	address_spread(&options->address, options_connections(options));
}

static error_t parse_key(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;
	switch (key) {
	case ARGP_KEY_ARG:
		take_argument(state, options, argument);
		return 0;
	case ARGP_KEY_END:
		if (!options->scenario || !options->url) {
			argp_error(state, "a scenario and a URL are needed");
		}
		complete(state, options);
		return 0;
	default: {
		error_t error = parse_load(key, argument, state);
		return error == ARGP_ERR_UNKNOWN ? parse_rest(key, argument, state) : error;
	}
	}
}

void options_parse(int argc, char **argv, struct options *ret_options)
{
	static const struct argp argp = {.options = options_table,
		.parser = parse_key,
		.args_doc = "SCENARIO URL",
		.doc = doc};
	struct options options = {
		.depth = 1,
		.every_s = 50,
		.rate = unset,
		.warmup_s = 1,
		.duration_s = unset,
		.timeout_s = 10,
		.openings = 256,
		.threads = 1,
		.name_len = OPTIONS_NAME_LEN,
	};
	argp_program_version = "tidegate-bench " TIDEGATE_VERSION;
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	*ret_options = options;
}

uint32_t options_connections(const struct options *options)
{
	return options->connections +
	       (options->scenario == &scenario_fanout ? options->senders : 0);
}

const char *options_kind_name(enum payload_kind kind)
{
	switch (kind) {
	case PAYLOAD_PACKET:
		return "packet";
	case PAYLOAD_PING:
		return "ping";
	case PAYLOAD_BINARY:
		break;
	}
	return "binary";
}
