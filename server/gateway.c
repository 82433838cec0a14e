#include "gateway.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "build_config.h"
#if HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "admin/admin.h"
#include "auth_keys.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "changes.h"
#include "config/cli.h"
#include "config/config_check.h"
#include "limits.h"
#include "node/acceptor.h"
#include "node/listener.h"
#include "node/worker.h"
#include "session/session_log.h"
#include "signals.h"
#include "started.h"
#include "summary.h"
#include "user/user_table.h"
#include "welcome_page.h"

enum {
	HOUSEKEEP_MS = 1000,   /* between looks at the size of the user table */
	TELL_WAIT_MS = 1000,   /* for all workers to have acted on a change */
	DRAIN_LOOK_MS = 50,    /* between looks whether everybody has gone */
	DRAIN_SLOT_MS = 100,   /* a client's part of the drain, at most: few take no whole one */
	STOP_MS = 10000,       /* for the end itself, behind a drain */
	TABLE_AT_ONCE = 65536, /* users provided for at the start, at most */
};

/* Owner:  main.
 * Shared: `node`, as said there. */
struct gateway {
	struct config config;
	struct sources sources; /* as it was started */
	struct node node;
	struct listeners listeners;
	struct acceptor **acceptors;
	struct admin *admin; /* NULL without an admin port */
	struct signals signals;
	struct summary summary;
	int drain_fd;         /* eventfd: the admin port asks for a drain */
	uint64_t files_taken; /* descriptors that are no connections */
	int argc;
	char **argv;
};

/* --- refusing to start -------------------------------------------------------------------------
 */

/* What else there is to say of an error. */
static const char *advice_on(int err)
{
	return err == -EMFILE ? ": raise the file limit (ulimit -n, or LimitNOFILE= of the unit)"
			      : "";
}

static int complain_about(const char *what, int err)
{
	log_complain("cannot %s: %s%s", what, strerrordesc_np(-err), advice_on(err));
	return err;
}

static void tell_of_start(void *user, enum finding kind, const char *line)
{
	if (kind == FINDING_FAULT) {
		log_complain("%s", line);
	} else {
		log_warn(0, "%s", line);
	}
}

static void say_shortfall(const char *line)
{
	log_warn(0, "%s", line);
}

/* --- limits ------------------------------------------------------------------------------------
 */

static struct limits set_limits(struct gateway *gateway, const struct limits_supply *supply)
{
	struct node *node = &gateway->node;
	struct limits limits = limits_share(&gateway->config, supply, node->worker_count);
	node->places.max = limits.connections;
	node->places.refusals_max = limits.refusals;
	node->budget.limit = limits.memory;
	node->fanout.backlog_limit = limits.backlog;
	rooms_set_limit(node->fanout.rooms, limits.rooms);
	node->places.openings = (uint32_t)gateway->config.openings;
	if (address_limits_set(&node->addresses, (uint32_t)gateway->config.per_ip_connections,
		    (uint32_t)gateway->config.per_ip_openings) < 0) {
		log_error(0,
			"out of memory: per_ip_connections and per_ip_openings stay as they were");
	}
	user_table_set_kick_limit(node->users, (uint32_t)gateway->config.kick_limit);
	return limits;
}

static struct limits_supply supply_of(const struct gateway *gateway)
{
	return (struct limits_supply){
		.files = machine_raise_files(),
		.files_taken = gateway->files_taken,
		.memory = machine_quarter_of_memory(),
	};
}

/* While there are no connections yet. */
static int set_first_limits(struct gateway *gateway)
{
	char text[LIMITS_TEXT_MAX];
	gateway->files_taken = limits_files_taken(
		gateway->admin ? limits_admin_clients(machine_raise_files()) : 0);
	struct limits_supply supply = supply_of(gateway);
	struct limits limits = set_limits(gateway, &supply);
	if (limits.connections == 0) {
		limits_explain_files(&supply, text);
		log_complain("%s", text);
		return -EMFILE;
	}
	log_info(0, "file limit %llu: room for %u connections", (unsigned long long)supply.files,
		limits.connections);
	limits_advise(&gateway->config, &supply, &limits,
		gateway->node.worker_count + (uint32_t)gateway->config.acceptors,
		listeners_has_inet(&gateway->listeners), say_shortfall);
	return 0;
}

