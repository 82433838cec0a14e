/* An IPv4 or IPv6 address with a port, to listen at. */
#ifndef TIDEGATE_TCP_ADDRESS_H
#define TIDEGATE_TCP_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	TCP_FOUND_MAX = 32, /* addresses of one name */
};

/* Owner: whoever declared it; plain data. */
struct tcp_address {
	struct sockaddr_storage at;
	socklen_t len;
	bool is_dual; /* IPv6's unspecified address, for IPv4 as well */
};

struct tcp_address tcp_address_make(const struct sockaddr *at, socklen_t len, bool is_dual);

/* All addresses of this machine; `is_dual`: IPv4 and IPv6, else IPv4 alone. */
struct tcp_address tcp_address_any(uint16_t port, bool is_dual);

/* The addresses that a host's name stands for, with `port`; of very many the first TCP_FOUND_MAX.
 * Waits for the resolver. Returns how many, -EADDRNOTAVAIL with a text that says why for none. */
int tcp_address_find(const char *host, uint16_t port, struct tcp_address ret_found[TCP_FOUND_MAX],
	const char **ret_why);

/* Whether only this machine reaches it. */
bool tcp_address_is_loopback(const struct tcp_address *address);

bool tcp_address_is_same(const struct tcp_address *a, const struct tcp_address *b);

/* 0 for the kernel's choice, and for other families. */
uint16_t tcp_address_port(const struct tcp_address *address);
void tcp_address_set_port(struct tcp_address *address, uint16_t port);

/* Whether `a` takes in what comes to `b`, at the same port. */
bool tcp_address_covers(const struct tcp_address *a, const struct tcp_address *b);

/* What to do about an error of a probe or of listening, in brackets; "" where there is nothing to
 * say. */
const char *tcp_address_advice(int err);

/* Whether nobody listens there: SO_REUSEPORT would bind beside a foreign process without a word, a
 * plain bind tells. Errors: -errno of bind(2) and listen(2). */
int tcp_address_probe(const struct tcp_address *address);

/* Whether an error of the two functions around this says that this machine has no such IPv6
 * address, or no IPv6 at all. */
bool tcp_address_is_missing(int err);

/* Binds a socket there, beside others of this process, that takes no newcomers before listen(2).
 * Errors: -errno. */
int tcp_address_bind(const struct tcp_address *address, int *ret_fd);

/* Listens there, beside others of this process. Errors: -errno. */
int tcp_address_listen(const struct tcp_address *address, int backlog, int *ret_fd);

/* What a socket hands on to those that are accepted from it, which saves two system calls for each
 * of them. */
void tcp_address_prepare(int fd);

#endif
