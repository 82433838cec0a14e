#include "gateway.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin.h"
#include "auth_keys.h"
#include "base/clock.h"
#include "base/log.h"
#include "changes.h"
#include "config/cli.h"
#include "config/config_check.h"
#include "gateway_parts.h"
#include "handover/taker.h"
#include "node/registrar.h"
#include "node/worker.h"
#include "service_notify.h"
#include "session/session_log.h"
#include "succession.h"
#include "tls_certificates.h"
#include "user/user_table.h"

enum {
	HOUSEKEEP_MS = 1000, /* between looks at the size of the user table */
	TELL_WAIT_MS = 1000, /* for all workers to have acted on a change */
	DRAIN_LOOK_MS = 50,  /* between looks whether everybody has gone */
	DRAIN_SLOT_MS = 100, /* a client's part of the drain, at most: few take no whole one */
	STOP_MS = 10000,     /* for the end itself, behind a drain */
};

/* --- running -----------------------------------------------------------------------------------
 */

static void look_at_sessions(struct gateway *gateway, bool is_last)
{
	summary_look(
		&gateway->summary, &gateway->node, session_log_is_each(&gateway->config), is_last);
}

/* Tells all workers and waits for them to have acted, so that what the log says next is so; not for
 * long, as one may be in the middle of a long turn. */
static void tell_all(struct gateway *gateway, enum serving_mail kind, uint64_t drain_ms)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	for (uint32_t i = 0; i < gateway->node.worker_count; i++) {
		struct serving_change *change = malloc(sizeof(*change));
		if (!change) {
			log_error(0, "out of memory: worker %u is not told", i);
			continue;
		}
		change->drain_ms = drain_ms;
		change->config = gateway->config;
		gateway->node.changes_pending++;
		worker_post(gateway->node.workers[i], kind, &change->mail);
	}
	for (int i = 0; i < TELL_WAIT_MS && gateway->node.changes_pending > 0; i++) {
		nanosleep(&moment, NULL);
	}
}

static void tell_of_reload(void *user, enum finding kind, const char *line)
{
	if (kind == FINDING_FAULT) {
		log_error(0, "reload: %s", line);
	} else {
		log_warn(0, "%s", line);
	}
}

static void reload(struct gateway *gateway)
{
	struct config fresh;
	struct sources sources;
	struct changes changes;
	struct findings findings = {.tell = tell_of_reload};
	if (cli_parse_again(gateway->argc, gateway->argv, &fresh, &sources, &findings) < 0 ||
		config_check(&fresh, &sources, &findings) < 0) {
		log_error(0, "reload: the configuration has %zu fault%s; going on as before",
			findings.faults, findings.faults == 1 ? "" : "s");
		return;
	}
	look_at_sessions(gateway, true); /* under the options of before */
	changes_take(&changes, &gateway->config, &fresh);
	log_set_level(gateway->config.log_level);
	gateway_parts_reset_limits(gateway);
	auth_keys_reload(&gateway->node, &gateway->config);
	tls_certificates_reload(&gateway->node, &gateway->config);
	tell_all(gateway, SERVING_MAIL_RELOAD, 0);
	if (gateway->registrar) {
		registrar_reload(gateway->registrar, &gateway->config);
	}
	if (gateway->admin) {
		admin_reload(gateway->admin, &gateway->config);
	}
	changes_log(&changes);
}

/* Waits for a signal, or with `takes_drain` for the admin port to ask for a drain, which counts as
 * SIGTERM. Returns its number, 0 after the time-out. */
static int wait_signal(struct gateway *gateway, int timeout_ms, bool takes_drain)
{
	struct pollfd ready[] = {
		{.fd = gateway->signals.fd, .events = POLLIN},
		{.fd = takes_drain ? gateway->drain_fd : -1, .events = POLLIN},
		{.fd = gateway->upgrade_fd, .events = POLLIN},
	};
	poll(ready, 3, timeout_ms);
	int number = signals_take(&gateway->signals);
	return number == 0 && ready[1].revents & POLLIN ? SIGTERM : number;
}

/* Whether the admin port has been asked for another process; node.handover says so too then. */
static bool takes_upgrade(struct gateway *gateway)
{
	eventfd_t count;
	return eventfd_read(gateway->upgrade_fd, &count) == 0;
}

/* The process before this one is gone: systemd hears this one. */
static void look_at_predecessor(struct gateway *gateway)
{
	if (gateway->taker && succession_is_over(gateway)) {
		gateway_parts_notify(gateway);
		taker_finish(gateway->taker);
		gateway->taker = NULL;
	}
}

/* While a new process gets ready. Returns whether that is off: this one is to end. A reload is done
 * at once, and again by the new process, which may have read the config before. */
static bool attend(struct gateway *gateway)
{
	if (signals_have_end() || gateway->node.is_draining) {
		return true;
	}
	const int number = signals_take(&gateway->signals);
	if (number == SIGHUP) {
		reload(gateway);
		gateway->has_reloaded = true;
	} else if (number == SIGUSR2) {
		log_warn(0, "not handed over: another hand-over is under way; going on with that");
	} else if (number != 0) {
		kill(getpid(), number); /* It came this very moment: it is for serve. */
	}
	return number == SIGTERM || number == SIGINT;
}