/* The file limit may have been changed from outside since the start. */
static void reset_limits(struct gateway *gateway)
{
	char text[LIMITS_TEXT_MAX];
	struct limits_supply supply = supply_of(gateway);
	struct limits limits = set_limits(gateway, &supply);
	if (limits.connections == 0) {
		limits_explain_files(&supply, text);
		log_error(0, "%s; newcomers are refused", text);
	}
	limits_advise(&gateway->config, &supply, &limits, 0,
		listeners_has_inet(&gateway->listeners), say_shortfall);
}

/* --- start -------------------------------------------------------------------------------------
 */

/* Before the threads are started, which inherit what is blocked. */
static int catch_signals(struct gateway *gateway)
{
	int err = signals_catch(&gateway->signals, gateway->config.file != NULL);
	if (err) {
		return complain_about("catch signals", err);
	}
	gateway->drain_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return gateway->drain_fd < 0 ? complain_about("start", -errno) : 0;
}

static int open_listeners(struct gateway *gateway)
{
	char error[CONFIG_ERROR_MAX];
	int err = listeners_open(&gateway->listeners, &gateway->config, error);
	if (err) {
		log_complain("%s%s", error, advice_on(err));
	}
	return err;
}

static int make_node(struct gateway *gateway)
{
	uint32_t worker_count =
		limits_workers(&gateway->config, machine_cpus(), machine_quota_cpus(""));
	int err = node_init(&gateway->node, worker_count, SERVING_MAIL_FANOUT);
	gateway->acceptors = calloc(gateway->config.acceptors, sizeof(struct acceptor *));
	if (err || !gateway->acceptors) {
		return complain_about("start", -ENOMEM);
	}
	return 0;
}

/* Before the workers, which hold what they verify tokens with. */
static int load_keys(struct gateway *gateway)
{
	struct findings findings = {.tell = findings_tell_terminal};
	int err = auth_keys_load(&gateway->node, &gateway->config, &findings);
	return err && findings.faults == 0 ? complain_about("load the keys", err) : err;
}

/* Where it says how many workers there are. */
static void say_quota(const struct gateway *gateway)
{
	uint32_t quota = machine_quota_cpus("");
	uint32_t cpus = machine_cpus();
	if (gateway->config.workers == 0 && quota < cpus) {
		log_info(0, "the control group's quota keeps %u of %u CPUs busy: %u workers", quota,
			cpus, gateway->node.worker_count);
	}
}

static int make_user_table(struct gateway *gateway)
{
	uint64_t files = machine_raise_files();
	int err = node_make_tables(&gateway->node, files < TABLE_AT_ONCE ? files : TABLE_AT_ONCE,
		(uint32_t)gateway->config.max_devices);
	return err ? complain_about("make the user table", err) : 0;
}

static int make_threads(struct gateway *gateway)
{
	struct node *node = &gateway->node;
	for (uint32_t i = 0; i < node->worker_count; i++) {
		int err = worker_create(node, (uint8_t)i, &gateway->config, &node->workers[i]);
		if (err) {
			return complain_about("make a worker (fewer --workers need less)", err);
		}
	}
	for (uint32_t i = 0; i < gateway->config.acceptors; i++) {
		int err = acceptor_create(node, &gateway->listeners, i, &gateway->acceptors[i]);
		if (err) {
			return complain_about(
				"make an acceptor (fewer --acceptors need less)", err);
		}
	}
	return 0;
}

static int make_admin(struct gateway *gateway)
{
	char error[CONFIG_ERROR_MAX];
	struct admin_setup setup = {
		.config = &gateway->config,
		.node = &gateway->node,
		.acceptors = gateway->acceptors,
		.listeners = &gateway->listeners,
		.drain_fd = gateway->drain_fd,
		.clients_max = limits_admin_clients(machine_raise_files()),
	};
	if (gateway->config.admin[0] == '\0') {
		return 0;
	}
	int err = admin_create(&setup, &gateway->admin, error);
	if (err) {
		log_complain("%s%s", error, advice_on(err));
	}
	return err;
}

static int make_welcome(struct gateway *gateway)
{
	char console[ADDRESS_URL_MAX] = "";
	if (gateway->admin) {
		admin_name(gateway->admin, console);
	}
	if (strncmp(console, "http:", 5) != 0) {
		console[0] = '\0'; /* no browser gets to a Unix socket */
	}
	gateway->node.welcome.to_all = gateway->config.demo;
	return welcome_page_make(&gateway->node.welcome, console) < 0
		       ? complain_about("start", -ENOMEM)
		       : 0;
}

