#include <errno.h>
#include <stdlib.h>

#include "../base/shared_bufs.h"
#include "../conn/conn_pack.h"
#include "../conn/transport_pack.h"
#include "../node/serving.h"
#include "snapshot.h"
#include "snapshot_lines.h"
#include "snapshot_node.h"

enum {
	BATCH_BYTES =
		256 * 1024, /* a message is sent when it has as many; one line may have more */
	/* Messages that the taker has not acknowledged: it reads one while another is written. What
	 * is on its way stays below 1,024 descriptors, which any user may send. */
	UNACKNOWLEDGED_MAX = 3,
};

struct snapshot {
	struct snapshot_parts parts;
	struct snapshot_lines lines;
	struct shared_bufs *shared;
	uint32_t unacknowledged;     /* messages */
	struct snapshot_totals sent; /* of the lines, those in front */
};

/* --- life --------------------------------------------------------------------------------------
 */

int snapshot_begin(const struct snapshot_parts *parts, struct snapshot **ret_snapshot)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	if (!snapshot) {
		return -ENOMEM;
	}
	snapshot->parts = *parts;
	int err = shared_bufs_create(&snapshot->shared);
	if (!err) {
		err = snapshot_lines_find(parts, &snapshot->lines);
	}
	if (err) {
		snapshot_finish(&snapshot);
		return err;
	}
	*ret_snapshot = snapshot;
	return 0;
}

uint32_t snapshot_lines_count(const struct snapshot *snapshot)
{
	return snapshot->lines.count;
}

uint32_t snapshot_lines_sent(const struct snapshot *snapshot)
{
	return snapshot->sent.lines;
}

void snapshot_release(struct snapshot *snapshot)
{
	const struct snapshot_parts *parts = &snapshot->parts;
	const struct snapshot_lines *lines = &snapshot->lines;
	for (uint32_t i = 0; i < lines->count; i++) {
		conn_abandon(&lines->all[i].serving->conns, lines->all[i].conn);
	}
	for (uint32_t i = 0; i < parts->worker_count; i++) {
		conns_cut_unmoved(&parts->workers[i]->conns);
	}
}

void snapshot_finish(struct snapshot **snapshot)
{
	struct snapshot *given = *snapshot;
	*snapshot = NULL;
	if (!given) {
		return;
	}
	for (uint32_t i = 0; i < given->parts.worker_count; i++) {
		transport_pack_over(&given->parts.workers[i]->conns);
	}
	snapshot_lines_finish(&given->lines);
	shared_bufs_destroy(&given->shared);
	free(given);
}

/* --- messages ----------------------------------------------------------------------------------
 */

/* A taker that ends has said why, if it could. */
static int hear_why(struct channel *channel, int err)
{
	if (err != -ECONNRESET) {
		return err;
	}
	while (channel_receive(channel) == 0) {
		if (channel->message.kind == HANDOVER_NOT_NOW) {
			return -ECANCELED;
		}
	}
	return err;
}

static int take_ack(struct snapshot *snapshot, struct channel *channel)
{
	int err = channel_receive(channel);
	if (err) {
		return err;
	}
	if (channel->message.kind == HANDOVER_NOT_NOW) {
		return -ECANCELED;
	}
	if (channel->message.kind != HANDOVER_ACK || channel->message.body.len > 0) {
		return -EBADMSG;
	}
	snapshot->unacknowledged--;
	return 0;
}

/* Waits until not more than that are left. */
static int take_acks(struct snapshot *snapshot, struct channel *channel, uint32_t most)
{
	while (snapshot->unacknowledged > most) {
		int err = take_ack(snapshot, channel);
		if (err) {
			return err;
		}
	}
	return 0;
}

static int tell(struct channel *channel, enum handover_message kind, const struct pack *pack,
	const int *fds, uint32_t fd_count)
{
	int err = channel_send(channel, kind, pack, fds, fd_count);
	return err ? hear_why(channel, err) : 0;
}

