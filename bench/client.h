/* One connection of the load: connects, opens, sends, cuts what comes into frames, closes. Never
 * blocks and never waits; its generator tells it what epoll said. */
#ifndef TIDEGATE_BENCH_CLIENT_H
#define TIDEGATE_BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct generator;

enum client_state {
	CLIENT_IDLE,       /* no socket */
	CLIENT_CONNECTING, /* TLS shakes hands, or the socket has yet to take the request */
	CLIENT_OPENING,    /* waits for the 101 */
	CLIENT_ENTERING,   /* has it, and waits for what its scenario needs beside */
	CLIENT_OPEN,
	CLIENT_CLOSING, /* a Close was sent; waits for the server's and the end of file */
};

/* Owner:  a generator.
 * Shared: never.
 * Freed:  with the generator. */
struct client {
	struct wire wire;
	uint8_t state;
	uint32_t number; /* among all of the run, from 0 */
	uint32_t index;  /* among those of its generator */
	uint32_t due;    /* requests that should have left */
	uint32_t sent;   /* requests handed to the wire */
	uint32_t answered;
	uint64_t intended_ns; /* of the opening */
	uint64_t longest_ns;  /* that an answer has taken, of the measured ones */
	uint8_t *rest;        /* lent while part of a frame has come */
	uint32_t rest_len;
	uint32_t rest_size;
};

/* Begins to connect. Errors: -errno. */
int client_open(struct generator *generator, struct client *client, uint64_t intended_ns);

/* The scenario has what it needs: a connection that was entering is open. */
void client_enter(struct generator *generator, struct client *client);

/* What epoll has said. */
void client_on_events(struct generator *generator, struct client *client, uint32_t events);

/* Sends a Close 1000 and waits for the server to end the connection. */
void client_close(struct generator *generator, struct client *client);

/* Closes the socket with a reset, which leaves no port in TIME_WAIT. */
void client_reset(struct client *client);

/* Takes a frame that is no message: answers a Ping, counts a Close that was not asked for as a cut.
 * Anything else is corrupt. Returns its length, 0 while it is not complete; client->wire.fd tells
 * whether the connection is still there. */
size_t client_take_control(
	struct generator *generator, struct client *client, const uint8_t *data, size_t len);

/* The connection is of no more use: counted as cut, or as corrupt where `is_corrupt`. */
void client_fail(struct generator *generator, struct client *client, bool is_corrupt);

#endif
