/* What workers know of the other nodes of a cluster, and how what is for users there leaves them:
 * as mail to one more mailbox, the registrar's. A worker never waits for it: what is on the way
 * there has a limit of its own, beyond which it is dropped and counted.
 *
 *   worker ─┬─ batch ──────────> workers          in the backlog, as ever
 *           └─ the same batch ─> registrar ─> egress ─> other nodes
 *
 * What is for everybody, or for a room, is in the batch of the turn. What is for one user is asked
 * for there, since it is answered: struct elsewhere_say. Both go to one mailbox, so that what one
 * sender says stays in order, whatever its audiences.
 *
 * What a backend announces stays on this node: it is the API that goes to each. And what came from
 * elsewhere never goes out again. */
#ifndef TIDEGATE_ELSEWHERE_H
#define TIDEGATE_ELSEWHERE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../../proto/user_name.h"
#include "../base/handle.h"
#include "../base/mailbox.h"

enum {
	/* How much other nodes can take, as they say. */
	ELSEWHERE_EASY = 0,
	ELSEWHERE_TIGHT = 1, /* floods that feed them get only so much in a tick */
	ELSEWHERE_FULL = 2,  /* and those get nothing */
};

/* Owner:  the registrar's thread, which writes all but `egress` and `egress_lost`.
 * Shared: all workers. It outlives them. */
struct elsewhere {
	_Atomic uint32_t nodes;    /* others that are up */
	_Atomic uint64_t sessions; /* on them, as far as they are known of by now; 0: what is for
				    * everybody stays here */
	_Atomic uint8_t pressure;  /* ELSEWHERE_, the highest of theirs */
	_Atomic bool is_cut_off;   /* nothing gets there now: what is said is lost, and counted */
	_Atomic size_t egress;     /* bytes on the way to the registrar */
	_Atomic size_t egress_limit;
	/* Batches that did not get there, each with something for everybody or a room, ever. For
	 * the others to see that something is missing, the registrar leaves out as many numbers. */
	_Atomic uint64_t egress_lost;
	struct mailbox *mailbox; /* the registrar's */
	uint32_t batch_kind;     /* of the mail that is a batch: mails[worker_count] of it */
	uint32_t say_kind;       /* of struct elsewhere_say */
	const void *directory;   /* NULL as long as there is none; with it, the functions are set */
	/* By the 32-bit hash, which others may share: whether a user has sessions on other nodes;
	 * how many members a room has on them; and whether some of those want to be told who comes
	 * and goes. Thread: any that is registered. */
	bool (*has_user)(const void *directory, uint32_t hash);
	uint32_t (*room_users)(const void *directory, uint32_t hash);
	bool (*room_is_watched)(const void *directory, uint32_t hash);
};

/* What a session says to a user who is elsewhere, or may be; or to one of this node, when it is
 * itself elsewhere too and is to be shown it there. What of it is local has been sent.
 * Owner:  the worker that makes it until posted, then the registrar, which frees it by
 *         elsewhere_say_free. */
struct elsewhere_say {
	struct mail mail;
	handle_t sender;
	uint32_t id; /* of the packet 110; with 0 only refusals are answered */
	/* The registrar answers, with those on this node that were reached counted in. Without, the
	 * worker has answered: the user is only here, and only the sender's own sessions elsewhere
	 * are to be shown it. */
	bool wants_answer;
	uint32_t local_sessions;
	uint32_t from_device; /* user_entry_device_hash of the sender */
	uint64_t sent_ms;     /* since 1970 */
	uint8_t from_len;
	uint8_t to_len;
	uint32_t text_len;
	char data[]; /* from, to, text */
};

/* What one is made of. Borrowed for a call. */
struct elsewhere_said {
	handle_t sender;
	uint32_t id;
	bool wants_answer;
	uint32_t local_sessions;
	uint32_t from_device;
	uint64_t sent_ms;
	struct slice from;
	struct slice to;
	struct slice text;
};

static inline struct slice elsewhere_say_from(const struct elsewhere_say *say)
{
	return (struct slice){say->data, say->from_len};
}

static inline struct slice elsewhere_say_to(const struct elsewhere_say *say)
{
	return (struct slice){say->data + say->from_len, say->to_len};
}

static inline struct slice elsewhere_say_text(const struct elsewhere_say *say)
{
	return (struct slice){say->data + say->from_len + say->to_len, say->text_len};
}

/* --- a worker's side; `elsewhere` may be NULL: there is no cluster ------------------------------
 */

/* Whether what is for everybody is for somebody elsewhere. */
static inline bool elsewhere_wants_all(const struct elsewhere *elsewhere)
{
	return elsewhere && atomic_load_explicit(&elsewhere->sessions, memory_order_relaxed) > 0;
}

/* Whether anything may be for somebody elsewhere. */
static inline bool elsewhere_is_there(const struct elsewhere *elsewhere)
{
	return elsewhere && atomic_load_explicit(&elsewhere->nodes, memory_order_relaxed) > 0;
}

/* Whether nothing that is said gets to others now: nobody there is counted as one who has it. */
static inline bool elsewhere_is_cut_off(const struct elsewhere *elsewhere)
{
	return elsewhere && atomic_load_explicit(&elsewhere->is_cut_off, memory_order_relaxed);
}

/* That what is for everybody gets to. */
static inline uint64_t elsewhere_sessions(const struct elsewhere *elsewhere)
{
	return elsewhere && !elsewhere_is_cut_off(elsewhere)
		       ? atomic_load_explicit(&elsewhere->sessions, memory_order_relaxed)
		       : 0;
}

static inline bool elsewhere_has_user(const struct elsewhere *elsewhere, uint32_t hash)
{
	return elsewhere_is_there(elsewhere) && elsewhere->has_user(elsewhere->directory, hash);
}

static inline uint32_t elsewhere_room_users(const struct elsewhere *elsewhere, uint32_t hash)
{
	return elsewhere_is_there(elsewhere) ? elsewhere->room_users(elsewhere->directory, hash)
					     : 0;
}

static inline bool elsewhere_room_is_watched(const struct elsewhere *elsewhere, uint32_t hash)
{
	return elsewhere_is_there(elsewhere) &&
	       elsewhere->room_is_watched(elsewhere->directory, hash);
}

static inline uint8_t elsewhere_pressure(const struct elsewhere *elsewhere)
{
	return elsewhere ? atomic_load_explicit(&elsewhere->pressure, memory_order_relaxed)
			 : ELSEWHERE_EASY;
}

/* Takes room for so many bytes on the way to the registrar. Returns whether there is any. */
bool elsewhere_reserve(struct elsewhere *elsewhere, size_t bytes);

/* Makes what is to be asked of the registrar, and takes room for it; nothing of it is sent yet.
 * Errors: -ENOBUFS when too much is on the way there; -ENOMEM. */
int elsewhere_say_create(struct elsewhere *elsewhere, const struct elsewhere_said *said,
	struct elsewhere_say **ret_say);

/* Sends it, behind what has been published; nulls the giver's pointer. */
void elsewhere_say_post(struct elsewhere *elsewhere, struct elsewhere_say **say);

/* --- the registrar's side -----------------------------------------------------------------------
 */

struct elsewhere_say *elsewhere_say_of(struct mail *mail);

/* Frees one, which may not have been posted at all, and gives its room back; nulls the giver's
 * pointer. *say may be NULL. Thread: any. */
void elsewhere_say_free(struct elsewhere *elsewhere, struct elsewhere_say **say);

/* What was reserved has arrived, or was given up. Thread: any. */
void elsewhere_release(struct elsewhere *elsewhere, size_t bytes);

#endif
