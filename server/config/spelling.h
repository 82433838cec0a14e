/* The names of options as people type them. */
#ifndef TIDEGATE_SPELLING_H
#define TIDEGATE_SPELLING_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a name, which is written with '_', is meant: '-' in what was typed is the same.
 * Thread: any. */
bool spelling_is(const char *name, const char *typed);

/* The one of `count` names that was probably meant; NULL when none is near. Thread: any. */
const char *spelling_nearest(const char *typed, size_t count, const char *(*name_of)(size_t index));

#endif
