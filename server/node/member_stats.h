#ifndef TIDEGATE_MEMBER_STATS_H
#define TIDEGATE_MEMBER_STATS_H

#include <stdatomic.h>
#include <stdint.h>

/* What a node's part in a cluster counts. Thread: any reads. */
struct member_stats {
	_Atomic uint64_t lost_ingress;    /* batches from others for which there was no room */
	_Atomic uint64_t lost_egress;     /* batches to others, likewise */
	_Atomic uint64_t said_elsewhere;  /* messages of users that went to other nodes */
	_Atomic uint64_t heard_elsewhere; /* and came from them */
};

#endif
