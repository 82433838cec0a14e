#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../server/tls/tls_threads.h"
#include "tls_client_rig.h"

enum {
	MAIL_STEP = 7,
	MANY = 300,
};

/* What a worker keeps of a line. */
struct half {
	struct tls_step step;
	struct rig_client *client;
	bool is_out;
};

static struct tls_contexts *contexts;
static SSL_CTX *client_context;
static struct mailbox *mailbox;
static struct tls_threads *threads;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* no step is done while it is locked */

__typeof__(tls_handshake_feed) __wrap_tls_handshake_feed;
__typeof__(tls_handshake_feed) __real_tls_handshake_feed;

enum tls_progress __wrap_tls_handshake_feed(
	struct tls_handshake *handshake, const uint8_t *data, size_t len, size_t *ret_used)
{
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	return __real_tls_handshake_feed(handshake, data, len, ret_used);
}

static int begin(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	contexts = rig_contexts(key, key);
	client_context = rig_client_context();
	EVP_PKEY_free(key);
	return mailbox_create(&mailbox) + tls_threads_create(&threads);
}

static int end(void **state)
{
	tls_threads_destroy(&threads);
	tls_threads_destroy(&threads);
	mailbox_destroy(&mailbox);
	SSL_CTX_free(client_context);
	tls_contexts_unref(&contexts);
	return 0;
}

static struct half *half_create(handle_t handle)
{
	struct half *half = calloc(1, sizeof(*half));
	assert_non_null(half);
	half->client = rig_client_create(client_context, NULL);
	rig_client_step(half->client);
	half->step = (struct tls_step){
		.mail.kind = MAIL_STEP,
		.back = mailbox,
		.handle = handle,
		.data = half->client->sent.data,
		.len = half->client->sent.len,
	};
	assert_int_equal(tls_handshake_create(contexts, &half->step.handshake), 0);
	return half;
}

/* It has been answered in a thread; the rest is done here. */
static void half_end(struct half *half)
{
	struct tls_step *step = &half->step;
	assert_true(half->is_out);
	assert_int_equal(step->progress, TLS_HANDSHAKE_MORE);
	assert_int_equal(step->used, step->len);
	assert_true(tls_handshake_has_answered(step->handshake));
	half->client->sent.len = 0;
	const struct slice output = tls_handshake_output(step->handshake);
	assert_int_equal(BIO_write(half->client->in, output.data, (int)output.len), output.len);
	tls_handshake_sent(step->handshake, output.len);
	assert_int_equal(rig_talk(step->handshake, half->client), TLS_HANDSHAKE_DONE);
	tls_handshake_destroy(&step->handshake);
	rig_client_destroy(half->client);
	free(half);
}

/* The next that is back; NULL where none is yet. */
static struct half *take_back(void)
{
	struct mail *mail;
	enum mailbox_status status;
	while ((status = mailbox_take(mailbox, &mail)) == MAILBOX_LATER) {
		sched_yield();
	}
	if (status == MAILBOX_EMPTY) {
		return NULL;
	}
	assert_int_equal(mail->kind, MAIL_STEP);
	return (struct half *)mail; /* the first member of the first */
}

static struct half *await(void)
{
	struct half *half;
	while (!(half = take_back())) {
		sched_yield();
	}
	return half;
}

static void test_a_step(void **state)
{
	struct half *half = half_create(handle_make(3, 4, 5));
	assert_true(tls_threads_have_room(threads, 3));
	half->is_out = true;
	assert_true(tls_threads_post(threads, &half->step));
	assert_ptr_equal(await(), half);
	assert_int_equal(half->step.handle, handle_make(3, 4, 5));
	half_end(half);
}

/* Each that was taken comes back, once; and there is an end to what is taken. */
static void test_many(void **state)
{
	int out = 0;
	int back = 0;
	int refused = 0;
	struct half *halves[MANY];
	for (int i = 0; i < MANY; i++) {
		halves[i] = half_create((handle_t)i);
	}
	for (int i = 0; i < MANY;) {
		halves[i]->is_out = true;
		if (tls_threads_post(threads, &halves[i]->step)) {
			out++;
			i++;
			continue;
		}
		halves[i]->is_out = false;
		refused++;
		half_end(await());
		back++;
	}
	while (back < out) {
		half_end(await());
		back++;
	}
	assert_null(take_back());
	assert_int_not_equal(refused, 0);
	assert_true(tls_threads_have_room(threads, 0));
}

/* Posts one more step of a worker. Returns whether it was taken. */
static bool post_one(uint8_t worker)
{
	struct half *half = half_create(handle_make(worker, 0, 0));
	half->is_out = true;
	if (tls_threads_post(threads, &half->step)) {
		return true;
	}
	tls_handshake_destroy(&half->step.handshake);
	rig_client_destroy(half->client);
	free(half);
	return false;
}

/* Who has all threads, and has filled its own room, leaves the others theirs. None is under
 * way when all are back. */
static void test_a_share_of_each_worker(void **state)
{
	pthread_mutex_lock(&gate);
	for (int i = 0; i < TLS_THREADS + TLS_THREADS_WAITING; i++) {
		while (!post_one(1)) {
			sched_yield(); /* until a thread has taken one */
		}
	}
	assert_false(tls_threads_have_room(threads, 1));
	assert_false(post_one(1));
	for (int i = 0; i < TLS_THREADS_WAITING; i++) {
		assert_true(tls_threads_have_room(threads, 2));
		assert_true(post_one(2));
	}
	assert_false(post_one(2));
	assert_int_equal(tls_threads_under_way(threads), TLS_THREADS + 2 * TLS_THREADS_WAITING);
	pthread_mutex_unlock(&gate);
	for (int i = 0; i < TLS_THREADS + 2 * TLS_THREADS_WAITING; i++) {
		half_end(await());
	}
	assert_null(take_back());
	while (tls_threads_under_way(threads) > 0) {
		sched_yield(); /* which is noted behind the last post */
	}
}

/* What waits is done before they end. */
static void test_the_end(void **state)
{
	struct tls_threads *others = NULL;
	assert_int_equal(tls_threads_create(&others), 0);
	for (int i = 0; i < 5; i++) {
		struct half *half = half_create(handle_make((uint8_t)i, 0, 0));
		half->is_out = true;
		assert_true(tls_threads_post(others, &half->step));
	}
	tls_threads_destroy(&others);
	assert_null(others);
	for (int i = 0; i < 5; i++) {
		struct half *half = take_back();
		assert_non_null(half);
		half_end(half);
	}
	assert_null(take_back());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_step),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_a_share_of_each_worker),
		cmocka_unit_test(test_the_end),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
