/* The options of the command line, as argp is told of them. */
#ifndef TIDEGATE_CLI_OPTIONS_H
#define TIDEGATE_CLI_OPTIONS_H

#include <argp.h>
#include <stdbool.h>

/* Keys that are no letters; -l and -i are options of the config as well. */
enum cli_key {
	CLI_KEY_CONFIG = 'c',
	CLI_KEY_TEST = 't',
	CLI_KEY_HELP = 'h',
	CLI_KEY_VERSION = 'V',
	CLI_KEY_UNIX_MODE = 256,
	CLI_KEY_TLS_CERT,
	CLI_KEY_TLS_KEY,
	CLI_KEY_TRUSTED_PROXY,
	CLI_KEY_FORWARDED,
	CLI_KEY_ORIGINS,
	CLI_KEY_LOG_FORMAT,
	CLI_KEY_LOG_LEVEL,
	CLI_KEY_LOG_SESSIONS,
	CLI_KEY_ECHO,
	CLI_KEY_CLIENT_BROADCAST,
	CLI_KEY_AUTH,
	CLI_KEY_AUTH_KEYS,
	CLI_KEY_AUTH_AUDIENCE,
	CLI_KEY_AUTH_ISSUER,
	CLI_KEY_TOKEN_IN_URL,
	CLI_KEY_CLUSTER,
	CLI_KEY_CLUSTER_KEY,
	CLI_KEY_CLUSTER_PREFIX,
	CLI_KEY_CLUSTER_CREDS,
	CLI_KEY_CLUSTER_CA,
	CLI_KEY_ADMIN,
	CLI_KEY_ADMIN_TOKEN,
	CLI_KEY_ADMIN_TLS,
	CLI_KEY_ADMIN_PLAIN,
	CLI_KEY_DEMO,
	CLI_KEY_CHANGED,
	CLI_KEY_UPGRADE,
	CLI_KEY_USAGE,
	CLI_KEY_NUMBERS, /* and on, in the order of options.def */
};

/* All of them, and an empty one that ends the list; made at the first call. Thread: main. */
const struct argp_option *cli_options(void);

/* The option's name in a config file; NULL for keys that are no option of one. */
const char *cli_option_name(int key);

/* The long option that was probably meant by `--typed`; NULL when it is one, or begins one, and
 * when none is near. Thread: main. */
const char *cli_option_meant(const char *typed);

#endif
