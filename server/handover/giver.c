#include "giver.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../node/listener_adopt.h"
#include "../node/worker.h"
#include "build_config.h"
#include "process.h"
#include "test_stop.h"

enum {
	READY_MS = 10000,   /* for the taker to get ready: nobody stands still for that */
	MOVE_MS = 5000,     /* from then on, all in all */
	LOOK_MS = 100,      /* between looks whether it is called off */
	LEAVE_MS = 300,     /* for one that has lines to end: all stand still for that */
	PATIENCE_MS = 2000, /* with a taker that is to end */
	TELL_MS = 1000,     /* between lines of the log */
};

/* One hand-over.
 * Owner: the call of giver_hand_over. */
struct giver {
	const struct giver_means *means;
	struct handover_status *status;
	struct channel channel;
	struct process process;
	struct snapshot_parts parts;
	struct snapshot *snapshot;
	bool is_frozen;
	bool has_said_go; /* or a part of it */
	uint64_t told_ms; /* by the clock of the machine: when the log was told last */
	char why[HANDOVER_TEXT_MAX];
};

/* --- what is said ------------------------------------------------------------------------------
 */

/* Notes why it cannot be, where nothing better is known. Returns `err`. */
__attribute__((format(printf, 3, 4))) static int fail(
	struct giver *giver, int err, const char *format, ...)
{
	va_list arguments;
	if (giver->why[0] == '\0') {
		va_start(arguments, format);
		vsnprintf(giver->why, sizeof(giver->why), format, arguments);
		va_end(arguments);
	}
	return err;
}

/* What an error of the channel means. `what` is what it was about. */
static int fail_at(struct giver *giver, int err, const char *what)
{
	const int pid = (int)giver->process.pid;
	if (err == -ECONNRESET || err == -EPIPE) {
		return fail(giver, err, "process %d has %s %s: its last lines may say why", pid,
			process_has_ended(&giver->process, LOOK_MS) ? "ended"
								    : "closed the channel",
			what);
	}
	if (err == -ETIMEDOUT) {
		return fail(giver, err, "process %d was too slow %s", pid, what);
	}
	return fail(giver, err, "%s: %s", what, strerrordesc_np(-err));
}

/* The line of the other process. */
static int fail_as_told(struct giver *giver)
{
	struct unpack body = channel_body(&giver->channel);
	char text[HANDOVER_TEXT_MAX];
	handover_text_unpack(&body, text);
	return fail(giver, -ECANCELED, "%s", text);
}

/* Whether a second is over since the log was told. */
static bool is_time_to_tell(struct giver *giver)
{
	const uint64_t now_ms = clock_machine_us() / 1000;
	if (now_ms - giver->told_ms < TELL_MS) {
		return false;
	}
	giver->told_ms = now_ms;
	return true;
}

/* --- before anything stands still --------------------------------------------------------------
 */

static int start_taker(struct giver *giver)
{
	int other_fd = -1;
	int err = channel_make(&giver->channel, &other_fd);
	if (err) {
		return fail(giver, err, "cannot make the channel: %s", strerrordesc_np(-err));
	}
	err = process_start(other_fd, giver->means->argv, &giver->process);
	close(other_fd);
	if (err) {
		return fail(giver, err, "cannot start %s: %s",
			process_path() ? process_path() : "the executable", strerrordesc_np(-err));
	}
	handover_status_set(giver->status, HANDOVER_PREPARING, (uint32_t)giver->process.pid);
	log_info(0, "handing over: process %d, %s, gets ready", (int)giver->process.pid,
		process_path());
	handover_test_stop("giver-hello");
	return 0;
}

