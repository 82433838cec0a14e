#include "url.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/ascii.h"
#include "../../proto/query.h"
#include "../../proto/slice.h"

enum {
	UNIX_PATH_MAX = 107, /* bytes of sun_path without the NUL */
	PORT_MAX = 65535,
};

static bool is_sub_delimiter(char c)
{
	return c && strchr("!$&'()*+,;=", c);
}

/* unreserved of RFC 3986 section 2.3. */
static bool is_unreserved(char c)
{
	return ascii_is_alnum(c) || (c && strchr("-._~", c));
}

/* What may stand raw in a request line; a fragment is never sent. */
static bool is_target(char c)
{
	return c > ' ' && c <= '~' && c != '#';
}

static bool copy(char *to, size_t size, struct slice from)
{
	if (from.len >= size) {
		return false;
	}
	memcpy(to, from.data, from.len);
	to[from.len] = '\0';
	return true;
}

static bool take_scheme(struct slice scheme, struct url *url)
{
	if (scheme.len == 0 || !copy(url->scheme, sizeof(url->scheme), scheme)) {
		return false;
	}
	for (char *c = url->scheme; *c; c++) {
		if (!ascii_is_alnum(*c)) {
			return false;
		}
		if (*c >= 'A' && *c <= 'Z') {
			*c = (char)(*c - 'A' + 'a');
		}
	}
	return true;
}

static bool host_is_valid(struct slice host, bool in_brackets)
{
	for (size_t i = 0; i < host.len; i++) {
		const char c = host.data[i];
		const bool fits = in_brackets ? ascii_hex_value(c) >= 0 || c == ':' || c == '.'
					      : is_unreserved(c) || is_sub_delimiter(c);
		if (!fits) {
			return false;
		}
	}
	return host.len > 0;
}

static bool take_service(struct slice port, bool is_told, struct url *url)
{
	const bool is_secure = strcmp(url->scheme, "wss") == 0;
	unsigned number = 0;

	if (!is_told || port.len == 0) {
		return copy(
			url->service, sizeof(url->service), is_secure ? SLICE("443") : SLICE("80"));
	}
	for (size_t i = 0; i < port.len; i++) {
		if (!ascii_is_digit(port.data[i]) || i >= URL_SERVICE_MAX) {
			return false;
		}
		number = number * 10 + (unsigned)(port.data[i] - '0');
	}
	return number > 0 && number <= PORT_MAX && copy(url->service, sizeof(url->service), port);
}

static bool take_authority(struct slice authority, struct url *url)
{
	struct slice rest = authority;
	const bool in_brackets = rest.len > 0 && rest.data[0] == '[';
	struct slice host;

	if (in_brackets) {
		slice_drop(&rest, 1);
		if (!memchr(rest.data, ']', rest.len)) {
			return false;
		}
		host = slice_cut(&rest, ']');
		if (rest.len > 0 && rest.data[0] != ':') {
			return false;
		}
	} else {
		const char *colon = memchr(rest.data, ':', rest.len);
		host = (struct slice){rest.data, colon ? (size_t)(colon - rest.data) : rest.len};
		slice_drop(&rest, host.len);
	}
	const bool has_port = rest.len > 0;
	if (has_port) {
		slice_drop(&rest, 1);
	}
	return host_is_valid(host, in_brackets) && copy(url->host, sizeof(url->host), host) &&
	       take_service(rest, has_port, url) &&
	       copy(url->authority, sizeof(url->authority), authority);
}

static bool take_target(const char *target, struct url *url)
{
	for (const char *c = target; *c; c++) {
		if (!is_target(*c)) {
			return false;
		}
	}
	url->target = target;
	return true;
}

static bool take_unix(const char *path, struct url *url)
{
	url->path = path;
	url->target = "";
	return *path && strlen(path) <= UNIX_PATH_MAX &&
	       copy(url->authority, sizeof(url->authority), SLICE("localhost"));
}

int url_parse(const char *text, struct url *ret_url)
{
	const char *colon = strchr(text, ':');
	struct url url = {0};

	if (strlen(text) > URL_MAX || !colon ||
		!take_scheme((struct slice){text, (size_t)(colon - text)}, &url)) {
		return -EINVAL;
	}
	if (strcmp(url.scheme, "unix") == 0) {
		if (!take_unix(colon + 1, &url)) {
			return -EINVAL;
		}
	} else {
		if (strncmp(colon, "://", 3) != 0) {
			return -EINVAL;
		}
		const char *authority = colon + 3;
		const size_t len = strcspn(authority, "/?#");
		if (!take_authority((struct slice){authority, len}, &url) ||
			!take_target(authority + len, &url)) {
			return -EINVAL;
		}
	}
	*ret_url = url;
	return 0;
}

enum {
	FIELD_COUNT = 2,
};

/* A field of the query; a value that is NULL leaves the target's alone. */
struct field {
	struct slice key;
	const char *value;
};

/* Writes `&key=value` or `?key=value`; returns the new end. */
static char *append_field(char *end, bool *has_query, const struct field *field)
{
	static const char digits[] = "0123456789ABCDEF";

	*end++ = *has_query ? '&' : '?';
	*has_query = true;
	end = mempcpy(end, field->key.data, field->key.len);
	*end++ = '=';
	for (const char *value = field->value; *value; value++) {
		if (is_unreserved(*value)) {
			*end++ = *value;
		} else {
			const unsigned char byte = (unsigned char)*value;
			*end++ = '%';
			*end++ = digits[byte >> 4];
			*end++ = digits[byte & 15];
		}
	}
	*end = '\0';
	return end;
}

/* Whether one of `fields` takes the place of that of the target, whose key may be in any spelling:
 * the gateway's own comparison. */
static bool is_replaced(struct slice of_target, const struct field fields[FIELD_COUNT])
{
	char value[1];
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (fields[i].value && query_find(of_target, fields[i].key, value, 0) != -ENOENT) {
			return true;
		}
	}
	return false;
}

/* Writes the fields of `query` that none of `fields` replaces, as they stand; returns the new end.
 */
static char *append_others(
	char *end, bool *has_query, struct slice query, const struct field fields[FIELD_COUNT])
{
	while (query.len > 0) {
		const struct slice field = slice_cut(&query, '&');
		if (field.len == 0 || is_replaced(field, fields)) {
			continue;
		}
		*end++ = *has_query ? '&' : '?';
		*has_query = true;
		end = mempcpy(end, field.data, field.len);
	}
	*end = '\0';
	return end;
}

static size_t encoded_len_max(const struct field *field)
{
	return field->value ? 1 + field->key.len + 1 + 3 * strlen(field->value) : 0;
}

int url_target(const char *target, const struct url_login *login, char **ret_target)
{
	const struct field fields[FIELD_COUNT] = {
		{SLICE("user"), login->user},
		{SLICE("device"), login->device},
	};
	const size_t path_len = strcspn(target, "?");
	size_t size = 1 + strlen(target) + 1;
	struct slice query = {target + path_len, strlen(target + path_len)};
	bool has_query = false;

	for (size_t i = 0; i < FIELD_COUNT; i++) {
		size += encoded_len_max(&fields[i]);
	}
	char *joined = malloc(size);
	char *end = joined;
	if (!joined) {
		return -ENOMEM;
	}
	if (*target != '/') {
		*end++ = '/';
	}
	end = mempcpy(end, target, path_len);
	if (query.len > 0) {
		slice_drop(&query, 1);
	}
	end = append_others(end, &has_query, query, fields);
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (fields[i].value) {
			end = append_field(end, &has_query, &fields[i]);
		}
	}
	*ret_target = joined;
	return 0;
}