/* No return where all has been handed over. */
static void hand_over(struct gateway *gateway, int number)
{
	const bool has_begun = takes_upgrade(gateway);
	gateway->has_reloaded = false;
	struct succession succession;
	if ((number == SIGUSR2 || has_begun) &&
		succession_give(gateway, has_begun, attend, &succession) == 0) {
		if (gateway->has_reloaded) {
			kill(succession.outcome.pid, SIGHUP);
		}
		look_at_sessions(gateway, true); /* what it has not said yet nobody would */
		succession_leave(gateway, &succession);
	}
}

/* Returns the signal that ends it; 0: it cannot go on. */
static int serve(struct gateway *gateway)
{
	for (;;) {
		int number = wait_signal(gateway, HOUSEKEEP_MS, true);
		if (registrar_why_ended(gateway->registrar)) {
			log_error(0, "%s", registrar_why_ended(gateway->registrar));
			return 0;
		}
		if (number == SIGTERM || number == SIGINT) {
			return number;
		}
		if (number == SIGHUP) {
			reload(gateway);
		}
		look_at_predecessor(gateway);
		hand_over(gateway, number);
		node_housekeep(&gateway->node);
		auth_keys_look(&gateway->node);
		tls_certificates_look(&gateway->node);
		if (gateway->admin) {
			admin_housekeep(gateway->admin, &gateway->config);
		}
		look_at_sessions(gateway, false);
	}
}

/* Over how long so many are sent away. */
static uint64_t drain_length_ms(const struct config *config, uint64_t total)
{
	uint64_t most = config->drain * 1000;
	return total < most / DRAIN_SLOT_MS ? total * DRAIN_SLOT_MS : most;
}

/* The listeners stay open and answer 503 until the last connection has gone: closing one of several
 * SO_REUSEPORT sockets would reset what waits in its queue. `number` is the signal that began it.
 */
static void drain(struct gateway *gateway, int number)
{
	uint64_t total = worker_load_of_all(&gateway->node);
	uint64_t length_ms = drain_length_ms(&gateway->config, total);
	uint64_t most_ms = length_ms + (gateway->config.close_deadline + 1) * 1000;
	uint64_t end_ms = clock_ms() + most_ms;
	gateway->node.is_draining = true;
	service_notify("STOPPING=1");
	/* However long the drain is: the time-out of the service need not know. */
	service_notify("EXTEND_TIMEOUT_USEC=%llu", (unsigned long long)(most_ms + STOP_MS) * 1000);
	log_info(0, "draining %llu connections over %g s; a second %s ends it at once",
		(unsigned long long)total, (double)length_ms / 1000,
		number == SIGINT ? "Ctrl-C" : "SIGTERM");
	tell_all(gateway, SERVING_MAIL_DRAIN, length_ms);
	while (worker_load_of_all(&gateway->node) > 0 && clock_ms() < end_ms) {
		int second = wait_signal(gateway, DRAIN_LOOK_MS, false);
		const bool has_begun = takes_upgrade(gateway);
		look_at_sessions(gateway, false);
		if (second == SIGUSR2 || has_begun) {
			succession_refuse(gateway, has_begun, "it is draining");
		}
		if (second == SIGTERM || second == SIGINT) {
			log_warn(0, "ending at once: %llu connections are cut off",
				(unsigned long long)worker_load_of_all(&gateway->node));
			return;
		}
	}
}

/* In the place of another process too, which serves on where this one cannot: no return then. */
static int start(struct gateway *gateway)
{
	int err = gateway_parts_make(gateway);
	if (!err && gateway->taker) {
		err = succession_take(gateway);
	}
	if (err && gateway->taker) {
		succession_give_up(gateway);
	}
	if (!err) {
		err = gateway_parts_start(gateway);
	}
	if (!err && gateway->taker) {
		succession_say(gateway);
	}
	return err;
}

int gateway_run(const struct config *config, const struct sources *sources, int argc, char **argv,
	struct taker *taker)
{
	struct gateway gateway = {
		.config = *config,
		.sources = *sources,
		.listeners = LISTENERS_EMPTY,
		.signals = SIGNALS_EMPTY,
		.taker = taker,
		.drain_fd = -1,
		.upgrade_fd = -1,
		.argc = argc,
		.argv = argv,
	};
	user_table_thread_begin();
	int err = start(&gateway);
	if (!err) {
		int number = serve(&gateway);
		if (number == 0) {
			err = -EEXIST;
		} else {
			drain(&gateway, number);
		}
	}
	gateway_parts_stop(&gateway);
	if (!err) {
		look_at_sessions(&gateway, true);
		summary_say_totals(&gateway.node);
	}
	gateway_parts_free(&gateway);
	user_table_thread_end();
	log_stop();
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
