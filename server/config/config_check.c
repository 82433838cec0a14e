#include "config_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "build_config.h"

#include "../base/rate.h"
#include "config_options.h"

enum {
	/* Each queued message is charged with its header and its entry in the queue. */
	QUEUE_OVERHEAD = 4096,
	/* Browsers run the timers of a hidden page once a minute. */
	HIDDEN_PAGE_S = 60,
};

/* One look at a config.
 * Owner: the call of config_check. */
struct check {
	const struct config *config;
	const struct sources *sources;
	struct findings *findings;
};

/* Of the nth value, where an option adds up. */
static void find_nth(const struct check *check, enum finding kind, const char *name, size_t nth,
	const char *what)
{
	char cited[SOURCES_TEXT_MAX];

	sources_cite(check->sources, check->config, (size_t)config_option_find(name), nth, cited);
	findings_add(check->findings, kind, "%s: %s", cited, what);
}

static void find(const struct check *check, enum finding kind, const char *name, const char *what)
{
	find_nth(check, kind, name, 0, what);
}

static void warn(const struct check *check, const char *name, const char *what)
{
	find(check, FINDING_WARNING, name, what);
}

/* The last line of several wins. An old file that the gateway has always read so must not keep it
 * from starting, so this is no fault. */
static void check_repetitions(const struct check *check)
{
	for (size_t i = 0; i < config_option_count(); i++) {
		if (check->sources->options[i].overruled_line > 0) {
			findings_add(check->findings, FINDING_WARNING,
				"%.200s:%d: %s is there already, in line %d: that one does not "
				"count",
				check->config->file, check->sources->options[i].line,
				config_option_name(i), check->sources->options[i].overruled_line);
		}
	}
}

static void check_sizes(const struct check *check)
{
	const struct config *config = check->config;
	uint64_t needed = config->max_message + QUEUE_OVERHEAD;

	if (config->tx_queue_limit < needed) {
		char what[CONFIG_ERROR_MAX];
		snprintf(what, sizeof(what),
			"too small for a message of max_message (%" PRIu64 "): at least %" PRIu64
			" bytes are needed",
			config->max_message, needed);
		find(check, FINDING_FAULT, "tx_queue_limit", what);
	}
	if (config->memory_limit > 0 && config->memory_limit < config->tx_queue_limit) {
		warn(check, "memory_limit",
			"less than tx_queue_limit, so one slow client may take all of it");
	}
}

static void check_rates(const struct check *check)
{
	const struct config *config = check->config;

	if (config->byte_rate > 0 && config->byte_rate * RATE_BURST_S < config->max_message) {
		char what[CONFIG_ERROR_MAX];
		snprintf(what, sizeof(what),
			"a message of max_message (%" PRIu64
			") costs a session more than the %d s that it "
			"may save up: it is not read from for as long as that takes",
			config->max_message, RATE_BURST_S);
		warn(check, "byte_rate", what);
	}
}

static void check_deadlines(const struct check *check)
{
	const struct config *config = check->config;

	if (config->read_deadline <= HIDDEN_PAGE_S) {
		warn(check, "read_deadline",
			"60 seconds or less cannot be met by hidden browser tabs, whose timers run "
			"once a minute");
	}
	if (config->ping_interval > 0 && config->ping_interval >= config->read_deadline) {
		warn(check, "ping_interval",
			"a Ping that comes after the read_deadline keeps no line alive");
	}
}

static void check_proxies(const struct check *check)
{
	const struct config *config = check->config;
	const struct networks *trusted = &config->trusted_proxy;

	for (size_t i = 0; i < config->listen_count; i++) {
		const char *address = config->listen[i];
		const bool is_unix = address_is_unix(address);
		if (address_behind_proxy(address) != address &&
			!networks_have_kind(trusted, is_unix)) {
			find_nth(check, FINDING_FAULT, "listen", i,
				is_unix ? "nobody may use it: name its proxy, as trusted_proxy = unix"
					: "nobody may use it: name its proxy, as trusted_proxy = 192.0.2.1");
		}
	}
	for (uint32_t i = 0; i < trusted->count; i++) {
		const struct network *network = &trusted->list[i];
		if (!network->is_local &&
			(network->bits == 0 || (network->bits == IP_ADDRESS_V4_BITS &&
						       ip_address_is_v4(network->address)))) {
			find_nth(check, FINDING_WARNING, "trusted_proxy", i,
				"everybody may say to have any address");
		}
	}
	if (config->forwarded != FORWARDED_XFF && trusted->count == 0) {
		warn(check, "forwarded", "means nothing without trusted_proxy");
	}
}

static const char NEEDS_PAIR[] =
	"TLS needs a certificate and its key: tls_cert = FILE and tls_key = FILE";

