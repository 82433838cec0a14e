/* What an opening request offers to speak inside the line, and what is taken of it. RFC 6455
 * sections 1.9 and 4.2.2; PROTOCOL section 6. */
#ifndef TIDEGATE_SUBPROTOCOL_H
#define TIDEGATE_SUBPROTOCOL_H

#include <stdbool.h>

#include "http_head.h"

/* Later ones win. */
enum subprotocol {
	SUBPROTOCOL_NONE, /* classic, and the answer names none */
	SUBPROTOCOL_V0,   /* classic under a name, for who needs a place for a token */
	SUBPROTOCOL_V1,
};

/* As the answer names it; empty for SUBPROTOCOL_NONE. Thread: any. */
struct slice subprotocol_name(enum subprotocol subprotocol);

/* The best one that is offered in a list of comma-separated names, whose case counts. Thread: any.
 */
enum subprotocol subprotocol_best(struct slice offered);

#endif
