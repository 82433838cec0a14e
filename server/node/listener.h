/* The sockets that newcomers arrive at.
 *
 * TCP addresses get one socket for each acceptor, all on the same port by SO_REUSEPORT, so that the
 * kernel spreads newcomers. A Unix socket, or one that systemd hands over, is one that all share.
 */
#ifndef TIDEGATE_LISTENER_H
#define TIDEGATE_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../config/config.h"
#include "listener_rows.h"

enum {
	LISTENERS_NAME_MAX = ADDRESS_MAX + 16, /* bytes of the name of one, NUL included */
};

/* Opens all addresses of the config, once for each acceptor, and an address that two of them stand
 * for once; or takes over what systemd has passed, which then stands for all of them. On port 0 the
 * kernel chooses, the same for all acceptors and all addresses of a name.
 * Thread: main. Errors: -errno; ret_error is a line that says which address, what and what to do.
 */
int listeners_open(
	struct listeners *listeners, const struct config *config, char ret_error[CONFIG_ERROR_MAX]);

/* Opens one address, for one thread: the admin port's. Its Unix socket is for its owner and group.
 * Thread: main. Errors: -errno; ret_error as above. */
int listeners_open_admin(
	struct listeners *listeners, const char *address, char ret_error[CONFIG_ERROR_MAX]);

/* As listeners_open, but takes from `inherited` what was opened for the same text of the config, or
 * is bound to the same address. Where there are more acceptors than sockets of an address it binds
 * others beside them; sockets that are more are shared by all acceptors. What the config does not
 * name any more is kept until listeners_begin. No socket that is new takes newcomers before that.
 * Thread: main. Errors: as listeners_open; what was not taken stays in `inherited`. */
int listeners_adopt(struct listeners *listeners, const struct config *config,
	struct inherited *inherited, char ret_error[CONFIG_ERROR_MAX]);

/* The same for the admin port, as listeners_open_admin. */
int listeners_adopt_admin(struct listeners *listeners, const char *address,
	struct inherited *inherited, char ret_error[CONFIG_ERROR_MAX]);

/* Closes the sockets and removes Unix ones from the file system where they are still ours. Fine
 * with LISTENERS_EMPTY. */
void listeners_close(struct listeners *listeners);

/* The descriptor for an acceptor; the shared one for a shared row. */
int listeners_fd(const struct listeners *listeners, size_t row, uint32_t column);

/* Whether a row's socket is shared by all acceptors. */
bool listeners_is_shared(const struct listeners *listeners, size_t row);

/* Whether who comes to a row begins with a PROXY header. */
bool listeners_is_proxied(const struct listeners *listeners, size_t row);

/* Whether TLS is spoken there, and at any of them. */
bool listeners_is_tls(const struct listeners *listeners, size_t row);
bool listeners_has_tls(const struct listeners *listeners);

/* Whether any of them is no Unix socket. */
bool listeners_has_inet(const struct listeners *listeners);

/* One address as bound: `:8000`, `0.0.0.0:8000`, `[::1]:8000`, `unix:PATH`; with `proxy:` in front
 * where that is spoken, and `wss://` behind it where TLS is. */
void listeners_name_row(const struct listeners *listeners, size_t row, char *ret_name, size_t size);

/* The port of a row as bound; 0 for a Unix socket. */
uint16_t listeners_port(const struct listeners *listeners, size_t row);

/* The first one's that has one and where no PROXY header is due; of one that is as `prefers_tls`
 * says, if there is any. `*ret_is_tls` is whether TLS is spoken there. 0 for none. */
unsigned listeners_browser_port(
	const struct listeners *listeners, bool prefers_tls, bool *ret_is_tls);

/* Whether only this machine reaches a row: a loopback address or a Unix socket. */
bool listeners_is_local(const struct listeners *listeners, size_t row);

/* The addresses as bound, separated by commas: what the log calls listen. `:8000`, `[::1]:8000`. */
void listeners_name(const struct listeners *listeners, char *ret_name, size_t size);

/* Those of the config that nobody listens at, because systemd has passed others, separated by
 * commas; empty for none, and where the config names none. */
void listeners_name_unused(const struct listeners *listeners, const struct config *config,
	char *ret_name, size_t size);

#endif
