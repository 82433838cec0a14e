#include "cli.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build_config.h"
#include "config_file.h"

#define STRING(text)    #text
#define STRING_OF(text) STRING(text)

/* As --help shows them. */
enum group {
	GROUP_SERVICE = 1,
	GROUP_THREADS,
	GROUP_DEADLINES,
	GROUP_LIMITS,
	GROUP_ADMIN,
};

/* Keys that are no letters. Those of the numbers follow KEY_NUMBERS in the order of options.def. */
enum {
	KEY_UNIX_MODE = 256,
	KEY_LOG_FORMAT,
	KEY_LOG_LEVEL,
	KEY_LOG_SESSIONS,
	KEY_ECHO,
	KEY_ADMIN,
	KEY_ADMIN_TOKEN,
	KEY_DEMO,
	KEY_NUMBERS,
};

static const struct {
	const char *name;
	const char *unit;
	const char *help;
} numbers[] = {
#define OPTION(name, default_, min, max, reload, unit, help)                                       \
	{#name, unit, help " (default " STRING_OF(default_) ")"},
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
	{"kicks", "N", GROUP_LIMITS},
	{"requests", "N", GROUP_ADMIN},
};

static const struct argp_option fixed_options[] = {
	{"listen", 'l', "ADDRESS", 0,
		"HOST:PORT, [IPv6]:PORT, :PORT for all addresses, or unix:PATH; may be repeated (default "
		":8000)",
		GROUP_SERVICE},
	{"unix-mode", KEY_UNIX_MODE, "MODE", 0,
		"permissions of the Unix sockets it listens on, as 0660 (default none: as the umask says)",
		GROUP_SERVICE},
	{"id", 'i', "NAME", 0, "name of this node in the log (default demo)", GROUP_SERVICE},
	{"config", 'c', "FILE", 0, "read options from FILE; those given here win", GROUP_SERVICE},
	{"echo", KEY_ECHO, NULL, 0, "send every message back to its sender: no users, no fan-out",
		GROUP_SERVICE},
	{"log-format", KEY_LOG_FORMAT, "FORMAT", 0,
		"of the log on standard error: tutorial, text, json or auto, which is tutorial on a terminal "
		"and else text (default auto)",
		GROUP_SERVICE},
	{"log-level", KEY_LOG_LEVEL, "LEVEL", 0,
		"log from LEVEL on: debug, info, warn or error (default info)", GROUP_SERVICE},
	{"log-sessions", KEY_LOG_SESSIONS, "WHEN", 0,
		"log logins and ends one by one: yes, no for one line a second, or auto, which is yes on a "
		"terminal (default auto)",
		GROUP_SERVICE},
	{"admin", KEY_ADMIN, "ADDRESS", 0,
		"serve metrics, an API for backends and a console at HOST:PORT, :PORT of this machine or "
		"unix:PATH (default none)",
		GROUP_ADMIN},
	{"admin-token", KEY_ADMIN_TOKEN, "FILE", 0,
		"ask for the token in FILE's first line; else only this machine is served (default none)",
		GROUP_ADMIN},
	{"demo", KEY_DEMO, NULL, 0,
		"show browsers from anywhere how to connect, and let the console play faults: cut lines, stop answers",
		GROUP_ADMIN},
	{.doc = "Threads:", .group = GROUP_THREADS},
	{.doc = "Deadlines, S in whole seconds:", .group = GROUP_DEADLINES},
	{.doc = "Limits, SIZE in bytes or followed by K, M or G:", .group = GROUP_LIMITS},
	{.doc = "The admin port:", .group = GROUP_ADMIN},
};

enum {
	NUMBER_COUNT = sizeof(numbers) / sizeof(numbers[0]),
	UNIT_COUNT = sizeof(units) / sizeof(units[0]),
	ALIAS_COUNT = sizeof(aliases) / sizeof(aliases[0]),
	FIXED_COUNT = sizeof(fixed_options) / sizeof(fixed_options[0]),
	NAME_SIZE = 32, /* bytes of an option's name, NUL included */
};

static const char doc[] =
	"WebSocket gateway: one connection for each user who is logged in, what one says reaches all "
	"others."
	"\v"
	"No file is read unless --config names one. Its lines read `name = value', with the long names "
	"above; `#' begins a comment. The command line wins over the file, the file over the defaults, "
	"and SIGHUP reads them again. SIGTERM and SIGINT close all connections over --drain seconds, then "
	"end.\n"
	"\n"
	"Example:\n"
	"  tidegate --listen=:8000 --id=node1 --config=/etc/tidegate/tidegate.conf\n"
	"\n"
	"Exit status: 0 after a drain, 1 when something failed, 2 for a wrong command line. "
	"See tidegate(1).";

/* A command line being read. */
struct cli {
	struct config *config;
	const char *path; /* of the config file; NULL for none */
	bool names_listen;
	char *error; /* CONFIG_ERROR_MAX bytes */
};

/* --- what argp is told ---------------------------------------------------------------------------
 */

static void with_dashes(const char *name, char ret_name[NAME_SIZE])
{
	for (size_t i = 0; i == 0 || ret_name[i - 1]; i++) {
		ret_name[i] = name[i] == '_' ? '-' : name[i];
	}
}

static struct argp_option number_option(size_t index, char ret_name[NAME_SIZE])
{
	struct argp_option option = {
		.name = ret_name, .key = KEY_NUMBERS + (int)index, .doc = numbers[index].help};

	with_dashes(numbers[index].name, ret_name);
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (strcmp(units[i].unit, numbers[index].unit) == 0) {
			option.arg = units[i].argument;
			option.group = units[i].group;
		}
	}
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

/* The fixed options, the numbers with their aliases and an empty one that ends the list; made at
 * the first call. Thread: main. */
static const struct argp_option *all_options(void)
{
	static struct argp_option options[FIXED_COUNT + NUMBER_COUNT + ALIAS_COUNT + 1];
	static char names[NUMBER_COUNT + ALIAS_COUNT][NAME_SIZE];

	if (!options[0].name) {
		memcpy(options, fixed_options, sizeof(fixed_options));
		struct argp_option *next = options + FIXED_COUNT;
		for (size_t i = 0; i < NUMBER_COUNT; i++) {
			*next++ = number_option(i, names[i]);
			next += add_aliases(numbers[i].name, next, names + NUMBER_COUNT);
		}
	}
	return options;
}

/* --- what argp finds -----------------------------------------------------------------------------
 */

/* The option's name in a config file; NULL for keys that are no option of one. */
static const char *key_name(int key)
{
	switch (key) {
	case 'l':
		return "listen";
	case KEY_UNIX_MODE:
		return "unix_mode";
	case 'i':
		return "id";
	case KEY_ECHO:
		return "echo";
	case KEY_ADMIN:
		return "admin";
	case KEY_ADMIN_TOKEN:
		return "admin_token";
	case KEY_DEMO:
		return "demo";
	case KEY_LOG_FORMAT:
		return "log_format";
	case KEY_LOG_LEVEL:
		return "log_level";
	case KEY_LOG_SESSIONS:
		return "log_sessions";
	default:
		return key >= KEY_NUMBERS && key < KEY_NUMBERS + NUMBER_COUNT
			       ? numbers[key - KEY_NUMBERS].name
			       : NULL;
	}
}

static error_t parse_key(int key, char *argument, struct argp_state *state)
{
	struct cli *cli = state->input;
	const char *name = key_name(key);

	if (key == 'c') {
		cli->path = argument;
		return 0;
	}
	if (key == ARGP_KEY_ARG) {
		argp_error(state, "\"%s\" is no option", argument);
		return EINVAL;
	}
	if (!name) {
		return ARGP_ERR_UNKNOWN;
	}
	if (key == 'l' && !cli->names_listen) {
		cli->names_listen = true;
		cli->config->listen_count = 0;
	}
	if (config_set(cli->config, name, argument ? argument : "true", cli->error) < 0) {
		argp_error(state, "%s", cli->error);
		return EINVAL;
	}
	return 0;
}

/* Puts the command line over `config`. Errors: -EINVAL, unless `flags` let argp end the process. */
static int parse_over(int argc, char **argv, unsigned flags, struct config *config,
	const char **ret_path, char ret_error[CONFIG_ERROR_MAX])
{
	struct argp argp = {.options = all_options(), .parser = parse_key, .doc = doc};
	struct cli cli = {.config = config, .error = ret_error};

	snprintf(ret_error, CONFIG_ERROR_MAX, "the command line is wrong");
	if (argp_parse(&argp, argc, argv, flags, NULL, &cli) != 0) {
		return -EINVAL;
	}
	*ret_path = cli.path;
	return 0;
}

/* The command line is read twice: first for its errors and the file's name, then over the file. */
static int parse(int argc, char **argv, unsigned flags, struct config *ret_config,
	char ret_error[CONFIG_ERROR_MAX])
{
	struct config config;
	const char *path;

	config_init(&config);
	int err = parse_over(argc, argv, flags, &config, &path, ret_error);
	if (err == 0 && path) {
		config_init(&config);
		err = config_file_load(&config, path, ret_error);
		if (err == 0) {
			err = parse_over(argc, argv, flags, &config, &path, ret_error);
		}
	}
	if (err == 0) {
		config.file = path;
		*ret_config = config;
	}
	return err;
}

void cli_parse(int argc, char **argv, struct config *ret_config)
{
	char error[CONFIG_ERROR_MAX];

	argp_program_version = "tidegate " TIDEGATE_VERSION;
	argp_err_exit_status = 2;
	if (parse(argc, argv, 0, ret_config, error) < 0) {
		log_complain("%s", error);
		exit(EXIT_FAILURE);
	}
}

int cli_parse_again(
	int argc, char **argv, struct config *ret_config, char ret_error[CONFIG_ERROR_MAX])
{
	return parse(argc, argv, ARGP_SILENT, ret_config, ret_error);
}
