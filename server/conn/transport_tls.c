#include "transport_tls.h"

#include <errno.h>

#include "../../proto/assert.h"
#include "../../proto/tls_line.h"
#include "tls_hold.h"
#include "tls_pack.h"
#include "tls_receive.h"
#include "tls_send.h"
#include "tls_worker.h"

/* --- the layer ---------------------------------------------------------------------------------
 */

static bool is_pending(const struct conn *conn)
{
	return tls_hold_residue_len(tls_line_of(conn)->hold) > 0;
}

/* Part of a record that has been read is nothing that could be read now. */
static size_t unread(const struct conn *conn)
{
	return transport_plain_unread(conn);
}

static bool has_hung_up(const struct conn *conn)
{
	return tls_line_of(conn)->reason != CLOSE_REASON_NONE || transport_plain_has_hung_up(conn);
}

/* In sealed bytes since the key began: another key is a step, which only one who reads can cause.
 */
static bool progress(const struct conn *conn, uint64_t sent, int64_t *ret_taken)
{
	const struct tls_line *line = tls_line_of(conn);
	const uint64_t sealed = sent + line->write_seq * TLS_OVERHEAD;
	return transport_plain_progress(conn, sealed - tls_hold_residue_len(line->hold), ret_taken);
}

static int shut_down(struct conn *conn)
{
	tls_send_alert(conn, TLS_ALERT_CLOSE_NOTIFY);
	return transport_plain_shutdown(conn);
}

static void add_held(const struct conn *conn, struct holding *holding)
{
	tls_hold_add_held(tls_line_of(conn)->hold, holding);
}

static struct tls_slab *slab_for(struct tls_worker *worker, enum tls_suite suite)
{
	return tls_line_size(suite) == TLS_LINE_SIZE_SHORT ? &worker->short_lines
							   : &worker->long_lines;
}

/* One more, or one less. */
static void count_line(struct stats *stats, enum tls_suite suite, int more)
{
	switch (suite) {
	case TLS_SUITE_AES_128_GCM:
		stats_add(&stats->tls_lines_aes_128, (uint64_t)more);
		break;
	case TLS_SUITE_AES_256_GCM:
		stats_add(&stats->tls_lines_aes_256, (uint64_t)more);
		break;
	case TLS_SUITE_CHACHA20_POLY1305:
		stats_add(&stats->tls_lines_chacha20, (uint64_t)more);
		break;
	case TLS_SUITE_COUNT:
		break;
	}
}

/* Whether a last word of ours still means something to the peer. */
static bool is_to_be_told(const struct conn *conn, const struct tls_line *line)
{
	return !(conn->flags & CONN_FIN_SENT) &&
	       (line->reason == CLOSE_REASON_NONE || line->reason == CLOSE_REASON_PEER_EOF);
}

/* Its keys are wiped wherever they are. */
static void forget(struct conn *conn)
{
	struct tls_worker *worker = tls_worker_of(conn);
	struct tls_line *line = tls_line_of(conn);
	const enum tls_suite suite = (enum tls_suite)line->suite;
	tls_keys_forget(&worker->keys, conn->index, line);
	tls_hold_destroy(&line->hold);
	tls_slab_give(slab_for(worker, suite), &conn->extra->transport_state);
	count_line(worker->conns->stats, suite, -1);
}

static void close_line(struct conn *conn, bool reset)
{
	if (!reset && is_to_be_told(conn, tls_line_of(conn))) {
		tls_send_alert(conn, TLS_ALERT_CLOSE_NOTIFY);
	}
	transport_plain_close(conn, reset);
	forget(conn);
}

/* --- another process ---------------------------------------------------------------------------
 */

static bool may_move(const struct conn *conn)
{
	return true;
}

static void pack_line(const struct conn *conn, struct pack *pack)
{
	tls_worker_of(conn)->is_packed = true;
	tls_pack(tls_line_of(conn), pack);
}

const struct transport_ops transport_tls_ops = {
	.recv = tls_receive,
	.sendv = tls_send,
	.is_pending = is_pending,
	.unread = unread,
	.has_hung_up = has_hung_up,
	.progress = progress,
	.shutdown = shut_down,
	.close = close_line,
	.add_held = add_held,
	.may_move = may_move,
	.pack = pack_line,
	.let_go = forget,
	.kind = TRANSPORT_TLS_LINE,
};

/* --- its beginning -----------------------------------------------------------------------------
 */

int transport_tls_open(struct conns *conns, struct conn *conn, const struct tls_secrets *secrets)
{
	struct tls_worker *worker = conns->tls;
	struct tls_slab *slab = slab_for(worker, secrets->suite);
	void *slot = tls_slab_take(slab);
	if (!slot) {
		return -ENOMEM;
	}
	int err = transport_layer(conn, &worker->line_ops, slot);
	if (err) {
		tls_slab_give(slab, &slot);
		return err;
	}
	tls_line_init(slot, secrets->suite, secrets->read, secrets->write, secrets->fragment_len);
	count_line(conns->stats, secrets->suite, 1);
	return 0;
}

/* Where no listener is wss, but lines of one have come. */
static int need_worker(struct conns *conns)
{
	const struct tls_means none = {.quota = NULL};
	return conns->tls ? 0 : tls_worker_create(conns, &none, &transport_tls_ops, &conns->tls);
}

/* Into a slot that is all zero. */
static int adopt(
	struct tls_worker *worker, struct conn *conn, const struct tls_packed *packed, void *slot)
{
	struct tls_line *line = slot;
	int err = tls_pack_restore(packed, line);
	if (!err) {
		err = transport_layer(conn, &worker->line_ops, line);
	}
	if (err) {
		tls_hold_destroy(&line->hold);
	}
	return err;
}

int transport_tls_adopt(struct conns *conns, struct conn *conn, struct unpack *unpack)
{
	struct tls_packed packed;
	int err = tls_pack_read(unpack, &packed);
	if (!err) {
		err = need_worker(conns);
	}
	if (err) {
		return err;
	}
	struct tls_slab *slab = slab_for(conns->tls, packed.suite);
	void *slot = tls_slab_take(slab);
	err = slot ? adopt(conns->tls, conn, &packed, slot) : -ENOMEM;
	if (err) {
		tls_slab_give(slab, &slot);
		return err;
	}
	count_line(conns->stats, packed.suite, 1);
	conns->tls->is_packed = true;
	return 0;
}
