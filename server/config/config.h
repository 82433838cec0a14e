/* What the gateway is told to do: meson's defaults, the config file over them, the command line
 * over both, at the start and at every reload. */
#ifndef TIDEGATE_CONFIG_H
#define TIDEGATE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/log.h"
#include "address.h"

enum {
	CONFIG_LISTEN_MAX = 16, /* listeners */
	CONFIG_ID_MAX = 64,     /* bytes of the node's name, NUL included */
	CONFIG_PATH_MAX = 256,  /* bytes of a file's path, NUL included */
	CONFIG_ERROR_MAX = 512, /* bytes of an error message, NUL included */
};

/* Whether logins and ends are logged one by one; else they are summed up. */
enum log_sessions {
	LOG_SESSIONS_AUTO, /* where the log goes to a terminal */
	LOG_SESSIONS_NO,
	LOG_SESSIONS_YES,
};

/* Owner: whoever declared it; plain data, copied by assignment. */
struct config {
#define OPTION(name, default_, min, max, reload, unit, help) uint64_t name;
#include "options.def"
#undef OPTION
	char id[CONFIG_ID_MAX];
	char listen[CONFIG_LISTEN_MAX][ADDRESS_MAX]; /* HOST:PORT, [IPv6]:PORT, :PORT for
						      * all addresses, or unix:PATH */
	size_t listen_count;
	bool is_listen_default;  /* nobody has named one */
	uint32_t unix_mode;      /* permissions of Unix sockets in `listen`; 0: as the umask says */
	char admin[ADDRESS_MAX]; /* of the admin port, as those above; empty: there is none
				  */
	char admin_token[CONFIG_PATH_MAX]; /* the file that holds its token; empty: none is asked
					      for */
	enum log_format log_format;
	enum log_level log_level;
	enum log_sessions log_sessions;
	const char *file; /* as the command line names it, to which this points; NULL: none. A
			   * reload reads it again */
	bool echo;        /* send every message back to its sender; no users, no fan-out */
	bool demo;        /* the admin port can play faults */
};

/* Meson's defaults; listens on :8000, id "demo". Thread: any. */
void config_init(struct config *ret_config);

/* Whether two spellings name the same option: '-' and '_' are the same. Thread: any. */
bool config_name_is(const char *name, const char *spelling);

/* Sets one option from its text, by the name it has in a file. `listen` adds one listener: who
 * reads a source of options sets listen_count to 0 before the first that the source names. Thread:
 * any. Errors: -ENOENT for an unknown name, -EINVAL for a bad value; ret_error then says what is
 * allowed, in one line without a newline. The config is untouched. */
int config_set(struct config *config, const char *name, const char *value,
	char ret_error[CONFIG_ERROR_MAX]);

/* Checks what needs more than one option, and says what deserves a warning (a read deadline of 60 s
 * or less cannot be met by hidden browser tabs) by calling `warn` for each.
 * Thread: any. Errors: -EINVAL with ret_error. */
int config_check(const struct config *config, void (*warn)(const char *message),
	char ret_error[CONFIG_ERROR_MAX]);

/* Takes over from `fresh` what may change while running. Calls `refused` with the name of each
 * option that differs and may not. Returns the number of options changed.
 * Thread: any. */
size_t config_reload(
	struct config *config, const struct config *fresh, void (*refused)(const char *name));

#endif
