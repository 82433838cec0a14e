/* A request's body, told from what follows it: of declared length, or in chunks. RFC 9112
 * section 6. */
#ifndef TIDEGATE_ADMIN_INTAKE_H
#define TIDEGATE_ADMIN_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunks.h"
#include "head.h"
#include "request.h"

/* How far a body has come.
 * Owner: the line that it comes by. */
struct admin_intake {
	bool is_chunked;
	struct admin_chunks chunks;
	uint64_t left; /* bytes of a body of declared length */
};

/* What the head says of its body. */
void admin_intake_begin(struct admin_intake *intake, const struct admin_head *head);

/* Whether all of it has come. */
bool admin_intake_has_ended(const struct admin_intake *intake);

/* Gives the request what of these bytes is its body's. Returns how many were taken: all, or those
 * up to its end. Errors: as admin_chunks_take. */
int64_t admin_intake_take(
	struct admin_intake *intake, struct admin_request *request, const char *data, size_t len);

#endif
