/* Events and graces for the process that takes this node's place: what backends have been told and
 * are about to be told goes on there under the next number. */
#ifndef TIDEGATE_EVENT_PACK_H
#define TIDEGATE_EVENT_PACK_H

#include "../base/pack.h"
#include "event_rules.h"

/* Appends all events that are kept, and all graces with when each began. Thread: the owner. */
void event_rules_pack(const struct event_rules *rules, struct pack *pack);

/* Takes the place of what was noted so far by what event_rules_pack has written; nobody is told.
 * The oldest events go where there is less memory for them than there was. Thread: the owner,
 * registered with the user table. Errors: -EINVAL for bytes that make no sense; -ENOMEM: a grace
 * cannot be kept. */
int event_rules_unpack(struct event_rules *rules, struct unpack *unpack);

#endif