static int say_what_there_is(struct giver *giver)
{
	const struct giver_means *means = giver->means;
	const struct node *node = means->parts.node;
	const uint64_t lines = worker_load_of_all(node);
	const struct handover_hello hello = {
		.version = HANDOVER_VERSION,
		.binary = SLICE(TIDEGATE_VERSION),
		.files = lines + means->listeners->columns * listeners_all(means->listeners),
		.lines = lines,
		.memory = budget_used(&node->budget),
		.skip_us = clock_skipped_us(),
	};
	const struct offer_means offer = {
		.hello = &hello,
		.config = means->config,
		.registrar = means->parts.registrar,
		.cluster_key = means->cluster_key,
		.listeners = means->listeners,
		.admin_listeners = means->admin_listeners,
	};
	channel_give_time(&giver->channel, handover_test_ms(READY_MS));
	int err = offer_send(&giver->channel, &offer);
	handover_test_stop("giver-listeners");
	return err ? fail_at(giver, err, "as it was told what there is") : 0;
}

/* Waits for a word of the taker, while it may be called off. */
static int wait_for_ready(struct giver *giver)
{
	const int most_ms = handover_test_ms(READY_MS);
	const uint64_t end_ms = clock_machine_us() / 1000 + (uint64_t)most_ms;
	while (!channel_wait(&giver->channel, LOOK_MS)) {
		if (giver->means->attend(giver->means->user)) {
			return fail(giver, -ECANCELED, "the process is to end");
		}
		if (clock_machine_us() / 1000 > end_ms) {
			return fail(giver, -ETIMEDOUT, "process %d was not ready within %g s",
				(int)giver->process.pid, most_ms / 1000.0);
		}
		if (is_time_to_tell(giver)) {
			log_info(0, "handing over: process %d gets ready", (int)giver->process.pid);
		}
	}
	return 0;
}

/* Receives a message that is to be of that kind. */
static int expect(struct giver *giver, enum handover_message kind, const char *what)
{
	int err = channel_receive(&giver->channel);
	if (err) {
		return fail_at(giver, err, what);
	}
	if (giver->channel.message.kind == HANDOVER_NOT_NOW) {
		return fail_as_told(giver);
	}
	return giver->channel.message.kind == kind
		       ? 0
		       : fail(giver, -EBADMSG, "process %d says %s where %s is due",
				 (int)giver->process.pid,
				 handover_message_name(giver->channel.message.kind),
				 handover_message_name(kind));
}

static int prepare(struct giver *giver)
{
	int err = start_taker(giver);
	if (!err) {
		err = say_what_there_is(giver);
	}
	if (!err) {
		err = wait_for_ready(giver);
	}
	if (!err) {
		err = expect(giver, HANDOVER_READY, "before it was ready");
	}
	handover_test_stop("giver-ready");
	return err;
}

/* --- while everything stands still -------------------------------------------------------------
 */

static int freeze(struct giver *giver)
{
	char why[HANDOVER_TEXT_MAX] = "";
	handover_status_set(giver->status, HANDOVER_MOVING, (uint32_t)giver->process.pid);
	int err = giver->means->freeze(giver->means->user, &giver->parts.rested_us, why);
	if (err) {
		return fail(giver, err, "it has not come to rest: %s", why);
	}
	giver->is_frozen = true;
	channel_give_time(&giver->channel, handover_test_ms(MOVE_MS));
	handover_test_stop("giver-parked");
	return 0;
}

static void tell_progress(struct giver *giver)
{
	if (is_time_to_tell(giver)) {
		log_info(0, "handing over: %u of %u lines", snapshot_lines_sent(giver->snapshot),
			snapshot_lines_count(giver->snapshot));
	}
}

static int send_lines(struct giver *giver)
{
	bool is_first = true;
	int more = 1;
	while (more > 0) {
		more = snapshot_send_more(giver->snapshot, &giver->channel);
		tell_progress(giver);
		if (is_first) {
			handover_test_stop("giver-lines");
			is_first = false;
		}
	}
	if (more == -ECANCELED && giver->channel.message.kind == HANDOVER_NOT_NOW) {
		return fail_as_told(giver);
	}
	return more ? fail_at(giver, more, "in the middle of the lines") : 0;
}

