/* The chat: lines of the input go to the gateway, messages to the output. */
#ifndef TIDEGATE_CHAT_H
#define TIDEGATE_CHAT_H

#include "chat_options.h"
#include "tidegate-client.h"

/* Logs in, runs until it is logged out or the line is gone for good, and shows why. `client` has
 * its options; it is borrowed, and fit for nothing but tg_client_destroy() afterwards.
 * Thread: main. */
enum chat_exit chat_run(struct tg_client *client, const struct chat_options *options);

#endif
