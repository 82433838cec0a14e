#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "build_config.h"
#if HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "../base/remote.h"
#include "tcp_address.h"
#include "unix_path.h"

enum {
	PORT_TRIES = 64, /* for one that is free at all addresses of a name */
};

static const mode_t ADMIN_MODE = 0660;

/* --- rows --------------------------------------------------------------------------------------
 */

static int add_row(struct listeners *listeners)
{
	size_t cells = (listeners->count + 1) * listeners->columns;
	int *fds = realloc(listeners->fds, cells * sizeof(*fds));
	if (!fds) {
		return -ENOMEM;
	}
	listeners->fds = fds;
	struct listener_row *rows =
		realloc(listeners->rows, (listeners->count + 1) * sizeof(*rows));
	if (!rows) {
		return -ENOMEM;
	}
	listeners->rows = rows;
	rows[listeners->count] = (struct listener_row){.is_proxied = listeners->is_proxied};
	for (uint32_t i = 0; i < listeners->columns; i++) {
		fds[listeners->count * listeners->columns + i] = -1;
	}
	listeners->count++;
	return 0;
}

static int *cell(const struct listeners *listeners, size_t row, uint32_t column)
{
	return &listeners->fds[row * listeners->columns + column];
}

bool listeners_is_shared(const struct listeners *listeners, size_t row)
{
	return listeners->columns > 1 && *cell(listeners, row, 1) < 0;
}

bool listeners_is_proxied(const struct listeners *listeners, size_t row)
{
	return listeners->rows[row].is_proxied;
}

int listeners_fd(const struct listeners *listeners, size_t row, uint32_t column)
{
	return *cell(listeners, row, listeners_is_shared(listeners, row) ? 0 : column);
}

/* As bound; of whatever family. */
static struct tcp_address address_of(const struct listeners *listeners, size_t row)
{
	struct tcp_address address = {.len = sizeof(address.at)};
	getsockname(*cell(listeners, row, 0), (struct sockaddr *)&address.at, &address.len);
	address.is_dual = listeners->rows[row].is_all;
	return address;
}

/* The rows from `row` on. */
static void close_rows(struct listeners *listeners, size_t row)
{
	for (size_t i = row; i < listeners->count; i++) {
		unix_path_remove(&listeners->rows[i].path);
		for (uint32_t column = 0; column < listeners->columns; column++) {
			int fd = *cell(listeners, i, column);
			if (fd >= 0) {
				close(fd);
			}
		}
	}
	listeners->count = row;
}

void listeners_close(struct listeners *listeners)
{
	close_rows(listeners, 0);
	free(listeners->fds);
	free(listeners->rows);
	*listeners = LISTENERS_EMPTY;
}

/* --- TCP ---------------------------------------------------------------------------------------
 */

/* Whether one of the rows is this very address, and speaks the same. */
static bool is_open_already(const struct listeners *listeners, const struct tcp_address *address)
{
	for (size_t row = 0; row < listeners->count && tcp_address_port(address) > 0; row++) {
		struct tcp_address bound = address_of(listeners, row);
		if (tcp_address_is_same(&bound, address)) {
			return listeners->rows[row].is_proxied == listeners->is_proxied;
		}
	}
	return false;
}

/* Whether it is one of our own rows that leaves no place. */
static bool is_in_our_own_way(const struct listeners *listeners, const struct tcp_address *address)
{
	for (size_t row = 0; row < listeners->count; row++) {
		struct tcp_address bound = address_of(listeners, row);
		if (tcp_address_is_same(&bound, address) || tcp_address_covers(&bound, address) ||
			tcp_address_covers(address, &bound)) {
			return true;
		}
	}
	return false;
}

static int open_tcp(
	struct listeners *listeners, const struct tcp_address *wanted, const char **ret_why)
{
	struct tcp_address address = *wanted;
	if (is_open_already(listeners, wanted)) {
		return 0;
	}
	int err = tcp_address_probe(&address);
	if (err == -EADDRINUSE && is_in_our_own_way(listeners, wanted)) {
		*ret_why = "another --listen covers it, is covered by it, or is the same without "
			   "proxy: in front: leave one of them out";
	}
	if (!err) {
		err = add_row(listeners);
	}
	for (uint32_t i = 0; i < listeners->columns && !err; i++) {
		err = tcp_address_listen(
			&address, LISTENER_BACKLOG, cell(listeners, listeners->count - 1, i));
		if (!err && i == 0) {
			/* The others take the port that the kernel chose for the first. */
			address.at = address_of(listeners, listeners->count - 1).at;
		}
	}
	return err;
}

