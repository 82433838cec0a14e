#include "taker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../node/registrar_pack.h"
#include "../node/worker.h"
#include "build_config.h"
#include "fits.h"
#include "setup.h"
#include "test_stop.h"

enum {
	GONE_MS = 2000, /* for a giver that has closed the channel to be gone */
	SAY_MS = 2000,  /* for a word that takes this process's place */
};

/* --- before it is ready ------------------------------------------------------------------------
 */

void taker_refuse(struct taker *taker, const char *why)
{
	struct pack pack = PACK_EMPTY;
	if (taker->channel.fd >= 0) {
		handover_text_pack(why, &pack);
		channel_give_time(&taker->channel, SAY_MS);
		channel_send(&taker->channel, HANDOVER_NOT_NOW, &pack, NULL, 0);
		channel_finish(&taker->channel);
	}
	pack_finish(&pack);
}

static void refuse_offer(struct taker *taker, int err)
{
	char why[HANDOVER_TEXT_MAX];
	if (err == -EPROTO) {
		snprintf(why, sizeof(why),
			"version %.64s, which runs, and version %.64s cannot hand over to each other: restart",
			taker->offer.version, TIDEGATE_VERSION);
	} else {
		snprintf(why, sizeof(why), "the new process cannot read what there is: %s",
			strerrordesc_np(-err));
	}
	taker_refuse(taker, why);
}

int taker_begin(struct taker *taker, int fd)
{
	*taker = TAKER_EMPTY;
	int err = channel_adopt(&taker->channel, fd);
	if (!err) {
		err = process_open_peer(fd, &taker->giver);
	}
	if (err) {
		return err;
	}
	err = offer_receive(&taker->channel, &taker->offer);
	handover_test_stop("taker-listeners");
	if (err) {
		refuse_offer(taker, err);
		return err;
	}
	clock_skip(taker->offer.hello.skip_us);
	return 0;
}

int taker_check(const struct taker *taker, const struct config *config, const struct node *node,
	char ret_why[HANDOVER_TEXT_MAX])
{
	struct unpack options = unpack_of(taker->offer.options.bytes, taker->offer.options.len);
	struct fits_room room;
	int err = setup_check(&options, config, ret_why);
	if (err) {
		return err;
	}
	fits_look("", node->budget.limit, &room);
	return fits_check(&taker->offer.hello, &room, ret_why);
}

/* --- taking ------------------------------------------------------------------------------------
 */

/* One of these, and the next one is due. */
static int answer(struct taker *taker, enum handover_message kind)
{
	return channel_send(&taker->channel, kind, NULL, NULL, 0);
}

static int on_end(struct taker *taker, const struct snapshot_taking *taking, char *ret_why)
{
	char why[CONFIG_ERROR_MAX];
	handover_test_stop("taker-end");
	int err = registrar_has_all(taking->parts.registrar, why);
	if (err) {
		snprintf(ret_why, HANDOVER_TEXT_MAX, "%.250s", why);
		return err;
	}
	err = answer(taker, HANDOVER_HAVE_ALL);
	handover_test_stop("taker-have-all");
	return err;
}

/* A part of the snapshot. */
static int on_part(struct taker *taker, struct snapshot_taking *taking, char *ret_why)
{
	const enum handover_message kind = taker->channel.message.kind;
	int err = snapshot_take(taking, &taker->channel);
	if (err) {
		snprintf(ret_why, HANDOVER_TEXT_MAX, "%s", taking->why);
		return err;
	}
	switch (kind) {
	case HANDOVER_NODE:
		handover_test_stop("taker-node");
		return 0;
	case HANDOVER_END:
		return on_end(taker, taking, ret_why);
	default:
		if (kind == HANDOVER_LINES) {
			handover_test_stop("taker-lines");
		}
		return answer(taker, HANDOVER_ACK);
	}
}

static int on_go(struct taker *taker, const struct snapshot_taking *taking, char *ret_why)
{
	struct unpack body = channel_body(&taker->channel);
	const uint32_t lines = unpack_u32(&body);
	if (!taking->has_all || !unpack_is_over(&body) || lines != taking->totals.lines) {
		snprintf(ret_why, HANDOVER_TEXT_MAX, "it was told to serve what it has not got");
		return -EBADMSG;
	}
	handover_test_stop("taker-go");
	return 1;
}

/* Returns 1 when it is to serve, 0 while more is to come. */
static int on_message(struct taker *taker, struct snapshot_taking *taking, char *ret_why)
{
	switch (taker->channel.message.kind) {
	case HANDOVER_NODE:
	case HANDOVER_BUFFERS:
	case HANDOVER_LINES:
	case HANDOVER_END:
		return on_part(taker, taking, ret_why);
	case HANDOVER_GO:
		return on_go(taker, taking, ret_why);
	case HANDOVER_ABORT:
		snprintf(ret_why, HANDOVER_TEXT_MAX, "the running process goes on");
		return -ECANCELED;
	default:
		snprintf(ret_why, HANDOVER_TEXT_MAX, "%s is not what is due",
			handover_message_name(taker->channel.message.kind));
		return -EBADMSG;
	}
}

/* The channel has ended without a word. Where the giver is dead what came is served, as nobody else
 * will; where it lives it serves. Returns 1 in the first case. */
static int on_silence(struct taker *taker, int err, char *ret_why)
{
	if (!process_has_ended(&taker->giver, handover_test_ms(GONE_MS))) {
		snprintf(ret_why, HANDOVER_TEXT_MAX,
			"process %d has closed the channel without a word, and lives: it serves on",
			(int)taker->giver.pid);
		return err;
	}
	taker->is_orphan = true;
	return 1;
}

static int take_all(struct taker *taker, struct snapshot_taking *taking, char *ret_why)
{
	int more = 0;
	while (more == 0) {
		more = channel_receive(&taker->channel);
		if (more == 0) {
			more = on_message(taker, taking, ret_why);
		}
	}
	return more == -ECONNRESET || more == -EPIPE ? on_silence(taker, more, ret_why) : more;
}

/* Nobody has grown older while nobody was answered. */
static void set_clock(struct taker *taker, const struct node *node, uint64_t rested_us)
{
	const uint64_t now_us = clock_machine_us();
	taker->frozen_us = rested_us > 0 && now_us > rested_us ? now_us - rested_us : 0;
	clock_skip(taker->frozen_us);
	for (uint32_t i = 0; i < node->worker_count; i++) {
		serving_hold_deadlines(worker_serving(node->workers[i]));
	}
}

int taker_take(
	struct taker *taker, const struct snapshot_parts *parts, char ret_why[HANDOVER_TEXT_MAX])
{
	struct snapshot_taking taking;
	ret_why[0] = '\0';
	int err = snapshot_taking_begin(&taking, parts);
	if (!err) {
		handover_test_stop("taker-ready");
		err = answer(taker, HANDOVER_READY);
	}
	if (!err) {
		err = take_all(taker, &taking, ret_why);
	}
	if (err > 0) {
		taker->lines = taking.totals.lines;
		taker->lost = taking.has_node ? snapshot_lost(&taking)
					      : (uint32_t)taker->offer.hello.lines;
		set_clock(taker, parts->node, taking.rested_us);
		snapshot_taking_finish(&taking);
		return 0;
	}
	if (ret_why[0] == '\0') {
		snprintf(ret_why, HANDOVER_TEXT_MAX, "the new process: %s", strerrordesc_np(-err));
	}
	taker_refuse(taker, ret_why);
	return err;
}

void taker_finish(struct taker *taker)
{
	channel_finish(&taker->channel);
	process_finish(&taker->giver);
	offer_finish(&taker->offer);
}
