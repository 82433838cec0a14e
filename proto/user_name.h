/* Which names a user may have. PROTOCOL section 1. */
#ifndef TIDEGATE_USER_NAME_H
#define TIDEGATE_USER_NAME_H

#include <stdbool.h>
#include <stddef.h>

enum {
	USER_NAME_MAX = 64, /* bytes, decoded */
};

/* Whether it is 1 to 64 bytes of UTF-8 without a control character (Unicode's category Cc).
 * Thread: any. */
bool user_name_is_valid(const char *name, size_t len);

#endif
