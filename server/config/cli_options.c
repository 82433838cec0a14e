#include "cli_options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "../../proto/assert.h"
#include "config.h"
#include "config_options.h"
#include "spelling.h"

/* As --help shows them. */
enum group {
	GROUP_SERVICE = 1,
	GROUP_THREADS,
	GROUP_DEADLINES,
	GROUP_LIMITS,
	GROUP_IDENTITY,
	GROUP_CLUSTER,
	GROUP_ADMIN,
	GROUP_ASK,
	GROUP_HELP = -1, /* where argp puts those of these names, whatever they say */
};

static const struct {
	const char *name;
	const char *unit;
	const char *help;
} numbers[] = {
#define OPTION(name, default_, min, max, reload, unit, help) {#name, unit, help},
#include "options.def"
#undef OPTION
};

/* What options were called before: argp wants them right behind what they are called now. */
static const struct {
	const char *old;
	const char *name;
} aliases[] = {
#define OPTION(...)
#define ALIAS(old, name) {#old, #name},
#include "options.def"
#undef OPTION
};

/* How a unit is shown, and which options it holds together. */
static const struct {
	const char *unit;
	const char *argument;
	enum group group;
} units[] = {
	{"threads", "N", GROUP_THREADS},
	{"events", "N", GROUP_THREADS},
	{"seconds", "S", GROUP_DEADLINES},
	{"bytes", "SIZE", GROUP_LIMITS},
	{"connections", "N", GROUP_LIMITS},
	{"openings", "N", GROUP_LIMITS},
	{"kicks", "N", GROUP_LIMITS},
	{"devices", "N", GROUP_LIMITS},
	{"rooms", "N", GROUP_LIMITS},
	{"messages", "N", GROUP_LIMITS},
	{"requests", "N", GROUP_ADMIN},
};

