/* Asks the running gateway something by its admin port, as its config says where that is and by
 * which token: for commands, which wait for the answer. */
#ifndef TIDEGATE_ADMIN_ASKER_H
#define TIDEGATE_ADMIN_ASKER_H

#include <stddef.h>

#include "config/config.h"

enum {
	ADMIN_ASKER_ANSWER_MAX = 256 * 1024, /* bytes of a body */
};

/* Owner:  the command.
 * Freed:  by admin_asker_finish. */
struct admin_asker {
	const struct config *config;
	char token[ADDRESS_MAX + 256]; /* empty: none is asked for */
};

/* Reads the token. The config names an admin port. Thread: main. Errors: -errno; ret_error is a
 * line for people. */
int admin_asker_init(
	struct admin_asker *asker, const struct config *config, char ret_error[CONFIG_ERROR_MAX]);

/* Wipes the token. */
void admin_asker_finish(struct admin_asker *asker);

/* Asks once, by a line of its own. Returns the status of the answer; ret_body, to be freed, is what
 * came with it, with a NUL behind it. Errors: -errno, and ret_error. */
int admin_asker_ask(struct admin_asker *asker, const char *method, const char *path,
	char **ret_body, char ret_error[CONFIG_ERROR_MAX]);

#endif
