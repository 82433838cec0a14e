/* What sessions ask of a backend, and of other nodes: a worker posts it to the registrar, and the
 * answer comes back as struct late. What is under way is counted, for each session and for the
 * node. */
#ifndef TIDEGATE_OUTWARD_H
#define TIDEGATE_OUTWARD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/say_packets.h"
#include "../../proto/slice.h"
#include "../../proto/user_name.h"
#include "../base/handle.h"
#include "../base/mailbox.h"
#include "../base/remote.h"

struct conn;
struct late;
struct sessions;

enum {
	OUTWARD_REQUESTS_MAX = 65536, /* of a node, under way */
	OUTWARD_BYTES_MAX = 16 << 20, /* of them, on the way to the registrar */
	OUTWARD_LISTS_MAX = 1024,     /* of a node, under way: fewer than its API may have */
};

/* The way to the registrar.
 * Owner:  the gateway, which sets it before the workers run; then the counts are all that changes.
 * Shared: the workers and the registrar. */
struct outward {
	struct mailbox *mailbox; /* NULL: there is no cluster */
	uint32_t request_kind;   /* of mail that is a struct outward_request */
	uint32_t list_kind;      /* of mail that is a struct outward_list */
	uint32_t ask_kind;       /* of what the admin port asks of other nodes */
	_Atomic uint32_t requests;
	_Atomic size_t bytes;
	_Atomic uint32_t lists;
};

/* A packet 130.
 * Owner:  the worker until posted, then the registrar, which frees it by outward_request_free. */
struct outward_request {
	struct mail mail;
	handle_t session;
	uint32_t id;
	struct late *refusal; /* made beforehand: an answer without bytes cannot fail for memory */
	struct remote remote;
	uint8_t user_len;
	uint8_t device_len;
	uint32_t len; /* bytes of what is for the backend */
	char data[];  /* user, device, and that */
};

static inline struct slice outward_request_user(const struct outward_request *request)
{
	return (struct slice){request->data, request->user_len};
}

static inline struct slice outward_request_device(const struct outward_request *request)
{
	return (struct slice){request->data + request->user_len, request->device_len};
}

static inline struct slice outward_request_bytes(const struct outward_request *request)
{
	return (struct slice){
		request->data + request->user_len + request->device_len, request->len};
}

/* A packet 123 about a room that has members on other nodes too.
 * Owner:  the worker until posted, then the registrar, which frees it. */
struct outward_list {
	struct mail mail;
	struct outward *outward; /* where it is counted */
	handle_t session;
	uint32_t id;
	uint8_t room_len;
	uint8_t after_len;
	struct late *refusal; /* as above */
	char room[USER_NAME_MAX];
	char after[UINT8_MAX];
};

/* Asks the backend. Returns PACKET_DONE when the answer comes later, PACKET_UNREACHABLE without a
 * cluster, PACKET_BUSY with as much under way as may be. Thread: the owner of the connection. */
enum packet_result outward_ask(
	struct sessions *sessions, struct conn *conn, const struct request_packet *request);

/* Asks for the members of a room on all nodes. Returns PACKET_DONE when the answer comes later,
 * PACKET_BUSY. Thread: the owner of the connection. */
enum packet_result outward_ask_list(struct sessions *sessions, struct conn *conn, uint32_t id,
	struct slice room, struct slice after);

/* --- the registrar's side --- */

struct outward_request *outward_request_of(struct mail *mail);
struct outward_list *outward_list_of(struct mail *mail);

/* A packet 131 with those bytes. With a refusal, or where there is no memory for them, it is the
 * request's `refusal`, which is taken. */
struct late *outward_reply(
	struct outward_request *request, enum packet_result result, struct slice bytes);

/* It has left the mailbox: its bytes count no more. Thread: the registrar's. */
void outward_request_arrived(struct outward *outward, const struct outward_request *request);

/* It was sent on: what was in it is not needed any more. Returns where it is then. */
struct outward_request *outward_request_shrink(struct outward_request *request);

/* It is over; frees it and nulls the giver's pointer. */
void outward_request_free(struct outward *outward, struct outward_request **request);

void outward_list_free(struct outward_list **list);

#endif
