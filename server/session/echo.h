/* Every message back to its sender, without users: what conformance suites and load generators
 * need. */
#ifndef TIDEGATE_ECHO_H
#define TIDEGATE_ECHO_H

#include "../conn/conns.h"

/* `owner` is a struct sessions. */
extern const struct conn_ops echo_ops;

#endif
