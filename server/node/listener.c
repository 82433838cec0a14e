#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "build_config.h"
#if HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "../base/remote.h"

enum {
	NOTSENT_LOWAT =
		65536, /* bytes: else the kernel swallows 4 MB for a peer that does not read */
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
	char **paths = realloc(listeners->unix_paths, (listeners->count + 1) * sizeof(*paths));
	if (!paths) {
		return -ENOMEM;
	}
	listeners->unix_paths = paths;
	paths[listeners->count] = NULL;
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

int listeners_fd(const struct listeners *listeners, size_t row, uint32_t column)
{
	return *cell(listeners, row, listeners_is_shared(listeners, row) ? 0 : column);
}

void listeners_close(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count * listeners->columns; i++) {
		if (listeners->fds[i] >= 0) {
			close(listeners->fds[i]);
		}
	}
	for (size_t row = 0; row < listeners->count; row++) {
		if (listeners->unix_paths[row]) {
			unlink(listeners->unix_paths[row]);
			free(listeners->unix_paths[row]);
		}
	}
	free(listeners->fds);
	free(listeners->unix_paths);
	*listeners = LISTENERS_EMPTY;
}

/* --- TCP ---------------------------------------------------------------------------------------
 */

static void set_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

static int bind_tcp(const struct sockaddr *address, socklen_t len, bool reuse_port, int *ret_fd)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (reuse_port) {
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	}
	if (address->sa_family == AF_INET6) {
		/* `:PORT` means both families; an address means that one. */
		const struct sockaddr_in6 *in6 = (const void *)address;
		set_option(
			fd, IPPROTO_IPV6, IPV6_V6ONLY, !IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr));
	}
	if (bind(fd, address, len) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static int listen_tcp(const struct sockaddr *address, socklen_t len, int *ret_fd)
{
	int fd = -1;
	int err = bind_tcp(address, len, true, &fd);
	if (err) {
		return err;
	}
	/* Inherited by the sockets that are accepted, which saves two system calls for each. */
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_LOWAT);
	if (listen(fd, LISTENER_BACKLOG) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

/* SO_REUSEPORT would bind beside a foreign process without a word: a plain bind tells. */
static int probe_tcp(const struct sockaddr *address, socklen_t len)
{
	int fd = -1;
	int err = bind_tcp(address, len, false, &fd);
	if (err) {
		return err;
	}
	/* Two sockets bound with SO_REUSEADDR only clash when both listen. */
	err = listen(fd, 1) < 0 ? -errno : 0;
	close(fd);
	return err;
}

static int open_tcp(struct listeners *listeners, const struct sockaddr *address, socklen_t len)
{
	struct sockaddr_storage bound;
	socklen_t bound_len = len;
	memcpy(&bound, address, len);
	int err = probe_tcp(address, len);
	if (!err) {
		err = add_row(listeners);
	}
	for (uint32_t i = 0; i < listeners->columns && !err; i++) {
		int *fd = cell(listeners, listeners->count - 1, i);
		err = listen_tcp((struct sockaddr *)&bound, bound_len, fd);
		if (!err && i == 0) {
			/* The others take the port that the kernel chose for the first. */
			bound_len = sizeof(bound);
			getsockname(*fd, (struct sockaddr *)&bound, &bound_len);
		}
	}
	return err;
}

static bool is_ipv6_missing(int err)
{
	return err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL;
}

static int open_any(struct listeners *listeners, uint16_t port)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	int err = open_tcp(listeners, (struct sockaddr *)&in6, sizeof(in6));
	if (is_ipv6_missing(err)) {
		err = open_tcp(listeners, (struct sockaddr *)&in, sizeof(in));
	}
	return err;
}

static int open_host(
	struct listeners *listeners, const struct address *address, const char **ret_why)
{
	char port[8];
	snprintf(port, sizeof(port), "%u", address->port);
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found;
	int code = getaddrinfo(address->host, port, &hints, &found);
	if (code) {
		*ret_why = gai_strerror(code);
		return -EADDRNOTAVAIL;
	}
	int err = 0;
	bool any = false;
	for (struct addrinfo *at = found; at && !err; at = at->ai_next) {
		err = open_tcp(listeners, at->ai_addr, at->ai_addrlen);
		/* A name may stand for an IPv6 address that this machine does not have. */
		if (is_ipv6_missing(err) && (any || at->ai_next)) {
			err = 0;
		} else {
			any = true;
		}
	}
	freeaddrinfo(found);
	return err;
}

/* --- Unix --------------------------------------------------------------------------------------
 */

/* Removes a socket that a process left behind when it died; one that answers is in use. */
static int clear_stale(const struct sockaddr_un *address)
{
	struct stat status;
	if (lstat(address->sun_path, &status) < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	if (!S_ISSOCK(status.st_mode)) {
		return -EEXIST;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	int err = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
	close(fd);
	if (err != ECONNREFUSED) {
		return -EADDRINUSE;
	}
	return unlink(address->sun_path) < 0 ? -errno : 0;
}

static int open_unix(struct listeners *listeners, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, path, strlen(path) + 1);
	int err = clear_stale(&address);
	if (!err) {
		err = add_row(listeners);
	}
	if (err) {
		return err;
	}
	size_t row = listeners->count - 1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	*cell(listeners, row, 0) = fd;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		return -errno;
	}
	listeners->unix_paths[row] = strdup(path);
	/* Nobody can connect before it listens, whatever the umask has made of it. */
	if (listeners->unix_mode && chmod(path, listeners->unix_mode) < 0) {
		return -errno;
	}
	return listen(fd, LISTENER_BACKLOG) < 0 ? -errno : 0;
}

/* --- systemd -----------------------------------------------------------------------------------
 */

static int take_over_passed(struct listeners *listeners, int *ret_count)
{
	*ret_count = 0;
#if HAVE_SYSTEMD
	int count = sd_listen_fds(1);
	for (int i = 0; i < count; i++) {
		int fd = SD_LISTEN_FDS_START + i;
		if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
			return -ENOTSOCK;
		}
		int err = add_row(listeners);
		if (err) {
			return err;
		}
		if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) <= 0) {
			set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
			set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_LOWAT);
		}
		int flags = fcntl(fd, F_GETFL);
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
		*cell(listeners, listeners->count - 1, 0) = fd;
	}
	*ret_count = count > 0 ? count : 0;
