/* Who speaks something else than HTTP/1.1 where an opening request is awaited. */
#ifndef TIDEGATE_OTHER_PROTOCOL_H
#define TIDEGATE_OTHER_PROTOCOL_H

#include "slice.h"

/* Tells it by the first bytes, as few of them as came. Thread: any. Returns one line for people
 * that says what to do, or NULL when they are of no protocol that is known here. */
const char *other_protocol_advice(struct slice begun);

#endif
