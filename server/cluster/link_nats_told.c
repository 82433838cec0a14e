#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "link_nats_state.h"

enum {
	TROUBLE_MS = 1000,  /* between two times that trouble is told of */
	SMALL_BYTES = 1024, /* of a message for which there is room beyond the limit */
};

/* --- how the line is ---------------------------------------------------------------------------
 */

static void post(struct link_nats *self, struct link_message *message)
{
	message->mail.kind = self->setup.mail_kind;
	mailbox_post(self->setup.mailbox, &message->mail);
}

/* What there is no memory for is not said: figures and the next change say it. */
static struct link_message *make(struct link_nats *self, enum link_about about, const char *text)
{
	struct link_message *message;

	if (link_message_create(about, "", "", text, strlen(text), NULL, 0, &message) < 0) {
		link_nats_count_lost(self, LINK_LOST_NO_MEMORY, 1);
		return NULL;
	}
	return message;
}

/* `message` may be NULL. */
static void post_unless_left(struct link_nats *self, struct link_message *message)
{
	if (!message) {
		return;
	}
	pthread_mutex_lock(&self->mutex);
	if (self->is_left) {
		link_message_free(&message);
	} else {
		post(self, message);
	}
	pthread_mutex_unlock(&self->mutex);
}

static void tell(
	struct link_nats *self, enum link_about about, size_t max_payload, const char *text)
{
	struct link_message *message = make(self, about, text);

	if (message) {
		message->max_payload = max_payload;
	}
	post_unless_left(self, message);
}

void link_nats_tell_settled(struct link_nats *self, uint64_t ask, bool is_done)
{
	struct link_message *message = make(self, LINK_SETTLED, "");

	if (message) {
		message->ask = ask;
		message->is_nobody = !is_done;
	}
	post_unless_left(self, message);
}

void link_nats_tell_up(struct link_nats *self)
{
	memset(self->told, 0, sizeof(self->told));
	tell(self, LINK_UP, atomic_load(&self->max_payload),
		self->setup.urls.urls[link_nats_url(self)]);
}

void link_nats_tell_down(
	struct link_nats *self, enum link_about about, size_t max_payload, const char *why)
{
	char *told = self->told[link_nats_url(self)];

	if (strcmp(told, why) != 0) {
		snprintf(told, LINK_TEXT_MAX, "%s", why);
		tell(self, about, max_payload, why);
	}
}

/* --- what was heard ----------------------------------------------------------------------------
 */

static enum link_lost lost_by(int err)
{
	switch (err) {
	case -ENOBUFS:
		return LINK_LOST_INGRESS;
	case -ENAMETOOLONG:
		return LINK_LOST_NO_SUBJECT;
	default:
		return LINK_LOST_NO_MEMORY;
	}
}

/* Heartbeats, kicks and answers are small: where there is no room for batches there is still some
 * for them. */
static void heard(void *context, enum link_about about, const char *name, uint64_t ask,
	bool is_nobody, const char *reply, const void *data, size_t len)
{
	struct link_nats *self = context;
	size_t limit = self->setup.in_limit;
	struct link_message *message;

	atomic_fetch_add_explicit(&self->received, 1, memory_order_relaxed);
	limit += len <= SMALL_BYTES ? limit / 8 : 0;
	int err = link_message_create(
		about, name, reply, data, len, &self->in_bytes, limit, &message);
	if (err) {
		link_nats_count_lost(self, lost_by(err), 1);
		return;
	}
	message->ask = ask;
	message->is_nobody = is_nobody;
	post(self, message);
}

static void ended(void *context)
{
	struct link_nats *self = context;

	mailbox_ring(self->outgoing.mailbox);
}

static void trouble(void *context, const char *text)
{
	struct link_nats *self = context;
	uint64_t now = link_nats_now_ms();

	if (now - atomic_load(&self->trouble_ms) >= TROUBLE_MS) {
		atomic_store(&self->trouble_ms, now);
		tell(self, LINK_TROUBLE, 0, text);
	}
}

const struct nats_ear_ops link_nats_ear_ops = {.heard = heard, .ended = ended, .trouble = trouble};
