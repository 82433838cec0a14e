/* Texts of one's own. */
#ifndef TIDEGATE_CLIENT_TEXT_H
#define TIDEGATE_CLIENT_TEXT_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Puts a copy of `by`, or NULL, in the place of *text. Errors: -ENOMEM, and *text is as it was. */
static inline int text_replace(char **text, const char *by)
{
	char *copy = by ? strdup(by) : NULL;
	if (by && !copy) {
		return -ENOMEM;
	}
	free(*text);
	*text = copy;
	return 0;
}

#endif
