#include "origins.h"

#include <errno.h>

#include "ascii.h"

enum {
	PORT_MAX = 65535,
};

/* A pattern, or an origin, taken apart. */
struct parts {
	struct slice scheme;
	struct slice host; /* IPv6 with its brackets */
	struct slice port; /* empty for the scheme's own */
	bool has_port;
};

static struct parts take_apart(struct slice text)
{
	struct parts parts = {.has_port = false};
	const char *mark = text.len > 0 ? memmem(text.data, text.len, "://", 3) : NULL;
	if (!mark) {
		return parts;
	}
	parts.scheme = (struct slice){text.data, (size_t)(mark - text.data)};
	slice_drop(&text, parts.scheme.len + 3);
	const char *bracket =
		text.len > 0 && text.data[0] == '[' ? memchr(text.data, ']', text.len) : NULL;
	const size_t in_brackets = bracket ? (size_t)(bracket - text.data) + 1 : 0;
	struct slice behind = {text.data + in_brackets, text.len - in_brackets};
	parts.has_port = behind.len > 0 && memchr(behind.data, ':', behind.len);
	parts.host = (struct slice){text.data, in_brackets + slice_cut(&behind, ':').len};
	parts.port = behind;
	return parts;
}

/* --- patterns ----------------------------------------------------------------------------------
 */

static bool is_scheme(struct slice scheme)
{
	for (size_t i = 0; i < scheme.len; i++) {
		const char c = scheme.data[i];
		if (!ascii_is_alnum(c) && c != '+' && c != '-' && c != '.') {
			return false;
		}
	}
	return scheme.len > 0 && !ascii_is_digit(scheme.data[0]);
}

static bool is_name(struct slice host)
{
	for (size_t i = 0; i < host.len; i++) {
		const char c = host.data[i];
		if (!ascii_is_alnum(c) && c != '-' && c != '_' && c != '.') {
			return false;
		}
	}
	return host.len > 0 && host.data[0] != '.' && host.data[host.len - 1] != '.';
}

static bool is_bracketed(struct slice host)
{
	for (size_t i = 1; i + 1 < host.len; i++) {
		if (ascii_hex_value(host.data[i]) < 0 && host.data[i] != ':' &&
			host.data[i] != '.') {
			return false;
		}
	}
	return host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';
}

static bool is_wild(struct slice host)
{
	return slice_begins(host, SLICE("*."));
}

static bool is_port(const struct parts *parts)
{
	uint64_t port;
	if (!parts->has_port || slice_equals(parts->port, SLICE("*"))) {
		return true;
	}
	return ascii_number(parts->port.data, parts->port.len, PORT_MAX, &port);
}

static bool is_valid(struct slice pattern)
{
	const struct parts parts = take_apart(pattern);
	struct slice host = parts.host;
	if (slice_equals(pattern, SLICE("null"))) {
		return true;
	}
	if (is_wild(host)) {
		slice_drop(&host, 2);
		return is_scheme(parts.scheme) && is_name(host) && is_port(&parts);
	}
	return is_scheme(parts.scheme) && (is_name(host) || is_bracketed(host)) && is_port(&parts);
}

int origins_add(struct origins *origins, const char *pattern)
{
	if (strlen(pattern) >= ORIGIN_MAX || !is_valid(slice_of(pattern))) {
		return -EINVAL;
	}
	for (uint32_t i = 0; i < origins->count; i++) {
		if (strcmp(origins->patterns[i], pattern) == 0) {
			return -EEXIST;
		}
	}
	if (origins->count == ORIGINS_MAX) {
		return -ENOSPC;
	}
	strcpy(origins->patterns[origins->count++], pattern);
	return 0;
}

/* --- origins -----------------------------------------------------------------------------------
 */

/* Browsers leave out the port that is the scheme's own; in a pattern it may be written. */
static struct slice effective_port(const struct parts *parts)
{
	if (parts->has_port) {
		return parts->port;
	}
	if (slice_equals_nocase(parts->scheme, SLICE("https")) ||
		slice_equals_nocase(parts->scheme, SLICE("wss"))) {
		return SLICE("443");
	}
	return SLICE("80");
}

static bool fits_host(struct slice pattern, struct slice host)
{
	if (!is_wild(pattern)) {
		return slice_equals_nocase(pattern, host);
	}
	slice_drop(&pattern, 1); /* its dot stays */
	if (host.len <= pattern.len) {
		return false;
	}
	const struct slice end = {host.data + host.len - pattern.len, pattern.len};
	host.len -= pattern.len;
	return slice_equals_nocase(end, pattern) && is_name(host);
}

static bool fits(struct slice pattern, struct slice origin)
{
	if (slice_equals(pattern, SLICE("null"))) {
		return slice_equals(origin, SLICE("null"));
	}
	const struct parts wanted = take_apart(pattern);
	const struct parts given = take_apart(origin);
	return slice_equals_nocase(wanted.scheme, given.scheme) &&
	       fits_host(wanted.host, given.host) &&
	       (slice_equals(wanted.port, SLICE("*")) ||
		       slice_equals(effective_port(&wanted), effective_port(&given)));
}

bool origins_have(const struct origins *origins, struct slice origin)
{
	for (uint32_t i = 0; i < origins->count; i++) {
		if (fits(slice_of(origins->patterns[i]), origin)) {
			return true;
		}
	}
	return false;
}
