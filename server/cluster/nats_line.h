/* One connection to a NATS server: what libnats needs to be told, and what it must not be left
 * alone with.
 *
 * libnats connects once and is not to connect again: a line that has ended is closed and another
 * opened, so that nothing is kept for later while there is none, and that what libnats 3.4 to 3.6
 * do wrong when they reconnect is not tried. */
#ifndef TIDEGATE_NATS_LINE_H
#define TIDEGATE_NATS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link.h"
#include "nats_line_setup.h"
#include "outgoing.h"

struct nats_ear;
struct nats_line;

/* Tries whether libnats takes the setup. Thread: any. Errors: -errno, and ret_why says why. */
int nats_line_try(
	const struct nats_line_setup *setup, struct nats_ear *ear, char ret_why[LINK_TEXT_MAX]);

/* Connects and subscribes. Takes NATS_LINE_CONNECT_MS and a second, for ever in the worst case:
 * libnats 3.4 to 3.7 wait without an end for a server that stops speaking in the midst of a TLS
 * handshake, and spin without an end after a time-out at the first PONG. Who calls this is watched
 * by somebody who calls socket_cut. Thread: any. Errors: -errno, and
 * ret_why says why. */
int nats_line_open(const struct nats_line_setup *setup, struct nats_ear *ear,
	char ret_why[LINK_TEXT_MAX], struct nats_line **ret_line);

/* Closes the line and nulls the giver's pointer. *line may be NULL. Thread: the one that sends. */
void nats_line_close(struct nats_line **line);

/* Whether it has ended by itself. Thread: the one that sends. */
bool nats_line_has_ended(const struct nats_line *line);

/* Why it has. Thread: the one that sends. */
void nats_line_why(const struct nats_line *line, char ret_why[LINK_TEXT_MAX]);

/* The largest message that the server takes, in bytes. Thread: the one that sends. */
size_t nats_line_max_payload(const struct nats_line *line);

/* Sends a message. Thread: one at a time. Errors: -EINVAL, -EMSGSIZE, -ENOMEM: not sent, the line
 * is as before; -EPIPE: perhaps sent in part: the line must be closed. */
int nats_line_send(struct nats_line *line, const struct parcel *parcel);

/* Waits until the server has taken all that was sent, `ms` at most. Thread: the one that sends. */
void nats_line_flush(struct nats_line *line, int ms);

/* Waits until the server has taken all that was sent, and the ear has been told of all that the
 * server had for this line by then, `ms` at most. Returns whether that is so. Thread: the one that
 * sends. */
bool nats_line_settle(struct nats_line *line, int ms);

/* Takes requests, or no longer: then the ear has been told of those that the server had given to
 * this line, unless that takes too long. Thread: the one that sends. Errors: -EPIPE. */
int nats_line_serve(struct nats_line *line, bool serves);

/* How many messages libnats has dropped since this was called last, for too many were waiting for
 * the thread that calls the ear. Thread: the one that sends. */
uint64_t nats_line_dropped(struct nats_line *line);

/* For a thread of ours that has called the functions above and ends. */
void nats_line_thread_end(void);

#endif
