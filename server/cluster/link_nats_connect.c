#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "link_nats_state.h"
#include "socket_cut.h"

enum {
	NARROW_MS = 5000,  /* to the next attempt where the server takes too little in a message */
	ATTEMPT_MS = 2600, /* from then on an attempt's socket is cut, again and again */
	CUT_AGAIN_MS = 1000, /* between the cuts */
};

/* One attempt, by a thread of its own, for it may take for ever.
 * Owner:  the link's thread, on its stack: it stays until the attempt is over.
 * Shared: under the link's mutex. */
struct attempt {
	struct link_nats *self;
	struct nats_line_setup line_setup;
	bool is_over;
	struct nats_line *line; /* NULL: it has failed */
	char why[LINK_TEXT_MAX];
};

struct nats_line_setup link_nats_line_setup(const struct link_nats *self, size_t url)
{
	return (struct nats_line_setup){
		.url = self->setup.urls.urls[url],
		.id = self->setup.id,
		.creds = self->setup.creds,
		.ca = self->setup.ca,
	};
}

static void *try_once(void *context)
{
	struct attempt *attempt = context;
	struct link_nats *self = attempt->self;
	struct nats_line *line = NULL;

	nats_line_open(&attempt->line_setup, self->ear, attempt->why, &line);
	nats_line_thread_end();
	pthread_mutex_lock(&self->mutex);
	attempt->line = line;
	attempt->is_over = true;
	pthread_cond_broadcast(&self->changed);
	pthread_mutex_unlock(&self->mutex);
	return NULL;
}

void link_nats_cut(struct link_nats *self)
{
	socket_cut(self->setup.urls.ports, self->setup.urls.count);
}

/* Waits for the attempt's end; one that takes too long, or that nobody wants any more, has its
 * socket cut. Where that does not help, link_stop leaves both threads behind. */
static void watch(struct link_nats *self, struct attempt *attempt)
{
	uint64_t cut_ms = link_nats_now_ms() + ATTEMPT_MS;

	pthread_mutex_lock(&self->mutex);
	while (!attempt->is_over) {
		if (link_nats_now_ms() >= cut_ms || link_nats_is_stopping(self)) {
			pthread_mutex_unlock(&self->mutex);
			link_nats_cut(self);
			pthread_mutex_lock(&self->mutex);
			cut_ms = link_nats_now_ms() +
				 (link_nats_is_stopping(self) ? LINK_NATS_RETRY_MS : CUT_AGAIN_MS);
		}
		struct timespec until = link_nats_at_ms(cut_ms);
		if (!attempt->is_over) {
			pthread_cond_timedwait(&self->changed, &self->mutex, &until);
		}
	}
	pthread_mutex_unlock(&self->mutex);
}

static struct nats_line *connect_once(struct link_nats *self, char ret_why[LINK_TEXT_MAX])
{
	struct attempt attempt = {
		.self = self, .line_setup = link_nats_line_setup(self, link_nats_url(self))};
	pthread_t thread;

	int err = pthread_create(&thread, NULL, try_once, &attempt);
	if (err) {
		snprintf(ret_why, LINK_TEXT_MAX, "no thread to connect: %s", strerrordesc_np(err));
		return NULL;
	}
	pthread_setname_np(thread, "link-connect");
	watch(self, &attempt);
	pthread_join(thread, NULL);
	if (!attempt.line) {
		snprintf(ret_why, LINK_TEXT_MAX, "%.100s: %.140s",
			self->setup.urls.urls[link_nats_url(self)], attempt.why);
	}
	return attempt.line;
}

/* Whether the server takes messages that are as large as this node's. */
static bool is_wide_enough(struct link_nats *self, const struct nats_line *line)
{
	char why[LINK_TEXT_MAX];
	size_t max_payload = nats_line_max_payload(line);

	if (max_payload >= self->setup.payload_needed) {
		return true;
	}
	snprintf(why, sizeof(why),
		"%.100s takes messages of %zu bytes: raise its max_payload to %zu, or lower "
		"max_message here",
		self->setup.urls.urls[link_nats_url(self)], max_payload,
		self->setup.payload_needed);
	link_nats_tell_down(self, LINK_NARROW, max_payload, why);
	return false;
}

int link_nats_connect(struct link_nats *self)
{
	char why[LINK_TEXT_MAX];
	struct nats_line *line = connect_once(self, why);

	if (!line) {
		if (!link_nats_is_stopping(self)) {
			link_nats_tell_down(self, LINK_DOWN, 0, why);
		}
		return LINK_NATS_RETRY_MS + (int)randombytes_uniform(LINK_NATS_RETRY_MS);
	}
	if (!is_wide_enough(self, line)) {
		nats_line_close(&line);
		return NARROW_MS;
	}
	self->line = line;
	return 0;
}
