/* The command line of tidegate-chat. */
#ifndef TIDEGATE_CHAT_OPTIONS_H
#define TIDEGATE_CHAT_OPTIONS_H

#include <stdbool.h>

#include "tidegate-client.h"

/* How the command ends. A signal that comes while it logs out ends it as that signal does. */
enum chat_exit {
	CHAT_EXIT_OK = 0,          /* logged out, and all that was said has arrived */
	CHAT_EXIT_LOCAL = 1,       /* something failed here */
	CHAT_EXIT_USAGE = 2,       /* the command line is wrong */
	CHAT_EXIT_KICKED = 3,      /* the user logged in elsewhere */
	CHAT_EXIT_REFUSED = 4,     /* the gateway does not let this user in */
	CHAT_EXIT_UNREACHABLE = 5, /* there is no gateway */
	CHAT_EXIT_TIMEOUT = 6,     /* i/o timeout */
	CHAT_EXIT_LOST = 7,        /* the line was lost, or the gateway ended it */
	CHAT_EXIT_PROTOCOL = 8,    /* one of both broke the protocol */
};

/* What is not an option of the client.
 * Owner: whoever declared it; the texts are those of the command line. */
struct chat_options {
	const char *url;
	const char *user;
	int attempts;       /* to get a line back; TG_ATTEMPTS_INFINITE */
	bool has_heartbeat; /* not 0 */
	bool uses_packets;
	bool stays; /* logged in when the input ends */
	bool is_quiet;
	bool is_verbose;
};

/* Reads the command line into `client` and *ret_options. Ends the process on --help, --usage and
 * --version with 0, and when something is wrong with CHAT_EXIT_USAGE.
 * Errors: TG_ERR_NO_MEMORY. */
enum tg_status chat_options_parse(
	int argc, char **argv, struct tg_client *client, struct chat_options *ret_options);

#endif
