/* The transport of a login's lines: opens, reads, writes and closes what the login wants, through a
 * table of functions, and keeps the descriptor watched by an epoll. */
#ifndef TIDEGATE_CLIENT_TRANSPORT_H
#define TIDEGATE_CLIENT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "login.h"
#include "tidegate-client.h"
#include "url.h"

/* Owner:  a client.
 * Shared: never. */
struct transport {
	struct login *login;
	int epoll_fd; /* of the client; borrowed */

	/* Of the next line to be opened. The texts of `url` are borrowed. */
	struct tg_io next_io;
	void *next_data;
	struct url url;

	/* Of the one there is. */
	struct tg_io io;
	void *line;      /* NULL: there is none */
	uint32_t number; /* of the login's line it serves */
	bool is_connected;
	int write_error; /* nothing more can be sent; what was received is read first */
	int watched_fd;  /* -1: none */
	short watched_events;
	bool is_watch_lasting; /* since it is connected: the number stays the same file */
	uint8_t *buffer;       /* what is read goes here */
};

/* Errors: -ENOMEM. */
int transport_init(struct transport *transport, struct login *login, int epoll_fd);

/* Closes what there is. Accepts a transport that is all zero but for an fd of -1. */
void transport_finish(struct transport *transport);

/* Does what can be done without waiting: opens, connects, closes and writes as the login wants;
 * reads too when `may_read`, within a budget. Calls back into the login, and so into the
 * application; stops when *is_doomed becomes true. Returns whether more can be done at once. */
bool transport_step(
	struct transport *transport, bool may_read, const bool *is_doomed, uint64_t now_ms);

/* Brings what the epoll watches in line. */
void transport_watch(struct transport *transport);

/* Before a line is cut in the middle of its end: hands the kernel what it takes of the Close, then
 * reads and forgets what has come, as closing on unread bytes would be a reset that takes the Close
 * from the gateway. */
void transport_part(struct transport *transport);

#endif
