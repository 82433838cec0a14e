/* The command line of the gateway, by argp. */
#ifndef TIDEGATE_CLI_H
#define TIDEGATE_CLI_H

#include "config.h"

/* Fills a config from meson's defaults, the file named by -c, and the command line over both. A
 * usage error, --help and --version end the process (2, 0, 0), as a broken config file does (1).
 * Thread: main, before others are started. */
void cli_parse(int argc, char **argv, struct config *ret_config);

/* The same again for a reload: reads the file anew and puts the command line over it.
 * Errors: -errno of the file with ret_error; *ret_config is untouched. Never ends the process. */
int cli_parse_again(
	int argc, char **argv, struct config *ret_config, char ret_error[CONFIG_ERROR_MAX]);

#endif
