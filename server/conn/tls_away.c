#include "tls_away.h"

#include <stdlib.h>
#include <string.h>

#include "conns.h"
#include "tls_worker.h"

/* Owner:  the worker; the threads have borrowed its step.
 * Freed:  when it is back. */
struct journey {
	struct tls_step step; /* first: it is found by its mail */
	struct tls_quota *quota;
	uint8_t data[]; /* as it lies in the kernel */
};

static struct journey *journey_of(struct mail *mail)
{
	return (struct journey *)(void *)mail;
}

_Static_assert(offsetof(struct journey, step.mail) == 0, "a journey is found by its mail");

bool tls_away_send(struct tls_newcomer *newcomer, const uint8_t *data, size_t len)
{
	struct tls_worker *worker = newcomer->worker;
	const struct tls_means *means = &worker->means;
	struct journey *journey = malloc(sizeof(*journey) + len);
	if (!journey) {
		return false;
	}
	memcpy(journey->data, data, len);
	journey->quota = means->quota;
	journey->step = (struct tls_step){
		.mail.kind = means->mail_kind,
		.back = means->mailbox,
		.handle = conn_table_handle(worker->conns->table, newcomer->conn),
		.handshake = newcomer->handshake,
		.data = journey->data,
		.len = len,
	};
	if (!tls_threads_post(means->threads, &journey->step)) {
		free(journey);
		return false;
	}
	tls_desk_take_out(&worker->desk, newcomer);
	newcomer->stage = TLS_AWAY;
	newcomer->handshake = NULL;
	newcomer->has_seat = false;
	return true;
}

void tls_away_dispose(struct mail *mail)
{
	struct journey *journey = journey_of(mail);
	tls_handshake_destroy(&journey->step.handshake);
	tls_quota_give(journey->quota);
	free(journey);
}

struct tls_newcomer *tls_away_return(
	struct tls_worker *worker, struct mail *mail, struct tls_step *ret_step)
{
	struct journey *journey = journey_of(mail);
	struct conn *conn = conn_table_find(worker->conns->table, journey->step.handle);
	if (!conn) {
		tls_away_dispose(mail);
		return NULL;
	}
	struct tls_newcomer *newcomer = conn->extra->transport_state;
	newcomer->handshake = journey->step.handshake;
	newcomer->has_seat = true;
	newcomer->stage = TLS_HALF;
	*ret_step = journey->step;
	free(journey);
	return newcomer;
}
