/* The line to the other nodes over NATS. Only nats_line.h, and what it is made of, know libnats.
 *
 * Threads: one of its own, which connects, sends and closes, and those of libnats, of which one
 * receives all messages, so that they come in the order in which the server sent them. */
#ifndef TIDEGATE_LINK_NATS_H
#define TIDEGATE_LINK_NATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/mailbox.h"
#include "link.h"

/* Owner: the caller; strings are copied, the mailbox must outlive link_stop. */
struct link_nats_setup {
	const char *urls;   /* nats://HOST:PORT or tls://HOST:PORT, several with commas between */
	const char *first;  /* the one of them that is tried first; NULL or another: any */
	const char *prefix; /* the first token of all subjects */
	const char *id;     /* of this node */
	const char *creds;  /* a file of credentials; empty: none */
	const char *ca;     /* a file of certificates that tls:// trusts; empty: the system's */
	size_t payload_needed;   /* bytes that the server must take in one message */
	size_t out_limit;        /* bytes that may wait to be sent */
	size_t in_limit;         /* bytes that may be received and not freed; small messages have an
				  * eighth more */
	struct mailbox *mailbox; /* takes struct link_message */
	uint32_t mail_kind;
};

/* Whether this build has NATS in it. Thread: any. */
bool link_nats_is_built(void);

/* Starts the line: LINK_UP comes to the mailbox when it is up. Retries for ever, each quarter of a
 * second and a random part of another. Thread: any. Errors: -ENOTSUP where it is not built in,
 * -ENOMEM, -EAGAIN, -EMFILE, -EINVAL for a URL, a file or an id that libnats does not take; ret_why
 * then says what. */
int link_nats_create(
	const struct link_nats_setup *setup, char ret_why[LINK_TEXT_MAX], struct link **ret_link);

#endif
