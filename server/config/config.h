/* What the gateway is told to do: the defaults of the build, the config file over them, the command
 * line over both, at the start and at every reload. */
#ifndef TIDEGATE_CONFIG_H
#define TIDEGATE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/forwarded.h"
#include "../../proto/origins.h"
#include "../base/log.h"
#include "../base/networks.h"
#include "address.h"

enum {
	CONFIG_LISTEN_MAX = 16, /* listeners */
	CONFIG_LISTED_MAX = 32, /* values of an option that adds up, no matter which */
	CONFIG_ID_MAX = 64,     /* bytes of the node's name, NUL included */
	CONFIG_PATH_MAX = 256,  /* bytes of a file's path, NUL included */
	CONFIG_TEXT_MAX = 256,  /* bytes of a claim that is asked for, NUL included */
	CONFIG_VALUE_MAX = 256, /* bytes of an option's value as text, NUL included */
	CONFIG_OPTIONS_MAX = 64,
	CONFIG_ERROR_MAX = 512, /* bytes of an error message, NUL included */
};

/* Whether logins and ends are logged one by one; else they are summed up. */
enum log_sessions {
	LOG_SESSIONS_AUTO, /* where the log goes to a terminal */
	LOG_SESSIONS_NO,
	LOG_SESSIONS_YES,
};

/* How users say who they are. */
enum auth {
	AUTH_OPEN,  /* whoever names himself */
	AUTH_TOKEN, /* by a token that somebody has signed who is trusted */
};

/* Owner: whoever declared it; plain data, copied by assignment. */
struct config {
#define OPTION(name, default_, min, max, reload, unit, help) uint64_t name;
#include "options.def"
#undef OPTION
	char id[CONFIG_ID_MAX];
	char listen[CONFIG_LISTEN_MAX][ADDRESS_MAX]; /* HOST:PORT, [IPv6]:PORT, :PORT for
						      * all addresses, or unix:PATH; `proxy:` in
						      * front: with a PROXY header */
	size_t listen_count;
	bool is_listen_default; /* nobody has named one */
	uint32_t unix_mode;     /* permissions of Unix sockets in `listen`; 0: as the umask says */
	struct networks trusted_proxy; /* who may say whose address it is */
	enum forwarded_kind forwarded; /* where they say it, but for the PROXY protocol */
	struct origins origins;        /* of web pages that may open lines; none: all */
	char admin[ADDRESS_MAX];       /* of the admin port, as those above; empty: there is none
					*/
	char admin_token[CONFIG_PATH_MAX]; /* the file that holds its token; empty: none is asked
					      for */
	enum auth auth;
	char auth_keys[CONFIG_PATH_MAX];     /* the file of the keys; empty: there is none */
	char auth_audience[CONFIG_TEXT_MAX]; /* that a token must be for; empty: any */
	char auth_issuer[CONFIG_TEXT_MAX];   /* that it must be from; empty: any */
	bool token_in_url;                   /* a token may be in the request's target */
	enum log_format log_format;
	enum log_level log_level;
	enum log_sessions log_sessions;
	const char *file;      /* as the command line names it, to which this points; NULL: none. A
				* reload reads it again */
	bool echo;             /* send every message back to its sender; no users, no fan-out */
	bool admin_plain;      /* the admin port may be where others reach it, without TLS */
	bool demo;             /* the admin port can play faults */
	bool client_broadcast; /* clients may send texts to everybody */
};

/* The defaults of this build; listens on :8000, id "demo". Thread: any. */
void config_init(struct config *ret_config);

/* --- options, one by one ------------------------------------------------------------------------
 *
 * Words and numbers, in the order of the guide. Thread: any. */

size_t config_option_count(void); /* at most CONFIG_OPTIONS_MAX */

const char *config_option_name(size_t option);

/* The option of that name, or of an old one, however it is spelled; -1 for none. */
int config_option_find(const char *typed);

/* Whether it may be given several times, and each adds one: `listen`. */
bool config_option_adds_up(size_t option);

/* How many values such an option has; of the others it is one. */
size_t config_option_values(const struct config *config, size_t option);

/* Takes all values of such an option back. */
void config_option_clear(struct config *config, size_t option);

/* Whether SIGHUP may change it. */
bool config_option_may_change(size_t option);

/* Whether the build at hand says what its default is. */
bool config_option_is_built(size_t option);

/* The unit behind its number for people, with a blank in front; "" where the number says it all. */
const char *config_option_unit(size_t option);

/* The option's value as config_set takes it. Where it adds up the nth is meant; of those that may
 * be empty one that is has the value that says so. Returns false when there are no more. */
bool config_option_text(
	const struct config *config, size_t option, size_t nth, char ret_text[CONFIG_VALUE_MAX]);

/* Whether both configs have the same values of it. */
bool config_option_is_same(const struct config *a, const struct config *b, size_t option);

/* Sets one option from its text, by the name it has in a file. One that adds up gets one value
 * more: who reads a source of options clears it before the first that the source names. Thread:
 * any. Errors: -ENOENT for an unknown name, -EINVAL for a bad value; ret_error then says what is
 * allowed, to stand behind the option and its value as they were typed. The config is untouched. */
int config_set(struct config *config, const char *name, const char *value,
	char ret_error[CONFIG_ERROR_MAX]);

#endif
