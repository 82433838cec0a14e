#include "rehearsal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/origin.h"
#include "auth_keys.h"
#include "base/log.h"
#include "base/machine.h"
#include "cluster/cluster_key.h"
#include "cluster/creds.h"
#include "config/config_check.h"
#include "config/findings.h"
#include "limits.h"
#include "node/listener_check.h"
#include "tls_certificates.h"

/* Descriptors. */
enum {
	FILES_OF_START = 3, /* signals, the bells of a drain and of a hand-over */
	FILES_OF_WORKER = 2,
	FILES_OF_PORCH = 1,    /* of each worker, where a listener speaks TLS */
	FILES_OF_ACCEPTOR = 3, /* and one for each address */
	FILES_OF_ADMIN = 4,
	FILES_OF_REGISTRAR = 2, /* which an admin port has beside it, and a cluster */
};

static void check_admin(const struct config *config, bool is_for_others, struct findings *findings)
{
	struct admin_tokens tokens = {.count = 0};
	char error[CONFIG_ERROR_MAX];
	uint32_t count = config->admin_token[0] != '\0';
	if (config->admin[0] == '\0') {
		return;
	}
	if (count > 0 &&
		admin_tokens_read(config->admin_token, &tokens, error, sizeof(error)) < 0) {
		findings_add(findings, FINDING_FAULT, "%s", error);
	}
	admin_tokens_wipe(&tokens);
	if (is_for_others && admin_origin_check_reach(config->admin, count,
				     config->admin_plain || config_admin_has_tls(config), error,
				     sizeof(error)) < 0) {
		findings_add(findings, FINDING_FAULT, "%s", error);
	}
}

static void check_cluster_key(const char *path, struct findings *findings)
{
	struct cluster_key key;
	char fault[CLUSTER_KEY_FAULT_MAX];

	if (cluster_key_load(path, &key, fault) < 0) {
		findings_add(findings, FINDING_FAULT, "cluster_key: %s: %s", path, fault);
	} else {
		cluster_key_finish(&key);
	}
}

static void check_creds(const char *path, struct findings *findings)
{
	struct creds creds;
	char fault[CREDS_FAULT_MAX];

	if (creds_load(path, &creds, fault) < 0) {
		findings_add(findings, FINDING_FAULT, "cluster_creds: %s: %s", path, fault);
	} else {
		creds_finish(&creds);
	}
}

/* The files; whether NATS is there changes from moment to moment. */
static void check_cluster(const struct config *config, struct findings *findings)
{
	if (config->cluster[0] == '\0') {
		return;
	}
	if (config->cluster_key[0] != '\0') {
		check_cluster_key(config->cluster_key, findings);
	}
	if (config->cluster_creds[0] != '\0') {
		check_creds(config->cluster_creds, findings);
	}
	if (config->cluster_ca[0] != '\0' && access(config->cluster_ca, R_OK) < 0) {
		findings_add(findings, FINDING_FAULT, "cluster_ca: %s: %s", config->cluster_ca,
			strerrordesc_np(errno));
	}
}

static bool is_inet(const char *address)
{
	return !address_is_unix(address);
}

/* Descriptors that a start takes beside those that there are now, names with several addresses left
 * aside. */
static uint64_t files_of_start(const struct config *config, uint32_t workers)
{
	const uint64_t of_worker =
		FILES_OF_WORKER +
		(config_has_listener(config, address_is_tls) ? FILES_OF_PORCH : 0);
	return FILES_OF_START + workers * of_worker +
	       config->acceptors * (FILES_OF_ACCEPTOR + config->listen_count) +
	       (config->admin[0] ? FILES_OF_ADMIN : 0) +
	       (config->admin[0] || config->cluster[0] ? FILES_OF_REGISTRAR : 0) +
	       (config->cluster[0] ? LIMITS_LINK_FILES : 0);
}

static void say_shortfall(const char *line)
{
	findings_tell_terminal(NULL, FINDING_WARNING, line);
}

/* What this process is given; that of the service need not be the same, but where systemd has run
 * it for a reload. */
static void check_limits(const struct config *config, struct findings *findings)
{
	uint64_t files = machine_raise_files();
	uint32_t workers = limits_workers(config, machine_cpus(), machine_quota_cpus(""));
	struct limits_supply supply = {
		.files = files,
		.files_taken =
			limits_files_taken(config->admin[0] ? limits_admin_clients(files) : 0) +
			files_of_start(config, workers),
		.memory = machine_quarter_of_memory(),
	};
	struct limits limits = limits_share(config, &supply, workers);
	if (limits.connections == 0) {
		char text[LIMITS_TEXT_MAX];
		limits_explain_files(&supply, text);
		findings_add(findings, FINDING_FAULT, "%s", text);
	} else if (config->max_connections > 0) {
		findings->warnings += limits_advise(config, &supply, &limits,
			workers + (uint32_t)config->acceptors, config_has_listener(config, is_inet),
			say_shortfall);
	}
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

int rehearsal_run(const struct config *config, const struct sources *sources)
{
	struct findings findings = {.tell = findings_tell_terminal};
	config_check(config, sources, &findings);
	check_admin(config, listener_check(config, sources, &findings), &findings);
	auth_keys_check(config, &findings);
	tls_certificates_check(config, &findings);
	check_cluster(config, &findings);
	check_limits(config, &findings);
	if (findings.faults) {
		log_complain("the configuration has %zu fault%s", findings.faults,
			plural(findings.faults));
		return EXIT_FAILURE;
	}
	printf("tidegate: the configuration is good");
	if (findings.warnings > 0) {
		printf(", with %zu warning%s", findings.warnings, plural(findings.warnings));
	}
	printf(": %s\n", config->file ? config->file : "no file, command line and defaults only");
	return EXIT_SUCCESS;
}
