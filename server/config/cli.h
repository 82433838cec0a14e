/* The command line of the gateway, by argp. */
#ifndef TIDEGATE_CLI_H
#define TIDEGATE_CLI_H

#include "config.h"
#include "findings.h"
#include "sources.h"

enum cli_action {
	CLI_RUN,
	CLI_TEST,    /* --test: say whether it would run */
	CLI_EXPLAIN, /* `config`: say what is in force */
	CLI_UPGRADE, /* --upgrade: have the running gateway hand over to a new process */
};

/* What the command line asks for.
 * Owner: main; plain data. */
struct command {
	enum cli_action action;
	bool only_changed; /* of `config` */
	struct config config;
	struct sources sources;
};

/* Fills a command from the defaults, the file named by -c, and the command line over both. Says on
 * standard error what is wrong, all of it, and ends the process: 2 for a wrong command line, 1 for
 * a broken config file, and 1 for either with --test. --help, --usage and --version end it with 0.
 * Thread: main, before others are started. */
void cli_parse(int argc, char **argv, struct command *ret_command);

/* The same again for a reload: reads the file anew and puts the command line over it. Never ends
 * the process. Errors: -errno with findings; config and sources are untouched. */
int cli_parse_again(int argc, char **argv, struct config *ret_config, struct sources *ret_sources,
	struct findings *findings);

#endif
