#include "budget.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int budget_init(struct budget *budget, uint32_t worker_count)
{
	size_t size = worker_count * sizeof(struct budget_gauge);
	*budget = (struct budget){.limit = SIZE_MAX, .worker_count = worker_count};
	budget->gauges = aligned_alloc(_Alignof(struct budget_gauge), size);
	if (!budget->gauges) {
		return -ENOMEM;
	}
	memset(budget->gauges, 0, size);
	return 0;
}

void budget_finish(struct budget *budget)
{
	free(budget->gauges);
	budget->gauges = NULL;
}

void budget_change(struct budget *budget, enum budget_kind kind, ptrdiff_t bytes)
{
	atomic_fetch_add_explicit(&budget->held[kind], (size_t)bytes, memory_order_relaxed);
	if (kind != BUDGET_POOLS) {
		atomic_fetch_add_explicit(&budget->counted, bytes, memory_order_relaxed);
	}
}

void budget_promise(struct budget *budget, ptrdiff_t bytes)
{
	atomic_fetch_add_explicit(&budget->leaving, (size_t)bytes, memory_order_relaxed);
	atomic_fetch_sub_explicit(&budget->counted, bytes, memory_order_relaxed);
}

uint32_t budget_worker_of_largest(const struct budget *budget)
{
	uint32_t worker = BUDGET_NOBODY;
	size_t largest = 0;
	for (uint32_t i = 0; i < budget->worker_count; i++) {
		/* Pairs with holders_publish: who sees what is left there after its largest went
		 * sees also that this is promised back. */
		size_t other =
			atomic_load_explicit(&budget->gauges[i].largest, memory_order_acquire);
		if (other > largest) {
			largest = other;
			worker = i;
		}
	}
	return worker;
}
