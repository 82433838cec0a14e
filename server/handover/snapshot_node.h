/* What belongs to the node and not to a line, in sections. */
#ifndef TIDEGATE_SNAPSHOT_NODE_H
#define TIDEGATE_SNAPSHOT_NODE_H

#include "../base/pack.h"
#include "snapshot.h"

/* Appends all sections. Thread: main, all threads are parked. */
void snapshot_node_pack(const struct snapshot_parts *parts, struct pack *pack);

/* Takes them in, all of them, to the end. What the taker has no part for is dropped. Thread: main,
 * before there are lines and threads. Errors: -EINVAL, -ENOMEM; ret_name is that of the section,
 * for people. */
int snapshot_node_unpack(
	const struct snapshot_parts *parts, struct unpack *unpack, const char **ret_name);

#endif
