#include "nats_ear.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build_config.h"

#include "nats_ear_inner.h"
#include "nats_status.h"
#include "outgoing.h"

#if HAVE_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

enum {
	PENDING_BYTES_MAX = 64 << 20, /* in libnats, for each subscription */
};

/* Of requests: all nodes are one group, of which one is asked. */
static const char GROUP[] = "tidegate";

/* Owner:  the link; kept for good by `next`.
 * Shared: libnats's threads call, under the mutex. */
struct nats_ear {
	pthread_mutex_t mutex;
	const struct nats_ear_ops *ops; /* NULL once it is shut */
	void *context;
	char subjects[NATS_TOPIC_COUNT][OUTGOING_SUBJECT_MAX];
	struct nats_ear *next;
};

/* --- the thread sanitizer ----------------------------------------------------------------------
 *
 * libnats is not built for it, and not all of what orders its threads is seen: that what was done
 * before a subscription is done before its messages come is told by hand. */

void nats_ear_give_to_library(struct nats_ear *ear)
{
#if HAVE_THREAD_SANITIZER
	__tsan_release(ear);
#else
	(void)ear;
#endif
}

static void take_from_library(struct nats_ear *ear)
{
#if HAVE_THREAD_SANITIZER
	__tsan_acquire(ear);
#else
	(void)ear;
#endif
}

/* --- what is heard -----------------------------------------------------------------------------
 */

/* Where an answer is wanted; empty: nowhere. Servers do not look at that: who may only ask must not
 * have this node, which may say more, speak where nodes do. */
static const char *reply_of(const struct nats_ear *ear, natsMsg *message)
{
	const char *reply = natsMsg_GetReply(message);
	const char *all = ear->subjects[NATS_TOPIC_ALL];
	const bool is_ours = reply && strncmp(reply, all, strlen(all) - strlen("n1.all")) == 0;

	return reply && !is_ours ? reply : "";
}

static void hear(struct nats_ear *ear, enum link_about about, natsMsg *message, const char *name,
	uint64_t ask)
{
	const char *reply = reply_of(ear, message);
	const bool is_nobody = about == LINK_ANSWER && natsMsg_IsNoResponders(message);

	pthread_mutex_lock(&ear->mutex);
	if (ear->ops) {
		ear->ops->heard(ear->context, about, name, ask, is_nobody, reply,
			natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
	}
	pthread_mutex_unlock(&ear->mutex);
	natsMsg_Destroy(message);
}

static void on_all(
	natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	take_from_library(closure);
	hear(closure, LINK_FROM_ALL, message, "", 0);
}

static void on_node(
	natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	take_from_library(closure);
	hear(closure, LINK_FROM_NODE, message, "", 0);
}

/* The part of the message's subject that the wildcard of the topic stands for. */
static const char *behind_topic(const struct nats_ear *ear, enum nats_topic topic, natsMsg *message)
{
	const char *subject = natsMsg_GetSubject(message);
	size_t skip = strlen(ear->subjects[topic]) - 1;

	return strlen(subject) > skip ? subject + skip : "";
}

static void on_request(
	natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	take_from_library(closure);
	hear(closure, LINK_REQUEST, message, behind_topic(closure, NATS_TOPIC_REQUESTS, message),
		0);
}

static void on_answer(
	natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	take_from_library(closure);
	const char *text = behind_topic(closure, NATS_TOPIC_ANSWERS, message);
	char *end;
	uint64_t ask = strtoull(text, &end, 16);

	if (end == text || *end != '\0') {
		natsMsg_Destroy(message);
		return;
	}
	hear(closure, LINK_ANSWER, message, "", ask);
}

/* By who may publish there, and is not listened to. */
static void on_mark(
	natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	natsMsg_Destroy(message);
}

static void on_closed(natsConnection *connection, void *closure)
{
	struct nats_ear *ear = closure;

	take_from_library(ear);
	pthread_mutex_lock(&ear->mutex);
	if (ear->ops) {
		ear->ops->ended(ear->context);
	}
	pthread_mutex_unlock(&ear->mutex);
}

/* The subscription may be gone already: libnats before 3.7 does not hold it. */
static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
	void *closure)
{
	struct nats_ear *ear = closure;

	if (status == NATS_SLOW_CONSUMER) {
		return; /* nats_line_dropped counts */
	}
	take_from_library(ear);
	pthread_mutex_lock(&ear->mutex);
	if (ear->ops) {
		ear->ops->trouble(ear->context, nats_status_text(status));
	}
	pthread_mutex_unlock(&ear->mutex);
}

