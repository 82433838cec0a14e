/* A worker's last turns, taken by main while its thread stands: see rest.h. */
#ifndef TIDEGATE_SERVING_LAST_H
#define TIDEGATE_SERVING_LAST_H

#include <stdint.h>

#include "serving.h"

/* A turn in which nothing is read and no deadline acts; bounded by time, as all turns are. Returns
 * how much it has found to do: 0 says that there was nothing. Thread: main, registered with the
 * user table; the worker's stands. */
uint32_t serving_last_turn(struct serving *serving);

/* What is in hand still, for people: "messages for receivers"; NULL: nothing but mail that may be
 * in the mailbox. Thread: as above. */
const char *serving_in_hand(const struct serving *serving);

#endif
