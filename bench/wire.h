/* The socket of a connection, plain or with TLS on it: what it gives, what it takes, and what it
 * has not taken yet. */
#ifndef TIDEGATE_BENCH_WIRE_H
#define TIDEGATE_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct options;
struct tls_socket;

/* Owner:  a client.
 * Shared: never. */
struct wire {
	int fd; /* -1: closed */
	uint32_t unsent_len;
	uint8_t *unsent;        /* what it did not take */
	struct tls_socket *tls; /* NULL: plain */
};

#define WIRE_CLOSED ((struct wire){.fd = -1})

/* Begins to connect: the `number`-th of its generator, for which that epoll has `data`.
 * Errors: -errno; -EAGAIN: come back. */
int wire_open(struct wire *wire, const struct options *options, uint32_t number, int epoll_fd,
	void *data);

/* Closes it; what was not taken is lost. */
void wire_close(struct wire *wire);

/* The same with a reset, which leaves no port in TIME_WAIT; one that is closed stays so. */
void wire_reset(struct wire *wire);

/* As recv and send: -1 and errno, which may be EAGAIN. */
ssize_t wire_recv(struct wire *wire, void *ret_data, size_t size);
ssize_t wire_send_some(struct wire *wire, const void *data, size_t len);

/* Whether the socket takes nothing for now. */
static inline bool wire_is_full(const struct wire *wire)
{
	return wire->unsent_len > 0;
}

/* Sends, or keeps what the socket does not take. */
void wire_send(struct wire *wire, const void *data, size_t len);

/* The socket takes bytes again: sends what was kept. */
void wire_send_kept(struct wire *wire);

#endif
