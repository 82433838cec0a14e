/* The body of a request, gathered as it comes: of bounded length each, and of bounded size in all.
 */
#ifndef TIDEGATE_ADMIN_BODY_H
#define TIDEGATE_ADMIN_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "request.h"

/* Whether the request is to be answered without waiting for its body, at the price of the
 * connection; makes a problem of a body that is declared too long. */
bool admin_body_is_not_worth_waiting(struct admin_request *request);

/* Appends what has come; makes a problem when that is too much. */
void admin_body_take(struct admin_request *request, const char *data, size_t len);

/* Whether so much was thrown away that the rest is not worth it. */
bool admin_body_is_endless(const struct admin_request *request);

/* Frees what was gathered. */
void admin_body_drop(struct admin_request *request);

#endif
