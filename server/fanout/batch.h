/* The messages of one turn of one worker, encoded once for all who get them.
 *
 * Frames lie one behind the other, so that what piled up for a receiver goes out as one piece. Who
 * has sent a message stands beside it, for that user to be left out; and where it is not for
 * everybody, whom it is for. A batch that is all for everybody is handed out without a look at
 * that.
 */
#ifndef TIDEGATE_BATCH_H
#define TIDEGATE_BATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/assert.h"
#include "../../proto/slice.h"
#include "../base/buf.h"
#include "../base/handle.h"
#include "../base/mailbox.h"
#include "fanout_node.h"

enum {
	/* Kept for the next turns, so that none is allocated for a few short messages. */
	BATCH_POOL_SMALL = 8,
	BATCH_POOL_LARGE = 2,
	BATCH_SMALL_MESSAGES = 16, /* of a batch without chains */
	BATCH_LARGE_MESSAGES = 256,
};

/* A user, as who has sent a message or as who receives some. Borrowed for a call. */
struct batch_user {
	const char *name;
	uint8_t name_len; /* bytes; 0: no user's message */
	uint32_t hash;    /* of the name */
};

enum batch_aim {
	BATCH_TO_ALL,
	BATCH_TO_USER, /* and with `is_shown` the sender's other sessions */
	BATCH_TO_ROOM,
	BATCH_TO_TOLD, /* those in a room who have asked to be told who comes and goes */
};

/* Whom a message is for, beside its sender's name. */
struct batch_target {
	uint8_t aim;            /* enum batch_aim */
	uint8_t name_len;       /* of the user or room: bytes */
	bool is_classic : 1;    /* of a user's sessions those are meant that speak no tidegate.v1 */
	bool is_shown : 1;      /* the sender has other sessions that get it too */
	bool is_only_shown : 1; /* and nobody else does: a user is meant who is on another node */
	bool is_for_v1 : 1;     /* of everybody those are meant that speak tidegate.v1 */
	bool is_to_one : 1;     /* the user had one session when it was said, which is `session` */
	bool goes_on : 1; /* the message before it lies next to it, of its sender in its room */
	/* Messages that go on with each other are a row. */
	union {
		uint16_t behind; /* of the first one: how many go on with it */
		uint16_t ahead;  /* with goes_on: how many of its row it has ahead of it */
	};
	union {
		struct {
			uint32_t serial; /* room_serial */
			uint32_t number; /* of what is said in a room */
		};
		handle_t session;
	};
	uint32_t hash;    /* user_entry_hash or room_hash */
	uint32_t device;  /* user_entry_device_hash of the sender */
	uint32_t name_at; /* where the name lies: in the frame, or behind it */
	/* Of the chain of `hash` and, if it is shown, of that of the sender's: the link before. */
	uint16_t before[2];
};

/* One message. */
struct batch_message {
	uint32_t begin; /* where its frame lies */
	uint32_t end;
	uint32_t sender_at; /* where the sender's name lies */
	uint32_t sender_hash;
	uint8_t sender_len; /* bytes of it; 0: no user's */
};

/* Owner:  its maker, while it is filled; then nobody: it is not written any more.
 * Shared: by all workers, each with one reference, and by queues of slow peers with one each.
 * Freed:  with the last reference; the maker keeps some for its next turns. */
struct batch {
	struct buf buf;              /* first: its memory is the batch's */
	_Atomic uint32_t unfinished; /* workers that have not handed it out yet */
	uint32_t count;
	uint32_t messages_max;
	uint32_t announced; /* of the messages, those that no user has sent */
	/* A bit for each sender's hash: who is not among them takes all at once. With `aimed`
	 * nobody does. */
	uint64_t senders;
	uint32_t aimed;      /* of the messages, those that are not for everybody */
	uint16_t to_v1;      /* of the aimed, those for all that speak tidegate.v1 */
	bool for_elsewhere;  /* of the aimed, some are for other nodes too; once shared: it is for
			      * the registrar as well */
	uint64_t workers[4]; /* a bit for each worker it is for: `aimed`, and once shared all */
	struct batch_target *targets;   /* with `aimed`: one for each message; behind the mails */
	struct batch_message *messages; /* behind those; then come the frames */
	/* One for each worker; in its log, the link to the next batch. In a cluster one more, the
	 * registrar's. */
	struct mail mails[];
};

/* Where a worker's batches come from: small ones at first; what they have no room for moves to a
 * large one, and when that has remained half empty, to one that just fits.
 * Owner:  one worker.
 * Shared: never; some of its batches are. */
struct batch_pool {
	struct fanout_node *node;
	struct batch *small[BATCH_POOL_SMALL];
	struct batch *large[BATCH_POOL_LARGE];
};

/* Some of the messages of a batch, a bit for each. */
struct batch_set {
	uint64_t bits[BATCH_LARGE_MESSAGES / 64];
};

/* Whole frames, one behind the other. */
struct batch_span {
	uint32_t begin;
	uint32_t end;
	uint32_t count; /* messages */
};

/* An empty batch with room for a frame of `frame_len` bytes at least; the caller's reference is its
 * own. Errors: -ENOMEM. */
int batch_take(struct batch_pool *pool, size_t frame_len, struct batch **ret_batch);

/* Moves what a batch that is being filled holds to a larger one, with room for one more frame.
 * Errors: -ENOSPC when there is none that large; -ENOMEM. */
int batch_grow(struct batch_pool *pool, size_t frame_len, struct batch **batch);

