#include "gateway_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "admin/admin.h"
#include "auth_keys.h"
#include "base/log.h"
#include "base/machine.h"
#include "config/config_check.h"
#include "handover/taker.h"
#include "limits.h"
#include "node/acceptor.h"
#include "node/listener_adopt.h"
#include "node/registrar.h"
#include "node/registrar_pack.h"
#include "node/worker.h"
#include "service_notify.h"
#include "started.h"
#include "tls/tls_memory.h"
#include "tls/tls_threads.h"
#include "tls_certificates.h"
#include "user/user_table.h"
#include "welcome_page.h"

enum {
	TABLE_AT_ONCE = 65536, /* users provided for at the start, at most */
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

static bool is_in_cluster(const struct gateway *gateway)
{
	return gateway->config.cluster[0] != '\0' && gateway->config.cluster_key[0] != '\0';
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
	tls_quota_set_memory(&node->tls_quota, limits.memory);
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
	gateway->files_taken += is_in_cluster(gateway) ? LIMITS_LINK_FILES : 0;
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
void gateway_parts_reset_limits(struct gateway *gateway)
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
	gateway->upgrade_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return gateway->drain_fd < 0 || gateway->upgrade_fd < 0 ? complain_about("start", -errno)
								: 0;
}

static int open_listeners(struct gateway *gateway)
{
	char error[CONFIG_ERROR_MAX];
	int err = gateway->taker ? listeners_adopt(&gateway->listeners, &gateway->config,
					   &gateway->taker->offer.listeners, error)
				 : listeners_open(&gateway->listeners, &gateway->config, error);
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

static int load_certificates(struct gateway *gateway)
{
	struct findings findings = {.tell = findings_tell_terminal};
	int err = tls_certificates_load(&gateway->node, &gateway->config, &findings);
	return err && findings.faults == 0 ? complain_about("load the certificates", err) : err;
}

/* What handshakes take, those of the admin port too: before the workers, who are given that where
 * a listener has some. */
static int make_handshakes(struct gateway *gateway)
{
	int err = load_certificates(gateway);
	const struct listeners *listeners = &gateway->listeners;
	if (!err && listeners_has_tls(listeners) && !gateway->node.tls &&
		(listeners->are_passed || gateway->taker)) {
		log_complain("%s, and there is no certificate for it: name one by --tls-cert and "
			     "--tls-key",
			gateway->taker ? "the running gateway speaks TLS at a listener of its"
				       : "systemd has passed a socket for TLS "
					 "(FileDescriptorName=wss)");
		return -EINVAL;
	}
	if (!err && listeners_has_tls(listeners) && gateway->node.tls) {
		err = tls_threads_create(&gateway->node.tls_threads);
		return err ? complain_about("start the threads of handshakes", err) : 0;
	}
	return err;
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

/* Before the tables, which are hashed with it. One that is missing is found with other faults of
 * the config. */
static int load_cluster_key(struct gateway *gateway)
{
	char fault[CLUSTER_KEY_FAULT_MAX];
	const char *path = gateway->config.cluster_key;
	int err = is_in_cluster(gateway) ? cluster_key_load(path, &gateway->cluster_key, fault) : 0;
	if (err) {
		log_complain("cluster_key: %s: %s", path, fault);
	}
	return err;
}

static int make_user_table(struct gateway *gateway)
{
	uint64_t files = machine_raise_files();
	int err = node_make_tables(&gateway->node, files < TABLE_AT_ONCE ? files : TABLE_AT_ONCE,
		(uint32_t)gateway->config.max_devices,
		is_in_cluster(gateway) ? gateway->cluster_key.names : NULL);
	return err ? complain_about("make the user table", err) : 0;
}

/* Before the workers, which tell it of their sessions. */
static int make_registrar(struct gateway *gateway)
{
	if (gateway->config.admin[0] == '\0' && !is_in_cluster(gateway)) {
		return 0;
	}
	int err = registrar_create(&gateway->node, &gateway->config, &gateway->registrar);
	return err ? complain_about("make the registrar", err) : 0;
}

/* Before it joins the cluster: in whose place. */
static int tell_registrar(struct gateway *gateway)
{
	char why[CONFIG_ERROR_MAX];
	if (!gateway->taker) {
		return 0;
	}
	const struct pack *told = &gateway->taker->offer.registrar;
	struct unpack unpack = unpack_of(told->bytes, told->len);
	int err = registrar_hello_unpack(
		gateway->registrar, &gateway->config, &gateway->cluster_key, &unpack, why);
	if (err) {
		log_complain("%s", why);
	}
	return err;
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
		.registrar = gateway->registrar,
		.drain_fd = gateway->drain_fd,
		.upgrade_fd = gateway->upgrade_fd,
		.inherited = gateway->taker ? &gateway->taker->offer.admin_listeners : NULL,
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

/* Before the workers run, who ask who is elsewhere; behind the admin port, whose address others are
 * told. */
static int join_cluster(struct gateway *gateway)
{
	char console[ADDRESS_URL_MAX] = "";
	char why[CONFIG_ERROR_MAX];
	if (!is_in_cluster(gateway)) {
		return 0;
	}
	if (gateway->admin) {
		admin_name(gateway->admin, console);
	}
	bool is_tls;
	const unsigned port = listeners_browser_port(
		&gateway->listeners, config_admin_has_tls(&gateway->config), &is_tls);
	const struct registrar_seat seat = {
		.key = &gateway->cluster_key,
		.address = console,
		.ws_port = (uint16_t)port,
		.ws_tls = port > 0 && is_tls,
		.end_fd = gateway->drain_fd,
	};
	int err = registrar_join(gateway->registrar, &gateway->config, &seat, why);
	if (err) {
		log_complain("%s%s", why, advice_on(err));
	}
	return err;
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
	if (admin_is_for_others(gateway->admin) && !config_admin_has_tls(&gateway->config)) {
		log_warn(0,
			"requests to the admin port carry its token in clear (--admin-plain): who "
			"listens on their way has it");
	}
	return 0;
}

static int start_threads(struct gateway *gateway)
{
	int begun = listeners_begin(&gateway->listeners);
	if (begun) {
		return complain_about("listen", begun);
	}
	for (uint32_t i = 0; i < gateway->node.worker_count; i++) {
		int err = worker_start(gateway->node.workers[i]);
		if (err) {
			return complain_about("start a worker's thread", err);
		}
	}
	if (gateway->registrar) {
		int err = registrar_start(gateway->registrar);
		if (err) {
			return complain_about("start the registrar's thread", err);
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

/* With where it listens, which `systemctl status` shows and tools/invite reads. */
void gateway_parts_notify(const struct gateway *gateway)
{
	char listen[512];
	char admin[ADDRESS_URL_MAX] = "";
	listeners_name(&gateway->listeners, listen, sizeof(listen));
	if (gateway->admin) {
		admin_name(gateway->admin, admin);
	}
	service_notify("READY=1\nSTATUS=listening on %s%s%s", listen, admin[0] ? ", admin on " : "",
		admin);
}

static void say_undumped(const struct gateway *gateway)
{
	if (gateway->node.tls && !tls_memory_is_undumped()) {
		log_info(0,
			"keys and secrets of TLS are in core dumps of this process: it is built "
			"without jemalloc, or could not set it up");
	}
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

int gateway_parts_make(struct gateway *gateway)
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
		err = load_cluster_key(gateway);
	}
	if (!err) {
		err = make_user_table(gateway);
	}
	if (!err) {
		err = load_keys(gateway);
	}
	if (!err) {
		err = make_handshakes(gateway);
	}
	if (!err) {
		err = make_registrar(gateway);
	}
	if (!err) {
		err = tell_registrar(gateway);
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
	return err ? err : join_cluster(gateway);
}

int gateway_parts_start(struct gateway *gateway)
{
	int err = start_threads(gateway);
	if (!err) {
		err = start_admin(gateway);
	}
	if (!err) {
		say_started(gateway);
		tls_certificates_say(&gateway->node);
		say_undumped(gateway);
		auth_keys_warn_of_open_logins(&gateway->config, &gateway->listeners);
	}
	if (!err && !gateway->taker) {
		gateway_parts_notify(gateway); /* else it is not listened to yet */
	}
	return err;
}

/* --- end ---------------------------------------------------------------------------------------
 */

void gateway_parts_stop(struct gateway *gateway)
{
	struct node *node = &gateway->node;
	/* Before the workers, who may still hold orders of theirs; and the registrar, with whom
	 * requests to the admin port may wait. */
	registrar_end_waits(gateway->registrar);
	admin_stop(gateway->admin);
	for (uint32_t i = 0; gateway->acceptors && i < gateway->config.acceptors; i++) {
		acceptor_destroy(&gateway->acceptors[i]);
	}
	registrar_stop(gateway->registrar);
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
	tls_threads_destroy(&node->tls_threads);
}

void gateway_parts_free(struct gateway *gateway)
{
	struct node *node = &gateway->node;
	for (uint32_t i = 0; node->workers && i < node->worker_count; i++) {
		worker_destroy(&node->workers[i]);
	}
	admin_destroy(&gateway->admin);
	registrar_destroy(&gateway->registrar);
	listeners_close(&gateway->listeners);
	free(gateway->acceptors);
	welcome_page_finish(&node->welcome);
	node_finish(node);
	cluster_key_finish(&gateway->cluster_key);
	signals_finish(&gateway->signals);
	if (gateway->drain_fd >= 0) {
		close(gateway->drain_fd);
	}
	if (gateway->upgrade_fd >= 0) {
		close(gateway->upgrade_fd);
	}
}
