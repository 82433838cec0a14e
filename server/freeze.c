#include "freeze.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "base/log.h"
#include "conn/tls_quota.h"
#include "node/acceptor.h"
#include "node/registrar.h"
#include "node/registrar_pack.h"
#include "node/rest.h"
#include "node/serving.h"
#include "node/worker.h"

enum {
	HALVES_MS =
		500, /* for clients to answer in handshakes that have begun; nobody stands still */
	US_PER_MS = 1000,
};

/* --- what stops before time does ---------------------------------------------------------------
 */

static void stop_acceptors(struct gateway *gateway)
{
	for (uint32_t i = 0; i < gateway->config.acceptors; i++) {
		acceptor_stop(gateway->acceptors[i]);
	}
}

/* Errors: -errno, and all have been tried. */
static int start_acceptors(struct gateway *gateway)
{
	int first_err = 0;
	for (uint32_t i = 0; i < gateway->config.acceptors; i++) {
		int err = acceptor_start(gateway->acceptors[i]);
		if (err) {
			log_error(0, "cannot start an acceptor's thread again: %s",
				strerrordesc_np(-err));
			first_err = err;
		}
	}
	return first_err;
}

/* Those that have begun are cut off by a hand-over. */
static void await_handshakes(const struct gateway *gateway)
{
	const struct timespec moment = {.tv_nsec = US_PER_MS * 1000};
	const uint64_t end_us = clock_machine_us() + HALVES_MS * US_PER_MS;
	while (tls_quota_halves(&gateway->node.tls_quota) > 0 && clock_machine_us() < end_us) {
		nanosleep(&moment, NULL);
	}
}

/* --- all stand ---------------------------------------------------------------------------------
 */

/* Errors: -EBUSY. */
static int await_all(struct gateway *gateway, char ret_busy[FREEZE_BUSY_MAX])
{
	char missing[PARK_MISSING_MAX];
	if (park_await(&gateway->node.park, FREEZE_MS, missing) > 0) {
		snprintf(ret_busy, FREEZE_BUSY_MAX, "still under way after %d ms: %s", FREEZE_MS,
			missing);
		return -EBUSY;
	}
	return 0;
}

/* While workers and registrar run: they may owe it something. */
static int park_admin(struct gateway *gateway, char ret_busy[FREEZE_BUSY_MAX])
{
	if (!gateway->admin) {
		return 0;
	}
	admin_park(gateway->admin);
	return await_all(gateway, ret_busy);
}

static int park_all(struct gateway *gateway, char ret_busy[FREEZE_BUSY_MAX])
{
	for (uint32_t i = 0; i < gateway->node.worker_count; i++) {
		worker_park(gateway->node.workers[i]);
	}
	if (gateway->registrar) {
		registrar_park(gateway->registrar);
	}
	return await_all(gateway, ret_busy);
}

static int come_to_rest(struct gateway *gateway, char ret_busy[FREEZE_BUSY_MAX])
{
	struct rest rest;
	char busy[REST_BUSY_MAX];
	rest_init(&rest, &gateway->node, gateway->registrar);
	if (!rest_reach(&rest, FREEZE_MS, busy)) {
		snprintf(ret_busy, FREEZE_BUSY_MAX, "no rest after %d ms: %s", FREEZE_MS, busy);
		return -EBUSY;
	}
	return 0;
}

/* --- going on ----------------------------------------------------------------------------------
 */

/* All that stand go on. */
static int go_on(struct gateway *gateway)
{
	registrar_end_rest(gateway->registrar);
	park_open(&gateway->node.park);
	return start_acceptors(gateway);
}

int freeze_begin(struct gateway *gateway, struct freeze *ret_freeze, char ret_busy[FREEZE_BUSY_MAX])
{
	struct freeze freeze = {.rested_us = 0};
	ret_busy[0] = '\0';
	registrar_begin_rest(gateway->registrar);
	stop_acceptors(gateway);
	int err = park_admin(gateway, ret_busy);
	if (!err) {
		await_handshakes(gateway);
		freeze.began_us = clock_machine_us();
		err = park_all(gateway, ret_busy);
	}
	if (!err) {
		err = come_to_rest(gateway, ret_busy);
	}
	if (err) {
		int start_err = go_on(gateway);
		return start_err ? start_err : err;
	}
	freeze.rested_us = clock_machine_us();
	*ret_freeze = freeze;
	return 0;
}

int freeze_thaw(struct gateway *gateway, const struct freeze *freeze)
{
	clock_skip(clock_machine_us() - freeze->rested_us);
	return go_on(gateway);
}

void freeze_leave(struct gateway *gateway, const struct freeze *freeze)
{
	clock_skip(clock_machine_us() - freeze->rested_us);
	registrar_release(gateway->registrar);
	if (gateway->registrar) {
		registrar_dismiss(gateway->registrar);
		registrar_stop(gateway->registrar);
	}
	for (uint32_t i = 0; i < gateway->node.worker_count; i++) {
		worker_let_go(gateway->node.workers[i]);
	}
	if (gateway->admin) {
		admin_leave(gateway->admin);
	}
}
