/* The line that says that the gateway serves, what it is and where it can be reached. */
#ifndef TIDEGATE_STARTED_H
#define TIDEGATE_STARTED_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "node/listener.h"

enum {
	STARTED_URL_MAX = ADDRESS_MAX + 48, /* bytes, NUL included */
};

/* A URL for clients of this machine: `ws://localhost:8000/` of `:8000`; a Unix socket stays what it
 * is. Returns what is to be said of addresses beyond it, as ` (all addresses)`, or "".
 * Thread: any. */
const char *started_url(const char *listener, char ret_url[STARTED_URL_MAX]);

/* Says it. `console` is where the admin port is, NULL for none. */
void started_say(const struct config *config, uint32_t workers, const struct listeners *listeners,
	const char *console);

#endif
