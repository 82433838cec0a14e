/* Where the server is, and from where connections come. */
#ifndef TIDEGATE_BENCH_ADDRESS_H
#define TIDEGATE_BENCH_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
	ADDRESS_SOURCES_MAX = 256,
	/* The kernel gives out ports of one parity first, 14,116 of the default range, and searches
	 * longer for the others. */
	ADDRESS_PER_SOURCE = 10000,
	ADDRESS_ERROR_MAX = 256,
	ADDRESS_HOST_MAX = 280,
	ADDRESS_PATH_MAX = 280,
	ADDRESS_NAME_MAX = 256,
};

/* Owner:  the options.
 * Shared: read by all generators. */
struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_storage storage;
	} target;
	socklen_t target_len;
	char host[ADDRESS_HOST_MAX]; /* of the Host field */
	char name[ADDRESS_NAME_MAX]; /* of the host alone, as in its certificate */
	bool is_secure;              /* wss:// */
	const char *path;            /* of the request, without the query; inside the text read */
	uint32_t source_count;       /* 0: the kernel chooses */
	struct in_addr sources[ADDRESS_SOURCES_MAX];
};

/* Reads ws://HOST[:PORT][/PATH], wss:// likewise, or unix:PATH, which stays where it is. Errors:
 * -EINVAL and a line for people. */
int address_parse(const char *text, struct address *ret_address, char ret_error[ADDRESS_ERROR_MAX]);

/* Adds a comma-separated list of source addresses. Errors: as above. */
int address_add_sources(
	struct address *address, const char *list, char ret_error[ADDRESS_ERROR_MAX]);

/* Takes as many addresses of 127/8 as `connections` need, when the target is on the loopback and no
 * source was named. */
void address_spread(struct address *address, uint32_t connections);

/* A non-blocking socket of the `number`-th connection, connecting or connected.
 * Errors: -errno; -EAGAIN: a unix: backlog is full, come back. */
int address_connect(const struct address *address, uint32_t number, int *ret_fd);

#endif