static int start_admin(struct gateway *gateway)
{
	char name[ADDRESS_URL_MAX];
	if (!gateway->admin) {
		return 0;
	}
	int err = admin_start(gateway->admin);
	if (err) {
		return complain_about("start the admin port's thread", err);
	}
	admin_name(gateway->admin, name);
	if (gateway->config.admin_token[0] == '\0') {
		log_warn(0, "%s may use the admin port: --admin-token asks for a token",
			strncmp(name, "unix:", 5) == 0 ? "owner and group of the socket"
						       : "everybody on this machine");
	}
	if (admin_is_for_others(gateway->admin)) {
		log_warn(0,
			"requests to the admin port carry its token in clear (--admin-plain): who "
			"listens on their way has it");
	}
	return 0;
}

static int start_threads(struct gateway *gateway)
{
	for (uint32_t i = 0; i < gateway->node.worker_count; i++) {
		int err = worker_start(gateway->node.workers[i]);
		if (err) {
			return complain_about("start a worker's thread", err);
		}
	}
	for (uint32_t i = 0; i < gateway->config.acceptors; i++) {
		int err = acceptor_start(gateway->acceptors[i]);
		if (err) {
			return complain_about("start an acceptor's thread", err);
		}
	}
	return 0;
}

static int start_log(struct gateway *gateway)
{
	char listen[512];
	char unused[512];
	listeners_name(&gateway->listeners, listen, sizeof(listen));
	listeners_name_unused(&gateway->listeners, &gateway->config, unused, sizeof(unused));
	int err = log_start(
		gateway->config.log_format, gateway->config.log_level, gateway->config.id, listen);
	if (err) {
		return complain_about("start the log", err);
	}
	if (unused[0]) {
		log_warn(0,
			"nobody listens on %.180s: systemd has passed %.180s, which takes its "
			"place; name all in its socket unit, or disable that",
			unused, listen);
	}
	return 0;
}

/* Tells systemd, where it asks. */
__attribute__((format(printf, 1, 2))) static void notify(const char *format, ...)
{
#if HAVE_SYSTEMD
	char state[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(state, sizeof(state), format, args);
	va_end(args);
	sd_notify(0, state);
#else
	(void)format;
#endif
}

/* With where it listens, which `systemctl status` shows and tools/invite reads. */
static void notify_ready(const struct gateway *gateway)
{
	char listen[512];
	char admin[ADDRESS_URL_MAX] = "";
	listeners_name(&gateway->listeners, listen, sizeof(listen));
	if (gateway->admin) {
		admin_name(gateway->admin, admin);
	}
	notify("READY=1\nSTATUS=listening on %s%s%s", listen, admin[0] ? ", admin on " : "", admin);
}

static void say_started(const struct gateway *gateway)
{
	char console[ADDRESS_URL_MAX];
	if (gateway->admin) {
		admin_name(gateway->admin, console);
	}
	started_say(&gateway->config, gateway->node.worker_count, &gateway->listeners,
		gateway->admin ? console : NULL);
}

static int start(struct gateway *gateway)
{
	struct findings findings = {.tell = tell_of_start};
	machine_raise_files();
	int err = catch_signals(gateway);
	if (!err) {
		err = open_listeners(gateway);
	}
	if (!err) {
		err = make_node(gateway);
	}
	if (!err) {
		err = make_user_table(gateway);
	}
	if (!err) {
		err = load_keys(gateway);
	}
	if (!err) {
		err = make_threads(gateway);
	}
	if (!err) {
		err = make_admin(gateway);
	}
	if (!err) {
		err = make_welcome(gateway);
	}
	if (!err) {
		err = start_log(gateway);
	}
	if (err) {
		return err;
	}
	err = config_check(&gateway->config, &gateway->sources, &findings);
	if (err) {
		return err;
	}
	say_quota(gateway);
	err = set_first_limits(gateway);
	if (!err) {
		err = start_threads(gateway);
	}
	if (!err) {
		err = start_admin(gateway);
	}
	if (!err) {
		say_started(gateway);
		auth_keys_warn_of_open_logins(&gateway->config, &gateway->listeners);
		notify_ready(gateway);
	}
	return err;
}

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
	reset_limits(gateway);
	auth_keys_reload(&gateway->node, &gateway->config);
	tell_all(gateway, SERVING_MAIL_RELOAD, 0);
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
	};
	poll(ready, 2, timeout_ms);
	int number = signals_take(&gateway->signals);
	return number == 0 && ready[1].revents & POLLIN ? SIGTERM : number;
}

