#include "config_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "../base/rate.h"

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

static void find(const struct check *check, enum finding kind, const char *name, const char *what)
{
	char cited[SOURCES_TEXT_MAX];

	sources_cite(check->sources, check->config, (size_t)config_option_find(name), 0, cited);
	findings_add(check->findings, kind, "%s: %s", cited, what);
}

static void warn(const struct check *check, const char *name, const char *what)
{
	find(check, FINDING_WARNING, name, what);
}

static bool has_unix_listener(const struct config *config)
{
	for (size_t i = 0; i < config->listen_count; i++) {
		if (address_is_unix(config->listen[i])) {
			return true;
		}
	}
	return false;
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
			char cited[SOURCES_TEXT_MAX];
			sources_cite(check->sources, config, (size_t)config_option_find("listen"),
				i, cited);
			findings_add(check->findings, FINDING_FAULT,
				"%s: nobody may use it: name its proxy, as trusted_proxy = %s",
				cited, is_unix ? "unix" : "192.0.2.1");
		}
	}
	for (uint32_t i = 0; i < trusted->count; i++) {
		const struct network *network = &trusted->list[i];
		if (!network->is_local &&
			(network->bits == 0 || (network->bits == IP_ADDRESS_V4_BITS &&
						       ip_address_is_v4(network->address)))) {
			char cited[SOURCES_TEXT_MAX];
			sources_cite(check->sources, config,
				(size_t)config_option_find("trusted_proxy"), i, cited);
			findings_add(check->findings, FINDING_WARNING,
				"%s: everybody may say to have any address", cited);
		}
	}
	if (config->forwarded != FORWARDED_XFF && trusted->count == 0) {
		warn(check, "forwarded", "means nothing without trusted_proxy");
	}
}

static void check_meaning(const struct check *check)
{
	const struct config *config = check->config;

	if (config->unix_mode > 0 && !has_unix_listener(config)) {
		warn(check, "unix_mode", "means nothing without a unix: in listen");
	}
	if (config->admin[0] == '\0' && config->admin_token[0] != '\0') {
		warn(check, "admin_token", "means nothing without admin");
	}
	if (config->admin_plain && (config->admin[0] == '\0' || address_is_unix(config->admin))) {
		warn(check, "admin_plain", "means nothing without an address in admin");
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
	check_proxies(&check);
	check_auth(&check);
	return findings->faults > faults ? -EINVAL : 0;
}
