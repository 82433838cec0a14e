#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPREAD_FIRST 0x7f000002u /* 127.0.0.2 */

/* --- parsing -------------------------------------------------------------------------------------
 */

static int parse_unix(const char *path, struct address *address, char *ret_error)
{
	if (!*path || strlen(path) >= sizeof(address->target.un.sun_path)) {
		snprintf(ret_error, ADDRESS_ERROR_MAX, "unix: takes a path of 1 to %zu bytes",
			sizeof(address->target.un.sun_path) - 1);
		return -EINVAL;
	}
	address->target.un.sun_family = AF_UNIX;
	snprintf(address->target.un.sun_path, sizeof(address->target.un.sun_path), "%s", path);
	address->target_len = sizeof(address->target.un);
	snprintf(address->host, sizeof(address->host), "localhost");
	snprintf(address->path, sizeof(address->path), "/");
	return 0;
}

static int resolve(const char *host, const char *port, struct address *address, char *ret_error)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *found = NULL;
	int failure = getaddrinfo(host, port, &hints, &found);
	if (failure) {
		snprintf(ret_error, ADDRESS_ERROR_MAX, "cannot resolve %.100s, port %.20s: %s",
			host, port, gai_strerror(failure));
		return -EINVAL;
	}
	memcpy(&address->target.storage, found->ai_addr, found->ai_addrlen);
	address->target_len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

/* HOST, HOST:PORT, [IPV6] or [IPV6]:PORT. */
static int parse_authority(char *authority, struct address *address, char *ret_error)
{
	char *host = authority;
	char *port = strrchr(authority, ':');
	if (*host == '[') {
		char *end = strchr(host, ']');
		if (!end) {
			snprintf(ret_error, ADDRESS_ERROR_MAX, "\"%.100s\" lacks its ]", authority);
			return -EINVAL;
		}
		*end = '\0';
		host++;
		port = end[1] == ':' ? end + 1 : NULL;
	}
	if (port) {
		*port++ = '\0';
	}
	return resolve(host, port && *port ? port : "80", address, ret_error);
}

int address_parse(const char *url, struct address *ret_address, char ret_error[ADDRESS_ERROR_MAX])
{
	static const char scheme[] = "ws://";
	struct address address = {0};
	char authority[ADDRESS_TEXT_MAX];

	if (strncmp(url, "unix:", 5) == 0) {
		int err = parse_unix(url + 5, &address, ret_error);
		if (!err) {
			*ret_address = address;
		}
		return err;
	}
	const char *rest = url + sizeof(scheme) - 1;
	size_t len = strncmp(url, scheme, sizeof(scheme) - 1) == 0 ? strcspn(rest, "/?#") : 0;
	if (len == 0 || strlen(rest) >= ADDRESS_TEXT_MAX || strpbrk(rest, "?# \r\n")) {
		snprintf(ret_error, ADDRESS_ERROR_MAX,
			"\"%.100s\" is neither ws://HOST:PORT/ nor unix:PATH (and a query is the bench's "
			"to add)",
			url);
		return -EINVAL;
	}
	snprintf(authority, sizeof(authority), "%.*s", (int)len, rest);
	snprintf(address.host, sizeof(address.host), "%s", authority);
	snprintf(address.path, sizeof(address.path), "%s", rest[len] ? rest + len : "/");
	int err = parse_authority(authority, &address, ret_error);
	if (!err) {
		*ret_address = address;
	}
	return err;
}

/* --- sources -------------------------------------------------------------------------------------
 */

int address_add_sources(
	struct address *address, const char *list, char ret_error[ADDRESS_ERROR_MAX])
{
	while (*list) {
		char word[INET_ADDRSTRLEN];
		size_t len = strcspn(list, ",");
		snprintf(word, sizeof(word), "%.*s", (int)len, list);
		if (len >= sizeof(word) || address->source_count == ADDRESS_SOURCES_MAX ||
			inet_pton(AF_INET, word, &address->sources[address->source_count]) != 1) {
			snprintf(ret_error, ADDRESS_ERROR_MAX,
				"\"%.100s\" is no list of up to %d IPv4 addresses", list,
				ADDRESS_SOURCES_MAX);
			return -EINVAL;
		}
		address->source_count++;
		list += len + (list[len] == ',');
	}
	return 0;
}

void address_spread(struct address *address, uint32_t connections)
{
	if (address->source_count > 0 || address->target.any.sa_family != AF_INET ||
		ntohl(address->target.in.sin_addr.s_addr) >> 24 != 127 ||
		connections <= ADDRESS_PER_SOURCE) {
		return;
	}
	uint32_t wanted = (connections + ADDRESS_PER_SOURCE - 1) / ADDRESS_PER_SOURCE;
	address->source_count = wanted < ADDRESS_SOURCES_MAX ? wanted : ADDRESS_SOURCES_MAX;
	for (uint32_t i = 0; i < address->source_count; i++) {
		address->sources[i].s_addr = htonl(SPREAD_FIRST + i);
	}
}

/* --- connecting ----------------------------------------------------------------------------------
 */

static int bind_source(const struct address *address, uint32_t number, int fd)
{
	const int yes = 1;
	const struct sockaddr_in source = {
		.sin_family = AF_INET,
		.sin_addr = address->sources[number % address->source_count],
	};
	/* Leaves the port to connect, which then need not be free for all targets. */
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes)) < 0 ||
		bind(fd, (const struct sockaddr *)&source, sizeof(source)) < 0) {
		return -errno;
	}
	return 0;
}

int address_connect(const struct address *address, uint32_t number, int *ret_fd)
{
	const int yes = 1;
	const int family = address->target.any.sa_family;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	int err = 0;
	if (family == AF_INET && address->source_count > 0) {
		err = bind_source(address, number, fd);
	}
	if (!err && family != AF_UNIX) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	}
	if (!err && connect(fd, &address->target.any, address->target_len) < 0 &&
		errno != EINPROGRESS) {
		err = -errno;
	}
	if (err) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}
