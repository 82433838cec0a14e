/* Handshakes as a script wants them, in OpenSSL's place, so that what is done between them can be
 * told from what they do. A record says by itself what comes of it:
 *
 *	type, 3, 3, length (2 bytes), 1, verb, name, padding
 *
 * Once the line is open it is plain. Needs --wrap for each function below; see meson.build.
 */
#ifndef TIDEGATE_SCRIPTED_HANDSHAKE_H
#define TIDEGATE_SCRIPTED_HANDSHAKE_H

#include "../../server/conn/tls_door.h"
#include "../../server/conn/tls_worker.h"
#include "../../server/conn/transport.h"
#include "../../server/conn/transport_tls.h"
#include "../../server/tls/tls_store.h"
#include "../../server/tls/tls_threads.h"
#include "conn_rig.h"

enum {
	SAY_NOTHING = 'N', /* more of the client is awaited */
	SAY_AGAIN = 'R',   /* it is asked for another hello */
	SAY_ANSWER = 'A',  /* what it says next is cheap */
	SAY_LONG = 'L',    /* the same, by an answer that no socket takes at once */
	SAY_DONE = 'D',
	SAY_FAIL = 'F',
	SAY_SEALED = 'S',   /* ours, an alert that is sealed */
	SAY_RECORD = 5 + 4, /* bytes of a record */
	SAY_LONG_LEN = 1 << 20,
	SAY_NAMES_MAX = 4096,
	SAY_STEPS_MAX = 16,
};

/* In the place of OpenSSL's. */
struct tls_handshake {
	uint8_t output[SAY_LONG_LEN];
	size_t len;
	size_t sent;
	bool has_answered;
};

static struct {
	uint32_t made;             /* handshakes */
	uint32_t alive;            /* of them, those not destroyed */
	char names[SAY_NAMES_MAX]; /* of those whose records were fed, in that order */
	size_t names_len;
	enum tls_failure failure;
	bool is_slow;       /* signatures are for threads */
	bool has_no_memory; /* for a handshake */
	uint32_t borrowed;  /* references to the pairs */
	size_t steps_most;  /* that threads take */
	struct tls_step *steps[SAY_STEPS_MAX];
	size_t step_count;
} scripted;

__typeof__(tls_handshake_create) __wrap_tls_handshake_create;
__typeof__(tls_handshake_destroy) __wrap_tls_handshake_destroy;
__typeof__(tls_handshake_feed) __wrap_tls_handshake_feed;
__typeof__(tls_handshake_output) __wrap_tls_handshake_output;
__typeof__(tls_handshake_sent) __wrap_tls_handshake_sent;
__typeof__(tls_handshake_has_answered) __wrap_tls_handshake_has_answered;
__typeof__(tls_handshake_secrets) __wrap_tls_handshake_secrets;
__typeof__(tls_handshake_fault) __wrap_tls_handshake_fault;
__typeof__(tls_handshake_seal_alert) __wrap_tls_handshake_seal_alert;
__typeof__(tls_store_borrow) __wrap_tls_store_borrow;
__typeof__(tls_contexts_unref) __wrap_tls_contexts_unref;
__typeof__(tls_contexts_are_slow) __wrap_tls_contexts_are_slow;
__typeof__(tls_threads_have_room) __wrap_tls_threads_have_room;
__typeof__(tls_threads_post) __wrap_tls_threads_post;
__typeof__(transport_tls_open) __wrap_transport_tls_open;

/* --- OpenSSL's part ----------------------------------------------------------------------------
 */

int __wrap_tls_handshake_create(struct tls_contexts *contexts, struct tls_handshake **ret_handshake)
{
	if (scripted.has_no_memory) {
		return -ENOMEM;
	}
	*ret_handshake = calloc(1, sizeof(**ret_handshake));
	assert_non_null(*ret_handshake);
	scripted.made++;
	scripted.alive++;
	return 0;
}