/* One that the taker acknowledges. */
static int send_batch(struct snapshot *snapshot, struct channel *channel,
	enum handover_message kind, const struct pack *pack, const int *fds, uint32_t fd_count)
{
	int err = take_acks(snapshot, channel, UNACKNOWLEDGED_MAX - 1);
	if (!err) {
		err = tell(channel, kind, pack, fds, fd_count);
	}
	if (!err) {
		snapshot->unacknowledged++;
	}
	return err;
}

int snapshot_send_node(struct snapshot *snapshot, struct channel *channel)
{
	struct pack pack = PACK_EMPTY;
	pack_u32(&pack, snapshot->lines.count);
	pack_u32(&pack, snapshot->lines.halves);
	pack_u64(&pack, snapshot->parts.rested_us);
	snapshot_node_pack(&snapshot->parts, &pack);
	int err = tell(channel, HANDOVER_NODE, &pack, NULL, 0);
	pack_finish(&pack);
	return err;
}

int snapshot_send_end(struct snapshot *snapshot, struct channel *channel)
{
	struct pack pack = PACK_EMPTY;
	pack_u32(&pack, snapshot->sent.lines);
	pack_u32(&pack, snapshot->sent.buffers);
	int err = tell(channel, HANDOVER_END, &pack, NULL, 0);
	pack_finish(&pack);
	return err;
}

/* --- buffers and lines -------------------------------------------------------------------------
 */

/* Some of those that lines have named and that have not gone yet. Returns 1 when it has appended
 * any. */
static int pack_buffers(struct snapshot *snapshot, struct pack *pack)
{
	uint32_t number;
	struct buf *buf = NULL;
	while (pack->len < BATCH_BYTES && (buf = shared_bufs_next(snapshot->shared, &number))) {
		pack_u32(pack, number);
		pack_u8(pack, (uint8_t)buf->kind);
		pack_slice(pack, (struct slice){(const char *)buf->data, buf->len});
		snapshot->sent.buffers++;
	}
	return pack->len > 0;
}

static int send_buffers(struct snapshot *snapshot, struct channel *channel)
{
	struct pack pack = PACK_EMPTY;
	int err = 0;
	while (!err && pack_buffers(snapshot, &pack)) {
		err = send_batch(snapshot, channel, HANDOVER_BUFFERS, &pack, NULL, 0);
		pack_cut(&pack, 0);
	}
	pack_finish(&pack);
	return err;
}

/* As many as one message takes. */
static int pack_lines(
	struct snapshot *snapshot, struct pack *pack, int *ret_fds, uint32_t *ret_count)
{
	const struct snapshot_lines *lines = &snapshot->lines;
	uint32_t count = 0;
	while (snapshot->sent.lines + count < lines->count && count < CHANNEL_FDS_MAX &&
		pack->len < BATCH_BYTES) {
		const struct snapshot_line *line = &lines->all[snapshot->sent.lines + count];
		ret_fds[count] = line->conn->fd;
		int err = snapshot_line_pack(line, (uint16_t)count, snapshot->shared, pack);
		if (err) {
			return err;
		}
		count++;
	}
	*ret_count = count;
	return 0;
}

static int send_lines(struct snapshot *snapshot, struct channel *channel, struct pack *pack)
{
	int fds[CHANNEL_FDS_MAX];
	uint32_t count;
	int err = pack_lines(snapshot, pack, fds, &count);
	if (!err) {
		err = send_buffers(snapshot, channel);
	}
	if (!err) {
		err = send_batch(snapshot, channel, HANDOVER_LINES, pack, fds, count);
	}
	if (!err) {
		snapshot->sent.lines += count;
	}
	return err;
}

int snapshot_send_more(struct snapshot *snapshot, struct channel *channel)
{
	struct pack pack = PACK_EMPTY;
	if (snapshot->sent.lines == snapshot->lines.count) {
		return take_acks(snapshot, channel, 0);
	}
	int err = send_lines(snapshot, channel, &pack);
	pack_finish(&pack);
	return err ? err : 1;
}
