#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../proto/ascii.h"

static const char UNIX_PREFIX[] = "unix:";
static const char PROXY_PREFIX[] = "proxy:";
static const char TLS_PREFIX[] = "wss://";

static size_t bracketed_len(const char *text)
{
	char ip[INET6_ADDRSTRLEN];
	struct in6_addr in6;
	size_t len = strcspn(text + 1, "]");
	if (len >= sizeof(ip) || text[1 + len] != ']') {
		return 0;
	}
	memcpy(ip, text + 1, len);
	ip[len] = '\0';
	return inet_pton(AF_INET6, ip, &in6) == 1 ? len + 2 : 0;
}

size_t address_host_len(const char *text)
{
	return text[0] == '[' ? bracketed_len(text)
			      : strspn(text, "abcdefghijklmnopqrstuvwxyz"
					     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");
}

int address_port(const char *text, uint16_t *ret_port)
{
	uint64_t port;
	if (!ascii_number(text, strlen(text), ADDRESS_PORT_MAX, &port)) {
		return -EINVAL;
	}
	*ret_port = (uint16_t)port;
	return 0;
}

static int parse_inet(const char *text, struct address *address)
{
	size_t len = address_host_len(text);
	if (text[len] != ':' || address_port(text + len + 1, &address->port) < 0) {
		return -EINVAL;
	}
	bool is_bracketed = text[0] == '[';
	memcpy(address->host, text + is_bracketed, len - 2 * is_bracketed);
	return 0;
}

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

const char *address_behind_proxy(const char *text)
{
	const char *behind = text + strlen(PROXY_PREFIX);
	/* A port behind it makes it a host. */
	return begins(text, PROXY_PREFIX) && strchr(behind, ':') ? behind : text;
}

const char *address_place(const char *text)
{
	const char *behind = address_behind_proxy(text);
	return begins(behind, TLS_PREFIX) ? behind + strlen(TLS_PREFIX) : behind;
}

const char *address_without_star(const char *text)
{
	return begins(text, "*:") ? text + 1 : text;
}

bool address_is_tls(const char *text)
{
	return begins(address_behind_proxy(text), TLS_PREFIX);
}

bool address_is_unix(const char *text)
{
	return begins(address_behind_proxy(text), UNIX_PREFIX);
}

int address_parse(const char *text, struct address *ret_address)
{
	struct address address = {0};
	size_t prefix_len = sizeof(UNIX_PREFIX) - 1;
	if (strnlen(text, ADDRESS_MAX) == ADDRESS_MAX) {
		return -EINVAL;
	}
	address.is_proxied = address_behind_proxy(text) != text;
	address.is_tls = address_is_tls(text);
	const char *place = address_place(text);
	size_t len = strlen(place);
	int err = 0;
	if (address_is_unix(text)) {
		address.path = place + prefix_len;
		err = len == prefix_len || len - prefix_len >= ADDRESS_PATH_MAX ? -EINVAL : 0;
	} else {
		err = parse_inet(place, &address);
	}
	if (!err) {
		*ret_address = address;
	}
	return err;
}

/* Who listens at one of these can be reached at the machine's every address of a kind. */
static const struct {
	const char *prefix;
	const char *host;
	const char *reach;
} wildcards[] = {
	{":", "localhost:", " (all addresses)"},
	{"0.0.0.0:", "127.0.0.1:", " (all IPv4 addresses)"},
	{"[::]:", "[::1]:", " (all IPv6 addresses)"},
};

const char *address_url(const char *scheme, const char *listener, char ret_url[ADDRESS_URL_MAX])
{
	if (address_behind_proxy(listener) != listener) {
		snprintf(ret_url, ADDRESS_URL_MAX, "%s", listener);
		return " (PROXY protocol)";
	}
	if (address_is_unix(listener)) {
		snprintf(ret_url, ADDRESS_URL_MAX, "%s", listener);
		return "";
	}
	const char *place = address_place(listener);
	scheme = place == listener ? scheme : "wss";
	for (size_t i = 0; i < sizeof(wildcards) / sizeof(wildcards[0]); i++) {
		if (begins(place, wildcards[i].prefix)) {
			snprintf(ret_url, ADDRESS_URL_MAX, "%s://%s%s/", scheme, wildcards[i].host,
				place + strlen(wildcards[i].prefix));
			return wildcards[i].reach;
		}
	}
	snprintf(ret_url, ADDRESS_URL_MAX, "%s://%s/", scheme, place);
	return "";
}