static const struct argp_option fixed_options[] = {
	{"listen", 'l', "ADDRESS", 0,
		"HOST:PORT, [IPv6]:PORT, :PORT for all addresses, or unix:PATH; with wss:// in front of a port "
		"for TLS, with proxy: in front of all for the PROXY protocol; may be repeated (default :8000)",
		GROUP_SERVICE},
	{"unix-mode", CLI_KEY_UNIX_MODE, "MODE", 0,
		"permissions of the Unix sockets it listens on, as 0660 (default none: as the umask says)",
		GROUP_SERVICE},
	{"tls-cert", CLI_KEY_TLS_CERT, "FILE", 0,
		"wss:// and --admin-tls show the certificate in FILE, and those of who issued it behind it, in PEM; may be "
		"repeated, and clients get the one for the name they ask for, or the first (default none)",
		GROUP_SERVICE},
	{"tls-key", CLI_KEY_TLS_KEY, "FILE", 0,
		"the private key of a certificate is in FILE, in PEM; one for each --tls-cert, in their order "
		"(default none)",
		GROUP_SERVICE},
	{"trusted-proxy", CLI_KEY_TRUSTED_PROXY, "CIDR", 0,
		"proxies that may say whose address it is: an address, a network, or unix for Unix sockets; "
		"may be repeated (default none)",
		GROUP_SERVICE},
	{"forwarded", CLI_KEY_FORWARDED, "HEADER", 0,
		"where trusted proxies say it: xff for X-Forwarded-For, or forwarded (RFC 7239) (default xff)",
		GROUP_SERVICE},
	{"origins", CLI_KEY_ORIGINS, "PATTERN", 0,
		"web pages that may open lines, as https://*.example.org; may be repeated (default any)",
		GROUP_SERVICE},
	{"id", 'i', "NAME", 0, "name of this node in the log (default demo)", GROUP_SERVICE},
	{"config", CLI_KEY_CONFIG, "FILE", 0, "read options from FILE; those given here win",
		GROUP_SERVICE},
	{"echo", CLI_KEY_ECHO, NULL, 0,
		"send every message back to its sender: no users, no fan-out", GROUP_SERVICE},
	{"client-broadcast", CLI_KEY_CLIENT_BROADCAST, "FLAG", 0,
		"whether clients may send texts to everybody: true, or false where only the admin port may "
		"(default true)",
		GROUP_SERVICE},
	{"log-format", CLI_KEY_LOG_FORMAT, "FORMAT", 0,
		"of the log on standard error: tutorial, text, json or auto, which is tutorial on a terminal "
		"and else text (default auto)",
		GROUP_SERVICE},
	{"log-level", CLI_KEY_LOG_LEVEL, "LEVEL", 0,
		"log from LEVEL on: debug, info, warn or error (default info)", GROUP_SERVICE},
	{"log-sessions", CLI_KEY_LOG_SESSIONS, "WHEN", 0,
		"log logins and ends one by one: yes, no for one line a second, or auto, which is yes on a "
		"terminal (default auto)",
		GROUP_SERVICE},
	{"auth", CLI_KEY_AUTH, "HOW", 0,
		"who may log in: open, which is anybody under any name, or token, which is who has a signed "
		"one (default open)",
		GROUP_IDENTITY},
	{"auth-keys", CLI_KEY_AUTH_KEYS, "FILE", 0,
		"verify tokens with the keys in FILE: a JWK, a JWK set or PEM public keys (default none)",
		GROUP_IDENTITY},
	{"auth-audience", CLI_KEY_AUTH_AUDIENCE, "TEXT", 0,
		"take tokens only whose aud is TEXT, or names it (default none: any)",
		GROUP_IDENTITY},
	{"auth-issuer", CLI_KEY_AUTH_ISSUER, "TEXT", 0,
		"take tokens only whose iss is TEXT (default none: any)", GROUP_IDENTITY},
	{"token-in-url", CLI_KEY_TOKEN_IN_URL, NULL, 0,
		"look for the token in the URL too, as ?token=, which proxies write into their logs",
		GROUP_IDENTITY},
	{"cluster", CLI_KEY_CLUSTER, "URLS", 0,
		"be one of several nodes, over NATS at nats://HOST:PORT or tls://HOST:PORT, several with commas "
		"between; needs an --id of its own (default none)",
		GROUP_CLUSTER},
	{"cluster-key", CLI_KEY_CLUSTER_KEY, "FILE", 0,
		"the secret that the nodes share is in FILE, made by `openssl rand -hex 32' (default none)",
		GROUP_CLUSTER},
	{"cluster-prefix", CLI_KEY_CLUSTER_PREFIX, "NAME", 0,
		"subjects of NATS begin with NAME (default tidegate)", GROUP_CLUSTER},
	{"cluster-creds", CLI_KEY_CLUSTER_CREDS, "FILE", 0,
		"who this node is for NATS is in FILE: its credentials, or a line USER:PASSWORD (default none)",
		GROUP_CLUSTER},
	{"cluster-ca", CLI_KEY_CLUSTER_CA, "FILE", 0,
		"tls:// trusts the certificates in FILE (default none: those of the system)",
		GROUP_CLUSTER},
	{"admin", CLI_KEY_ADMIN, "ADDRESS", 0,
		"serve metrics, an API for backends and a console at HOST:PORT, :PORT of this machine or "
		"unix:PATH (default none)",
		GROUP_ADMIN},
	{"admin-token", CLI_KEY_ADMIN_TOKEN, "FILE", 0,
		"ask for a token that FILE holds in a line of its own, of one or two; else only this machine "
		"is served (default none)",
		GROUP_ADMIN},
	{"admin-tls", CLI_KEY_ADMIN_TLS, NULL, 0,
		"speak TLS there, with the certificates of --tls-cert: with a token, other machines are served too",
		GROUP_ADMIN},
	{"admin-plain", CLI_KEY_ADMIN_PLAIN, NULL, 0,
		"with a token, serve other machines too, without TLS: it travels in clear",
		GROUP_ADMIN},
	{"demo", CLI_KEY_DEMO, NULL, 0,
		"show browsers from anywhere how to connect, and let the console play faults: cut lines, stop answers",
		GROUP_ADMIN},
	{"test", CLI_KEY_TEST, NULL, 0,
		"check file, command line, addresses, keys, token and limits, say what is wrong, and end",
		GROUP_ASK},
	{"upgrade", CLI_KEY_UPGRADE, NULL, 0,
		"have the running gateway hand all connections over to the program that is installed now, say what comes of it, and end",
		GROUP_ASK},
	{"changed", CLI_KEY_CHANGED, NULL, 0, "with `config': leave the defaults out", GROUP_ASK},
	{"help", CLI_KEY_HELP, NULL, 0, "print this help", GROUP_HELP},
	{.key = '?', .flags = OPTION_ALIAS | OPTION_HIDDEN},
	{"usage", CLI_KEY_USAGE, NULL, 0, "print a short usage message", GROUP_HELP},
	{"version", CLI_KEY_VERSION, NULL, 0, "print the version", GROUP_HELP},
	{.doc = "Threads:", .group = GROUP_THREADS},
	{.doc = "Deadlines, S in seconds or as 90s, 5m, 2h:", .group = GROUP_DEADLINES},
	{.doc = "Limits, SIZE in bytes or as 64K, 8M, 1G:", .group = GROUP_LIMITS},
	{.doc = "Who may be whom:", .group = GROUP_IDENTITY},
	{.doc = "Several nodes as one:", .group = GROUP_CLUSTER},
	{.doc = "The admin port:", .group = GROUP_ADMIN},
	{.doc = "To ask it something:", .group = GROUP_ASK},
};

