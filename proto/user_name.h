/* Which names a user may have. PROTOCOL section 1. */
#ifndef TIDEGATE_USER_NAME_H
#define TIDEGATE_USER_NAME_H

#include <stdbool.h>
#include <stddef.h>

enum {
	USER_NAME_MAX = 64,   /* bytes, decoded */
	DEVICE_NAME_MAX = 32, /* likewise; a device may be without a name */
};

/* The rule behind "1 to 64 bytes of UTF-8", for those who tell people why a name is refused. */
#define USER_NAME_RULE                                                                             \
	"without control or direction characters, blanks at the ends and \"-- FROM \""

/* Whether it is 1 to 64 bytes of UTF-8 that look like what they are: without a control character
 * (Unicode's category Cc), an override or isolate of the writing direction, a blank (White_Space)
 * at either end, and without the mark that stands between a text and its sender's name: whoever is
 * called so could speak for others. Thread: any. */
bool user_name_is_valid(const char *name, size_t len);

#endif
