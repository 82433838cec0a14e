/* What lines that speak TLS allocate: nothing while all goes well; and what comes of it when memory
 * runs out, at each of their allocations in turn. */
#include "sealed_rig.h"

#include <openssl/crypto.h>

/* Allocations that still succeed, of those of the units below; negative: all do. */
static int left = -1;
static bool is_theirs;

/* Of everybody, since they were set to 0. */
static int allocations;
static int reads;
static int writes;

static bool has_run_out(void)
{
	allocations++;
	return is_theirs && left >= 0 && left-- == 0;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *data, size_t size);
void *__wrap_realloc(void *data, size_t size);

void *__wrap_malloc(size_t size)
{
	return has_run_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return has_run_out() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *data, size_t size)
{
	return has_run_out() ? NULL : __real_realloc(data, size);
}

/* Where a transport reads and writes. */
long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	reads += number == SYS_recvfrom;
	writes += number == SYS_sendto;
	return __real_syscall(number, a, b, c, d, e, f);
}

/* OpenSSL's. */
static void *take(size_t size, const char *file, int line)
{
	return malloc(size);
}

static void *resize(void *data, size_t size, const char *file, int line)
{
	return realloc(data, size);
}

static void give(void *data, const char *file, int line)
{
	free(data);
}

/* --- whose memory it is ------------------------------------------------------------------------
 */

#define THEIRS(type, name, parameters, arguments)                                                  \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		is_theirs = true;                                                                  \
		type result = __real_##name arguments;                                             \
		is_theirs = false;                                                                 \
		return result;                                                                     \
	}

THEIRS(int, tls_hold_add_half, (struct tls_hold * *hold, const uint8_t *data, size_t len),
	(hold, data, len))
THEIRS(int, tls_hold_add_residue, (struct tls_hold * *hold, const uint8_t *data, size_t len),
	(hold, data, len))
THEIRS(int, tls_line_lend_read, (const struct tls_line *line, struct tls_aead *aead), (line, aead))
THEIRS(int, tls_line_lend_write, (const struct tls_line *line, struct tls_aead *aead), (line, aead))
THEIRS(int, transport_layer, (struct conn * conn, const struct transport_ops *ops, void *state),
	(conn, ops, state))

/* --- the play ----------------------------------------------------------------------------------
 */

static bool is_there(struct tls_rig *rig, const struct tls_client *tls)
{
	tls_rig_run(rig);
	if (tls_conn(rig, tls)) {
		return true;
	}
	assert_int_equal(rig_ends(&rig->rig, CLOSE_REASON_INTERNAL_ERROR), 1);
	return false;
}

static struct tls_client *open_line(struct tls_rig *rig)
{
	const struct tls_sort sort = {.send_buffer = 4096, .piece_most = 100};
	struct conns *conns = rig_conns(&rig->rig, 0);
	struct tls_secrets secrets;
	struct tls_client *tls = tls_connect_shut(rig, 0, &sort, &secrets);
	if (transport_tls_open(conns, tls_conn(rig, tls), &secrets) == 0) {
		return tls;
	}
	conn_vanish(conns, tls_conn(rig, tls), CLOSE_REASON_INTERNAL_ERROR);
	return NULL;
}

/* Halves of records, contexts, a rest that waits, and a KeyUpdate behind it. Returns whether the
 * line has seen all of it. */
static bool play(struct tls_rig *rig, struct client *other)
{
	char text[20000];
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	struct tls_client *tls = open_line(rig);
	if (!tls) {
		return false;
	}
	client_request(tls->client, "/?user=sealed");
	for (int i = 0; i < 3; i++) {
		if (!is_there(rig, tls)) {
			return false;
		}
		client_text(tls->client, text);
	}
	if (!is_there(rig, tls)) {
		return false;
	}
	tls->is_deaf = true;
	client_text(other, text);
	assert_int_equal(SSL_key_update(tls->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	client_text(tls->client, "the end");
	if (!is_there(rig, tls)) {
		return false;
	}
	tls->is_deaf = false;
	if (!is_there(rig, tls)) {
		return false;
	}
	assert_int_equal(client_status(tls->client), 101);
	struct seen_frame frame;
	assert_true(client_frame(tls->client, &frame));
	assert_int_equal(frame.len, strlen(text) + strlen(" -- FROM other"));
	assert_int_equal(tls->error, 0);
	return true;
}

static void test_each_allocation_fails_once(void **state)
{
	int failed = 0;
	int ended = 0;
	for (bool is_over = false; !is_over;) {
		struct tls_rig *rig = tls_rig_start(1);
		struct client *other = rig_login(&rig->rig, 0, "other");
		left = failed;
		const bool went_well = play(rig, other);
		is_over = left >= 0;
		left = -1;
		failed += !is_over;
		ended += !went_well;
		assert_true(went_well || !is_over);
		tls_rig_finish(rig);
	}
	/* A line without memory for it, halves, a rest; contexts can be done without, but for one.
	 */
	assert_true(failed > 10);
	assert_true(ended >= 4);
	assert_true(ended < failed);
}

/* --- while all goes well -----------------------------------------------------------------------
 */

/* The gateway's part of an answer, once the line has its contexts. */
static void test_an_answer_takes_one_read_one_write_and_no_memory(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_login(rig, 0, "talker");
	for (int i = 0; i < 10; i++) {
		client_packet(tls->client, PACKET_PING, "beat", 4);
		assert_true(tls_pump_out(tls));
		reads = writes = allocations = 0;
		rig_turn(&rig->rig, 0);
		if (i > 2) {
			assert_int_equal(reads, 1);
			assert_int_equal(writes, 1);
			assert_int_equal(allocations, 0);
		}
		tls_rig_run(rig);
		expect_frame(tls->client, FRAME_BINARY, "\0\x65\0\0\0\4beat", 10);
	}
	tls_rig_finish(rig);
}

/* What a text to one receiver allocates, everywhere, once a few have been said. */
static int allocations_of_a_text(bool is_sealed)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct client *other = rig_login(&rig->rig, 0, "other");
	struct client *listener = is_sealed ? tls_login(rig, 0, "listener")->client
					    : rig_login(&rig->rig, 0, "listener");
	int made = 0;
	for (int i = 0; i < 5; i++) {
		client_text(other, "to all");
		writes = allocations = 0;
		rig_run(&rig->rig);
		made = allocations;
		assert_int_equal(writes, 1);
		tls_rig_run(rig);
		expect_text(listener, "to all -- FROM other");
	}
	tls_rig_finish(rig);
	return made;
}

/* A receiver of the fan-out has no contexts of its own, and needs none. */
static void test_a_receiver_takes_one_write_and_no_memory(void **state)
{
	assert_int_equal(allocations_of_a_text(true), allocations_of_a_text(false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_allocation_fails_once),
		cmocka_unit_test(test_an_answer_takes_one_read_one_write_and_no_memory),
		cmocka_unit_test(test_a_receiver_takes_one_write_and_no_memory),
	};
	if (!CRYPTO_set_mem_functions(take, resize, give)) {
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
