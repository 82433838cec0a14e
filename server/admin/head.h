/* The head of a request to the admin port, taken apart: what is asked for, and where the request
 * ends. RFC 9112. */
#ifndef TIDEGATE_ADMIN_HEAD_H
#define TIDEGATE_ADMIN_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ADMIN_FIELDS_MAX = 100,
};

struct admin_field {
	const char *name;
	const char *value; /* without blanks around it */
};

/* Borrows the head's bytes; all strings end with a NUL that was written there.
 * Owner: its request. */
struct admin_head {
	const char *method;
	const char *authority; /* of a target that is a whole URL; NULL of one that is a path */
	const char *path;      /* not decoded */
	char *query;           /* not decoded; "" where there is none */
	bool is_http_1_0;
	unsigned field_count;
	struct admin_field fields[ADMIN_FIELDS_MAX];

	/* where it ends */
	bool is_ambiguous;    /* not everybody on the way would say the same of that */
	bool is_chunked;      /* the body */
	uint64_t content_len; /* bytes of the body; UINT64_MAX stands for whatever is more */
};

enum admin_head_verdict {
	ADMIN_HEAD_SOUND,
	ADMIN_HEAD_BAD_TARGET,  /* neither a path nor an http(s) URL */
	ADMIN_HEAD_BAD_VERSION, /* not HTTP/1.0 or 1.1 */
	ADMIN_HEAD_TOO_MANY,    /* fields */
};

/* Takes apart what http_head_scan has found complete. Thread: any. */
enum admin_head_verdict admin_head_read(char *data, size_t len, struct admin_head *ret_head);

/* A field's value, the first one's when it comes twice; NULL when it is not there. */
const char *admin_head_field(const struct admin_head *head, const char *name);

/* How often a field is there. */
unsigned admin_head_count(const struct admin_head *head, const char *name);

/* Whether the connection stays open behind the answer. RFC 9112 section 9.3. */
bool admin_head_keeps_alive(const struct admin_head *head);

#endif