#endif
	return 0;
}

/* --- all ---------------------------------------------------------------------------------------
 */

/* What to do about it; "" when there is nothing to say. */
static void advise(int err, const char *option, char *ret_advice, size_t size)
{
	ret_advice[0] = '\0';
	if (err == -EADDRINUSE) {
		snprintf(ret_advice, size,
			" (does another gateway run? --%s takes another address)", option);
	} else if (err == -EACCES) {
		snprintf(ret_advice, size,
			" (ports below 1024 and protected folders need privileges: see setcap(8), or let "
			"systemd pass the socket)");
	} else if (err == -EEXIST) {
		snprintf(ret_advice, size, " (it is not a socket, so it stays)");
	}
}

static int open_address(struct listeners *listeners, const char *option, const char *text,
	char ret_error[CONFIG_ERROR_MAX])
{
	struct address address;
	const char *why = NULL;
	int err = address_parse(text, &address);
	if (!err && address.path) {
		err = open_unix(listeners, address.path);
	} else if (!err && address.host[0] == '\0') {
		err = open_any(listeners, address.port);
	} else if (!err) {
		err = open_host(listeners, &address, &why);
	}
	if (err) {
		char advice[160] = "";
		if (!why) {
			advise(err, option, advice, sizeof(advice));
		}
		snprintf(ret_error, CONFIG_ERROR_MAX, "cannot listen on %s: %s%s", text,
			why ? why : strerrordesc_np(-err), advice);
	}
	return err;
}

int listeners_open(
	struct listeners *listeners, const struct config *config, char ret_error[CONFIG_ERROR_MAX])
{
	*listeners = (struct listeners){.columns = (uint32_t)config->acceptors};
	int passed;
	int err = take_over_passed(listeners, &passed);
	if (err) {
		snprintf(ret_error, CONFIG_ERROR_MAX,
			"cannot use the sockets passed by systemd: %s", strerrordesc_np(-err));
	}
	for (size_t i = 0; i < config->listen_count && !err && passed == 0; i++) {
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

static struct sockaddr_storage address_of(const struct listeners *listeners, size_t row)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(address);
	getsockname(*cell(listeners, row, 0), (struct sockaddr *)&address, &len);
	return address;
}

uint16_t listeners_port(const struct listeners *listeners, size_t row)
{
	struct sockaddr_storage address = address_of(listeners, row);
	const struct sockaddr_in *in = (const void *)&address;
	const struct sockaddr_in6 *in6 = (const void *)&address;
	if (address.ss_family == AF_INET) {
		return ntohs(in->sin_port);
	}
	return address.ss_family == AF_INET6 ? ntohs(in6->sin6_port) : 0;
}

bool listeners_is_local(const struct listeners *listeners, size_t row)
{
	struct sockaddr_storage address = address_of(listeners, row);
	const struct sockaddr_in *in = (const void *)&address;
	const struct sockaddr_in6 *in6 = (const void *)&address;
	if (address.ss_family == AF_INET) {
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	return address.ss_family == AF_UNIX ||
	       (address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));
}

bool listeners_has_inet(const struct listeners *listeners)
{
	for (size_t row = 0; row < listeners->count; row++) {
		if (address_of(listeners, row).ss_family != AF_UNIX) {
			return true;
		}
	}
	return false;
}

void listeners_name_row(const struct listeners *listeners, size_t row, char *ret_name, size_t size)
{
	struct sockaddr_storage address = address_of(listeners, row);
	const struct sockaddr_in *in = (const void *)&address;
	const struct sockaddr_in6 *in6 = (const void *)&address;
	if (address.ss_family == AF_UNIX) {
		const struct sockaddr_un *un = (const void *)&address;
		snprintf(ret_name, size, "unix:%s", un->sun_path);
	} else if (address.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr)) {
		snprintf(ret_name, size, ":%u", ntohs(in6->sin6_port));
	} else if (address.ss_family == AF_INET && in->sin_addr.s_addr == INADDR_ANY) {
		snprintf(ret_name, size, ":%u", ntohs(in->sin_port));
	} else {
		struct remote self;
		char text[REMOTE_NAME_MAX];
		remote_from_sockaddr(&self, &address);
		remote_name(&self, text);
		snprintf(ret_name, size, "%s", text);
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
