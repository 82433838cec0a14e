/* How the command ends. */
#ifndef TIDEGATE_CHAT_EXIT_H
#define TIDEGATE_CHAT_EXIT_H

#include "tidegate-client.h"

/* A signal that comes while it logs out ends it as that signal does. */
enum chat_exit {
	CHAT_EXIT_OK = 0,          /* logged out, and all that was said has arrived */
	CHAT_EXIT_LOCAL = 1,       /* something failed here, or a line was refused */
	CHAT_EXIT_USAGE = 2,       /* the command line is wrong */
	CHAT_EXIT_KICKED = 3,      /* the user logged in elsewhere */
	CHAT_EXIT_REFUSED = 4,     /* the gateway does not let this user in */
	CHAT_EXIT_UNREACHABLE = 5, /* there is no gateway */
	CHAT_EXIT_TIMEOUT = 6,     /* i/o timeout */
	CHAT_EXIT_LOST = 7,        /* the line was lost, or the gateway ended it */
	CHAT_EXIT_PROTOCOL = 8,    /* one of both broke the protocol */
	CHAT_EXIT_TLS = 9,         /* the gateway is not to be believed, or speaks no TLS */
};

/* What a client's end means for it. */
enum chat_exit chat_exit_of(enum tg_status status);

#endif