void __wrap_tls_handshake_destroy(struct tls_handshake **handshake)
{
	if (*handshake) {
		free(*handshake);
		*handshake = NULL;
		scripted.alive--;
	}
}

static enum tls_progress follow(struct tls_handshake *handshake, const uint8_t *record)
{
	assert_true(scripted.names_len < SAY_NAMES_MAX - 1);
	scripted.names[scripted.names_len++] = (char)record[7];
	switch (record[6]) {
	case SAY_AGAIN:
	case SAY_ANSWER:
	case SAY_FAIL:
		handshake->output[handshake->len++] = record[6];
		break;
	case SAY_LONG:
		memset(handshake->output + handshake->len, SAY_LONG, SAY_LONG_LEN - handshake->len);
		handshake->len = SAY_LONG_LEN;
		break;
	default:
		break;
	}
	handshake->has_answered |= record[6] == SAY_ANSWER || record[6] == SAY_LONG;
	return record[6] == SAY_DONE   ? TLS_HANDSHAKE_DONE
	       : record[6] == SAY_FAIL ? TLS_HANDSHAKE_FAILED
				       : TLS_HANDSHAKE_MORE;
}

enum tls_progress __wrap_tls_handshake_feed(
	struct tls_handshake *handshake, const uint8_t *data, size_t len, size_t *ret_used)
{
	enum tls_progress progress = TLS_HANDSHAKE_MORE;
	*ret_used = 0;
	while (progress == TLS_HANDSHAKE_MORE && len - *ret_used >= SAY_RECORD) {
		progress = follow(handshake, data + *ret_used);
		*ret_used += SAY_RECORD;
	}
	return progress;
}

struct slice __wrap_tls_handshake_output(const struct tls_handshake *handshake)
{
	return (struct slice){(const char *)handshake->output + handshake->sent,
		handshake->len - handshake->sent};
}

void __wrap_tls_handshake_sent(struct tls_handshake *handshake, size_t len)
{
	handshake->sent += len;
	assert_true(handshake->sent <= handshake->len);
}

bool __wrap_tls_handshake_has_answered(const struct tls_handshake *handshake)
{
	return handshake->has_answered;
}

void __wrap_tls_handshake_secrets(
	const struct tls_handshake *handshake, struct tls_secrets *ret_secrets)
{
	*ret_secrets = (struct tls_secrets){.fragment_len = 16384};
}

struct tls_fault __wrap_tls_handshake_fault(const struct tls_handshake *handshake)
{
	return (struct tls_fault){.failure = scripted.failure};
}

size_t __wrap_tls_handshake_seal_alert(
	struct tls_handshake *handshake, uint8_t ret_record[TLS_ALERT_RECORD_LEN])
{
	assert_true(handshake->has_answered && handshake->sent == handshake->len);
	ret_record[0] = SAY_SEALED;
	return 1;
}

/* --- what they are made with --------------------------------------------------------------------
 */

struct tls_contexts *__wrap_tls_store_borrow(struct tls_store *store)
{
	scripted.borrowed++;
	return (struct tls_contexts *)(void *)&scripted;
}

void __wrap_tls_contexts_unref(struct tls_contexts **contexts)
{
	assert_non_null(*contexts);
	*contexts = NULL;
	scripted.borrowed--;
}

bool __wrap_tls_contexts_are_slow(const struct tls_contexts *contexts)
{
	return scripted.is_slow;
}

/* --- threads ------------------------------------------------------------------------------------
 */

bool __wrap_tls_threads_have_room(struct tls_threads *threads, uint8_t worker)
{
	return scripted.step_count < scripted.steps_most;
}

bool __wrap_tls_threads_post(struct tls_threads *threads, struct tls_step *step)
{
	if (scripted.step_count == scripted.steps_most) {
		return false;
	}
	scripted.steps[scripted.step_count++] = step;
	return true;
}