/* Returns the signal that ends it. */
static int serve(struct gateway *gateway)
{
	for (;;) {
		int number = wait_signal(gateway, HOUSEKEEP_MS, true);
		if (number == SIGTERM || number == SIGINT) {
			return number;
		}
		if (number == SIGHUP) {
			reload(gateway);
		}
		node_housekeep(&gateway->node);
		auth_keys_look(&gateway->node);
		if (gateway->admin) {
			admin_housekeep(gateway->admin, &gateway->config);
		}
		look_at_sessions(gateway, false);
	}
}

static uint64_t connections(const struct gateway *gateway)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < gateway->node.worker_count; i++) {
		total += *worker_load(gateway->node.workers[i]);
	}
	return total;
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
	uint64_t total = connections(gateway);
	uint64_t length_ms = drain_length_ms(&gateway->config, total);
	uint64_t most_ms = length_ms + (gateway->config.close_deadline + 1) * 1000;
	uint64_t end_ms = clock_ms() + most_ms;
	gateway->node.is_draining = true;
	notify("STOPPING=1");
	/* However long the drain is: the time-out of the service need not know. */
	notify("EXTEND_TIMEOUT_USEC=%llu", (unsigned long long)(most_ms + STOP_MS) * 1000);
	log_info(0, "draining %llu connections over %g s; a second %s ends it at once",
		(unsigned long long)total, (double)length_ms / 1000,
		number == SIGINT ? "Ctrl-C" : "SIGTERM");
	tell_all(gateway, SERVING_MAIL_DRAIN, length_ms);
	while (connections(gateway) > 0 && clock_ms() < end_ms) {
		int second = wait_signal(gateway, DRAIN_LOOK_MS, false);
		look_at_sessions(gateway, false);
		if (second == SIGTERM || second == SIGINT) {
			log_warn(0, "ending at once: %llu connections are cut off",
				(unsigned long long)connections(gateway));
			return;
		}
	}
}

/* --- end ---------------------------------------------------------------------------------------
 */

static void finish(struct gateway *gateway)
{
	struct node *node = &gateway->node;
	/* Before the workers, who may still hold orders of its. */
	admin_stop(gateway->admin);
	for (uint32_t i = 0; gateway->acceptors && i < gateway->config.acceptors; i++) {
		acceptor_destroy(&gateway->acceptors[i]);
	}
	for (uint32_t i = 0; node->workers && i < node->worker_count; i++) {
		if (node->workers[i]) {
			worker_stop(node->workers[i]);
		}
	}
	for (uint32_t i = 0; node->workers && i < node->worker_count; i++) {
		if (node->workers[i]) {
			worker_join(node->workers[i]);
		}
	}
}

static void destroy(struct gateway *gateway)
{
	struct node *node = &gateway->node;
	for (uint32_t i = 0; node->workers && i < node->worker_count; i++) {
		worker_destroy(&node->workers[i]);
	}
	admin_destroy(&gateway->admin);
	listeners_close(&gateway->listeners);
	free(gateway->acceptors);
	welcome_page_finish(&node->welcome);
	node_finish(node);
	signals_finish(&gateway->signals);
	if (gateway->drain_fd >= 0) {
		close(gateway->drain_fd);
	}
}

int gateway_run(const struct config *config, const struct sources *sources, int argc, char **argv)
{
	struct gateway gateway = {
		.config = *config,
		.sources = *sources,
		.listeners = LISTENERS_EMPTY,
		.signals = SIGNALS_EMPTY,
		.drain_fd = -1,
		.argc = argc,
		.argv = argv,
	};
	user_table_thread_begin();
	int err = start(&gateway);
	if (!err) {
		int number = serve(&gateway);
		drain(&gateway, number);
	}
	finish(&gateway);
	if (!err) {
		look_at_sessions(&gateway, true);
		summary_say_totals(&gateway.node);
	}
	destroy(&gateway);
	user_table_thread_end();
	log_stop();
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
