#include "reader_pool.h"

void reader_pool_finish(struct reader_pool *pool)
{
	while (pool->spare_count > 0) {
		message_reader_destroy(&pool->spares[--pool->spare_count]);
	}
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