/* Before it is shared, since others may hold it for long: moves what a batch holds to one that
 * fits, where that saves most of it; without memory for that it stays as it is. */
void batch_fit(struct batch_pool *pool, struct batch **batch);

/* Gives back the pool's batches that nobody else holds. */
void batch_pool_empty(struct batch_pool *pool);

/* Gives back all of them. */
void batch_pool_finish(struct batch_pool *pool);

void batch_unref(struct batch **batch);

static inline bool batch_has_room(const struct batch *batch, size_t frame_len)
{
	return batch->count < batch->messages_max &&
	       batch->buf.capacity - batch->buf.len >= frame_len;
}

/* Bytes of the frame that batch_put_text makes. */
size_t batch_text_frame_len(uint16_t command, size_t text_len, size_t name_len);

/* Appends `TEXT -- FROM user`, in a packet of that command; 0: as a text message. There must be
 * room.
 */
void batch_put_text(struct batch *batch, uint16_t command, const struct batch_user *sender,
	const uint8_t *text, size_t text_len);

/* Appends a message of no user's. There must be room. */
void batch_put_frame(
	struct batch *batch, uint8_t opcode, const uint8_t *payload, size_t payload_len);

/* Appends a whole frame as it is, of a user whose name stands at `sender_at` in it. There must be
 * room. */
void batch_put_copy(
	struct batch *batch, struct slice frame, const struct batch_user *sender, size_t sender_at);

/* Bytes of the frame that batch_put_packet makes, and of the name behind it. */
size_t batch_aimed_frame_len(size_t payload_len, size_t name_len);

/* Appends a packet of a user's that is not for everybody: the caller writes its payload where that
 * is returned, in which the sender's name stands at `sender_at`. There must be room. */
uint8_t *batch_put_packet(struct batch *batch, uint16_t command, size_t payload_len,
	const struct batch_user *sender, size_t sender_at);

/* The message that was appended last is for those alone: `name` is that of the user or room. There
 * must be room for it behind the frame. */
void batch_aim(struct batch *batch, const struct batch_target *target, struct slice name);

/* The same with a name that lies in the frame: frames follow each other without a gap, and what
 * piles up for a receiver is one piece. */
void batch_aim_by_frame(struct batch *batch, const struct batch_target *target, struct slice name);

/* Whether anything in it is for everybody, or for all that speak tidegate.v1. */
static inline bool batch_is_for_all(const struct batch *batch)
{
	return batch->aimed < batch->count + batch->to_v1;
}

/* Whether a user has said anything in it to everybody. */
static inline bool batch_is_said_to_all(const struct batch *batch)
{
	return batch->aimed + batch->announced < batch->count;
}

/* Of one that is shared. */
static inline bool batch_is_for_worker(const struct batch *batch, uint32_t worker)
{
	return batch->workers[worker / 64] >> worker % 64 & 1;
}

static inline struct slice batch_target_name(const struct batch *batch, uint32_t message)
{
	const struct batch_target *target = &batch->targets[message];
	return (struct slice){(const char *)batch->buf.data + target->name_at, target->name_len};
}

static inline struct batch_user batch_sender(const struct batch *batch, uint32_t message)
{
	const struct batch_message *its = &batch->messages[message];
	return (struct batch_user){
		(const char *)batch->buf.data + its->sender_at, its->sender_len, its->sender_hash};
}

/* Behind the last message of the row that `first` begins, of a batch that something is aimed in: of
 * most that is the next message. */
static inline uint32_t batch_row_end(const struct batch *batch, uint32_t first)
{
	ASSERT(!batch->targets[first].goes_on);
	return first + batch->targets[first].behind + 1;
}

/* Whether `user` has sent that message. */
bool batch_is_from(const struct batch *batch, uint32_t message, const struct batch_user *user);

/* Full, or at the end of a turn: a reference for each worker it is for, and its bytes are in the
 * backlog. What is for everybody is for the workers that have receivers by now. */
void batch_share(struct batch *batch, struct fanout_node *node);

/* One worker has handed it out; nulls the giver's pointer. Thread: any. */
void batch_finish(struct fanout_node *node, struct batch **batch);

/* Whether it can be said whom its messages may be for: where there are few it is quicker to look at
 * each. */
static inline bool batch_has_chains(const struct batch *batch)
{
	return batch->messages_max > BATCH_SMALL_MESSAGES;
}

/* What is for everybody, or all of v1, of one with chains that is shared and not all for everybody.
 */
struct batch_set batch_for_all(const struct batch *batch);

/* Adds to a set what may be for the users and rooms of that hash, of such a batch: who is in few
 * rooms need not look at each message. Of a row it is the first one that stands for all. Returns
 * whether there was any. */
bool batch_collect(const struct batch *batch, uint32_t hash, struct batch_set *set);

/* Whether `user` may have sent some of it: else all of it is one span for him. */
static inline bool batch_may_be_from(const struct batch *batch, uint32_t user_hash)
{
	return batch->senders >> (user_hash & 63) & 1;
}

/* The next span that `user` has not sent, from message *at on, which it moves. Returns false when
 * there is none. */
bool batch_next_span(const struct batch *batch, const struct batch_user *user, uint32_t *at,
	struct batch_span *ret_span);

/* The batch of a mail to a worker, and the next one in that worker's log. */
static inline struct batch *batch_of_mail(struct mail *mail, uint8_t worker)
{
	return (struct batch *)((uint8_t *)(mail - worker) - offsetof(struct batch, mails));
}

static inline struct batch *batch_after(const struct batch *batch, uint8_t worker)
{
	return batch->mails[worker].link;
}

#endif