static int open_any(struct listeners *listeners, uint16_t port, const char **ret_why)
{
	struct tcp_address both = tcp_address_any(port, true);
	struct tcp_address ipv4 = tcp_address_any(port, false);
	size_t row = listeners->count;
	int err = open_tcp(listeners, &both, ret_why);
	if (tcp_address_is_missing(err)) {
		close_rows(listeners, row);
		err = open_tcp(listeners, &ipv4, ret_why);
	}
	if (!err && listeners->count > row) {
		listeners->rows[row].is_all = true;
	}
	return err;
}

/* All addresses of a name, at one port: a port that the kernel chooses for the first is that of the
 * others. */
static int open_found(struct listeners *listeners, const struct tcp_address *found, int count,
	const char **ret_why)
{
	int err = 0;
	bool any = false;
	uint16_t port = tcp_address_port(&found[0]);
	for (int i = 0; i < count && !err; i++) {
		struct tcp_address address = found[i];
		tcp_address_set_port(&address, port);
		err = open_tcp(listeners, &address, ret_why);
		/* A name may stand for an IPv6 address that this machine does not have. */
		if (tcp_address_is_missing(err) && (any || i + 1 < count)) {
			err = 0;
		} else if (!err) {
			any = true;
			port = port ? port : listeners_port(listeners, listeners->count - 1);
		}
	}
	return err;
}

static int open_host(
	struct listeners *listeners, const struct address *address, const char **ret_why)
{
	struct tcp_address found[TCP_FOUND_MAX];
	size_t row = listeners->count;
	int count = tcp_address_find(address->host, address->port, found, ret_why);
	if (count < 0) {
		return count;
	}
	int err = open_found(listeners, found, count, ret_why);
	/* What is free at one address may be taken at another. */
	for (int i = 1; i < PORT_TRIES && err == -EADDRINUSE && address->port == 0; i++) {
		close_rows(listeners, row);
		err = open_found(listeners, found, count, ret_why);
	}
	return err;
}

/* --- Unix --------------------------------------------------------------------------------------
 */

static int open_unix(struct listeners *listeners, const char *path)
{
	int err = add_row(listeners);
	if (err) {
		return err;
	}
	size_t row = listeners->count - 1;
	return unix_path_listen(path, listeners->unix_mode, LISTENER_BACKLOG,
		&listeners->rows[row].path, cell(listeners, row, 0));
}

/* --- systemd -----------------------------------------------------------------------------------
 */

#if HAVE_SYSTEMD
static const char PROXY_NAME[] = "proxy"; /* FileDescriptorName= of a socket that speaks it */

/* Whether a socket takes IPv4 and IPv6 at all addresses, as `ListenStream=8000` makes it. */
static bool is_dual(int fd)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_UNSPEC};
	socklen_t len = sizeof(in6);
	int only = 1;
	socklen_t only_len = sizeof(only);
	getsockname(fd, (struct sockaddr *)&in6, &len);
	getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &only_len);
	return in6.sin6_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr) && !only;
}

static int take_over(struct listeners *listeners, int fd)
{
	if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
		return -ENOTSOCK;
	}
	int err = add_row(listeners);
	if (err) {
		return err;
	}
	if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) <= 0) {
		tcp_address_prepare(fd);
	}
	int flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	*cell(listeners, listeners->count - 1, 0) = fd;
	listeners->rows[listeners->count - 1].is_all = is_dual(fd);
	listeners->are_passed = true;
	return 0;
}
#endif

static int take_over_passed(struct listeners *listeners)
{
#if HAVE_SYSTEMD
	char **names = NULL;
	int count = sd_listen_fds_with_names(1, &names);
	int err = count < 0 ? count : 0;
	for (int i = 0; i < count && !err; i++) {
		listeners->is_proxied = strcmp(names[i], PROXY_NAME) == 0;
		err = take_over(listeners, SD_LISTEN_FDS_START + i);
	}
	for (int i = 0; i < count; i++) {
		free(names[i]);
	}
	free(names);
	return err;
#else
	return 0;
#endif
}

/* --- all ---------------------------------------------------------------------------------------
 */

/* What to do about it; "" when there is nothing to say. */
static void advise(int err, const char *option, bool is_unix, char *ret_advice, size_t size)
{
	if (err == -EADDRINUSE) {
		snprintf(ret_advice, size,
			" (does another gateway run? --%s takes another address)", option);
	} else {
		snprintf(ret_advice, size, "%s",
			is_unix ? unix_path_advice(err) : tcp_address_advice(err));
	}
}

