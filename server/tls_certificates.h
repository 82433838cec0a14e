/* The certificates of listeners that speak TLS, from the gateway's start to its end: loaded, looked
 * at every second, read again at a reload. Thread of all of it: main. */
#ifndef TIDEGATE_TLS_CERTIFICATES_H
#define TIDEGATE_TLS_CERTIFICATES_H

#include "config/config.h"
#include "config/findings.h"
#include "node/node.h"

/* Loads them where the config names some, before the workers are made. Errors: -errno, with
 * findings that say what to do. */
int tls_certificates_load(
	struct node *node, const struct config *config, struct findings *findings);

/* Says in the log which are in force. */
void tls_certificates_say(const struct node *node);

/* Has the files read that the config names by now: they are in force a second later. Those that
 * cannot be taken change nothing, and a line says so. */
void tls_certificates_reload(struct node *node, const struct config *config);

/* The same where a file has changed, within a minute; warns of certificates that end soon. To be
 * called every second or so. */
void tls_certificates_look(struct node *node);

/* What --test finds: the same faults and warnings as a start would. */
void tls_certificates_check(const struct config *config, struct findings *findings);

#endif
