/* Sockets on their way from an acceptor to a worker. */
#ifndef TIDEGATE_NEWCOMERS_H
#define TIDEGATE_NEWCOMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/mailbox.h"
#include "../base/remote.h"

struct accepted_socket {
	int fd;          /* non-blocking, close-on-exec */
	bool is_beyond;  /* without a place, to be answered 503 if there is none by then */
	bool is_proxied; /* begins with a PROXY header */
	bool is_tls;     /* behind that TLS is spoken */
	uint64_t epoch;  /* its place in the order of acceptance */
	struct remote remote;
};

/* Owner:  the acceptor until posted, then the worker, which frees it. */
struct socket_batch {
	struct mail mail;
	uint32_t count;
	struct accepted_socket sockets[];
};

#endif
