/* Where the records of one worker's connections lie, addressed by handle.
 *
 * Records live in chunks that are never moved or freed before the table: a pointer stays good for a
 * turn whatever is accepted meanwhile, and a stale handle finds a newer generation, not freed
 * memory. */
#ifndef TIDEGATE_CONN_TABLE_H
#define TIDEGATE_CONN_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/handle.h"
#include "conn.h"

enum {
	CONN_CACHE_LINE = 64, /* bytes: where they are more, one fetch is in vain */
};

/* Owner:  one worker.
 * Shared: never. */
struct conn_table;

/* Errors: -ENOMEM. */
int conn_table_create(uint8_t worker, struct conn_table **ret_table);

/* Frees the table and nulls the giver's pointer. *table may be NULL. */
void conn_table_destroy(struct conn_table **table);

/* A fresh record: state CONN_OPENING, everything else zero but index and generation.
 * Errors: -ENOMEM; -ENOSPC beyond HANDLE_INDEX_MAX. */
int conn_table_take(struct conn_table *table, struct conn **ret_conn);

/* Gives a record back: its generation moves on, stale handles find nothing. */
void conn_table_give(struct conn_table *table, struct conn *conn);

/* The connection of a handle, or NULL when it is gone or dead. */
struct conn *conn_table_find(struct conn_table *table, handle_t handle);

/* The record of an index below conn_table_size(), whatever its state. */
struct conn *conn_table_at(struct conn_table *table, uint32_t index);

/* Whether the record is still that of a handle, and not dead: for one that conn_table_at has given
 * for it. */
static inline bool conn_is_of(const struct conn *conn, handle_t handle)
{
	return conn->generation == handle_generation(handle) && conn->state != CONN_FREE &&
	       conn->state != CONN_DEAD;
}

/* A record is looked at soon: has it fetched into a near cache meanwhile. That is no access, so
 * that there need not be one. */
static inline void conn_expect(const struct conn *conn)
{
	const uintptr_t record = (uintptr_t)conn;
	__builtin_prefetch((const void *)record, 1);
	__builtin_prefetch((const void *)(record + CONN_CACHE_LINE), 1);
}

/* The same of a handle, stale or not, of this worker or another. */
void conn_table_expect(const struct conn_table *table, handle_t handle);

/* One more than the largest index ever taken. */
uint32_t conn_table_size(const struct conn_table *table);

handle_t conn_table_handle(const struct conn_table *table, const struct conn *conn);

#endif
