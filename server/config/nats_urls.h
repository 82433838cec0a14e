/* The servers of the option `cluster`: addresses with commas between. */
#ifndef TIDEGATE_NATS_URLS_H
#define TIDEGATE_NATS_URLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NATS_URLS_MAX = 16,
	NATS_URL_MAX = 256, /* bytes, NUL included */
	NATS_PORT = 4222,   /* where an address names none */
};

/* Owner: whoever declared it; plain data. */
struct nats_urls {
	size_t count;
	char urls[NATS_URLS_MAX][NATS_URL_MAX];
	uint16_t ports[NATS_URLS_MAX];
};

/* Reads them; blanks around the commas do not count. Thread: any. Errors: -EINVAL for none, or one
 * that is not nats://HOST:PORT or tls://HOST:PORT, with or without the port, IPv6 in brackets;
 * -EACCES where one has a user or a password in it, which others could read there; -ENOSPC for too
 * many. */
int nats_urls_read(const char *text, struct nats_urls *ret_urls);

#endif
