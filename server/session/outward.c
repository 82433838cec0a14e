#include "outward.h"

#include <stdlib.h>
#include <string.h>

#include "../../proto/room_packets.h"
#include "late.h"
#include "sessions.h"

/* --- counting ----------------------------------------------------------------------------------
 */

static size_t bytes_of(const struct outward_request *request)
{
	return sizeof(*request) + request->user_len + request->device_len + request->len;
}

/* Returns whether there is room for one more. */
static bool reserve(struct outward *outward, size_t bytes)
{
	if (atomic_fetch_add_explicit(&outward->requests, 1, memory_order_relaxed) >=
		OUTWARD_REQUESTS_MAX) {
		atomic_fetch_sub_explicit(&outward->requests, 1, memory_order_relaxed);
		return false;
	}
	if (atomic_fetch_add_explicit(&outward->bytes, bytes, memory_order_relaxed) + bytes >
		OUTWARD_BYTES_MAX) {
		atomic_fetch_sub_explicit(&outward->bytes, bytes, memory_order_relaxed);
		atomic_fetch_sub_explicit(&outward->requests, 1, memory_order_relaxed);
		return false;
	}
	return true;
}

void outward_request_arrived(struct outward *outward, const struct outward_request *request)
{
	atomic_fetch_sub_explicit(&outward->bytes, bytes_of(request), memory_order_relaxed);
}

/* --- requests ----------------------------------------------------------------------------------
 */

/* Errors: NULL: no memory. */
static struct outward_request *make_request(
	struct sessions *sessions, struct conn *conn, const struct request_packet *its)
{
	size_t user_len;
	size_t device_len;
	const char *user = user_entry_name(conn->user, &user_len);
	const char *device = user_entry_device(conn->user, &device_len);
	struct outward_request *request =
		malloc(sizeof(*request) + user_len + device_len + its->bytes.len);
	struct late *refusal = late_create(sessions_id(sessions, conn), PACKET_REPLY,
		UNANSWERED_REQUEST, REPLY_PACKET_HEAD_LEN);
	if (!request || !refusal) {
		free(request);
		late_free(&refusal);
		return NULL;
	}
	*request = (struct outward_request){
		.session = sessions_id(sessions, conn),
		.id = its->id,
		.refusal = refusal,
		.remote = conn->remote,
		.user_len = (uint8_t)user_len,
		.device_len = (uint8_t)device_len,
		.len = (uint32_t)its->bytes.len,
	};
	char *at = mempcpy(request->data, user, user_len);
	at = mempcpy(at, device, device_len);
	if (its->bytes.len > 0) {
		memcpy(at, its->bytes.data, its->bytes.len);
	}
	return request;
}

static enum packet_result post(
	struct sessions *sessions, struct conn *conn, const struct request_packet *its)
{
	struct outward *outward = sessions->outward;
	struct outward_request *request = make_request(sessions, conn, its);
	if (!request || !reserve(outward, bytes_of(request))) {
		if (request) {
			late_free(&request->refusal);
		}
		free(request);
		return PACKET_BUSY;
	}
	request->mail.kind = outward->request_kind;
	mailbox_post(outward->mailbox, &request->mail);
	return PACKET_DONE;
}

enum packet_result outward_ask(
	struct sessions *sessions, struct conn *conn, const struct request_packet *request)
{
	const handle_t handle = sessions_id(sessions, conn);
	if (!sessions->outward || !sessions->outward->mailbox) {
		return PACKET_UNREACHABLE;
	}
	if (unanswered_take(&sessions->unanswered, handle, UNANSWERED_REQUEST) < 0) {
		return PACKET_BUSY;
	}
	const enum packet_result result = post(sessions, conn, request);
	if (result != PACKET_DONE) {
		unanswered_give_back(&sessions->unanswered, handle, UNANSWERED_REQUEST);
	}
	return result;
}

struct outward_request *outward_request_of(struct mail *mail)
{
	return (struct outward_request *)((uint8_t *)mail - offsetof(struct outward_request, mail));
}

