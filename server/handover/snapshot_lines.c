#include "snapshot_lines.h"

#include <errno.h>
#include <stdlib.h>

#include "../conn/conn_pack.h"
#include "../conn/transport_pack.h"
#include "../node/serving.h"
#include "../session/session_pack.h"
#include "snapshot.h"

/* --- the giver ---------------------------------------------------------------------------------
 */

/* Notes those of one worker that move. `all` has room for them. */
static void note_lines(struct snapshot_lines *lines, struct serving *serving)
{
	struct conns *conns = &serving->conns;
	uint32_t size = conn_table_size(conns->table);
	for (uint32_t i = 0; i < size; i++) {
		struct conn *conn = conn_table_at(conns->table, i);
		if (conn_may_move(conn)) {
			lines->all[lines->count++] = (struct snapshot_line){
				.epoch = conn_move_epoch(conn), .serving = serving, .conn = conn};
		} else if (conn->state == CONN_OPENING && !transport_may_move(conn)) {
			lines->halves++;
		}
	}
}

static int compare(const void *a, const void *b)
{
	const struct snapshot_line *line = a;
	const struct snapshot_line *other = b;
	return line->epoch < other->epoch ? -1 : line->epoch > other->epoch;
}

int snapshot_lines_find(const struct snapshot_parts *parts, struct snapshot_lines *ret_lines)
{
	struct snapshot_lines lines = {0};
	size_t most = 1;
	for (uint32_t i = 0; i < parts->worker_count; i++) {
		most += conn_table_size(parts->workers[i]->conns.table);
	}
	lines.all = calloc(most, sizeof(*lines.all));
	if (!lines.all) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < parts->worker_count; i++) {
		note_lines(&lines, parts->workers[i]);
	}
	qsort(lines.all, lines.count, sizeof(*lines.all), compare);
	*ret_lines = lines;
	return 0;
}

void snapshot_lines_finish(struct snapshot_lines *lines)
{
	free(lines->all);
	*lines = (struct snapshot_lines){0};
}

int snapshot_line_pack(const struct snapshot_line *line, uint16_t fd_at, struct shared_bufs *shared,
	struct pack *pack)
{
	size_t record = pack_part_begin(pack);
	pack_u16(pack, fd_at);
	size_t part = pack_part_begin(pack);
	int err = conn_pack(&line->serving->conns, line->conn, shared, pack);
	if (err) {
		return err;
	}
	pack_part_end(pack, part);
	part = pack_part_begin(pack);
	if (line->conn->state == CONN_LIVE) {
		session_pack(&line->serving->sessions, line->conn, pack);
	}
	pack_part_end(pack, part);
	pack_part_end(pack, record);
	return 0;
}

/* --- the taker ---------------------------------------------------------------------------------
 */

static struct serving *least_loaded(const struct snapshot_parts *parts)
{
	struct serving *least = parts->workers[0];
	for (uint32_t i = 1; i < parts->worker_count; i++) {
		if (parts->workers[i]->load < least->load) {
			least = parts->workers[i];
		}
	}
	return least;
}

static int take_fd(int *fds, uint32_t fd_count, uint16_t at)
{
	if (at >= fd_count) {
		return -1;
	}
	int fd = fds[at];
	fds[at] = -1;
	return fd;
}

static int open_line(struct serving *serving, int fd, const struct shared_bufs *shared,
	struct unpack *record, struct conn **ret_conn)
{
	struct unpack part = unpack_part(record);
	int err = conn_unpack(&serving->conns, fd, shared, &part, ret_conn);
	return err || unpack_is_over(&part) ? err : -EINVAL;
}

/* Before it is live it has no session. */
static int enter(struct serving *serving, struct conn *conn, struct unpack *record)
{
	struct unpack part = unpack_part(record);
	int err = conn->state == CONN_LIVE ? session_unpack(&serving->sessions, conn, &part) : 0;
	return err || unpack_is_over(&part) ? err : -EINVAL;
}

int snapshot_line_unpack(const struct snapshot_parts *parts, const struct shared_bufs *shared,
	int *fds, uint32_t fd_count, struct unpack *record)
{
	struct serving *serving = least_loaded(parts);
	struct conn *conn;
	uint16_t at = unpack_u16(record);
	int fd = record->failed ? -1 : take_fd(fds, fd_count, at);
	if (fd < 0) {
		return -EBADMSG;
	}
	int err = open_line(serving, fd, shared, record, &conn);
	if (err || conn->state == CONN_DEAD) {
		return err; /* One that cannot go on here is dead at once, and reaped in time. */
	}
	err = enter(serving, conn, record);
	if (!err && !unpack_is_over(record)) {
		err = -EINVAL;
	}
	if (!err) {
		conn_unpacked(&serving->conns, conn);
	}
	return err;
}
