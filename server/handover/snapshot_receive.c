#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../base/shared_bufs.h"
#include "../node/serving.h"
#include "snapshot.h"
#include "snapshot_lines.h"
#include "snapshot_node.h"

/* --- life --------------------------------------------------------------------------------------
 */

int snapshot_taking_begin(struct snapshot_taking *taking, const struct snapshot_parts *parts)
{
	*taking = (struct snapshot_taking){.parts = *parts};
	return shared_bufs_create(&taking->shared);
}

void snapshot_taking_finish(struct snapshot_taking *taking)
{
	shared_bufs_destroy(&taking->shared);
}

/* --- messages ----------------------------------------------------------------------------------
 */

__attribute__((format(printf, 3, 4))) static int complain(
	struct snapshot_taking *taking, int err, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(taking->why, sizeof(taking->why), format, arguments);
	va_end(arguments);
	return err;
}

/* Handshakes that the giver will cut, and can count no more. */
static void count_halves(struct snapshot_taking *taking, uint32_t halves)
{
	struct stats *stats = &taking->parts.workers[0]->stats;
	stats_add(&stats->ends[CLOSE_REASON_TLS_HANDSHAKE], halves);
	stats_add(&stats->tls_failed, halves);
}

static int take_node(struct snapshot_taking *taking, struct unpack *body)
{
	const char *section = "head";
	uint32_t lines = unpack_u32(body);
	uint32_t halves = unpack_u32(body);
	uint64_t rested_us = unpack_u64(body);
	int err = taking->has_node || body->failed
			  ? -EBADMSG
			  : snapshot_node_unpack(&taking->parts, body, &section);
	if (err) {
		return complain(taking, err, "the state of the node (%s) cannot be taken: %s",
			section, strerrordesc_np(-err));
	}
	taking->has_node = true;
	taking->promised = lines;
	taking->rested_us = rested_us;
	count_halves(taking, halves);
	return 0;
}

static int take_buffer(struct snapshot_taking *taking, struct unpack *body)
{
	uint32_t number = unpack_u32(body);
	uint8_t kind = unpack_below(body, BUDGET_KINDS);
	struct slice bytes = unpack_slice(body);
	if (body->failed) {
		return -EBADMSG;
	}
	return shared_bufs_put(taking->shared, &taking->parts.node->budget, kind, number, bytes);
}

static int take_buffers(struct snapshot_taking *taking, struct unpack *body)
{
	int err = taking->has_node ? 0 : -EBADMSG;
	while (!err && !unpack_is_over(body)) {
		err = take_buffer(taking, body);
	}
	if (err) {
		return complain(taking, err, "shared buffer %u cannot be taken: %s",
			taking->totals.buffers, strerrordesc_np(-err));
	}
	taking->totals.buffers = shared_bufs_count(taking->shared);
	return 0;
}

static int take_line(
	struct snapshot_taking *taking, struct unpack *body, int *fds, uint32_t fd_count)
{
	struct unpack record = unpack_part(body);
	return record.failed ? -EBADMSG
			     : snapshot_line_unpack(
				       &taking->parts, taking->shared, fds, fd_count, &record);
}

static int take_lines(
	struct snapshot_taking *taking, struct unpack *body, int *fds, uint32_t fd_count)
{
	int err = taking->has_node ? 0 : -EBADMSG;
	while (!err && !unpack_is_over(body)) {
		err = take_line(taking, body, fds, fd_count);
		if (!err) {
			taking->totals.lines++;
		}
	}
	if (err) {
		return complain(taking, err, "line %u of %u cannot be taken: %s",
			taking->totals.lines + 1, taking->promised, strerrordesc_np(-err));
	}
	return 0;
}

static int take_end(struct snapshot_taking *taking, struct unpack *body)
{
	const struct snapshot_totals *have = &taking->totals;
	uint32_t lines = unpack_u32(body);
	uint32_t buffers = unpack_u32(body);
	if (!unpack_is_over(body) || !taking->has_node || lines != taking->promised ||
		lines != have->lines || buffers != have->buffers) {
		return complain(taking, -EBADMSG,
			"%u of %u lines and %u of %u shared buffers have come", have->lines,
			taking->promised, have->buffers, buffers);
	}
	taking->has_all = true;
	return 0;
}

int snapshot_take_message(struct snapshot_taking *taking, enum handover_message kind,
	struct unpack *body, int *fds, uint32_t fd_count)
{
	if (taking->has_all) {
		return complain(
			taking, -EBADMSG, "%s came behind the end", handover_message_name(kind));
	}
	switch (kind) {
	case HANDOVER_NODE:
		return take_node(taking, body);
	case HANDOVER_BUFFERS:
		return take_buffers(taking, body);
	case HANDOVER_LINES:
		return take_lines(taking, body, fds, fd_count);
	case HANDOVER_END:
		return take_end(taking, body);
	default:
		return complain(taking, -EBADMSG, "%s came where lines were due",
			handover_message_name(kind));
	}
}

int snapshot_take(struct snapshot_taking *taking, struct channel *channel)
{
	struct unpack body = channel_body(channel);
	struct channel_message *message = &channel->message;
	return snapshot_take_message(taking, message->kind, &body, message->fds, message->fd_count);
}
