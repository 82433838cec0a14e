#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "../../server/tls/tls_arena.h"
#include "../../server/tls/tls_memory.h"
#include "build_config.h"
#include "split.h"
#include "undumped.h"

#if HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

enum {
	BLOCKS = 500,
};

static int too_late; /* what setting up led to, where it was too late for that */

static const size_t sizes[] = {1, 8, 100, 4096, 20000, 100000, 3000000};

static void test_what_is_in_a_core_dump(void **state)
{
	assert_int_equal(tls_memory_is_undumped(), HAVE_JEMALLOC);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *block = OPENSSL_malloc(sizes[i]);
		uint8_t *usual = malloc(sizes[i]);
		assert_non_null(block);
		memset(block, 1, sizes[i]);
		assert_int_equal(is_undumped(block), HAVE_JEMALLOC);
		assert_int_equal(is_undumped(block + sizes[i] - 1), HAVE_JEMALLOC);
		assert_false(is_undumped(usual));
		free(usual);
		OPENSSL_free(block);
	}
}

static void test_a_key(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	assert_non_null(key);
	assert_int_equal(is_undumped(key), HAVE_JEMALLOC);
	EVP_PKEY_free(key);
}

static void test_sizes(void **state)
{
	assert_null(OPENSSL_malloc(0));
	OPENSSL_free(NULL);
	uint8_t *block = OPENSSL_realloc(NULL, 10);
	memcpy(block, "0123456789", 10);
	for (size_t i = 3; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		block = OPENSSL_realloc(block, sizes[i]);
		assert_memory_equal(block, "0123456789", 10);
		assert_int_equal(is_undumped(block), HAVE_JEMALLOC);
	}
	block = OPENSSL_realloc(block, 5);
	assert_memory_equal(block, "01234", 5);
	assert_null(OPENSSL_realloc(block, 0));
}

/* Blocks that come and go in a thread of its own, some of them freed by another. */
static void *use(void *arg)
{
	uint8_t **blocks = arg;
	uint32_t seed = (uint32_t)(uintptr_t)arg | 1;
	for (int i = 0; i < 20000; i++) {
		const uint32_t at = split_random(&seed) % BLOCKS;
		OPENSSL_free(blocks[at]);
		const size_t size = 1 + split_random(&seed) % 6000;
		blocks[at] = OPENSSL_malloc(size);
		memset(blocks[at], 2, size);
	}
	return NULL;
}

static void test_threads(void **state)
{
	static uint8_t *blocks[2][BLOCKS];
	pthread_t threads[2];
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, use, blocks[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
	}
	for (int i = 0; i < 2 * BLOCKS; i++) {
		uint8_t *block = blocks[i / BLOCKS][i % BLOCKS];
		if (block && i % 100 == 0) {
			assert_int_equal(is_undumped(block), HAVE_JEMALLOC);
		}
		OPENSSL_free(block);
	}
}

/* A thread's cache goes with it, and can be given back before. */
static void *take_and_trim(void *arg)
{
	for (int i = 0; i < 3; i++) {
		void *block = OPENSSL_malloc(100);
		OPENSSL_free(block);
		tls_arena_trim();
		tls_arena_trim();
	}
	return NULL;
}

#if HAVE_JEMALLOC
/* What jemalloc has been given back by this thread, in bytes. */
static uint64_t given_back(void)
{
	uint64_t bytes;
	size_t size = sizeof(bytes);
	assert_int_equal(mallctl("thread.deallocated", &bytes, &size, NULL, 0), 0);
	return bytes;
}

/* Small blocks come and go without it, in a thread that trims. */
static void test_small_blocks_stay_at_hand(void **state)
{
	tls_arena_trim();
	OPENSSL_free(OPENSSL_malloc(40));
	const uint64_t before = given_back();
	void *block = OPENSSL_malloc(33);
	for (int i = 0; i < 1000; i++) {
		OPENSSL_free(block);
		void *again = OPENSSL_malloc(33 + i % 16);
		assert_ptr_equal(again, block);
	}
	OPENSSL_free(block);
	assert_int_equal(given_back(), before);
	tls_arena_trim();
	assert_in_range(given_back(), before + 48, before + 1048576);
}

static void *take_and_give(void *ret_given)
{
	OPENSSL_free(OPENSSL_malloc(40));
	const uint64_t before = given_back();
	OPENSSL_free(OPENSSL_malloc(40));
	*(uint64_t *)ret_given = given_back() - before;
	return NULL;
}

/* Nobody would take from it what it keeps. */
static void test_a_thread_that_never_trims_keeps_none(void **state)
{
	uint64_t given;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, take_and_give, &given), 0);
	pthread_join(thread, NULL);
	assert_int_equal(given, 48);
}
#endif

/* There are 4,093 caches in a process. */
static void test_threads_that_end(void **state)
{
	for (int i = 0; i < 5000; i++) {
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, take_and_trim, NULL), 0);
		pthread_join(thread, NULL);
	}
	tls_arena_trim();
}

static void test_wiped(void **state)
{
	uint8_t *block = OPENSSL_malloc(3000);
	memset(block, 0xee, 3000);
	tls_memory_wipe_begin();
	OPENSSL_free(block);
	tls_memory_wipe_end();
	if (HAVE_JEMALLOC) {
		/* It is on top of this thread's cache, as it was freed. */
		uint8_t *again = OPENSSL_malloc(3000);
		assert_ptr_equal(again, block);
		assert_null(memchr(again, 0xee, 3000));
		OPENSSL_free(again);
	}
}

/* OpenSSL has memory of its own by now. */
static void test_twice(void **state)
{
	assert_int_equal(tls_memory_set_up(), -EALREADY);
}

/* In a process where OpenSSL has had memory before. */
static void test_too_late(void **state)
{
	assert_int_equal(too_late, EALREADY);
}

static int try_too_late(void)
{
	const pid_t child = fork();
	int status = 0;
	if (child == 0) {
		OPENSSL_free(OPENSSL_malloc(1));
		const int err = tls_memory_set_up();
		_exit(tls_memory_is_undumped() ? 0 : -err);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_in_a_core_dump),
		cmocka_unit_test(test_a_key),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_threads),
#if HAVE_JEMALLOC
		cmocka_unit_test(test_small_blocks_stay_at_hand),
		cmocka_unit_test(test_a_thread_that_never_trims_keeps_none),
#endif
		cmocka_unit_test(test_threads_that_end),
		cmocka_unit_test(test_wiped),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_too_late),
	};
	too_late = try_too_late();
	if (tls_memory_set_up() != 0) {
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
