/* The only place where threads meet: many producers, one owner, wait-free to post.
 *
 * Around liburcu's wfcqueue. Posting rings the owner's bell (an eventfd) only when the mailbox goes
 * from empty to non-empty, so that a burst costs one system call.
 *
 *              post    take   destroy
 *   post       safe    safe   no
 *   take       safe    no     no
 */
#ifndef TIDEGATE_MAILBOX_H
#define TIDEGATE_MAILBOX_H

#include <stdint.h>

/* The part of an item that travels; embedded in it. Owner: the poster, from mailbox_post on the
 * mailbox, from mailbox_take on the mailbox's owner. */
struct mail {
	void *link;    /* the queue's own */
	uint32_t kind; /* told apart by the owner of the mailbox */
};

enum mailbox_status {
	MAILBOX_MAIL,  /* *ret_mail is filled */
	MAILBOX_EMPTY, /* sleep: the bell will ring */
	MAILBOX_LATER, /* a producer was preempted half-way: come back without sleeping */
};

enum {
	MAILBOX_LATER_MS = 1, /* until to come back after MAILBOX_LATER */
};

struct mailbox;

/* Errors: -ENOMEM, -EMFILE or -ENFILE. */
int mailbox_create(struct mailbox **ret_mailbox);

/* Frees the mailbox and nulls the giver's pointer; it must be empty. *mailbox may be NULL. */
void mailbox_destroy(struct mailbox **mailbox);

/* Hands an item over. Thread: any. Never fails, never waits. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);

/* Takes the oldest item. Items of one producer come in the order posted.
 * Thread: the owner. Never waits. */
enum mailbox_status mailbox_take(struct mailbox *mailbox, struct mail **ret_mail);

/* Takes at most `most` items and gives each to `on_mail`. Returns in how many ms to come back: 0,
 * as there may be more; -1, as the bell will ring. Thread: the owner. Never waits. */
int mailbox_take_some(struct mailbox *mailbox, int most,
	void (*on_mail)(void *context, struct mail *mail), void *context);

/* Readable when the bell has rung; for the owner's epoll (edge-triggered: never needs to be read).
 * Thread: any. */
int mailbox_bell_fd(const struct mailbox *mailbox);

/* Rings the bell without an item. Thread: any; async-signal-safe. */
void mailbox_ring(struct mailbox *mailbox);

#endif
