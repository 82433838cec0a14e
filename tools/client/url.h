/* Where a gateway is: ws://HOST[:PORT][/PATH][?QUERY], wss:// likewise, or unix:PATH, and what is
 * asked for there. RFC 6455 section 3, RFC 3986. */
#ifndef TIDEGATE_CLIENT_URL_H
#define TIDEGATE_CLIENT_URL_H

#include <stddef.h>

enum {
	URL_MAX = 4096, /* bytes */
	URL_SCHEME_MAX = 15,
	URL_HOST_MAX = 255,
	URL_SERVICE_MAX = 5,
};

/* Owner:  the caller. All texts are NUL-terminated. */
struct url {
	char scheme[URL_SCHEME_MAX + 1]; /* in lower case */
	char host[URL_HOST_MAX + 1];     /* without brackets; empty for unix: */
	char service[URL_SERVICE_MAX + 1];
	char authority[URL_HOST_MAX + URL_SERVICE_MAX + 4]; /* of the Host field */
	const char *path;   /* of the socket (unix:), inside the text read; else NULL */
	const char *target; /* path and query, inside the text read; may be empty */
};

/* Takes a URL apart; `ret_url` points into it.
 * Thread: any. Errors: -EINVAL when it is none, or too long, has a user, a fragment, or bytes that
 * have no place in a request. Any scheme is let through. */
int url_parse(const char *text, struct url *ret_url);

/* Who asks. Each may be NULL. */
struct url_login {
	const char *user;
	const char *device;
};

/* Joins target and `login`, percent-encoded, into the target of a request: begins with a slash.
 * What `login` has takes the place of what the target has under its key, in any spelling, so that
 * the gateway never finds two. `ret_target` is the caller's to free.
 * Thread: any. Errors: -ENOMEM. */
int url_target(const char *target, const struct url_login *login, char **ret_target);

#endif
