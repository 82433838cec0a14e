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

#define CONFIG_CLUSTER_PREFIX "tidegate" /* of cluster_prefix, unless it is given */

enum {
	CONFIG_LISTEN_MAX = 16, /* listeners */
	CONFIG_LISTED_MAX = 32, /* values of an option that adds up, no matter which */
	CONFIG_TLS_MAX = 16,    /* certificates, and their keys */
	CONFIG_ID_MAX = 64,     /* bytes of the node's name, NUL included */
	CONFIG_NAME_MAX = 33,  /* bytes of a name that is part of a subject of NATS, NUL included */
	CONFIG_PATH_MAX = 256, /* bytes of a file's path, NUL included */
	CONFIG_TEXT_MAX = 256, /* bytes of a claim that is asked for, NUL included */
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
						      * all addresses, or unix:PATH; `wss://` in
						      * front of a port: with TLS; `proxy:` in
						      * front of all: with a PROXY header */
	size_t listen_count;
	bool is_listen_default; /* nobody has named one */
	uint32_t unix_mode;     /* permissions of Unix sockets in `listen`; 0: as the umask says */
	char tls_cert[CONFIG_TLS_MAX][CONFIG_PATH_MAX]; /* files of certificates */
	char tls_key[CONFIG_TLS_MAX][CONFIG_PATH_MAX];  /* and of the key of each */
	size_t tls_cert_count;
	size_t tls_key_count;
	struct networks trusted_proxy; /* who may say whose address it is */
	enum forwarded_kind forwarded; /* where they say it, but for the PROXY protocol */
	struct origins origins;        /* of web pages that may open lines; none: all */
	char admin[ADDRESS_MAX];       /* of the admin port, as those above; empty: there is none
					*/
	char admin_token[CONFIG_PATH_MAX]; /* the file that holds its token; empty: none is asked
					      for */
	enum auth auth;
	char auth_keys[CONFIG_PATH_MAX];      /* the file of the keys; empty: there is none */
	char auth_audience[CONFIG_TEXT_MAX];  /* that a token must be for; empty: any */
	char auth_issuer[CONFIG_TEXT_MAX];    /* that it must be from; empty: any */
	bool token_in_url;                    /* a token may be in the request's target */
	char cluster[CONFIG_TEXT_MAX];        /* addresses of NATS, with commas between; empty: this
						 node is alone */
	char cluster_key[CONFIG_PATH_MAX];    /* the file of the secret that the nodes share; empty:
						 there is none */
	char cluster_prefix[CONFIG_NAME_MAX]; /* the first token of all subjects */
	char cluster_creds[CONFIG_PATH_MAX];  /* the file of who this node is for NATS; empty: there
						 is none */
	char cluster_ca[CONFIG_PATH_MAX]; /* the file of the certificates that tls:// trusts; empty:
					     those of the system */
	enum log_format log_format;
	enum log_level log_level;
	enum log_sessions log_sessions;
	const char *file;      /* as the command line names it, to which this points; NULL: none. A
				* reload reads it again */
	bool echo;             /* send every message back to its sender; no users, no fan-out */
	bool admin_tls;        /* the admin port speaks TLS, with those certificates */
	bool admin_plain;      /* the admin port may be where others reach it, without TLS */
	bool demo;             /* the admin port can play faults */
	bool client_broadcast; /* clients may send texts to everybody */
};

/* The defaults of this build; listens on :8000, id "demo". Thread: any. */
void config_init(struct config *ret_config);

/* Whether it can be a token in a subject of NATS: 1 to 32 of A to Z, a to z, 0 to 9, _ and -.
 * Thread: any. */
bool config_is_name(const char *text);

/* The place of the first listener whose address is so; listen_count: there is none. Thread: any. */
size_t config_find_listener(const struct config *config, bool (*is_so)(const char *address));

static inline bool config_has_listener(
	const struct config *config, bool (*is_so)(const char *address))
{
	return config_find_listener(config, is_so) < config->listen_count;
}

/* Whether the admin port, where there is one, speaks TLS: a Unix socket never does. Thread: any. */
bool config_admin_has_tls(const struct config *config);

#endif
