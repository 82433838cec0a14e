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
#include "inherited.h"
#include "listener_adopt.h"
#include "tcp_address.h"
#include "unix_path.h"

enum {
	PORT_TRIES = 64, /* for one that is free at all addresses of a name */
};

static const mode_t ADMIN_MODE = 0660;

/* --- rows --------------------------------------------------------------------------------------
 */

bool listeners_is_shared(const struct listeners *listeners, size_t row)
{
	return listeners->columns > 1 && *listeners_cell(listeners, row, 1) < 0;
}

bool listeners_is_proxied(const struct listeners *listeners, size_t row)
{
	return listeners->rows[row].is_proxied;
}

bool listeners_is_tls(const struct listeners *listeners, size_t row)
{
	return listeners->rows[row].is_tls;
}

bool listeners_has_tls(const struct listeners *listeners)
{
	bool found = false;
	for (size_t row = 0; row < listeners_all(listeners) && !found; row++) {
		found = listeners->rows[row].is_tls;
	}
	return found;
}

int listeners_fd(const struct listeners *listeners, size_t row, uint32_t column)
{
	return *listeners_cell(listeners, row, listeners_is_shared(listeners, row) ? 0 : column);
}

/* As bound; of whatever family. */
static struct tcp_address address_of(const struct listeners *listeners, size_t row)
{
	struct tcp_address address = {.len = sizeof(address.at)};
	getsockname(
		*listeners_cell(listeners, row, 0), (struct sockaddr *)&address.at, &address.len);
	address.is_dual = listeners->rows[row].is_all;
	return address;
}

