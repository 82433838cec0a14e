#include "succession.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "base/log.h"
#include "handover/process.h"
#include "handover/taker.h"
#include "node/registrar_pack.h"
#include "node/worker.h"
#include "service_notify.h"

enum {
	LOOK_NS = 20000000, /* between looks whether all closing lines have gone */
	US_PER_S = 1000000,
};

/* --- of the one that goes ----------------------------------------------------------------------
 */

/* What giver_hand_over calls back with. */
struct giving {
	struct gateway *gateway;
	bool (*attend)(struct gateway *gateway);
	struct freeze freeze;
};

static int freeze(void *user, uint64_t *ret_rested_us, char ret_why[HANDOVER_TEXT_MAX])
{
	struct giving *giving = user;
	char busy[FREEZE_BUSY_MAX] = "";
	int err = freeze_begin(giving->gateway, &giving->freeze, busy);
	if (err) {
		snprintf(ret_why, HANDOVER_TEXT_MAX, "%.250s",
			busy[0] ? busy : strerrordesc_np(-err));
		return err;
	}
	*ret_rested_us = giving->freeze.rested_us;
	return 0;
}

static void thaw(void *user)
{
	struct giving *giving = user;
	freeze_thaw(giving->gateway, &giving->freeze);
}

static bool attend(void *user)
{
	struct giving *giving = user;
	return giving->attend(giving->gateway);
}

/* NULL: nothing is in the way. */
static const char *what_is_in_the_way(const struct gateway *gateway)
{
	if (gateway->node.is_draining) {
		return "it is draining";
	}
	if (gateway->node.changes_pending > 0) {
		return "a reload is under way";
	}
	if (getpid() == 1) {
		return "it is process 1, whose end ends its container: run it below an init "
		       "(docker run --init)";
	}
	return NULL;
}

void succession_refuse(struct gateway *gateway, bool has_begun, const char *why)
{
	if (has_begun || handover_status_begin(&gateway->node.handover)) {
		handover_status_refuse(&gateway->node.handover, why);
		log_warn(0, "not handed over: %s; going on as before", why);
	}
}

static struct snapshot_parts parts_of(struct gateway *gateway)
{
	struct snapshot_parts parts = {
		.node = &gateway->node,
		.worker_count = gateway->node.worker_count,
		.acceptors = gateway->acceptors,
		.acceptor_count = (uint32_t)gateway->config.acceptors,
		.registrar = gateway->registrar,
		.admin = gateway->admin,
	};
	for (uint32_t i = 0; i < parts.worker_count; i++) {
		parts.workers[i] = worker_serving(gateway->node.workers[i]);
	}
	return parts;
}

int succession_give(struct gateway *gateway, bool has_begun,
	bool (*attend_to)(struct gateway *gateway), struct succession *ret_succession)
{
	struct giving giving = {.gateway = gateway, .attend = attend_to};
	const char *why = what_is_in_the_way(gateway);
	const struct giver_means means = {
		.parts = parts_of(gateway),
		.config = &gateway->config,
		.cluster_key = &gateway->cluster_key,
		.listeners = &gateway->listeners,
		.admin_listeners = gateway->admin ? admin_listeners(gateway->admin) : NULL,
		.argv = gateway->argv,
		.freeze = freeze,
		.thaw = thaw,
		.attend = attend,
		.user = &giving,
	};
	if (why) {
		succession_refuse(gateway, has_begun, why);
		return -ECANCELED;
	}
	if (!has_begun && !handover_status_begin(&gateway->node.handover)) {
		return -ECANCELED; /* The admin port has been told to, and main is about to hear. */
	}
	int err = giver_hand_over(&means, &ret_succession->outcome);
	ret_succession->freeze = giving.freeze;
	return err;
}

/* Lines that were closing when the others moved: their peers answer, or their time is over. */
static void await_last_lines(const struct gateway *gateway)
{
	const struct timespec moment = {.tv_nsec = LOOK_NS};
	const uint64_t end_us =
		clock_machine_us() + (gateway->config.close_deadline + 1) * US_PER_S;
	while (worker_load_of_all(&gateway->node) > 0 && clock_machine_us() < end_us) {
		nanosleep(&moment, NULL);
	}
}

void succession_leave(struct gateway *gateway, const struct succession *succession)
{
	const struct giver_outcome *outcome = &succession->outcome;
	service_notify("MAINPID=%d", (int)outcome->pid);
	log_info(0, "handed over: %u line%s in %.2f s to process %d", outcome->lines,
		outcome->lines == 1 ? "" : "s", (double)outcome->frozen_us / US_PER_S,
		(int)outcome->pid);
	freeze_leave(gateway, &succession->freeze);
	service_notify_barrier();
	await_last_lines(gateway);
	log_stop();
	_exit(EXIT_SUCCESS);
}

/* --- of the one that comes ---------------------------------------------------------------------
 */

/* Where others are to be heard before this one may be ready. */
static int await_cluster(struct gateway *gateway)
{
	enum {
		LINE_MS = 5000,
	};
	char why[CONFIG_ERROR_MAX] = "";
	int err = registrar_await_line(gateway->registrar, LINE_MS, why);
	if (err) {
		log_complain("%s", why);
	}
	return err;
}

int succession_take(struct gateway *gateway)
{
	char why[HANDOVER_TEXT_MAX];
	const struct snapshot_parts parts = parts_of(gateway);
	int err = await_cluster(gateway);
	if (err) {
		return err;
	}
	err = taker_check(gateway->taker, &gateway->config, &gateway->node, why);
	if (err) {
		log_complain("%s", why);
		return err;
	}
	err = taker_take(gateway->taker, &parts, why);
	if (err) {
		log_warn(0, "not taken over: %s", why);
	}
	if (!err && gateway->taker->lost > 0) {
		registrar_note_lost(gateway->registrar);
	}
	return err;
}

static void say_lost(const struct taker *taker)
{
	if (taker->is_orphan) {
		log_warn(0, "process %d died in the middle of handing over: %u line%s lost",
			(int)taker->giver.pid, taker->lost, taker->lost == 1 ? " is" : "s are");
	}
}

void succession_say(struct gateway *gateway)
{
	const struct taker *taker = gateway->taker;
	handover_status_take(&gateway->node.handover, taker->lines, taker->lost, taker->frozen_us);
	log_info(0, "taken over: %u line%s from process %d, version %s, in %.2f s", taker->lines,
		taker->lines == 1 ? "" : "s", (int)taker->giver.pid, taker->offer.version,
		(double)taker->frozen_us / US_PER_S);
	say_lost(taker);
	/* What was logged before by another process is not to be logged again. */
	summary_look(&gateway->summary, &gateway->node, true, true);
}

void succession_give_up(struct gateway *gateway)
{
	const char *complaint = log_complaint();
	taker_refuse(gateway->taker,
		complaint[0] ? complaint : "the new process cannot start: its last lines say why");
	registrar_abandon(gateway->registrar);
	listeners_close(&gateway->listeners); /* removes the paths of those that it has made */
	log_stop();
	_exit(EXIT_FAILURE);
}

bool succession_is_over(const struct gateway *gateway)
{
	return process_has_ended(&gateway->taker->giver, 0);
}
