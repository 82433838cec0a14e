#include "link_nats.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../proto/assert.h"
#include "link_nats_state.h"

enum {
	GENTLE_END_MS = 550, /* then the socket is cut */
	END_MS = 950,        /* then the thread is left alone */
};

static struct link_nats *of(struct link *link)
{
	return (struct link_nats *)link; /* its first member */
}

/* --- what is asked of a link -------------------------------------------------------------------
 */

static enum link_lost lost_by_put(int err)
{
	switch (err) {
	case -ENOBUFS:
		return LINK_LOST_EGRESS;
	case -EINVAL:
		return LINK_LOST_NO_SUBJECT;
	default:
		return LINK_LOST_NO_MEMORY;
	}
}

static int send_parcel(struct link *link, const struct link_parcel *parcel)
{
	struct link_nats *self = of(link);

	if (!atomic_load_explicit(&self->is_up, memory_order_acquire)) {
		link_nats_count_lost(self, LINK_LOST_DOWN, 1);
		return -ENOTCONN;
	}
	if (parcel->len > atomic_load_explicit(&self->max_payload, memory_order_relaxed)) {
		link_nats_count_lost(self, LINK_LOST_TOO_BIG, 1);
		return -EMSGSIZE;
	}
	int err = outgoing_put(&self->outgoing, parcel);
	if (err) {
		link_nats_count_lost(self, lost_by_put(err), 1);
	} else {
		atomic_fetch_add_explicit(&self->taken, 1, memory_order_relaxed);
	}
	return err;
}

static void serve(struct link *link, bool serves)
{
	atomic_store(&of(link)->serves, serves);
	mailbox_ring(of(link)->outgoing.mailbox);
}

static void look(struct link *link, struct link_status *ret_status)
{
	struct link_nats *self = of(link);

	*ret_status = (struct link_status){
		.is_up = atomic_load(&self->is_up),
		.max_payload = atomic_load(&self->max_payload),
		.ups = atomic_load(&self->ups),
		.server = self->setup.urls.urls[link_nats_url(self)],
		.taken = atomic_load(&self->taken),
		.out_bytes = atomic_load(&self->outgoing.bytes),
		.in_bytes = atomic_load(&self->in_bytes),
		.sent = atomic_load(&self->sent),
		.received = atomic_load(&self->received),
	};
	for (int i = 0; i < LINK_LOST_COUNT; i++) {
		ret_status->lost[i] = atomic_load(&self->lost[i]);
	}
}

/* Of a line that goes down meanwhile one of both sees it: this one by `is_up`, or the thread what
 * is asked. */
static int settle(struct link *link, uint64_t ask)
{
	struct link_nats *self = of(link);

	atomic_store(&self->settle_ask, ask);
	mailbox_ring(self->outgoing.mailbox);
	return atomic_load(&self->is_up) ? 0 : -ENOTCONN;
}

static void count_on(struct link *link, const struct link_status *before)
{
	struct link_nats *self = of(link);

	atomic_fetch_add(&self->sent, before->sent);
	atomic_fetch_add(&self->received, before->received);
	for (int i = 0; i < LINK_LOST_COUNT; i++) {
		link_nats_count_lost(self, i, before->lost[i]);
	}
}

/* --- its end -----------------------------------------------------------------------------------
 */

/* Whether the thread has ended until then. */
static bool wait_for_end(struct link_nats *self, uint64_t until_ms)
{
	struct timespec until = link_nats_at_ms(until_ms);
	int err = 0;

	pthread_mutex_lock(&self->mutex);
	while (!self->has_thread_ended && !err) {
		err = pthread_cond_timedwait(&self->changed, &self->mutex, &until);
	}
	bool has_ended = self->has_thread_ended;
	pthread_mutex_unlock(&self->mutex);
	return has_ended;
}

static void leave_thread(struct link_nats *self)
{
	pthread_mutex_lock(&self->mutex);
	self->is_left = true;
	pthread_mutex_unlock(&self->mutex);
	pthread_detach(self->thread);
}

