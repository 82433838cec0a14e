/* One event that a backend is told of, and how it looks: an object of JSON.
 *
 *   {"node":"gw-1","incarnation":"19ad0e5f2c1-9f8e7d6c5b4a3921","seq":7,
 *    "time":"2026-01-02T03:04:05.678Z","event":"online","user":"alice","device":"phone",
 *    "epoch":"117246327029760001","address":"203.0.113.7:51564"}
 *
 * Epochs are strings: they are beyond what numbers of JavaScript tell apart. */
#ifndef TIDEGATE_EVENT_H
#define TIDEGATE_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../../proto/user_name.h"
#include "../base/incarnation.h"
#include "../base/remote.h"
#include "../config/config.h"

enum event_kind {
	EVENT_ONLINE,    /* a user's device has a session, and had none */
	EVENT_MOVED,     /* it has another one: a newer login, or it has come back in time */
	EVENT_OFFLINE,   /* it has had none for a while */
	EVENT_NODE_UP,   /* a node is there: this one, or another */
	EVENT_NODE_DOWN, /* another node is there no more, nor are its sessions */
	EVENT_RESYNC,    /* something was missed: the whole list is to be taken */
};

enum {
	/* Bytes. Each byte of a name may need an escape. */
	EVENT_JSON_MAX = 512 + 2 * (CONFIG_ID_MAX + USER_NAME_MAX + DEVICE_NAME_MAX),
};

/* Why something was missed: the reasons of EVENT_RESYNC. */
#define EVENT_NO_MEMORY  "no_memory"  /* to tell of it */
#define EVENT_LINES_LOST "lines_lost" /* on their way from another process */

/* What has happened. Plain data, but for what it points to. */
struct event {
	enum event_kind kind;
	uint64_t wall_ms;        /* since 1970 */
	uint64_t epoch;          /* of a session */
	struct slice name;       /* of a user; or of the node that is up or down */
	struct slice device;     /* of a user */
	struct remote remote;    /* of a session; all zero: it is not known */
	struct incarnation peer; /* of the node that is up or down */
	const char *reason;      /* static; NULL: there is none */
};

/* Whose event it is. */
struct event_source {
	const char *node; /* its id */
	struct incarnation incarnation;
};

/* Writes an event as JSON; no NUL is behind it. Thread: any. Returns its length in bytes. */
size_t event_write(const struct event *event, const struct event_source *source, uint64_t seq,
	char ret_text[EVENT_JSON_MAX]);

#endif