struct late *outward_reply(
	struct outward_request *request, enum packet_result result, struct slice bytes)
{
	struct late *late = result == PACKET_DONE && bytes.len > 0
				    ? late_create(request->session, PACKET_REPLY,
					      UNANSWERED_REQUEST, REPLY_PACKET_HEAD_LEN + bytes.len)
				    : NULL;
	struct reply_packet reply = {.id = request->id, .result = (uint8_t)result, .bytes = bytes};
	if (!late) {
		late = request->refusal;
		request->refusal = NULL;
		reply.bytes = SLICE("");
		reply.result = bytes.len > 0 ? (uint8_t)PACKET_UNKNOWN : reply.result;
	}
	reply_packet_write(late->packet + PACKET_HEADER_LEN, &reply);
	/* As with the other ids: 0 wants to hear of refusals only. */
	late->is_silent = reply.id == 0 && reply.result == PACKET_DONE;
	return late;
}

struct outward_request *outward_request_shrink(struct outward_request *request)
{
	request->user_len = 0;
	request->device_len = 0;
	request->len = 0;
	struct outward_request *small = realloc(request, sizeof(*request));
	return small ? small : request;
}

void outward_request_free(struct outward *outward, struct outward_request **request)
{
	struct outward_request *given = *request;
	*request = NULL;
	if (given) {
		atomic_fetch_sub_explicit(&outward->requests, 1, memory_order_relaxed);
		late_free(&given->refusal);
		free(given);
	}
}

/* --- lists -------------------------------------------------------------------------------------
 */

/* Errors: NULL: no memory. */
static struct outward_list *make_list(struct outward *outward, handle_t session, uint32_t id,
	struct slice room, struct slice after)
{
	struct outward_list *list = malloc(sizeof(*list));
	struct late *refusal =
		late_create(session, PACKET_PAGE, UNANSWERED_ID, PAGE_PACKET_HEAD_LEN);
	if (!list || !refusal) {
		free(list);
		late_free(&refusal);
		return NULL;
	}
	*list = (struct outward_list){
		.outward = outward,
		.session = session,
		.id = id,
		.room_len = (uint8_t)room.len,
		.after_len = (uint8_t)after.len,
		.refusal = refusal,
	};
	memcpy(list->room, room.data, room.len);
	if (after.len > 0) {
		memcpy(list->after, after.data, after.len);
	}
	return list;
}

enum packet_result outward_ask_list(struct sessions *sessions, struct conn *conn, uint32_t id,
	struct slice room, struct slice after)
{
	const handle_t handle = sessions_id(sessions, conn);
	if (unanswered_take(&sessions->unanswered, handle, UNANSWERED_ID) < 0) {
		return PACKET_BUSY;
	}
	struct outward_list *list = make_list(sessions->outward, handle, id, room, after);
	if (!list) {
		unanswered_give_back(&sessions->unanswered, handle, UNANSWERED_ID);
		return PACKET_BUSY;
	}
	if (atomic_fetch_add_explicit(&list->outward->lists, 1, memory_order_relaxed) >=
		OUTWARD_LISTS_MAX) {
		outward_list_free(&list);
		unanswered_give_back(&sessions->unanswered, handle, UNANSWERED_ID);
		return PACKET_BUSY;
	}
	list->mail.kind = sessions->outward->list_kind;
	mailbox_post(sessions->outward->mailbox, &list->mail);
	return PACKET_DONE;
}

struct outward_list *outward_list_of(struct mail *mail)
{
	return (struct outward_list *)((uint8_t *)mail - offsetof(struct outward_list, mail));
}

void outward_list_free(struct outward_list **list)
{
	struct outward_list *given = *list;
	*list = NULL;
	if (given) {
		atomic_fetch_sub_explicit(&given->outward->lists, 1, memory_order_relaxed);
		late_free(&given->refusal);
		free(given);
	}
}