/* A thread does the step that waits longest, and posts it back. */
static inline void scripted_do_step(void)
{
	assert_true(scripted.step_count > 0);
	struct tls_step *step = scripted.steps[0];
	scripted.step_count--;
	memmove(scripted.steps, scripted.steps + 1,
		scripted.step_count * sizeof(scripted.steps[0]));
	step->progress =
		__wrap_tls_handshake_feed(step->handshake, step->data, step->len, &step->used);
	mailbox_post(step->back, &step->mail);
}

/* --- the open line ------------------------------------------------------------------------------
 */

int __wrap_transport_tls_open(
	struct conns *conns, struct conn *conn, const struct tls_secrets *secrets)
{
	assert_int_equal(secrets->fragment_len, 16384);
	transport_strip(conn);
	return 0;
}

/* --- the rig's part -----------------------------------------------------------------------------
 */

/* A rig whose workers speak TLS, with so many seats. */
static inline void scripted_init(struct rig *rig, uint32_t seats)
{
	rig->node.tls_quota.halves_max = seats;
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		struct serving *worker = &rig->workers[i];
		const struct tls_means means = {
			.quota = &rig->node.tls_quota,
			.mailbox = worker->mailbox,
			.mail_kind = SERVING_MAIL_TLS,
		};
		assert_int_equal(tls_worker_create(&worker->conns, &means, &transport_tls_ops,
					 &worker->conns.tls),
			0);
	}
	memset(&scripted, 0, sizeof(scripted));
	scripted.failure = TLS_FAILURE_PROTOCOL;
	scripted.steps_most = 2;
}

static inline void scripted_finish(struct rig *rig)
{
	struct tls_quota *quota = &rig->node.tls_quota;
	while (scripted.step_count > 0) {
		scripted_do_step();
	}
	rig_run(rig);
	for (uint32_t i = 0; i < rig->client_count; i++) {
		client_leave(&rig->clients[i]);
	}
	rig_run(rig);
	assert_int_equal(scripted.alive, 0);
	assert_int_equal(scripted.borrowed, 0);
	assert_int_equal(tls_quota_halves(quota), 0);
	assert_int_equal(tls_quota_waiting(quota), 0);
}

/* Comes to a listener for TLS, also where the rig had it come to another. */
static inline struct client *scripted_enter(struct rig *rig, struct client *client)
{
	struct conn *conn = client_conn(rig, client);
	loop_unwatch(&rig->loops[client->worker], conn->fd);
	tls_door_open(rig_conns(rig, client->worker), conn);
	return client;
}

static inline struct client *scripted_connect(struct rig *rig, uint32_t worker)
{
	return scripted_enter(rig, rig_connect_tcp(rig, worker));
}

static inline size_t make_record(char verb, char name, uint8_t *ret_record)
{
	const uint8_t record[SAY_RECORD] = {22, 3, 3, 0, 4, 1, (uint8_t)verb, (uint8_t)name, 0};
	memcpy(ret_record, record, SAY_RECORD);
	return SAY_RECORD;
}

static inline void client_say(struct client *client, char verb, char name)
{
	uint8_t record[SAY_RECORD];
	client_write(client, record, make_record(verb, name, record));
}

/* What has come next is these bytes. */
static inline void expect_bytes(struct client *client, const void *bytes, size_t len)
{
	client_pump(client);
	assert_true(client->in_len - client->in_at >= len);
	assert_memory_equal(client->in + client->in_at, bytes, len);
	client->in_at += len;
}

/* The fatal alert internal_error, RFC 8446 section 6.2, and the end. */
static inline void expect_refusal(struct client *client)
{
	static const uint8_t alert[] = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x50};
	expect_bytes(client, alert, sizeof(alert));
	client_pump(client);
	assert_true(client->at_end);
	assert_false(client->was_reset);
}

/* The same once it was answered, when only a sealed one would be understood. */
static inline void expect_sealed_refusal(struct client *client)
{
	expect_bytes(client, "S", 1);
	expect_nothing(client);
	assert_true(client->at_end);
	assert_false(client->was_reset);
}

#endif
