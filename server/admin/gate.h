/* What a request must pass before its handler sees it: a sound head, its origin, its route, the
 * rate. */
#ifndef TIDEGATE_ADMIN_GATE_H
#define TIDEGATE_ADMIN_GATE_H

#include "request.h"

/* Fills in method, route and name of a request whose head has come; makes a problem when it goes no
 * further. */
void admin_gate_judge(struct admin_request *request);

#endif
