/* The record of one connection: 120 bytes, and all that an idle one costs here.
 *
 *   OPENING ──accepted──> LIVE ──reason──> CLOSING ──all said──> DEAD ──reap──> FREE
 *    │   ├────────────refused───────────────^                     ^
 *    │   └────────────────gone: EOF, reset, broken────────────────┘  (from any state)
 *    └─to be answered later─> POSTPONED ──accepted, refused, gone: as from OPENING
 *
 * Only data; what happens to it is in conns.h. */
#ifndef TIDEGATE_CONN_H
#define TIDEGATE_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/close_reason.h"
#include "../base/rate.h"
#include "../base/remote.h"

enum conn_state {
	CONN_FREE,      /* no connection */
	CONN_OPENING,   /* its opening request is awaited */
	CONN_POSTPONED, /* its request will be answered later: nothing is read meanwhile */
	CONN_LIVE,      /* 101 queued: frames flow */
	CONN_CLOSING,   /* its end has a reason: the last bytes are on their way */
	CONN_DEAD,      /* to be reaped at the end of the turn */
};

enum conn_flag {
	CONN_BEYOND = 1 << 0,     /* without a place: answered 503 if there is none by then */
	CONN_READY = 1 << 1,      /* on the ready list: there may be more to read */
	CONN_PAUSED = 1 << 2,     /* not read from while the fan-out is congested */
	CONN_FEEDER = 1 << 3,     /* has said something to others in the last seconds */
	CONN_HUNG_UP = 1 << 4,    /* the peer has sent its FIN or worse: read to the end */
	CONN_DISCARD = 1 << 5,    /* what still arrives is read and thrown away */
	CONN_PEER_DONE = 1 << 6,  /* the peer's Close has arrived */
	CONN_FIN_SENT = 1 << 7,   /* everything is said: only the peer's end is awaited */
	CONN_RESET = 1 << 8,      /* end with a reset, not with a FIN */
	CONN_MUTED = 1 << 9,      /* for a demonstration: what it would be sent is dropped */
	CONN_HEAD_KEPT = 1 << 10, /* `opening` holds what has come of its request */
	CONN_LAYERED = 1 << 11,   /* its bytes go through extra->transport */
	CONN_V1 = 1 << 12,        /* session: speaks tidegate.v1 */
	CONN_EXTRA = 1 << 13,     /* it has an `extra` */
	CONN_PACED = 1 << 14,     /* not read from until the wheel comes by: pace.h */
	CONN_LAGS = 1 << 15,      /* it is waited for, and the floor above knows; see tx_queue.h */
};

/* What is known of its address, and how that is counted. */
enum conn_address {
	CONN_ADDRESS_DUE = 1 << 0,       /* a PROXY header is to tell it */
	CONN_ADDRESS_SETTLED = 1 << 1,   /* it is known for good */
	CONN_ADDRESS_PROXIED = 1 << 2,   /* a PROXY header has come */
	CONN_ADDRESS_EXEMPT = 1 << 3,    /* that named no client: no limit holds for it */
	CONN_ADDRESS_ADMITTED = 1 << 4,  /* counted among the connections of its address */
	CONN_ADDRESS_REFUSED = 1 << 5,   /* counted among those that are refused */
	CONN_ADDRESS_TOO_MANY = 1 << 6,  /* refused: its address has too many connections */
	CONN_ADDRESS_TOO_OFTEN = 1 << 7, /* refused: its address opens too many */
};

struct message_reader;
struct opening;
struct rights;
struct transport_ops;
struct tx_queue;
struct user_entry;

/* How much a session has said lately, and when it is read from again: pace.h.
 * Owner:  its connection, once it has said something while there was a limit.
 * Freed:  with its extra. */
struct pace {
	struct rate messages;
	struct rate bytes;
	struct rate refused; /* what is read for nothing but to be refused */
	uint32_t look_tick;  /* used up, it is read from then all the same */
	uint32_t wake_tick;  /* with CONN_PACED: when the wheel lets it go on */
	uint32_t full_tick;  /* since when the kernel has held too much of it; 0: it does not */
	uint32_t seen_tick;  /* when that was last looked at */
};

/* What few connections have, made on first need: conn_extra.h.
 * Owner:  its connection.
 * Freed:  with it. */
