/* The other nodes as far as they are known, for the process that takes this node's place: it goes
 * on with their numbers and with its own to them, so that neither side sees another run. */
#ifndef TIDEGATE_PEERS_PACK_H
#define TIDEGATE_PEERS_PACK_H

#include "../base/pack.h"
#include "peers.h"

/* Appends all of them, those that are down too. Thread: the owner. */
void peers_pack(const struct peers *peers, struct pack *pack);

/* Puts them into one that knows nobody; nobody is told. What was being made equal with an owner is
 * begun anew with its next heartbeat. Thread: the owner. Errors: -EINVAL, -ENOMEM. */
int peers_unpack(struct peers *peers, struct unpack *unpack);

#endif
