/* The keys that tokens are verified with, from the gateway's start to its end: loaded, looked at
 * every second, read again at a reload. Thread of all of it: main. */
#ifndef TIDEGATE_AUTH_KEYS_H
#define TIDEGATE_AUTH_KEYS_H

#include <stdbool.h>

#include "config/config.h"
#include "config/findings.h"
#include "node/listener.h"
#include "node/node.h"

/* Loads them where tokens are asked for, before the workers are made. Errors: -errno, with findings
 * that say what to do. */
int auth_keys_load(struct node *node, const struct config *config, struct findings *findings);

/* Reads the file that the config names by now. One that cannot be taken changes nothing, and a line
 * says so; another says which keys have come and gone. */
void auth_keys_reload(struct node *node, const struct config *config);

/* The same where the file has changed. To be called every second or so. */
void auth_keys_look(struct node *node);

/* What --test finds: the same faults and warnings as a start would. */
void auth_keys_check(const struct config *config, struct findings *findings);

/* Warns where anybody on other machines may log in as anybody. */
void auth_keys_warn_of_open_logins(const struct config *config, const struct listeners *listeners);

#endif