struct conn_extra {
	const struct transport_ops *transport; /* with CONN_LAYERED */
	void *transport_state;
	uint64_t rooms;        /* see conn_rooms */
	struct pace *pace;     /* NULL: nothing it said has counted yet */
	struct rights *rights; /* session: what its token allows; NULL: everything */
	uint32_t ends_tick;    /* when it is over, whatever it does; 0: never */
	uint32_t token_tick;   /* session: when a packet 103 was last judged; 0: never */
};

_Static_assert(sizeof(struct conn_extra) <= 48, "what a session with a token may cost more");

/* Owner:  the worker whose table it is in.
 * Shared: never; others hold a handle.
 * Freed:  its slot in the reap step of the owner's turn, its memory with the table. */
struct conn {
	/* --- what every visit looks at, of one who is only written to ---
	 * A record that is not in a near cache lies over two or three of its lines: so the first
	 * one or two are enough. */
	int fd; /* the transport's; -1 once closed */
	uint32_t index;
	uint32_t generation;
	uint16_t flags;      /* enum conn_flag */
	uint8_t state;       /* enum conn_state */
	uint8_t reason;      /* enum close_reason: the first one given wins */
	struct tx_queue *tx; /* what the peer has not taken; NULL while it keeps up */
	/* The one gives way to the other at the login. */
	union {
		uint64_t epoch;    /* its place in the order of acceptance */
		uint64_t log_next; /* fan-out: the next batch it needs */
	};
	uint32_t receiver_pos;   /* fan-out: its place in the array of receivers */
	uint32_t user_hash;      /* session: of the user's name */
	struct user_entry *user; /* session: NULL before the login and after the end */
	union {
		struct conn_extra *extra; /* with CONN_EXTRA */
		uint64_t rooms;           /* without; see conn_rooms. 0 for most */
	};
	/* --- of one who is read from --- */
	/* They exclude each other: a head is complete before frames are read. */
	union {
		struct message_reader *rx; /* lent while a frame or message is in flight */
		struct opening *opening; /* with CONN_HEAD_KEPT: a request, in part or postponed */
	};
	uint32_t last_read_tick; /* the last complete frame; while opening, the accept */
	uint32_t holder;         /* its slot among the worker's holders of memory */
	uint32_t fed_bytes; /* fan-out: what it said to each of the others, halved each second */
	uint16_t fed_tick;  /* fan-out: since when the present second counts; the low bits */
	uint8_t read_shift : 4;   /* reader: 4 KiB << this is the most of one read */
	uint8_t unheard : 2;      /* timeouts: looks that found it too late, and something unread */
	bool feeds_lag : 1;       /* fan-out: a flood, whose last read was for some who may lag */
	bool feeds_elsewhere : 1; /* likewise, for other nodes */
	uint8_t address;          /* admission: enum conn_address, of `remote` */
	/* --- what is rare --- */
	uint32_t last_ping_tick; /* the gateway's own last Ping */
	uint32_t state_tick;     /* when it came into its state: accept, login, Close queued */
	uint32_t wheel_tick;     /* where the wheel looks at it next */
	uint32_t ready_next;     /* link of the ready or of the paused list, by index */
	uint32_t dead_next;      /* link of the reap list */
	struct remote remote;
};

/* NULL while it has none. */
static inline struct conn_extra *conn_extra_of(const struct conn *conn)
{
	return conn->flags & CONN_EXTRA ? conn->extra : NULL;
}

/* Where the fan-out keeps the rooms that a session is in; 0: none. */
static inline uint64_t *conn_rooms(struct conn *conn)
{
	return conn->flags & CONN_EXTRA ? &conn->extra->rooms : &conn->rooms;
}

_Static_assert(sizeof(struct conn) <= 128, "what an idle connection may cost");
_Static_assert(offsetof(struct conn, rx) <= 56, "what a visit may look at");

#define CONN_NONE UINT32_MAX /* the end of an index-linked list */

enum {
	CONN_READ_MIN = 4096,    /* bytes: the least that one read may take */
	CONN_READ_SHIFT = 2,     /* where a connection's reads begin: at 16 KiB */
	CONN_READ_SHIFT_MAX = 6, /* 256 KiB */
};

#endif
