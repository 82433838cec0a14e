#include "late.h"

#include <stddef.h>
#include <stdlib.h>

#include "sessions.h"

struct late *late_create(
	handle_t handle, uint16_t command, enum unanswered_kind gives_back, size_t payload_len)
{
	struct late *late = malloc(sizeof(*late) + PACKET_HEADER_LEN + payload_len);
	if (late) {
		late->handle = handle;
		late->command = command;
		late->gives_back = (uint8_t)gives_back;
		late->is_silent = false;
		late->payload_len = payload_len;
	}
	return late;
}

struct late *late_said(handle_t handle, uint32_t id, enum packet_result result, uint32_t count)
{
	const struct answer_packet answer = {.id = id, .result = (uint8_t)result, .count = count};
	struct late *late = late_create(handle, PACKET_ANSWER,
		id == 0 ? UNANSWERED_NOTHING : UNANSWERED_ID, ANSWER_PACKET_LEN);
	if (late) {
		answer_packet_write(late->packet + PACKET_HEADER_LEN, &answer);
		late->is_silent = id == 0 && result == PACKET_DONE;
	}
	return late;
}

static struct late *late_of(struct mail *mail)
{
	return (struct late *)((uint8_t *)mail - offsetof(struct late, mail));
}

/* What the session is owed from before comes first. */
static void send_it(struct sessions *sessions, struct conn *conn, struct late *late)
{
	struct conns *conns = sessions->conns;
	conn_visit_begin(conns, conn);
	conn_settle(conns, conn);
	if (conn->state == CONN_LIVE) {
		sessions_send_packet(sessions, conn, late->command, late->packet,
			late->packet + PACKET_HEADER_LEN + late->payload_len);
	}
	conn_visit_end(conns, conn);
}

void late_on_mail(struct sessions *sessions, struct mail *mail)
{
	struct late *late = late_of(mail);
	struct conn *conn = conn_table_find(sessions->conns->table, late->handle);
	unanswered_give_back(&sessions->unanswered, late->handle, late->gives_back);
	if (conn && conn->state == CONN_LIVE && conn->user && !late->is_silent) {
		send_it(sessions, conn, late);
	}
	free(late);
}

void late_post(struct late **late, struct mailbox *const *mailboxes, uint32_t kind)
{
	struct late *given = *late;
	*late = NULL;
	given->mail.kind = kind;
	mailbox_post(mailboxes[handle_worker(given->handle)], &given->mail);
}

void late_free(struct late **late)
{
	free(*late);
	*late = NULL;
}

void late_dispose(struct mail *mail)
{
	free(late_of(mail));
}
