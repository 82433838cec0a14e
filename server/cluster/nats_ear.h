/* Who hears what libnats has to say: its threads call, and are passed on as long as the ear is not
 * shut. */
#ifndef TIDEGATE_NATS_EAR_H
#define TIDEGATE_NATS_EAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link_message.h"

/* Who is told of what comes. The functions are called by libnats's threads, messages all by one of
 * them; they do not wait. */
struct nats_ear_ops {
	/* One of the four kinds that are messages: `name` for a request, `ask` for an answer. */
	void (*heard)(void *context, enum link_about about, const char *name, uint64_t ask,
		bool is_nobody, const char *reply, const void *data, size_t len);
	/* A line has ended by itself. */
	void (*ended)(void *context);
	/* The server refuses something. */
	void (*trouble)(void *context, const char *text);
};

struct nats_ear;

/* Starts libnats, where that has not been done. `prefix` and `id` are copied. Thread: any. Errors:
 * -ENOMEM, -EAGAIN. */
int nats_ear_create(const struct nats_ear_ops *ops, void *context, const char *prefix,
	const char *id, struct nats_ear **ret_ear);

/* From the return on nobody is told. The ear itself is kept for good: libnats does not say when it
 * has called for the last time. Thread: any but one that calls. */
void nats_ear_shut(struct nats_ear *ear);

#endif
