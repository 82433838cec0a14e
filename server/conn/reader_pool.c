#include "reader_pool.h"

void reader_pool_empty(struct reader_pool *pool)
{
	while (pool->spare_count > 0) {
		message_reader_destroy(&pool->spares[--pool->spare_count]);
	}
}

void reader_pool_charge(struct reader_pool *pool, struct budget *budget)
{
	if (pool->spare_count == pool->charged_count) {
		return;
	}
	/* All the same, as an idle one has nothing but itself. */
	ptrdiff_t each = (ptrdiff_t)message_reader_idle_footprint();
	ptrdiff_t more = (ptrdiff_t)pool->spare_count - (ptrdiff_t)pool->charged_count;
	budget_change(budget, BUDGET_POOLS, more * each);
	pool->charged_count = pool->spare_count;
}

int reader_pool_lend(struct reader_pool *pool, struct message_reader **ret_reader)
{
	if (pool->spare_count > 0) {
		*ret_reader = pool->spares[--pool->spare_count];
		return 0;
	}
	return message_reader_create(&pool->rules, ret_reader);
}

void reader_pool_return(struct reader_pool *pool, struct message_reader **reader)
{
	if (pool->spare_count < READER_POOL_SPARES) {
		pool->spares[pool->spare_count++] = *reader;
		*reader = NULL;
	} else {
		message_reader_destroy(reader);
	}
}
