/* What sessions of this node say to users who are on others: done only when their nodes have said
 * so. README.md, "Honesty"; PROTOCOL section 6, packet 111. */
#ifndef TIDEGATE_SAYS_H
#define TIDEGATE_SAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "../fanout/elsewhere.h"
#include "asks.h"
#include "codec_traffic.h"
#include "peers.h"
#include "sender.h"

/* What was said and waits for its answers. Owner: struct says. */
struct say_wait {
	handle_t sender;
	uint64_t count;   /* sessions that were reached */
	uint32_t id;      /* of the packet */
	uint32_t waiting; /* answers */
	uint8_t result;   /* so far */
};

/* Owner: the cluster. */
struct says {
	struct directory *directory;
	struct peers *peers;
	struct sender *sender;
	struct asks *asks;
	struct elsewhere *elsewhere;
	const struct cluster_ops *ops;
	void *context;
	uint32_t under_way;
	bool is_joined; /* the link is up, and this node not fenced */
};

/* Sends it to where it is for; takes it over and frees it. All that was said to everybody before it
 * must have been sent. */
void says_post(struct says *says, struct elsewhere_say *say);

/* A node has answered, or has not: what that node said counts. */
void says_on_answer(struct says *says, struct say_wait *wait, uint8_t result, uint32_t count);

/* Of several sessions of a user: done if any was reached, else what leaves the most open. PROTOCOL
 * section 6. */
uint8_t says_merge(uint8_t a, uint8_t b);

#endif
