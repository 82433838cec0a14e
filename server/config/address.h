/* Where to listen, as people write it: HOST:PORT, [IPv6]:PORT, :PORT for all addresses, unix:PATH;
 * with `wss://` in front of a port for TLS, and `proxy:` in front of all for the PROXY protocol. */
#ifndef TIDEGATE_ADDRESS_H
#define TIDEGATE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

enum {
	ADDRESS_MAX = 128, /* bytes of its text, NUL included */
	ADDRESS_PORT_MAX = 65535,
	ADDRESS_URL_MAX = ADDRESS_MAX + 48, /* bytes of a URL of one, NUL included */
	ADDRESS_PATH_MAX = sizeof(((struct sockaddr_un *)0)->sun_path), /* NUL included */
};

/* Plain data. */
struct address {
	const char *path;       /* of a Unix socket, in the text; NULL for the others */
	char host[ADDRESS_MAX]; /* without brackets; empty for all addresses */
	uint16_t port;
	bool is_proxied; /* `proxy:` stands in front */
	bool is_tls;     /* `wss://` does, behind that */
};

/* Reads a whole text. Names are not looked up; `proxy:8000` is port 8000 of a host of that name.
 * Thread: any. Errors: -EINVAL. */
int address_parse(const char *text, struct address *ret_address);

/* Whether a text is the address of a Unix socket. Thread: any. */
bool address_is_unix(const char *text);

/* Whether TLS is spoken there. Thread: any. */
bool address_is_tls(const char *text);

/* Behind `proxy:`, where that stands in front of an address and is no host; else the text itself.
 * Thread: any. */
const char *address_behind_proxy(const char *text);

/* Behind `proxy:` and `wss://`: what is left is the place itself. Thread: any. */
const char *address_place(const char *text);

/* `:PORT` for `*:PORT`, which is another way to write it; else the text itself. Thread: any. */
const char *address_without_star(const char *text);

/* How many bytes at the beginning of a text are a host: a name, an IPv4 address, or an IPv6 address
 * in its brackets. 0 for none. Thread: any. */
size_t address_host_len(const char *text);

/* Reads a whole text, digits only, up to ADDRESS_PORT_MAX. Thread: any. Errors: -EINVAL. */
int address_port(const char *text, uint16_t *ret_port);

/* A URL by which this machine reaches who listens there, as `ws://localhost:8000/` of `:8000`: no
 * browser goes to an unspecified address. Where `wss://` stands in front that is the scheme. A Unix
 * socket stays what it is. Returns what is to be
 * said of addresses beyond it, as ` (all addresses)`, or "". Thread: any. */
const char *address_url(const char *scheme, const char *listener, char ret_url[ADDRESS_URL_MAX]);

#endif