enum {
	NUMBER_COUNT = sizeof(numbers) / sizeof(numbers[0]),
	UNIT_COUNT = sizeof(units) / sizeof(units[0]),
	ALIAS_COUNT = sizeof(aliases) / sizeof(aliases[0]),
	FIXED_COUNT = sizeof(fixed_options) / sizeof(fixed_options[0]),
	NAME_SIZE = 32,  /* bytes of an option's name, NUL included */
	HELP_SIZE = 160, /* bytes of its help */
};

/* --- what argp is told ---------------------------------------------------------------------------
 */

static void with_dashes(const char *name, char ret_name[NAME_SIZE])
{
	for (size_t i = 0; i == 0 || ret_name[i - 1]; i++) {
		ret_name[i] = name[i] == '_' ? '-' : name[i];
	}
}

/* With the default of this build. */
static void write_help(size_t index, char ret_help[HELP_SIZE])
{
	struct config config;
	char value[CONFIG_VALUE_MAX];

	config_init(&config);
	config_option_text(&config, (size_t)config_option_find(numbers[index].name), 0, value);
	snprintf(ret_help, HELP_SIZE, "%s (default %.32s)", numbers[index].help, value);
}

static struct argp_option number_option(
	size_t index, char ret_name[NAME_SIZE], char ret_help[HELP_SIZE])
{
	struct argp_option option = {
		.name = ret_name, .key = CLI_KEY_NUMBERS + (int)index, .doc = ret_help};

	with_dashes(numbers[index].name, ret_name);
	write_help(index, ret_help);
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (strcmp(units[i].unit, numbers[index].unit) == 0) {
			option.arg = units[i].argument;
			option.group = units[i].group;
		}
	}
	ASSERT(option.arg); /* a unit without a row above */
	return option;
}

/* Returns how many options it has put at `ret_options`; each alias has a place in `names`. */
static size_t add_aliases(
	const char *name, struct argp_option *ret_options, char (*names)[NAME_SIZE])
{
	size_t count = 0;
	for (size_t i = 0; i < ALIAS_COUNT; i++) {
		if (strcmp(aliases[i].name, name) == 0) {
			with_dashes(aliases[i].old, names[i]);
			ret_options[count++] =
				(struct argp_option){.name = names[i], .flags = OPTION_ALIAS};
		}
	}
	return count;
}

