#include "cli.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build_config.h"
#include "cli_options.h"
#include "config_file.h"
#include "config_options.h"

enum {
	TYPED_MAX = 256, /* bytes of an option as it was typed, NUL included; cut at its end */
};

static const char doc[] =
	"WebSocket gateway: one connection for each user who is logged in, what one says reaches all "
	"others. `config' prints the options that are in force, as a config file, and where each came "
	"from; `token' makes keys and tokens, see `tidegate token --help'."
	"\v"
	"No file is read unless --config names one. Its lines read `name = value', with the long names "
	"above; `#' begins a comment. The command line wins over the file, the file over the defaults, "
	"and SIGHUP reads them again. SIGTERM and SIGINT close all connections over --drain seconds, then "
	"end. SIGUSR2, as --upgrade, hands all connections over to the program that is installed now.\n"
	"\n"
	"Examples:\n"
	"  tidegate --listen=:8000 --id=node1 --config=/etc/tidegate/tidegate.conf\n"
	"  tidegate --test --config=/etc/tidegate/tidegate.conf\n"
	"  tidegate --upgrade --config=/etc/tidegate/tidegate.conf\n"
	"  tidegate config --changed --config=/etc/tidegate/tidegate.conf\n"
	"\n"
	"Exit status: 0 after a drain, 1 when something failed, 2 for a wrong command line; of --test 0 "
	"when it found no fault, else 1; of --upgrade 0 when the new process serves, else 1. See tidegate(1).";

static const char args_doc[] = "\nconfig [--changed]";

/* A command line being read. */
struct cli {
	struct command *command;
	const char *path;                  /* of the config file; NULL for none */
	const char *unknown;               /* an option that is none; NULL: all are */
	bool is_named[CONFIG_OPTIONS_MAX]; /* of those that add up */
	struct findings *findings;
};

/* --- what cannot be an option --------------------------------------------------------------------
 */

/* The search for a word that argp would refuse. */
struct search {
	const char *refused; /* NULL for none */
	bool is_over;        /* --help and the like come first */
};

static error_t search_key(int key, char *argument, struct argp_state *state)
{
	struct search *search = state->input;

	switch (key) {
	case '?':
	case CLI_KEY_HELP:
	case CLI_KEY_USAGE:
	case CLI_KEY_VERSION:
		search->is_over = true;
		return ECANCELED;
	case ARGP_KEY_ERROR:
		search->refused = search->is_over ? NULL : state->argv[state->next - 1];
		return 0;
	default:
		return 0;
	}
}

/* The first word that is no option, though it looks like one; NULL for none. */
static const char *find_refused(int argc, char **argv)
{
	struct argp argp = {.options = cli_options(), .parser = search_key};
	struct search search = {.refused = NULL};

	argp_parse(&argp, argc, argv, ARGP_SILENT, NULL, &search);
	return search.refused;
}

/* Says what was meant, where that can be guessed: argp does not. Where it is silent this returns,
 * and argp refuses the word by itself. */
static void check_unknown(struct argp_state *state, const char *word)
{
	char typed[TYPED_MAX];

	if (!word || strncmp(word, "--", 2) != 0) {
		return;
	}
	snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(word, "="), word);
	const char *meant = cli_option_meant(typed + 2);
	if (meant) {
		state->name = basename(state->argv[0]); /* which argp sets later */
		argp_error(state, "%s: no such option; did you mean --%s?", typed, meant);
	}
}

/* --- what argp finds -----------------------------------------------------------------------------
 */

/* The option that argp has just found, with its value. */
static void write_typed(
	const struct argp_state *state, const char *argument, char ret_typed[TYPED_MAX])
{
	const char *last = state->argv[state->next - 1];

	if (argument && argument == last) {
		snprintf(ret_typed, TYPED_MAX, "%.60s %.150s", state->argv[state->next - 2], last);
	} else {
		snprintf(ret_typed, TYPED_MAX, "%.200s", last);
	}
}

static void set_option(
	struct cli *cli, const struct argp_state *state, const char *name, const char *argument)
{
	struct command *command = cli->command;
	char error[CONFIG_ERROR_MAX];
	char typed[TYPED_MAX];
	size_t option = (size_t)config_option_find(name);

	if (config_option_adds_up(option) && !cli->is_named[option]) {
		cli->is_named[option] = true;
		config_option_clear(&command->config, option);
	}
	if (config_set(&command->config, name, argument ? argument : "true", error) < 0) {
		write_typed(state, argument, typed);
		findings_add(cli->findings, FINDING_FAULT, "%s: %s", typed, error);
		return;
	}
	command->sources.options[option].from = SOURCE_COMMAND_LINE;
}

static error_t take_action(struct cli *cli, struct argp_state *state, enum cli_action action)
{
	if (cli->command->action != CLI_RUN && cli->command->action != action) {
		argp_error(state, "`config', --test and --upgrade are different things");
		return EINVAL;
	}
	cli->command->action = action;
	return 0;
}

