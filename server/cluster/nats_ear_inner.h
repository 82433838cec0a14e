/* What an ear is to the line, which has libnats call it. */
#ifndef TIDEGATE_NATS_EAR_INNER_H
#define TIDEGATE_NATS_EAR_INNER_H

#include <nats/nats.h>

struct nats_ear;

/* What is subscribed to. */
enum nats_topic {
	NATS_TOPIC_ALL,
	NATS_TOPIC_NODE,
	NATS_TOPIC_ANSWERS,
	NATS_TOPIC_REQUESTS, /* while they are served */
	NATS_TOPIC_MARK,     /* which nobody speaks of: nats_line_settle */
	NATS_TOPIC_COUNT,
};

/* Subscribes to one of them: from then on the ear is told. Thread: the one that sends. */
natsStatus nats_ear_subscribe(struct nats_ear *ear, natsConnection *connection,
	enum nats_topic topic, natsSubscription **ret_subscription);

/* Has the ear told of a line's end, and of trouble. */
natsStatus nats_ear_set_handlers(natsOptions *options, struct nats_ear *ear);

/* For the thread sanitizer: what was done before is done before libnats calls the ear. */
void nats_ear_give_to_library(struct nats_ear *ear);

#endif
