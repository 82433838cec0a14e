/* The directory for the process that takes this node's place: who is where, of this node and of all
 * others, with the numbers that nodes have here.
 *
 * Made anew by resyncs it would be right within a second, and wrong until then: users elsewhere
 * would be nobody's, what is said to all would not leave the node, rooms would count too few. So it
 * goes as it is, in 23 bytes an entry. */
#ifndef TIDEGATE_DIRECTORY_PACK_H
#define TIDEGATE_DIRECTORY_PACK_H

#include "../base/pack.h"
#include "directory.h"

/* Appends all entries but those of dropped nodes. Thread: the writer's. */
void directory_pack(const struct directory *directory, struct pack *pack);

/* Puts them into one that is empty, whose nodes have been taken (directory_take_this). Errors:
 * -EINVAL for entries that make no sense, that are there twice or of no node; -ENOMEM. Thread: the
 * writer's. */
int directory_unpack(struct directory *directory, struct unpack *unpack);

#endif
