/* What a user says: texts, and packets by their commands. */
#ifndef TIDEGATE_COMMANDS_H
#define TIDEGATE_COMMANDS_H

#include "sessions.h"

/* `message` of struct conn_ops; `owner` is a struct sessions. */
void commands_on_message(void *owner, struct conn *conn, const struct message *message);

#endif