/* What is in the files is found out where they are read. */
static void check_tls(const struct check *check)
{
	const struct config *config = check->config;
	const size_t listener = config_find_listener(config, address_is_tls);
	const bool is_listener = listener < config->listen_count;
	const bool is_admin = config_admin_has_tls(config);

	if (config->tls_cert_count > config->tls_key_count) {
		find_nth(check, FINDING_FAULT, "tls_cert", config->tls_key_count,
			"its key is missing: as many tls_key = FILE are needed, in the same order");
	} else if (config->tls_key_count > config->tls_cert_count) {
		find_nth(check, FINDING_FAULT, "tls_key", config->tls_cert_count,
			"its certificate is missing: as many tls_cert = FILE are needed, in the "
			"same order");
	} else if (is_listener && config->tls_cert_count == 0) {
		find_nth(check, FINDING_FAULT, "listen", listener, NEEDS_PAIR);
	} else if (is_admin && config->tls_cert_count == 0) {
		find(check, FINDING_FAULT, "admin_tls", NEEDS_PAIR);
	} else if (!is_listener && !is_admin && config->tls_cert_count > 0) {
		warn(check, "tls_cert", "means nothing without a wss:// in listen, or admin_tls");
	}
}

static void check_admin(const struct check *check)
{
	const struct config *config = check->config;
	const bool has_address = config->admin[0] != '\0' && !address_is_unix(config->admin);

	if (config->admin[0] == '\0' && config->admin_token[0] != '\0') {
		warn(check, "admin_token", "means nothing without admin");
	}
	if (config->admin_tls && !has_address) {
		warn(check, "admin_tls", "means nothing without an address in admin");
	}
	if (config->admin_plain && !has_address) {
		warn(check, "admin_plain", "means nothing without an address in admin");
	} else if (config->admin_plain && config->admin_tls) {
		warn(check, "admin_plain", "means nothing with admin_tls: nothing is in clear");
	}
}

static void check_meaning(const struct check *check)
{
	const struct config *config = check->config;

	if (config->unix_mode > 0 && !config_has_listener(config, address_is_unix)) {
		warn(check, "unix_mode", "means nothing without a unix: in listen");
	}
}

static void check_auth(const struct check *check)
{
	const struct config *config = check->config;

	if (config->auth == AUTH_TOKEN && config->auth_keys[0] == '\0' && !config->demo) {
		find(check, FINDING_FAULT, "auth",
			"tokens need keys to be verified with: auth_keys = FILE, or to try it demo "
			"= true, which makes one");
	}
	if (config->auth == AUTH_TOKEN && config->echo) {
		find(check, FINDING_FAULT, "auth",
			"with echo there are no users, so nobody would be asked for a token");
	}
	if (config->auth == AUTH_TOKEN) {
		return;
	}
	if (config->auth_keys[0] != '\0') {
		warn(check, "auth_keys", "means nothing without auth = token: nobody is asked");
	}
	if (config->auth_audience[0] != '\0') {
		warn(check, "auth_audience", "means nothing without auth = token");
	}
	if (config->auth_issuer[0] != '\0') {
		warn(check, "auth_issuer", "means nothing without auth = token");
	}
	if (config->token_in_url) {
		warn(check, "token_in_url", "means nothing without auth = token");
	}
}

static bool is_given(const struct check *check, const char *name)
{
	return check->sources->options[config_option_find(name)].from != SOURCE_DEFAULT;
}

static void check_means_cluster(const struct check *check)
{
	const struct config *config = check->config;

	if (config->cluster_key[0] != '\0') {
		warn(check, "cluster_key", "means nothing without cluster");
	}
	if (config->cluster_creds[0] != '\0') {
		warn(check, "cluster_creds", "means nothing without cluster");
	}
	if (config->cluster_ca[0] != '\0') {
		warn(check, "cluster_ca", "means nothing without cluster");
	}
	if (strcmp(config->cluster_prefix, CONFIG_CLUSTER_PREFIX) != 0) {
		warn(check, "cluster_prefix", "means nothing without cluster");
	}
}

static void check_cluster(const struct check *check)
{
	const struct config *config = check->config;

	if (config->cluster[0] == '\0') {
		check_means_cluster(check);
		return;
	}
	if (!HAVE_NATS) {
		find(check, FINDING_FAULT, "cluster",
			"this build knows no NATS: build it with libnats and -Dcluster=enabled");
		return;
	}
	if (!is_given(check, "id")) {
		find(check, FINDING_FAULT, "cluster",
			"each node needs a name that no other has: id = gw-1");
	} else if (!config_is_name(config->id)) {
		find(check, FINDING_FAULT, "id",
			"with cluster it is 1 to 32 of A to Z, a to z, 0 to 9, _ and -");
	}
	if (config->cluster_key[0] == '\0') {
		find(check, FINDING_FAULT, "cluster",
			"the nodes need a secret that they share: cluster_key = FILE, the same on "
			"each, made by openssl rand -hex 32");
	}
	if (config->echo) {
		find(check, FINDING_FAULT, "cluster", "with echo there are no users to share");
	}
}

int config_check(
	const struct config *config, const struct sources *sources, struct findings *findings)
{
	const struct check check = {config, sources, findings};
	size_t faults = findings->faults;

	if (config->listen_count == 0) {
		findings_add(findings, FINDING_FAULT, "listen: at least one is needed");
	}
	check_repetitions(&check);
	check_sizes(&check);
	check_rates(&check);
	check_deadlines(&check);
	check_meaning(&check);
	check_admin(&check);
	check_proxies(&check);
	check_tls(&check);
	check_auth(&check);
	check_cluster(&check);
	return findings->faults > faults ? -EINVAL : 0;
}