static void stop(struct link *link)
{
	struct link_nats *self = of(link);
	uint64_t now = link_nats_now_ms();

	atomic_store(&self->is_stopping, true);
	mailbox_ring(self->outgoing.mailbox);
	pthread_mutex_lock(&self->mutex);
	pthread_cond_broadcast(&self->changed);
	pthread_mutex_unlock(&self->mutex);
	bool has_ended = wait_for_end(self, now + GENTLE_END_MS);
	if (!has_ended) {
		link_nats_cut(self);
		has_ended = wait_for_end(self, now + END_MS);
	}
	nats_ear_shut(self->ear);
	if (has_ended) {
		pthread_join(self->thread, NULL);
	} else {
		leave_thread(self);
	}
}

static void destroy(struct link *link)
{
	struct link_nats *self = of(link);

	ASSERT(link_nats_is_stopping(self));
	ASSERT(atomic_load(&self->in_bytes) == 0);
	link_nats_unref(self);
}

static const struct link_ops ops = {
	.send = send_parcel,
	.serve = serve,
	.look = look,
	.settle = settle,
	.count_on = count_on,
	.stop = stop,
	.destroy = destroy,
};

/* --- life --------------------------------------------------------------------------------------
 */

void link_nats_unref(struct link_nats *self)
{
	if (atomic_fetch_sub(&self->refs, 1) > 1) {
		return;
	}
	outgoing_finish(&self->outgoing);
	pthread_cond_destroy(&self->changed);
	pthread_mutex_destroy(&self->mutex);
	free(self);
}

bool link_nats_is_built(void)
{
	return true;
}

static int copy_text(char *to, size_t size, const char *from)
{
	return snprintf(to, size, "%s", from) < (int)size ? 0 : -EINVAL;
}

static int copy_setup(struct link_nats_copy *copied, const struct link_nats_setup *setup)
{
	copied->payload_needed = setup->payload_needed;
	copied->in_limit = setup->in_limit;
	copied->mailbox = setup->mailbox;
	copied->mail_kind = setup->mail_kind;
	int err = nats_urls_read(setup->urls, &copied->urls);
	err = err ? err : copy_text(copied->prefix, sizeof(copied->prefix), setup->prefix);
	err = err ? err
		  : copy_text(
			    copied->first, sizeof(copied->first), setup->first ? setup->first : "");
	err = err ? err : copy_text(copied->id, sizeof(copied->id), setup->id);
	err = err ? err : copy_text(copied->creds, sizeof(copied->creds), setup->creds);
	return err ? err : copy_text(copied->ca, sizeof(copied->ca), setup->ca);
}

static int try_setup(struct link_nats *self, char ret_why[LINK_TEXT_MAX])
{
	for (size_t i = 0; i < self->setup.urls.count; i++) {
		const struct nats_line_setup line_setup = link_nats_line_setup(self, i);
		int err = nats_line_try(&line_setup, self->ear, ret_why);
		if (err) {
			return err;
		}
	}
	return 0;
}

static void init_changed(struct link_nats *self)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&self->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&self->mutex, NULL);
}

static int start(struct link_nats *self)
{
	atomic_fetch_add(&self->refs, 1);
	int err = pthread_create(&self->thread, NULL, link_nats_run, self);
	if (err) {
		atomic_fetch_sub(&self->refs, 1);
		return -err;
	}
	pthread_setname_np(self->thread, "link");
	return 0;
}

int link_nats_create(
	const struct link_nats_setup *setup, char ret_why[LINK_TEXT_MAX], struct link **ret_link)
{
	struct link_nats *self = calloc(1, sizeof(*self));
	if (!self) {
		return -ENOMEM;
	}
	self->link.ops = &ops;
	atomic_store(&self->refs, 1);
	init_changed(self);
	snprintf(ret_why, LINK_TEXT_MAX, "cluster: not an address, or too long");
	int err = copy_setup(&self->setup, setup);
	if (!err) {
		err = outgoing_init(
			&self->outgoing, self->setup.prefix, self->setup.id, setup->out_limit);
	}
	if (!err) {
		err = nats_ear_create(
			&link_nats_ear_ops, self, self->setup.prefix, self->setup.id, &self->ear);
	}
	if (!err) {
		err = try_setup(self, ret_why);
	}
	if (!err) {
		err = start(self);
	}
	if (err) {
		if (self->ear) {
			nats_ear_shut(self->ear);
		}
		link_nats_unref(self);
		return err;
	}
	*ret_link = &self->link;
	return 0;
}
