/* What is said of a request that cannot be done, over HTTP and over the cluster's API alike: a
 * problem detail (RFC 9457). */
#ifndef TIDEGATE_PROBLEM_H
#define TIDEGATE_PROBLEM_H

#include <jansson.h>

enum problem {
#define PROBLEM(name, status, type, title) PROBLEM_##name,
#include "problem.def"
#undef PROBLEM
	PROBLEM_COUNT,
};

enum {
	PROBLEM_DETAIL_MAX = 512, /* bytes of what is wrong with this request, NUL included */
};

/* The status of HTTP, which the API repeats. Thread: any, as all below. */
unsigned problem_status(enum problem problem);

/* The end of its type. */
const char *problem_name(enum problem problem);

/* The problem of that name; PROBLEM_COUNT: there is none. */
enum problem problem_find(const char *name);

/* All of it. `detail` says what is wrong with this request. Errors: NULL: no memory. */
json_t *problem_to_json(enum problem problem, const char *detail);

#endif
