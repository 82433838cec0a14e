#include "nats_urls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char BLANKS[] = " \t";

/* NULL where there is no scheme that is known. */
static const char *behind_scheme(const char *url)
{
	static const char *const schemes[] = {"nats://", "tls://"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i]);
		if (strncmp(url, schemes[i], len) == 0) {
			return url + len;
		}
	}
	return NULL;
}

static bool is_host_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-' || c == '_';
}

/* Where the host ends; NULL where it is none. */
static const char *end_of_host(const char *host)
{
	size_t len = 0;

	if (host[0] == '[') {
		len = strspn(host + 1, "0123456789abcdefABCDEF:.%");
		return len > 1 && host[len + 1] == ']' ? host + len + 2 : NULL;
	}
	while (is_host_byte(host[len])) {
		len++;
	}
	return len > 0 ? host + len : NULL;
}

static int read_port(const char *text, uint16_t *ret_port)
{
	char *end;
	unsigned long port = NATS_PORT;

	if (text[0] != '\0') {
		bool is_number = text[0] == ':' && text[1] >= '0' && text[1] <= '9';
		port = is_number ? strtoul(text + 1, &end, 10) : 0;
		if (port == 0 || port > UINT16_MAX || *end != '\0') {
			return -EINVAL;
		}
	}
	*ret_port = (uint16_t)port;
	return 0;
}

static int judge(const char *url, uint16_t *ret_port)
{
	const char *host = behind_scheme(url);
	if (!host) {
		return -EINVAL;
	}
	if (strchr(host, '@')) {
		return -EACCES;
	}
	const char *port = end_of_host(host);
	return port ? read_port(port, ret_port) : -EINVAL;
}

/* `len` bytes from `from` on, without the blanks around them. */
static int add(struct nats_urls *urls, const char *from, size_t len)
{
	size_t blanks = strspn(from, BLANKS);

	from += blanks < len ? blanks : len;
	len -= blanks < len ? blanks : len;
	while (len > 0 && strchr(BLANKS, from[len - 1])) {
		len--;
	}
	if (len >= NATS_URL_MAX) {
		return -EINVAL;
	}
	if (urls->count == NATS_URLS_MAX) {
		return -ENOSPC;
	}
	char *url = urls->urls[urls->count];
	memcpy(url, from, len);
	url[len] = '\0';
	int err = judge(url, &urls->ports[urls->count]);
	urls->count += err ? 0 : 1;
	return err;
}

int nats_urls_read(const char *text, struct nats_urls *ret_urls)
{
	struct nats_urls urls = {.count = 0};

	for (;; text++) {
		size_t len = strcspn(text, ",");
		int err = add(&urls, text, len);
		if (err) {
			return err;
		}
		text += len;
		if (*text == '\0') {
			break;
		}
	}
	*ret_urls = urls;
	return 0;
}
