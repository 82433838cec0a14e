/* Where the gateway is built without NATS. */
#include "link_nats.h"

#include <errno.h>
#include <stdio.h>

bool link_nats_is_built(void)
{
	return false;
}

int link_nats_create(
	const struct link_nats_setup *setup, char ret_why[LINK_TEXT_MAX], struct link **ret_link)
{
	snprintf(ret_why, LINK_TEXT_MAX, "this build has no NATS in it (meson: cluster)");
	return -ENOTSUP;
}
