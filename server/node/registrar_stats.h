#ifndef TIDEGATE_REGISTRAR_STATS_H
#define TIDEGATE_REGISTRAR_STATS_H

#include <stdatomic.h>
#include <stdint.h>

/* What the registrar counts. Thread: any reads. */
struct registrar_stats {
	_Atomic uint64_t events;  /* so far */
	_Atomic uint64_t resyncs; /* of them, those that say that something was missed */
	_Atomic uint32_t waiters; /* requests for events that wait for one */
	_Atomic uint32_t graces;  /* sessions that have gone and are not reported yet */
};

#endif
