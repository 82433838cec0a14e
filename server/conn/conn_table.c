#include "conn_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"

enum {
	CHUNK_BITS = 9, /* 64 KiB a chunk */
	CHUNK_CONNS = 1 << CHUNK_BITS,
	CHUNKS_MAX = (HANDLE_INDEX_MAX + 1) / CHUNK_CONNS,
};

struct conn_table {
	uint8_t worker;
	uint32_t size; /* records handed out at least once */
	uint32_t
		free_head; /* records to be used again, linked by dead_next; CONN_NONE at its end */
	struct conn *chunks[CHUNKS_MAX]; /* virtual memory until used */
};

int conn_table_create(uint8_t worker, struct conn_table **ret_table)
{
	struct conn_table *table = calloc(1, sizeof(*table));
	if (!table) {
		return -ENOMEM;
	}
	table->worker = worker;
	table->free_head = CONN_NONE;
	*ret_table = table;
	return 0;
}

void conn_table_destroy(struct conn_table **table)
{
	if (!*table) {
		return;
	}
	for (size_t i = 0; i < CHUNKS_MAX && (*table)->chunks[i]; i++) {
		free((*table)->chunks[i]);
	}
	free(*table);
	*table = NULL;
}

struct conn *conn_table_at(struct conn_table *table, uint32_t index)
{
	return &table->chunks[index >> CHUNK_BITS][index & (CHUNK_CONNS - 1)];
}

static int add_record(struct conn_table *table, struct conn **ret_conn)
{
	uint32_t index = table->size;
	if (index > HANDLE_INDEX_MAX) {
		return -ENOSPC;
	}
	struct conn **chunk = &table->chunks[index >> CHUNK_BITS];
	if (!*chunk) {
		*chunk = malloc(CHUNK_CONNS * sizeof(struct conn));
		if (!*chunk) {
			return -ENOMEM;
		}
	}
	table->size++;
	*ret_conn = conn_table_at(table, index);
	(*ret_conn)->index = index;
	(*ret_conn)->generation = 1;
	return 0;
}

int conn_table_take(struct conn_table *table, struct conn **ret_conn)
{
	struct conn *conn;
	if (table->free_head != CONN_NONE) {
		conn = conn_table_at(table, table->free_head);
		table->free_head = conn->dead_next;
	} else {
		int err = add_record(table, &conn);
		if (err) {
			return err;
		}
	}
	uint32_t index = conn->index;
	uint32_t generation = conn->generation;
	*conn = (struct conn){
		.fd = -1,
		.index = index,
		.generation = generation,
		.state = CONN_OPENING,
		.read_shift = CONN_READ_SHIFT,
		.ready_next = CONN_NONE,
		.dead_next = CONN_NONE,
		.receiver_pos = CONN_NONE,
	};
	*ret_conn = conn;
	return 0;
}

void conn_table_give(struct conn_table *table, struct conn *conn)
{
	ASSERT(conn->state != CONN_FREE);
	conn->state = CONN_FREE;
	conn->generation++;
	conn->dead_next = table->free_head;
	table->free_head = conn->index;
}

struct conn *conn_table_find(struct conn_table *table, handle_t handle)
{
	uint32_t index = handle_index(handle);
	if (handle_worker(handle) != table->worker || index >= table->size) {
		return NULL;
	}
	struct conn *conn = conn_table_at(table, index);
	return conn_is_of(conn, handle) ? conn : NULL;
}

void conn_table_expect(const struct conn_table *table, handle_t handle)
{
	const uint32_t index = handle_index(handle);
	if (index < table->size) {
		conn_expect(&table->chunks[index >> CHUNK_BITS][index & (CHUNK_CONNS - 1)]);
	}
}

uint32_t conn_table_size(const struct conn_table *table)
{
	return table->size;
}

handle_t conn_table_handle(const struct conn_table *table, const struct conn *conn)
{
	return handle_make(table->worker, conn->index, conn->generation);
}
