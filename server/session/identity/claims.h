/* What a token claims: the members of its object that anybody looks at. RFC 7519 section 4. */
#ifndef TIDEGATE_CLAIMS_H
#define TIDEGATE_CLAIMS_H

#include <stdint.h>

#include <jansson.h>

#include "../../../proto/slice.h"

enum claim_name {
	CLAIM_EXP,
	CLAIM_NBF,
	CLAIM_AUD,
	CLAIM_ISS,
	CLAIM_SUB,
	CLAIM_DEVICE,
	CLAIM_TG,
	CLAIM_OTHER, /* the last of those that nobody looks at */
	CLAIM_COUNT,
};

enum claim_kind {
	CLAIM_KIND_MISSING,
	CLAIM_KIND_TEXT,
	CLAIM_KIND_NUMBER, /* a whole one */
	CLAIM_KIND_ELSE,
};

struct claim {
	enum claim_kind kind;
	struct slice text;  /* of CLAIM_KIND_TEXT; else its data is NULL */
	int64_t number;     /* of CLAIM_KIND_NUMBER */
	const json_t *json; /* of CLAIM_KIND_ELSE; NULL: `true`, `false` or `null` */
};

/* Owner:  the call that judges a token.
 * Shared: never. It points into the text that it was read from, or into `json`. */
struct claims {
	struct claim at[CLAIM_COUNT];
	json_t *json; /* NULL: the text was plain */
};

/* Reads an object in which no name is said twice, not by members of members either. Nearly all
 * tokens are plain: texts and whole numbers in ASCII, with nothing that is escaped and no blanks.
 * Those are read where they lie, at a tenth of what jansson takes, which reads the others. Thread:
 * any. Errors: -EINVAL for anything else than such an object, for one that is too deep or too wide,
 * and without memory; there is nothing to be finished then. */
int claims_read(struct slice text, struct claims *ret_claims);

void claims_finish(struct claims *claims);

#endif
