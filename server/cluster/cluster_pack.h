/* A node's part in a cluster for the process that takes the node's place. It goes on as the same
 * run of the node: what it says next has the next number, and of what others say it takes what the
 * giver has not acted on, whatever else it has heard. So nobody sees a gap, and nobody is down.
 *
 * What is asked of others does not go: cluster_give_up has answered that. Nor do deltas: they have
 * been sent. */
#ifndef TIDEGATE_CLUSTER_PACK_H
#define TIDEGATE_CLUSTER_PACK_H

#include "../base/pack.h"
#include "cluster.h"

/* Appends it. Nothing is asked of others, and what was to be sent has been given to the link.
 * Thread: the cluster's, registered. */
void cluster_pack(const struct cluster *cluster, struct pack *pack);

/* Goes on with it in a new cluster, of the same id and incarnation, which has heard nothing. Nobody
 * is told; workers may look into the directory from here on. Thread: the cluster's, registered.
 * Errors: -EINVAL for bytes that make no sense; -ENOMEM: it cannot be used any more. */
int cluster_unpack(struct cluster *cluster, struct unpack *unpack);

#endif