static error_t take_argument(struct cli *cli, struct argp_state *state, const char *argument)
{
	if (strcmp(argument, "token") == 0) {
		argp_error(state, "`token' comes first: tidegate token --help");
		return EINVAL;
	}
	if (strcmp(argument, "config") != 0) {
		argp_error(state, "\"%s\" is no option", argument);
		return EINVAL;
	}
	return take_action(cli, state, CLI_EXPLAIN);
}

static error_t finish(const struct cli *cli, struct argp_state *state)
{
	const struct command *command = cli->command;

	if (command->only_changed && command->action != CLI_EXPLAIN) {
		argp_error(state, "--changed goes with `config'");
		return EINVAL;
	}
	/* A test goes on: it tells what is wrong in the file, too. */
	if (cli->findings->faults && command->action != CLI_TEST) {
		argp_state_help(state, state->err_stream, ARGP_HELP_STD_ERR);
	}
	return 0;
}

static error_t parse_key(int key, char *argument, struct argp_state *state)
{
	struct cli *cli = state->input;
	const char *name = cli_option_name(key);

	switch (key) {
	case CLI_KEY_CONFIG:
		cli->path = argument;
		return 0;
	case CLI_KEY_TEST:
		return take_action(cli, state, CLI_TEST);
	case CLI_KEY_UPGRADE:
		return take_action(cli, state, CLI_UPGRADE);
	case CLI_KEY_CHANGED:
		cli->command->only_changed = true;
		return 0;
	case CLI_KEY_HELP:
	case '?':
		argp_state_help(state, state->out_stream, ARGP_HELP_STD_HELP);
		return 0;
	case CLI_KEY_USAGE:
		argp_state_help(state, state->out_stream, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
		return 0;
	case CLI_KEY_VERSION:
		puts("tidegate " TIDEGATE_VERSION);
		exit(EXIT_SUCCESS);
	case ARGP_KEY_INIT:
		check_unknown(state, cli->unknown);
		return 0;
	case ARGP_KEY_ARG:
		return take_argument(cli, state, argument);
	case ARGP_KEY_END:
		return finish(cli, state);
	default:
		if (!name) {
			return ARGP_ERR_UNKNOWN;
		}
		set_option(cli, state, name, argument);
		return 0;
	}
}

/* --- file and command line -----------------------------------------------------------------------
 */

/* Puts the command line over `command`. Errors: -EINVAL, unless `flags` let argp end the process.
 */
static int parse_over(int argc, char **argv, unsigned flags, struct command *command,
	struct findings *findings, const char **ret_path)
{
	struct argp argp = {
		.options = cli_options(), .parser = parse_key, .args_doc = args_doc, .doc = doc};
	struct cli cli = {
		.command = command, .unknown = find_refused(argc, argv), .findings = findings};

	/* argp's own help has no -h. */
	if (argp_parse(&argp, argc, argv, flags | ARGP_NO_HELP, NULL, &cli) != 0) {
		findings_add(findings, FINDING_FAULT, "the command line is wrong");
		return -EINVAL;
	}
	*ret_path = cli.path;
	return 0;
}

static void tell_nobody(void *user, enum finding kind, const char *line)
{
}

/* The command line is read twice: first for its faults and the file's name, then over the file. */
static int parse(
	int argc, char **argv, unsigned flags, struct command *command, struct findings *findings)
{
	struct findings told_before = {.tell = tell_nobody};
	const char *path;
	size_t faults = findings->faults;

	config_init(&command->config);
	sources_init(&command->sources);
	int err = parse_over(argc, argv, flags, command, findings, &path);
	if (!err && path) {
		config_init(&command->config);
		sources_init(&command->sources);
		err = config_file_load(&command->config, &command->sources, path, findings);
		if (!err) {
			err = parse_over(argc, argv, flags, command, &told_before, &path);
		}
	}
	return !err && findings->faults > faults ? -EINVAL : err;
}

void cli_parse(int argc, char **argv, struct command *ret_command)
{
	struct findings findings = {.tell = findings_tell_terminal};

	*ret_command = (struct command){.action = CLI_RUN};
	argp_err_exit_status = 2;
	if (parse(argc, argv, 0, ret_command, &findings) < 0) {
		if (ret_command->action == CLI_TEST) {
			log_complain("the configuration has %zu fault%s", findings.faults,
				findings.faults == 1 ? "" : "s");
		}
		exit(EXIT_FAILURE);
	}
}

int cli_parse_again(int argc, char **argv, struct config *ret_config, struct sources *ret_sources,
	struct findings *findings)
{
	struct command command = {.action = CLI_RUN};
	int err = parse(argc, argv, ARGP_SILENT, &command, findings);

	if (!err) {
		*ret_config = command.config;
		*ret_sources = command.sources;
	}
	return err;
}
