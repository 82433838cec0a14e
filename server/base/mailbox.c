#include "mailbox.h"

#include "build_config.h"

/* liburcu's queue inlined. Under the thread sanitizer it stays in its library, which the sanitizer
 * does not see into: there the order that the queue gives is told by hand, in publish and receive.
 */
#if !HAVE_THREAD_SANITIZER
#define _LGPL_SOURCE
#endif
#include <urcu/wfcqueue.h>

#include <errno.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../../proto/assert.h"

#if HAVE_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

enum {
	CACHE_LINE = 64, /* bytes */
};

/* So that a mail is a node of the queue, without liburcu's headers in mailbox.h. */
_Static_assert(
	offsetof(struct mail, link) == offsetof(struct cds_wfcq_node, next), "the link leads");
_Static_assert(
	sizeof(((struct mail *)0)->link) == sizeof(struct cds_wfcq_node), "the link is a node");
_Static_assert(
	_Alignof(struct mail) >= _Alignof(struct cds_wfcq_node), "a mail is aligned as a node");

/* Owner:  the thread that takes.
 * Shared: any thread posts. What producers write, what both write and what only the owner writes
 *         stand on cache lines of their own. */
struct mailbox {
	alignas(CACHE_LINE) struct cds_wfcq_tail tail;
	int bell_fd; /* beside the tail: who rings has just written that line */
	alignas(CACHE_LINE) struct __cds_wfcq_head head;
	alignas(CACHE_LINE) struct __cds_wfcq_head taken_head; /* detached, not handed out yet */
	struct cds_wfcq_tail taken_tail;
};

static void publish(struct mail *mail)
{
#if HAVE_THREAD_SANITIZER
	__tsan_release(mail);
#else
	(void)mail;
#endif
}

static void receive(struct mail *mail)
{
#if HAVE_THREAD_SANITIZER
	__tsan_acquire(mail);
#else
	(void)mail;
#endif
}

int mailbox_create(struct mailbox **ret_mailbox)
{
	struct mailbox *mailbox = aligned_alloc(alignof(struct mailbox), sizeof(*mailbox));
	if (!mailbox) {
		return -ENOMEM;
	}
	mailbox->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (mailbox->bell_fd < 0) {
		int err = -errno;
		free(mailbox);
		return err;
	}
	__cds_wfcq_init(&mailbox->head, &mailbox->tail);
	__cds_wfcq_init(&mailbox->taken_head, &mailbox->taken_tail);
	*ret_mailbox = mailbox;
	return 0;
}

void mailbox_destroy(struct mailbox **mailbox)
{
	struct mailbox *given = *mailbox;
	*mailbox = NULL;
	if (!given) {
		return;
	}
	ASSERT(cds_wfcq_empty(&given->taken_head, &given->taken_tail));
	ASSERT(cds_wfcq_empty(&given->head, &given->tail));
	close(given->bell_fd);
	free(given);
}

void mailbox_post(struct mailbox *mailbox, struct mail *mail)
{
	struct cds_wfcq_node *node = (struct cds_wfcq_node *)mail;

	cds_wfcq_node_init(node);
	publish(mail);
	/* From here on the mail is the owner's, who may have freed it already. The queue counts as
	 * empty from the splice that detached its last item: an owner who has seen MAILBOX_EMPTY is
	 * rung by whoever comes next. */
	if (!cds_wfcq_enqueue(&mailbox->head, &mailbox->tail, node)) {
		mailbox_ring(mailbox);
	}
}

/* Moves all that has been posted to the owner's own queue: from there the producers' cache lines
 * are left alone. */
static enum mailbox_status detach(struct mailbox *mailbox)
{
	switch (__cds_wfcq_splice_nonblocking(
		&mailbox->taken_head, &mailbox->taken_tail, &mailbox->head, &mailbox->tail)) {
	case CDS_WFCQ_RET_SRC_EMPTY:
		return MAILBOX_EMPTY;
	case CDS_WFCQ_RET_WOULDBLOCK:
		return MAILBOX_LATER;
	case CDS_WFCQ_RET_DEST_EMPTY:
	case CDS_WFCQ_RET_DEST_NON_EMPTY:
		break;
	}
	return MAILBOX_MAIL;
}

enum mailbox_status mailbox_take(struct mailbox *mailbox, struct mail **ret_mail)
{
	struct cds_wfcq_node *node =
		__cds_wfcq_dequeue_nonblocking(&mailbox->taken_head, &mailbox->taken_tail);

	if (!node) {
		enum mailbox_status status = detach(mailbox);
		if (status != MAILBOX_MAIL) {
			return status;
		}
		node = __cds_wfcq_dequeue_nonblocking(&mailbox->taken_head, &mailbox->taken_tail);
		ASSERT(node);
	}
	if (node == CDS_WFCQ_WOULDBLOCK) {
		return MAILBOX_LATER;
	}
	*ret_mail = (struct mail *)node;
	receive(*ret_mail);
	return MAILBOX_MAIL;
}

int mailbox_take_some(struct mailbox *mailbox, int most,
	void (*on_mail)(void *context, struct mail *mail), void *context)
{
	for (int taken = 0; taken < most; taken++) {
		struct mail *mail;
		switch (mailbox_take(mailbox, &mail)) {
		case MAILBOX_MAIL:
			on_mail(context, mail);
			break;
		case MAILBOX_EMPTY:
			return -1;
		case MAILBOX_LATER:
			return MAILBOX_LATER_MS;
		}
	}
	return 0;
}

int mailbox_bell_fd(const struct mailbox *mailbox)
{
	return mailbox->bell_fd;
}

void mailbox_ring(struct mailbox *mailbox)
{
	int saved_errno = errno;
	uint64_t one = 1;
	/* Can fail only when the counter is full, after 2^64 - 2 rings. */
	ssize_t written = write(mailbox->bell_fd, &one, sizeof(one));
	(void)written;
	errno = saved_errno;
}