/* --- what is listened to -----------------------------------------------------------------------
 */

static const natsMsgHandler handlers[NATS_TOPIC_COUNT] = {
	[NATS_TOPIC_ALL] = on_all,
	[NATS_TOPIC_NODE] = on_node,
	[NATS_TOPIC_ANSWERS] = on_answer,
	[NATS_TOPIC_REQUESTS] = on_request,
	[NATS_TOPIC_MARK] = on_mark,
};

/* Limits in bytes, as our own are; libnats counts messages, too. */
natsStatus nats_ear_subscribe(struct nats_ear *ear, natsConnection *connection,
	enum nats_topic topic, natsSubscription **ret_subscription)
{
	const char *subject = ear->subjects[topic];
	const natsMsgHandler handler = handlers[topic];
	natsStatus status;

	if (topic == NATS_TOPIC_REQUESTS) {
		status = natsConnection_QueueSubscribe(
			ret_subscription, connection, subject, GROUP, handler, ear);
	} else {
		status = natsConnection_Subscribe(
			ret_subscription, connection, subject, handler, ear);
	}
	if (status == NATS_OK) {
		status =
			natsSubscription_SetPendingLimits(*ret_subscription, -1, PENDING_BYTES_MAX);
	}
	return status;
}

natsStatus nats_ear_set_handlers(natsOptions *options, struct nats_ear *ear)
{
	natsStatus status = natsOptions_SetErrorHandler(options, on_error, ear);

	return status == NATS_OK ? natsOptions_SetClosedCB(options, on_closed, ear) : status;
}

/* --- life --------------------------------------------------------------------------------------
 */

static pthread_mutex_t all_ears_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct nats_ear *all_ears;

/* The size of the pool that delivers: with more threads than one a message to this node would
 * overtake one to all. */
static int start_library(void)
{
	natsStatus status = nats_Open(0);

	if (status == NATS_OK) {
		status = nats_SetMessageDeliveryPoolSize(1);
	}
	return status == NATS_OK ? 0 : status == NATS_NO_MEMORY ? -ENOMEM : -EAGAIN;
}

static void write_subjects(struct nats_ear *ear, const char *prefix, const char *id)
{
	snprintf(ear->subjects[NATS_TOPIC_ALL], OUTGOING_SUBJECT_MAX, "%s.n1.all", prefix);
	snprintf(ear->subjects[NATS_TOPIC_NODE], OUTGOING_SUBJECT_MAX, "%s.n1.node.%s", prefix, id);
	snprintf(ear->subjects[NATS_TOPIC_ANSWERS], OUTGOING_SUBJECT_MAX, "%s.inbox.%s.*", prefix,
		id);
	snprintf(ear->subjects[NATS_TOPIC_REQUESTS], OUTGOING_SUBJECT_MAX, "%s.api.v1.>", prefix);
	snprintf(ear->subjects[NATS_TOPIC_MARK], OUTGOING_SUBJECT_MAX, "%s.inbox.%s.mark.none",
		prefix, id);
}

int nats_ear_create(const struct nats_ear_ops *ops, void *context, const char *prefix,
	const char *id, struct nats_ear **ret_ear)
{
	int err = start_library();
	if (err) {
		return err;
	}
	struct nats_ear *ear = calloc(1, sizeof(*ear));
	if (!ear) {
		return -ENOMEM;
	}
	pthread_mutex_init(&ear->mutex, NULL);
	ear->ops = ops;
	ear->context = context;
	write_subjects(ear, prefix, id);
	pthread_mutex_lock(&all_ears_mutex);
	ear->next = all_ears;
	all_ears = ear;
	pthread_mutex_unlock(&all_ears_mutex);
	*ret_ear = ear;
	return 0;
}

void nats_ear_shut(struct nats_ear *ear)
{
	pthread_mutex_lock(&ear->mutex);
	ear->ops = NULL;
	ear->context = NULL;
	pthread_mutex_unlock(&ear->mutex);
}