static int open_address(struct listeners *listeners, const char *option, const char *text,
	char ret_error[CONFIG_ERROR_MAX])
{
	struct address address = {.path = NULL};
	const char *why = NULL;
	int err = address_parse(text, &address);
	listeners->is_proxied = address.is_proxied;
	if (!err && address.path) {
		err = open_unix(listeners, address.path);
	} else if (!err && address.host[0] == '\0') {
		err = open_any(listeners, address.port, &why);
	} else if (!err) {
		err = open_host(listeners, &address, &why);
	}
	if (err) {
		char advice[160] = "";
		if (!why) {
			advise(err, option, address.path, advice, sizeof(advice));
		}
		snprintf(ret_error, CONFIG_ERROR_MAX, "cannot listen on %s: %s%s", text,
			why ? why : strerrordesc_np(-err), advice);
	}
	return err;
}

int listeners_open(
	struct listeners *listeners, const struct config *config, char ret_error[CONFIG_ERROR_MAX])
{
	*listeners = (struct listeners){
		.columns = (uint32_t)config->acceptors, .unix_mode = config->unix_mode};
	int err = take_over_passed(listeners);
	if (err) {
		snprintf(ret_error, CONFIG_ERROR_MAX,
			"cannot use the sockets passed by systemd: %s", strerrordesc_np(-err));
	}
	for (size_t i = 0; i < config->listen_count && !err && !listeners->are_passed; i++) {
		err = open_address(listeners, "listen", config->listen[i], ret_error);
	}
	if (err) {
		listeners_close(listeners);
	}
	return err;
}

int listeners_open_admin(
	struct listeners *listeners, const char *address, char ret_error[CONFIG_ERROR_MAX])
{
	*listeners = (struct listeners){.columns = 1, .unix_mode = ADMIN_MODE};
	int err = open_address(listeners, "admin", address, ret_error);
	if (err) {
		listeners_close(listeners);
	}
	return err;
}

/* --- as bound ----------------------------------------------------------------------------------
 */

uint16_t listeners_port(const struct listeners *listeners, size_t row)
{
	struct tcp_address address = address_of(listeners, row);
	return tcp_address_port(&address);
}

bool listeners_is_local(const struct listeners *listeners, size_t row)
{
	struct tcp_address address = address_of(listeners, row);
	return address.at.ss_family == AF_UNIX || tcp_address_is_loopback(&address);
}

bool listeners_has_inet(const struct listeners *listeners)
{
	for (size_t row = 0; row < listeners->count; row++) {
		if (address_of(listeners, row).at.ss_family != AF_UNIX) {
			return true;
		}
	}
	return false;
}

void listeners_name_row(const struct listeners *listeners, size_t row, char *ret_name, size_t size)
{
	struct sockaddr_storage address = address_of(listeners, row).at;
	const char *front = listeners->rows[row].is_proxied ? "proxy:" : "";
	if (address.ss_family == AF_UNIX) {
		const struct sockaddr_un *un = (const void *)&address;
		snprintf(ret_name, size, "%sunix:%s", front, un->sun_path);
	} else if (listeners->rows[row].is_all) {
		snprintf(ret_name, size, "%s:%u", front, listeners_port(listeners, row));
	} else {
		struct remote self;
		char text[REMOTE_NAME_MAX];
		remote_from_sockaddr(&self, &address);
		remote_name(&self, text);
		snprintf(ret_name, size, "%s%s", front, text);
	}
}

void listeners_name(const struct listeners *listeners, char *ret_name, size_t size)
{
	size_t at = 0;
	ret_name[0] = '\0';
	for (size_t row = 0; row < listeners->count && at + 1 < size; row++) {
		char name[ADDRESS_MAX + 8];
		listeners_name_row(listeners, row, name, sizeof(name));
		at += (size_t)snprintf(ret_name + at, size - at, "%s%s", row ? "," : "", name);
	}
}

static bool is_row(const struct listeners *listeners, const char *name)
{
	bool found = false;
	for (size_t row = 0; row < listeners->count && !found; row++) {
		char text[ADDRESS_MAX + 8];
		listeners_name_row(listeners, row, text, sizeof(text));
		found = strcmp(text, name) == 0;
	}
	return found;
}

void listeners_name_unused(
	const struct listeners *listeners, const struct config *config, char *ret_name, size_t size)
{
	size_t at = 0;
	ret_name[0] = '\0';
	if (!listeners->are_passed || config->is_listen_default) {
		return;
	}
	for (size_t i = 0; i < config->listen_count && at + 1 < size; i++) {
		if (!is_row(listeners, config->listen[i])) {
			at += (size_t)snprintf(
				ret_name + at, size - at, "%s%s", at ? "," : "", config->listen[i]);
		}
	}
}