static int move(struct giver *giver)
{
	int err = snapshot_begin(&giver->parts, &giver->snapshot);
	if (err) {
		return fail(giver, err, "%s", strerrordesc_np(-err));
	}
	err = snapshot_send_node(giver->snapshot, &giver->channel);
	if (err) {
		return fail_at(giver, err, "as it was told of the node");
	}
	err = send_lines(giver);
	if (!err) {
		err = snapshot_send_end(giver->snapshot, &giver->channel);
		handover_test_stop("giver-end");
		err = err ? fail_at(giver, err, "at the end of the lines") : 0;
	}
	return err ? err : expect(giver, HANDOVER_HAVE_ALL, "behind the last line");
}

/* The word that cannot be taken back: when it is written, all is the other's. Written only in part
 * it is none; but that is not to be seen with so few bytes. */
static int say_go(struct giver *giver)
{
	struct pack pack = PACK_EMPTY;
	handover_test_stop("giver-have-all");
	giver->has_said_go = true;
	pack_u32(&pack, snapshot_lines_count(giver->snapshot));
	int err = channel_send(&giver->channel, HANDOVER_GO, &pack, NULL, 0);
	pack_finish(&pack);
	handover_test_stop("giver-go");
	return err ? fail_at(giver, err, "before it was to serve") : 0;
}

/* --- the end -----------------------------------------------------------------------------------
 */

static void release(struct giver *giver, struct giver_outcome *ret_outcome)
{
	const struct giver_means *means = giver->means;
	ret_outcome->pid = giver->process.pid;
	ret_outcome->lines = snapshot_lines_count(giver->snapshot);
	ret_outcome->frozen_us = clock_machine_us() - giver->parts.rested_us;
	snapshot_release(giver->snapshot);
	listeners_forget_paths(means->listeners);
	if (means->admin_listeners) {
		listeners_forget_paths(means->admin_listeners);
	}
	handover_test_stop("giver-released");
}

/* Behind a part of GO no other word may come. */
static void say_abort(struct giver *giver)
{
	if (giver->channel.fd >= 0 && !giver->has_said_go) {
		channel_give_time(&giver->channel, LOOK_MS);
		channel_send(&giver->channel, HANDOVER_ABORT, NULL, NULL, 0);
	}
}

/* It has lines, or some: without a word it must not come to serve them, even where this process
 * dies now. Their TLS has numbers that may be used once only. What backends have asked of it
 * meanwhile only it can answer, as it does before it ends. */
static void make_sure_of_end(struct giver *giver)
{
	const int patience_ms = giver->has_said_go ? 0 : handover_test_ms(LEAVE_MS);
	say_abort(giver);
	if (!process_has_ended(&giver->process, patience_ms)) {
		process_kill(&giver->process);
	}
}

/* Else all go on first, as the other process may take its time to end. */
static void take_back(struct giver *giver)
{
	if (giver->snapshot) {
		make_sure_of_end(giver);
	}
	snapshot_finish(&giver->snapshot);
	if (giver->is_frozen) {
		giver->means->thaw(giver->means->user);
	}
	handover_status_refuse(giver->status, giver->why);
	log_warn(0, "not handed over: %s; going on as before", giver->why);
	say_abort(giver);
	process_end(&giver->process, PATIENCE_MS);
}

int giver_hand_over(const struct giver_means *means, struct giver_outcome *ret_outcome)
{
	struct giver giver = {
		.means = means,
		.parts = means->parts,
		.status = &means->parts.node->handover,
		.channel = CHANNEL_EMPTY,
		.process = PROCESS_EMPTY,
		.told_ms = clock_machine_us() / 1000,
	};
	int err = prepare(&giver);
	if (!err) {
		err = freeze(&giver);
	}
	if (!err) {
		err = move(&giver);
	}
	if (!err) {
		err = say_go(&giver);
	}
	if (err) {
		take_back(&giver);
		process_finish(&giver.process);
	} else {
		release(&giver, ret_outcome);
	}
	snapshot_finish(&giver.snapshot);
	channel_finish(&giver.channel);
	return err ? -ECANCELED : 0;
}
