/* How libnats is to behave on a line, as its options say. */
#ifndef TIDEGATE_NATS_OPTIONS_H
#define TIDEGATE_NATS_OPTIONS_H

#include <nats/nats.h>

#include "link.h"
#include "nats_line_setup.h"

struct nats_ear;

/* Makes them, with whatever files the setup names, as these are now; the caller destroys them.
 * Thread: any. Errors: -errno, and ret_why says why. */
int nats_options_make(const struct nats_line_setup *setup, struct nats_ear *ear,
	char ret_why[LINK_TEXT_MAX], natsOptions **ret_options);

/* Says why libnats did not take something. Returns -ENOMEM or -EINVAL. */
int nats_options_refuse(char ret_why[LINK_TEXT_MAX], natsStatus status);

#endif
