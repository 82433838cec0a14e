#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../tools/client/url.h"

#define SPREAD_FIRST 0x7f000002u /* 127.0.0.2 */

/* --- parsing -------------------------------------------------------------------------------------
 */

static int resolve(const struct url *url, struct address *address, char *ret_error)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *found = NULL;
	int failure = getaddrinfo(url->host, url->service, &hints, &found);
	if (failure) {
		snprintf(ret_error, ADDRESS_ERROR_MAX, "cannot resolve %.100s, port %s: %s",
			url->host, url->service, gai_strerror(failure));
		return -EINVAL;
	}
	memcpy(&address->target.storage, found->ai_addr, found->ai_addrlen);
	address->target_len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static bool is_spoken(const struct url *url)
{
	return url->path || strcmp(url->scheme, "ws") == 0 || strcmp(url->scheme, "wss") == 0;
}

int address_parse(const char *text, struct address *ret_address, char ret_error[ADDRESS_ERROR_MAX])
{
	struct address address = {.path = "/"};
	struct url url;
	if (url_parse(text, &url) < 0 || !is_spoken(&url) || strchr(url.target, '?') ||
		strlen(url.target) > ADDRESS_PATH_MAX) {
		snprintf(ret_error, ADDRESS_ERROR_MAX,
			"\"%.100s\" is neither ws://HOST:PORT/, wss://HOST:PORT/ nor unix:PATH (and a "
			"query is the bench's to add)",
			text);
		return -EINVAL;
	}
	snprintf(address.host, sizeof(address.host), "%s", url.authority);
	snprintf(address.name, sizeof(address.name), "%s", url.host);
	address.is_secure = strcmp(url.scheme, "wss") == 0;
	if (*url.target) {
		address.path = url.target;
	}
	if (url.path) {
		address.target.un.sun_family = AF_UNIX;
		snprintf(address.target.un.sun_path, sizeof(address.target.un.sun_path), "%s",
			url.path);
		address.target_len = sizeof(address.target.un);
	} else {
		int err = resolve(&url, &address, ret_error);
		if (err) {
			return err;
		}
	}
	*ret_address = address;
	return 0;
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
