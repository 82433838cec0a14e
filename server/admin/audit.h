/* Who has changed what by the admin port: a line of the log for each, and for whoever was not let
 * near it. */
#ifndef TIDEGATE_ADMIN_AUDIT_H
#define TIDEGATE_ADMIN_AUDIT_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "../base/remote.h"
#include "request.h"

enum {
	ADMIN_CALLER_MAX = 64, /* bytes of X-Tidegate-Caller */
};

/* Who is at the other end of a connection to the port.
 * Owner: its line; plain data. */
struct admin_by {
	struct remote remote;
	uid_t uid; /* of the process that has connected by a Unix socket */
};

/* For a socket that was accepted from `address`. Thread: the admin thread. */
void admin_by_init(struct admin_by *ret_by, int fd, const struct sockaddr_storage *address);

/* Whether the header X-Tidegate-Caller, in which a backend may say in whose name it asks, is what
 * it may be; makes a problem else. Thread: the admin thread. */
bool admin_audit_check_caller(struct admin_request *request);

/* Logs a request whose answer is made: one that changes something, or bears a wrong token. Never
 * what is sent, nor a token. Thread: the admin thread. */
void admin_audit_log(const struct admin_request *request);

#endif
