/* What everything on the admin port knows of the gateway. */
#ifndef TIDEGATE_ADMIN_CONTEXT_H
#define TIDEGATE_ADMIN_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "../base/mailbox.h"
#include "../config/config.h"
#include "../node/acceptor.h"
#include "../node/listener.h"
#include "../node/worker.h"
#include "origin.h"
#include "rate.h"

struct admin_history;
struct registrar;
struct tls_store;

enum admin_mail {
	ADMIN_MAIL_RELOAD,    /* from main */
	ADMIN_MAIL_ORDER,     /* struct order, back from a worker */
	ADMIN_MAIL_ELSEWHERE, /* struct api_ask, back from the registrar */
	ADMIN_MAIL_EVENTS,    /* struct events_ask, back from the registrar */
	ADMIN_MAIL_PARK,      /* of a struct park_seat, from main: stand still */
};

/* Owner:  the admin thread, once it runs.
 * Shared: what it points to, as said there. */
struct admin_context {
	struct config config; /* as of the last reload */
	struct node *node;
	struct acceptor *const *acceptors; /* config.acceptors of them */
	const struct listeners *listeners; /* the clients' */
	const struct registrar *registrar;
	struct tls_store *tls;      /* what the port shows; NULL: it speaks no TLS */
	bool is_parking;            /* about to stand still: no further request is begun */
	bool has_left;              /* another process answers: who asks here is sent there */
	int drain_fd;               /* eventfd of the main thread: asks for the drain */
	int upgrade_fd;             /* likewise: asks for another process in this one's place */
	uint64_t files_base;        /* descriptors that are neither clients' nor requests' */
	struct mailbox *mailbox;    /* where orders come back to */
	uint64_t resident_at_start; /* bytes; 0: nobody has looked yet */
	uint64_t delivered_to_all;  /* as it was told last */
	struct admin_history *history;
	uint64_t record_ms; /* of the loop, when a moment is to be added to it */
	struct admin_origin origin;
	struct admin_rate rate;
	uint64_t started_ms;        /* of the monotonic clock */
	uint64_t started_boot_ms;   /* of the one that goes on while the machine sleeps */
	struct timespec started_at; /* of the calendar's */
	uint32_t clients;           /* connections to the admin port */
	uint32_t requests;          /* begun and not over */
	uint32_t orders;            /* requests whose orders or asks are with others */
	uint32_t waits;             /* of those asks, the ones that may wait for an event */
	uint32_t waits_max;
	size_t body_bytes; /* held of requests' bodies */
};

/* When the gateway was started, in milliseconds since 1970: the name of this run. */
static inline uint64_t admin_context_run(const struct admin_context *context)
{
	return (uint64_t)context->started_at.tv_sec * 1000 +
	       (uint64_t)context->started_at.tv_nsec / 1000000;
}

#endif
