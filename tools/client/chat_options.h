/* The command line of tidegate-chat. */
#ifndef TIDEGATE_CHAT_OPTIONS_H
#define TIDEGATE_CHAT_OPTIONS_H

#include <stdbool.h>

#include "chat_exit.h"
#include "tidegate-client.h"

enum chat_protocol {
	CHAT_PROTOCOL_BY_INPUT, /* V1 where somebody types */
	CHAT_PROTOCOL_V1,
	CHAT_PROTOCOL_CLASSIC,
};

/* What is not an option of the client.
 * Owner: whoever declared it; the texts are those of the command line. */
struct chat_options {
	const char *url;
	const char *user;       /* NULL: the token's */
	const char *token_file; /* NULL: no token is shown */
	const char *insecure;   /* why any certificate is taken; NULL: it is not */
	int attempts;           /* to get a line back; TG_ATTEMPTS_INFINITE */
	bool has_heartbeat;     /* not 0 */
	enum chat_protocol protocol;
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
