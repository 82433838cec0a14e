#include "nats_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "creds.h"
#include "nats_ear_inner.h"
#include "nats_status.h"

int nats_options_refuse(char ret_why[LINK_TEXT_MAX], natsStatus status)
{
	snprintf(ret_why, LINK_TEXT_MAX, "%s", nats_status_text(status));
	return status == NATS_NO_MEMORY ? -ENOMEM : -EINVAL;
}

/* Read at each attempt: the file may have changed since. */
static int set_creds(natsOptions *options, const char *path, char ret_why[LINK_TEXT_MAX])
{
	struct creds creds;
	char fault[CREDS_FAULT_MAX];
	natsStatus status;

	if (path[0] == '\0') {
		return 0;
	}
	int err = creds_load(path, &creds, fault);
	if (err) {
		snprintf(ret_why, LINK_TEXT_MAX, "cluster_creds: %.120s: %.100s", path, fault);
		return err;
	}
	if (creds.is_file) {
		status = natsOptions_SetUserCredentialsFromFiles(options, path, NULL);
	} else {
		status = natsOptions_SetUserInfo(options, creds.user, creds.password);
	}
	creds_finish(&creds);
	return status == NATS_OK ? 0 : nats_options_refuse(ret_why, status);
}

static natsStatus set_identity(natsOptions *options, const struct nats_line_setup *setup)
{
	char name[LINK_TEXT_MAX];
	snprintf(name, sizeof(name), "tidegate %s", setup->id);
	natsStatus status = natsOptions_SetName(options, name);

	if (status == NATS_OK) {
		status = natsOptions_SetURL(options, setup->url);
	}
	if (status == NATS_OK && strncmp(setup->url, "tls://", 6) == 0) {
		status = natsOptions_SetSecure(options, true);
	}
	if (status == NATS_OK && setup->ca[0] != '\0') {
		status = natsOptions_LoadCATrustedCertificates(options, setup->ca);
	}
	return status;
}

/* A message is written to the socket by who sends it: a write that fails half-way is seen where the
 * line can be closed, before more is written behind half a message. */
static natsStatus set_behaviour(natsOptions *options)
{
	natsStatus status = natsOptions_SetAllowReconnect(options, false);

	if (status == NATS_OK) {
		status = natsOptions_SetIgnoreDiscoveredServers(options, true);
	}
	if (status == NATS_OK) {
		status = natsOptions_SetSendAsap(options, true);
	}
	if (status == NATS_OK) {
		status = natsOptions_SetNoEcho(options, true);
	}
	if (status == NATS_OK) {
		status = natsOptions_UseGlobalMessageDelivery(options, true);
	}
	return status;
}

static natsStatus set_times(natsOptions *options)
{
	natsStatus status = natsOptions_SetTimeout(options, NATS_LINE_CONNECT_MS);

	if (status == NATS_OK) {
		status = natsOptions_SetPingInterval(options, NATS_LINE_PING_MS);
	}
	if (status == NATS_OK) {
		status = natsOptions_SetMaxPingsOut(options, NATS_LINE_PINGS_MAX);
	}
	if (status == NATS_OK) {
		status = natsOptions_SetWriteDeadline(options, NATS_LINE_WRITE_MS);
	}
	return status;
}

int nats_options_make(const struct nats_line_setup *setup, struct nats_ear *ear,
	char ret_why[LINK_TEXT_MAX], natsOptions **ret_options)
{
	natsOptions *options = NULL;

	natsStatus status = natsOptions_Create(&options);
	if (status == NATS_OK) {
		status = set_identity(options, setup);
	}
	if (status == NATS_OK) {
		status = set_behaviour(options);
	}
	if (status == NATS_OK) {
		status = set_times(options);
	}
	if (status == NATS_OK) {
		status = nats_ear_set_handlers(options, ear);
	}
	int err = status == NATS_OK ? set_creds(options, setup->creds, ret_why)
				    : nats_options_refuse(ret_why, status);
	if (err) {
		natsOptions_Destroy(options);
		return err;
	}
	*ret_options = options;
	return 0;
}
