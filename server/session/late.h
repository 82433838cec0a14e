/* Answers that a session gets in a later turn, from a thread that is no worker: what another node,
 * or a backend, had to be asked for. */
#ifndef TIDEGATE_LATE_H
#define TIDEGATE_LATE_H

#include <stdint.h>

#include "../../proto/packet.h"
#include "../../proto/say_packets.h"
#include "../base/handle.h"
#include "../base/mailbox.h"
#include "unanswered.h"

struct sessions;

/* A packet for one session.
 * Owner:  who makes it, until posted; then the worker of its handle, which frees it. */
struct late {
	struct mail mail;
	handle_t handle;
	uint16_t command;
	uint8_t gives_back; /* enum unanswered_kind: what it is the answer to */
	uint8_t is_silent;  /* only to be given back: nothing is sent */
	size_t payload_len; /* bytes */
	uint8_t packet[];   /* PACKET_HEADER_LEN bytes to be filled in, and the payload */
};

/* Room for a packet; its payload, behind the header, is the caller's to write. Thread: any.
 * Errors: NULL: no memory. */
struct late *late_create(
	handle_t handle, uint16_t command, enum unanswered_kind gives_back, size_t payload_len);

/* The answer 111 to a say with that id. With 0 as its id nothing was counted for it, and a client
 * hears of refusals only. Thread: any. Errors: NULL: no memory. */
struct late *late_said(handle_t handle, uint32_t id, enum packet_result result, uint32_t count);

/* Sends it, unless the session has ended, and frees it. Thread: the worker of its handle. */
void late_on_mail(struct sessions *sessions, struct mail *mail);

/* Posts it to the worker of its handle, as mail of that kind; nulls the giver's pointer.
 * `mailboxes` are those of the workers, by id. Thread: any. */
void late_post(struct late **late, struct mailbox *const *mailboxes, uint32_t kind);

/* Frees one that was not posted and nulls the giver's pointer. *late may be NULL. */
void late_free(struct late **late);

/* Frees one that arrives when its worker has ended. */
void late_dispose(struct mail *mail);

#endif
