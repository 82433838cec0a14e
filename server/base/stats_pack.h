/* What workers have counted, for the process that goes on counting: by name, so that a figure that
 * only one of the two binaries knows does no harm. Only what never falls travels: COUNTERs, ends
 * and histograms. What there is now (GAUGE, SPREAD) is counted anew by whoever takes it over. */
#ifndef TIDEGATE_STATS_PACK_H
#define TIDEGATE_STATS_PACK_H

#include <stdint.h>

#include "pack.h"
#include "stats.h"

/* Appends what all of them have counted together. Thread: any; what is counted meanwhile may be in
 * it or not. */
void stats_pack(const struct stats *const *of, uint32_t count, struct pack *pack);

/* Adds that to what one worker has counted. Names that are not known here, and histograms with
 * other bounds, are read and dropped. Thread: the owner. Errors: -EINVAL, the figures as they were.
 */
int stats_unpack(struct stats *stats, struct unpack *unpack);

#endif
