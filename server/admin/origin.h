/* Who may ask the admin port: judged from a request's head before anything else looks at it.
 *
 * Without a token everybody who reaches the port is trusted, so a web page in a browser on this
 * machine must not be able to ask in its user's name: neither across origins (Origin,
 * Sec-Fetch-Site) nor under a name of its own that it has pointed at this machine (Host). */
#ifndef TIDEGATE_ADMIN_ORIGIN_H
#define TIDEGATE_ADMIN_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "tokens.h"

enum {
	ADMIN_HOST_MAX = 256, /* bytes of a host's name, NUL included */
};

/* Plain data; rewritten at a reload. */
struct admin_origin {
	bool is_unix;               /* reached by a path: no browser gets here */
	char host[ADMIN_HOST_MAX];  /* named by the user for the port, besides the loopback's */
	struct admin_tokens tokens; /* without one none is asked for */
};

/* What it looks at; NULL for what is not there. */
struct admin_origin_head {
	unsigned host_count;
	const char *host;
	bool may_lack_host; /* HTTP/1.0, which no browser speaks */
	const char *origin;
	const char *fetch_site;
	const char *fetch_mode;
	const char *authorization;
	bool is_page; /* the console itself, which a link elsewhere may lead to */
	bool is_open; /* no token is asked for */
};

enum admin_verdict {
	ADMIN_WELCOME,
	ADMIN_BAD_HOST,       /* none, several, or not a host: 400 */
	ADMIN_WRONG_HOST,     /* not a name of ours: 421 */
	ADMIN_FOREIGN_ORIGIN, /* a page of somebody else asks: 403 */
	ADMIN_NO_TOKEN,       /* 401 */
	ADMIN_WRONG_TOKEN,    /* 401 */
};

/* Thread: any. */
enum admin_verdict admin_origin_judge(
	const struct admin_origin *origin, const struct admin_origin_head *head);

/* The host of `HOST[:PORT]` without its port, brackets kept: what a page may connect to.
 * Errors: -EINVAL when it is no host. */
int admin_origin_host(const char *host, char ret_name[ADMIN_HOST_MAX]);

/* Whether the port may be where others reach it, with that many tokens, which may travel where
 * they do so by TLS, or somebody has accepted that they are in clear; `address` is its own.
 * Thread: any. Errors: -EINVAL; ret_error is a line that says what to do. */
int admin_origin_check_reach(
	const char *address, uint32_t tokens, bool may_travel, char *ret_error, size_t error_size);

#endif
