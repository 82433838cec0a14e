/* Who waits for a TLS handshake, in which order, and who is in the middle of one.
 *
 *   SHUT ──hello──> WAITING ──its turn, a seat──> HALF ──the client's answer──> the line is open
 *    ^                │  │                        │  ^
 *    └──is not whole──┘  └─too old: dropped       │  └──back── AWAY, with a thread
 *                                                 └─late while others have no seat: gives way
 *
 * Those who wait are unread: their hellos lie in the kernel and cost nothing here. They take turns
 * in the order in which they came, until there are too many for that: then the newest goes first,
 * as the one whose client has not given up, and who has waited for too long is dropped.
 *
 * Lists and seats only: what is done with a line is in tls_opening.h. Thread: the worker. */
#ifndef TIDEGATE_TLS_DESK_H
#define TIDEGATE_TLS_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "tls_quota.h"

enum {
	TLS_DESK_CROWDED_MS = 500,   /* when the oldest has waited so long, the newest goes first */
	TLS_DESK_PATIENCE_MS = 3000, /* how long a hello may wait */
	TLS_DESK_ANSWER_MS = 1500, /* how long a client may take for its answer while others wait */
};

enum tls_stage {
	TLS_SHUT,    /* no whole hello has come */
	TLS_WAITING, /* what has come takes a turn: it is in a list */
	TLS_HALF,    /* the client is to answer: it is in a list */
	TLS_AWAY,    /* a thread has its handshake, and its seat */
};

struct conn;
struct tls_handshake;
struct tls_list;
struct tls_worker;

/* A line that is not open yet.
 * Owner:  its connection: the state of its layer.
 * Freed:  when the line is open, or with the connection. */
struct tls_newcomer {
	struct tls_worker *worker;
	struct conn *conn;
	struct tls_handshake *handshake; /* NULL before its turn, and while it is away */
	struct tls_list *list;           /* that it is in; NULL: in none */
	struct tls_newcomer *newer;      /* in that */
	struct tls_newcomer *older;
	uint64_t since_ms; /* by which that is ordered: when it came into it, or `asked_ms` */
	uint64_t asked_ms; /* since when its client is to say what is next: its seat, our answer */
	uint32_t seen;     /* bytes in the kernel that have been looked at and were not enough */
	uint8_t stage;     /* enum tls_stage */
	bool has_seat;     /* while it is away the thread has it */
	bool is_slow;      /* its signature is a thread's to make */
	bool has_answer;   /* ours is made: what its client says next is cheap */
	bool is_told;      /* of its end, by an alert, or there is nothing to tell */
};

struct tls_list {
	struct tls_newcomer *newest;
	struct tls_newcomer *oldest;
};

/* Owner:  one worker.
 * Shared: never; the quota is. */
struct tls_desk {
	struct tls_quota *quota;
	struct tls_list waiting; /* for a seat */
	struct tls_list seated;  /* for another turn: they have a seat */
	struct tls_list halves;  /* for their clients */
};

/* Something has come that takes a turn. It is in no list, or among the halves. */
void tls_desk_wait(struct tls_desk *desk, struct tls_newcomer *newcomer, uint64_t now_ms);

/* Whose turn it is: of those who have a seat the one that has waited longest; then, while there are
 * seats, of those who have none as said above. It stays where it is. NULL: nobody's. */
struct tls_newcomer *tls_desk_next(const struct tls_desk *desk, uint64_t now_ms);

/* Takes a seat for one that has none, with which the time of its client begins. False: there is
 * none left. */
bool tls_desk_seat(struct tls_desk *desk, struct tls_newcomer *newcomer, uint64_t now_ms);

/* One that has a seat waits for its client, as it has since `asked_ms`: whatever that says in small
 * pieces, its time goes on. */
void tls_desk_await(struct tls_desk *desk, struct tls_newcomer *newcomer);

/* Takes it out of its list, whichever that is. */
void tls_desk_take_out(struct tls_desk *desk, struct tls_newcomer *newcomer);

/* The same, and gives its seat back. */
void tls_desk_leave(struct tls_desk *desk, struct tls_newcomer *newcomer);

/* One that has waited for TLS_DESK_PATIENCE_MS; NULL. */
struct tls_newcomer *tls_desk_too_old(const struct tls_desk *desk, uint64_t now_ms);

/* While somebody on the node waits and no seat is left: one whose client has taken
 * TLS_DESK_ANSWER_MS; NULL. */
struct tls_newcomer *tls_desk_late(const struct tls_desk *desk, uint64_t now_ms);

#endif