/* The rows from `row` on. */
static void close_rows(struct listeners *listeners, size_t row)
{
	for (size_t i = row; i < listeners_all(listeners); i++) {
		if (!listeners->rows[i].is_lent) {
			unix_path_remove(&listeners->rows[i].path);
		}
		for (uint32_t column = 0; column < listeners->columns; column++) {
			int fd = *listeners_cell(listeners, i, column);
			if (fd >= 0) {
				close(fd);
			}
		}
	}
	listeners->count = row;
	listeners->extra = 0;
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
			return listeners->rows[row].is_proxied == listeners->is_proxied &&
			       listeners->rows[row].is_tls == listeners->is_tls;
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

/* NULL: there is nothing to say. */
static const char *why_in_use(const struct listeners *listeners, const struct tcp_address *address)
{
	if (is_in_our_own_way(listeners, address)) {
		return "another --listen covers it, is covered by it, or is the same with another "
		       "proxy: or wss:// in front: leave one of them out";
	}
	return listeners_is_in_their_way(listeners, address)
		       ? "the running gateway listens at an address that covers it, or is covered "
			 "by it, which takes a restart to change"
		       : NULL;
}

/* Where somebody else still serves no newcomer is to come here yet. */
static int open_cell(
	const struct listeners *listeners, const struct tcp_address *address, int *ret_fd)
{
	return listeners->inherited ? tcp_address_bind(address, ret_fd)
				    : tcp_address_listen(address, LISTENER_BACKLOG, ret_fd);
}

static int open_tcp(
	struct listeners *listeners, const struct tcp_address *wanted, const char **ret_why)
{
	struct tcp_address address = *wanted;
	int adopted = is_open_already(listeners, wanted);
	adopted = adopted ? adopted : listeners_adopt_address(listeners, wanted);
	if (adopted != 0) {
		return adopted < 0 ? adopted : 0;
	}
	int err = tcp_address_probe(&address);
	if (err == -EADDRINUSE) {
		*ret_why = why_in_use(listeners, wanted);
	}
	if (!err) {
		err = listeners_add_row(listeners);
	}
	for (uint32_t i = 0; i < listeners->columns && !err; i++) {
		err = open_cell(
			listeners, &address, listeners_cell(listeners, listeners->count - 1, i));
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
	int adopted = listeners_adopt_path(listeners, path);
	if (adopted != 0) {
		return adopted < 0 ? adopted : 0;
	}
	int err = listeners_add_row(listeners);
	if (err) {
		return err;
	}
	size_t row = listeners->count - 1;
	return unix_path_listen(path, listeners->unix_mode, LISTENER_BACKLOG,
		&listeners->rows[row].path, listeners_cell(listeners, row, 0));
}

/* --- systemd -----------------------------------------------------------------------------------
 */

#if HAVE_SYSTEMD
/* What a socket is named by FileDescriptorName=, and what is spoken there: plain by all others. */
static const struct {
	const char *name;
	bool is_proxied;
	bool is_tls;
} passed_kinds[] = {
	{"proxy", true, false},
	{"wss", false, true},
	{"proxy-wss", true, true},
};

static void set_kind(struct listeners *listeners, const char *name)
{
	listeners->is_proxied = listeners->is_tls = false;
	for (size_t i = 0; i < sizeof(passed_kinds) / sizeof(passed_kinds[0]); i++) {
		if (strcmp(name, passed_kinds[i].name) == 0) {
			listeners->is_proxied = passed_kinds[i].is_proxied;
			listeners->is_tls = passed_kinds[i].is_tls;
		}
	}
}

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
	int err = listeners_add_row(listeners);
	if (err) {
		return err;
	}
	if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) <= 0) {
		tcp_address_prepare(fd);
	}
	int flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	*listeners_cell(listeners, listeners->count - 1, 0) = fd;
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
		set_kind(listeners, names[i]);
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
	listeners->is_tls = address.is_tls;
	snprintf(listeners->text, sizeof(listeners->text), "%s", text);
	const int adopted = err ? 0 : listeners_adopt_text(listeners, text);
	if (adopted != 0) {
		err = adopted < 0 ? adopted : 0;
	} else if (!err && address.path) {
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

/* What systemd has passed to this process, or to the one before. */
static int open_passed(struct listeners *listeners)
{
	int adopted = listeners_adopt_passed(listeners);
	if (adopted != 0) {
		return adopted < 0 ? adopted : 0;
	}
	return listeners->inherited ? 0 : take_over_passed(listeners);
}

static int open_all(
	struct listeners *listeners, const struct config *config, char ret_error[CONFIG_ERROR_MAX])
{
	listeners->columns = (uint32_t)config->acceptors;
	listeners->unix_mode = config->unix_mode;
	int err = open_passed(listeners);
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

int listeners_open(
	struct listeners *listeners, const struct config *config, char ret_error[CONFIG_ERROR_MAX])
{
	*listeners = LISTENERS_EMPTY;
	return open_all(listeners, config, ret_error);
}

static int open_one(
	struct listeners *listeners, const char *address, char ret_error[CONFIG_ERROR_MAX])
{
	listeners->columns = 1;
	listeners->unix_mode = ADMIN_MODE;
	int err = open_address(listeners, "admin", address, ret_error);
	if (err) {
		listeners_close(listeners);
	}
	return err;
}

int listeners_open_admin(
	struct listeners *listeners, const char *address, char ret_error[CONFIG_ERROR_MAX])
{
	*listeners = LISTENERS_EMPTY;
	return open_one(listeners, address, ret_error);
}

int listeners_adopt(struct listeners *listeners, const struct config *config,
	struct inherited *inherited, char ret_error[CONFIG_ERROR_MAX])
{
	*listeners = (struct listeners){.inherited = inherited};
	int err = open_all(listeners, config, ret_error);
	if (!err) {
		err = listeners_adopt_rest(listeners);
		if (err) {
			snprintf(ret_error, CONFIG_ERROR_MAX, "cannot take the listeners over: %s",
				strerrordesc_np(-err));
			listeners_close(listeners);
		}
	}
	listeners->inherited = NULL;
	return err;
}

int listeners_adopt_admin(struct listeners *listeners, const char *address,
	struct inherited *inherited, char ret_error[CONFIG_ERROR_MAX])
{
	*listeners = (struct listeners){.inherited = inherited};
	int err = open_one(listeners, address, ret_error);
	listeners->inherited = NULL;
	return err;
}

/* --- as bound ----------------------------------------------------------------------------------
 */

uint16_t listeners_port(const struct listeners *listeners, size_t row)
{
	struct tcp_address address = address_of(listeners, row);
	return tcp_address_port(&address);
}

unsigned listeners_browser_port(
	const struct listeners *listeners, bool prefers_tls, bool *ret_is_tls)
{
	unsigned found = 0;
	*ret_is_tls = false;
	for (size_t row = 0; row < listeners->count; row++) {
		const bool is_tls = listeners_is_tls(listeners, row);
		const bool is_better =
			found == 0 || (is_tls == prefers_tls && *ret_is_tls != is_tls);
		const unsigned port =
			listeners_is_proxied(listeners, row) ? 0 : listeners_port(listeners, row);
		if (port > 0 && is_better) {
			found = port;
			*ret_is_tls = is_tls;
		}
	}
	return found;
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
	const char *scheme = listeners->rows[row].is_tls ? "wss://" : "";
	if (address.ss_family == AF_UNIX) {
		const struct sockaddr_un *un = (const void *)&address;
		snprintf(ret_name, size, "%s%sunix:%s", front, scheme, un->sun_path);
	} else if (listeners->rows[row].is_all) {
		snprintf(ret_name, size, "%s%s:%u", front, scheme, listeners_port(listeners, row));
	} else {
		struct remote self;
		char text[REMOTE_NAME_MAX];
		remote_from_sockaddr(&self, &address);
		remote_name(&self, text);
		snprintf(ret_name, size, "%s%s%s", front, scheme, text);
	}
}

void listeners_name(const struct listeners *listeners, char *ret_name, size_t size)
{
	size_t at = 0;
	ret_name[0] = '\0';
	for (size_t row = 0; row < listeners->count && at + 1 < size; row++) {
		char name[LISTENERS_NAME_MAX];
		listeners_name_row(listeners, row, name, sizeof(name));
		at += (size_t)snprintf(ret_name + at, size - at, "%s%s", row ? "," : "", name);
	}
}

static bool is_row(const struct listeners *listeners, const char *name)
{
	bool found = false;
	for (size_t row = 0; row < listeners->count && !found; row++) {
		char text[LISTENERS_NAME_MAX];
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
