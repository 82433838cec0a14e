/* What the giver has and lets the taker see before anything is touched: figures, options and the
 * sockets that newcomers arrive at. HELLO and LISTENERS of messages.h. */
#ifndef TIDEGATE_OFFER_H
#define TIDEGATE_OFFER_H

#include "../config/config.h"
#include "../node/inherited.h"
#include "../node/listener.h"
#include "channel.h"

struct cluster_key;
struct registrar;

/* --- of the giver ------------------------------------------------------------------------------
 */

/* Borrowed. */
struct offer_means {
	const struct handover_hello *hello;
	const struct config *config;
	const struct registrar *registrar;
	const struct cluster_key *cluster_key;
	const struct listeners *listeners;
	const struct listeners *admin_listeners; /* NULL: there are none */
};

/* Sends both. No acceptor begins or ends meanwhile. Thread: main. Errors: -ENOMEM, and those of
 * channel_send. */
int offer_send(struct channel *channel, const struct offer_means *means);

/* --- of the taker ------------------------------------------------------------------------------
 */

/* Owner:  main.
 * Freed:  by offer_finish. */
struct offer {
	struct handover_hello hello; /* `binary` is `version` below */
	char version[HANDOVER_TEXT_MAX];
	struct pack options;   /* of setup.h */
	struct pack registrar; /* of registrar_hello_pack */
	struct inherited listeners;
	struct inherited admin_listeners;
};

#define OFFER_EMPTY ((struct offer){.hello.version = 0})

/* Receives both. Thread: main. Errors: -EPROTO: of another version of this, of which hello is read
 * all the same; -EINVAL, -EBADMSG; those of channel_receive. offer_finish is due. */
int offer_receive(struct channel *channel, struct offer *offer);

/* Closes sockets that were not taken out. Fine with OFFER_EMPTY. */
void offer_finish(struct offer *offer);

#endif
