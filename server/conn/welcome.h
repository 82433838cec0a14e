/* What a browser is shown that asks for a page where only WebSocket is spoken. */
#ifndef TIDEGATE_WELCOME_H
#define TIDEGATE_WELCOME_H

#include <stdbool.h>
#include <stddef.h>

/* A whole HTTP answer, made before the workers run.
 * Owner:  the node.
 * Shared: with all workers, who only read it. */
struct welcome {
	char *answer;    /* NULL: there is none, and browsers are refused as others are */
	size_t head_len; /* bytes; all that a HEAD gets */
	size_t len;      /* bytes, the head's among them */
	bool to_all;     /* to browsers of other machines too */
};

#endif
