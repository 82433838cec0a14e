/* The answer to a request of the admin port. */
#ifndef TIDEGATE_ADMIN_ANSWER_H
#define TIDEGATE_ADMIN_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "../node/problem.h"
#include "text.h"

/* Owner:  its request. Zero-initialised: it is not made yet.
 * Freed:  by admin_answer_finish. */
struct admin_answer {
	unsigned status;           /* 0: not made yet */
	const char *problem;       /* the end of its type; NULL: it is none */
	struct admin_text headers; /* lines, each with its CR LF */
	const char *body;
	size_t body_len;
	char *owned; /* the body, when it is to be freed */
};

static inline bool admin_answer_is_made(const struct admin_answer *answer)
{
	return answer->status != 0;
}

/* --- making it; a second one takes the place of the first --- */

/* Takes over `json`; of NULL it makes a problem. */
void admin_answer_json(struct admin_answer *answer, unsigned status, json_t *json);

/* Borrows `text`, which stays. */
void admin_answer_text(struct admin_answer *answer, unsigned status, const char *text);

/* 200. Takes over `data`, allocated by malloc; of NULL it makes a problem. */
void admin_answer_data(struct admin_answer *answer, const char *type, char *data, size_t len);

/* Borrows `data`, which stays. `type` may be NULL. */
void admin_answer_static(struct admin_answer *answer, unsigned status, const char *type,
	const void *data, size_t len);

/* 204. */
void admin_answer_nothing(struct admin_answer *answer);

/* A problem detail (RFC 9457); `detail` says what is wrong with this request. */
void admin_answer_problem(struct admin_answer *answer, enum problem problem, const char *detail,
	...) __attribute__((format(printf, 3, 4)));

/* The same, of one that problem_to_json has made, which is taken over; NULL: no memory. */
void admin_answer_problem_json(struct admin_answer *answer, enum problem problem, json_t *json);

/* Adds a header to the answer that was made. */
void admin_answer_header(struct admin_answer *answer, const char *name, const char *value);

/* --- giving it --- */

/* Makes its head, to be freed; with `keeps_alive` the connection goes on behind it. Errors: NULL:
 * there is no memory even for saying so. */
char *admin_answer_head(
	const struct admin_answer *answer, bool keeps_alive, bool is_http_1_0, size_t *ret_len);

/* Fine for one that was not made. */
void admin_answer_finish(struct admin_answer *answer);

#endif
