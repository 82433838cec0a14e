/* Another process with the name of this node. The one that was there first goes on, and sees to it
 * that the other one hears of it.
 *
 * What comes to all may have been recorded of an earlier run of this very node: nobody ends for it.
 * Whoever seems to have been there first is asked, which only one that runs can answer. README.md,
 * "What is played again". */
#ifndef TIDEGATE_NAMESAKE_H
#define TIDEGATE_NAMESAKE_H

#include <stdint.h>

#include "../base/incarnation.h"
#include "codec.h"
#include "peers.h"
#include "sender.h"

/* Owner: the cluster. Zeroed but for the sender: none was heard. */
struct namesake {
	struct sender *sender;
	struct incarnation incarnation; /* of the one that may have been there first */
	char address[PEER_ADDRESS_MAX]; /* of its admin port */
};

enum namesake_verdict {
	NAMESAKE_NOTHING,
	NAMESAKE_MAY_BE_OLDER, /* it was not heard before, and is asked: its answer takes a while */
	NAMESAKE_IS_OLDER,     /* this node has to end */
	NAMESAKE_IS_YOUNGER,   /* it is to hear of this node at once */
};

/* A message has come that bears this node's name, of another incarnation. */
enum namesake_verdict namesake_on_message(
	struct namesake *namesake, const struct codec_message *message, uint64_t now_us);

#endif