const struct argp_option *cli_options(void)
{
	static struct argp_option options[FIXED_COUNT + NUMBER_COUNT + ALIAS_COUNT + 1];
	static char names[NUMBER_COUNT + ALIAS_COUNT][NAME_SIZE];
	static char helps[NUMBER_COUNT][HELP_SIZE];

	if (!options[0].name) {
		memcpy(options, fixed_options, sizeof(fixed_options));
		struct argp_option *next = options + FIXED_COUNT;
		for (size_t i = 0; i < NUMBER_COUNT; i++) {
			*next++ = number_option(i, names[i], helps[i]);
			next += add_aliases(numbers[i].name, next, names + NUMBER_COUNT);
		}
	}
	return options;
}

/* --- what a word means ---------------------------------------------------------------------------
 */

const char *cli_option_name(int key)
{
	switch (key) {
	case 'l':
		return "listen";
	case CLI_KEY_UNIX_MODE:
		return "unix_mode";
	case CLI_KEY_TLS_CERT:
		return "tls_cert";
	case CLI_KEY_TLS_KEY:
		return "tls_key";
	case CLI_KEY_TRUSTED_PROXY:
		return "trusted_proxy";
	case CLI_KEY_FORWARDED:
		return "forwarded";
	case CLI_KEY_ORIGINS:
		return "origins";
	case 'i':
		return "id";
	case CLI_KEY_ECHO:
		return "echo";
	case CLI_KEY_CLIENT_BROADCAST:
		return "client_broadcast";
	case CLI_KEY_AUTH:
		return "auth";
	case CLI_KEY_AUTH_KEYS:
		return "auth_keys";
	case CLI_KEY_AUTH_AUDIENCE:
		return "auth_audience";
	case CLI_KEY_AUTH_ISSUER:
		return "auth_issuer";
	case CLI_KEY_TOKEN_IN_URL:
		return "token_in_url";
	case CLI_KEY_CLUSTER:
		return "cluster";
	case CLI_KEY_CLUSTER_KEY:
		return "cluster_key";
	case CLI_KEY_CLUSTER_PREFIX:
		return "cluster_prefix";
	case CLI_KEY_CLUSTER_CREDS:
		return "cluster_creds";
	case CLI_KEY_CLUSTER_CA:
		return "cluster_ca";
	case CLI_KEY_ADMIN:
		return "admin";
	case CLI_KEY_ADMIN_TOKEN:
		return "admin_token";
	case CLI_KEY_ADMIN_TLS:
		return "admin_tls";
	case CLI_KEY_ADMIN_PLAIN:
		return "admin_plain";
	case CLI_KEY_DEMO:
		return "demo";
	case CLI_KEY_LOG_FORMAT:
		return "log_format";
	case CLI_KEY_LOG_LEVEL:
		return "log_level";
	case CLI_KEY_LOG_SESSIONS:
		return "log_sessions";
	default:
		return key >= CLI_KEY_NUMBERS && key < CLI_KEY_NUMBERS + NUMBER_COUNT
			       ? numbers[key - CLI_KEY_NUMBERS].name
			       : NULL;
	}
}

/* Those that have a long name, one after the other; "" for those that have none, and behind the
 * last.
 */
static const char *long_name(size_t index)
{
	const char *name = cli_options()[index].name;
	return name ? name : "";
}

const char *cli_option_meant(const char *typed)
{
	size_t count = FIXED_COUNT + NUMBER_COUNT + ALIAS_COUNT;

	for (size_t i = 0; i < count; i++) {
		if (strncmp(long_name(i), typed, strlen(typed)) == 0) {
			return NULL;
		}
	}
	const char *nearest = spelling_nearest(typed, count, long_name);
	return nearest && nearest[0] ? nearest : NULL;
}
