#include "tls_certificates.h"

#include "base/clock.h"
#include "base/log.h"
#include "tls/tls_store.h"

static int64_t wall_s(void)
{
	return (int64_t)(clock_wall_ms() / 1000);
}

/* Else config_check complains. */
static bool are_named(const struct config *config)
{
	return config->tls_cert_count > 0 && config->tls_cert_count == config->tls_key_count;
}

int tls_certificates_load(struct node *node, const struct config *config, struct findings *findings)
{
	return are_named(config) ? tls_store_create(config, wall_s(), findings, &node->tls) : 0;
}

void tls_certificates_say(const struct node *node)
{
	char text[TLS_NEWS_MAX];
	if (node->tls) {
		tls_store_describe(node->tls, text);
		log_info(0, "tls_cert: %s", text);
	}
}

void tls_certificates_look(struct node *node)
{
	struct findings findings = {.tell = findings_tell_log};
	char text[TLS_NEWS_MAX];
	if (!node->tls) {
		return;
	}
	switch (tls_store_look(node->tls, clock_ms(), wall_s(), &findings, text)) {
	case TLS_NEWS_NONE:
		break;
	case TLS_NEWS_CHANGED:
		log_info(0, "tls_cert: %s", text);
		break;
	case TLS_NEWS_FAULT:
		log_error(0, "tls_cert: going on with the certificates of before");
		break;
	case TLS_NEWS_AGAIN:
		log_info(0, "tls_cert: the files are good again, with the certificates in force");
		break;
	}
}

void tls_certificates_reload(struct node *node, const struct config *config)
{
	if (!node->tls) {
		return;
	}
	if (!are_named(config)) {
		log_warn(0, "tls_cert: none are named; going on with the certificates of before");
		return;
	}
	tls_store_reload(node->tls, config);
	tls_certificates_look(node);
}

void tls_certificates_check(const struct config *config, struct findings *findings)
{
	if (are_named(config)) {
		tls_store_check(config, wall_s(), findings);
	}
}
