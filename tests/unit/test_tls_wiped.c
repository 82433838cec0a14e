/* What a handshake leaves behind in the memory of the process, and how much of it it takes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../proto/tls_schedule.h"
#include "../../server/tls/tls_arena.h"
#include "../../server/tls/tls_memory.h"
#include "build_config.h"
#include "tls_client_rig.h"

#if HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

enum {
	NEEDLES_MAX = 6,
	MASK = 0xa5,                /* needles are kept so that they are not found here */
	REGION_MAX = 256 * 1048576, /* bytes: what is larger is a sanitizer's own */
};

static struct tls_contexts *contexts;
static SSL_CTX *client_context;

/* --- what is searched for ----------------------------------------------------------------------
 */

struct needle {
	uint8_t masked[2 * TLS_SECRET_MAX];
	size_t len;
};

static struct needle needles[NEEDLES_MAX];
static uint8_t region[REGION_MAX];

/* The giver's is wiped. */
static void set_needle(size_t at, uint8_t *needle, size_t len)
{
	needles[at].len = len;
	for (size_t i = 0; i < len; i++) {
		needles[at].masked[i] = needle[i] ^ MASK;
	}
	OPENSSL_cleanse(needle, len);
}

/* A secret, the key that is made of it, and how a log of keys writes it. */
static void set_needles(size_t at, enum tls_suite suite, uint8_t *secret)
{
	static const char digits[] = "0123456789abcdef";
	const size_t len = tls_suite_facts(suite)->secret_len;
	uint8_t key[TLS_KEY_MAX];
	uint8_t iv[TLS_IV_LEN];
	uint8_t text[2 * TLS_SECRET_MAX];
	for (size_t i = 0; i < len; i++) {
		text[2 * i] = (uint8_t)digits[secret[i] >> 4];
		text[2 * i + 1] = (uint8_t)digits[secret[i] & 15];
	}
	tls_schedule_key(suite, secret, key, iv);
	set_needle(at, secret, len);
	set_needle(at + 1, key, tls_suite_facts(suite)->key_len);
	set_needle(at + 2, text, 2 * len);
}

static bool is_at(const struct needle *needle, const uint8_t *bytes)
{
	for (size_t i = 0; i < needle->len; i++) {
		if (bytes[i] != (needle->masked[i] ^ MASK)) {
			return false;
		}
	}
	return true;
}

static size_t count_in(const struct needle *needle, const uint8_t *bytes, size_t len)
{
	size_t found = 0;
	const uint8_t *at = bytes;
	while ((at = memchr(at, needle->masked[0] ^ MASK, len - (size_t)(at - bytes)))) {
		if ((size_t)(at - bytes) + needle->len > len) {
			break;
		}
		found += is_at(needle, at++);
	}
	return found;
}

/* In one mapping, as it is now. */
static size_t count_in_mapping(int memory, const char *line)
{
	uintptr_t first;
	uintptr_t last;
	char rights[8];
	size_t found = 0;
	if (sscanf(line, "%lx-%lx %7s", &first, &last, rights) != 3 || rights[0] != 'r' ||
		last - first > REGION_MAX ||
		(first < (uintptr_t)region + sizeof(region) && last > (uintptr_t)region)) {
		return 0;
	}
	const ssize_t len = pread(memory, region, last - first, (off_t)first);
	for (size_t i = 0; len > 0 && i < NEEDLES_MAX; i++) {
		found += count_in(&needles[i], region, (size_t)len);
	}
	return found;
}

/* In all of the process but where it looks. */
static size_t count_finds(void)
{
	int memory = open("/proc/self/mem", O_RDONLY);
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	size_t found = 0;
	assert_true(memory >= 0 && maps);
	while (fgets(line, sizeof(line), maps)) {
		found += count_in_mapping(memory, line);
	}
	fclose(maps);
	close(memory);
	memset(region, 0, sizeof(region));
	return found;
}

/* --- tests -------------------------------------------------------------------------------------
 */

static int begin(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	contexts = rig_contexts(key, key);
	client_context = rig_client_context();
	EVP_PKEY_free(key);
	return 0;
}

static int end(void **state)
{
	tls_contexts_unref(&contexts);
	SSL_CTX_free(client_context);
	return 0;
}

static void check_wiped(const char *suites)
{
	struct tls_handshake *handshake = NULL;
	struct tls_secrets secrets;
	assert_int_equal(SSL_CTX_set_ciphersuites(client_context, suites), 1);
	struct rig_client *client = rig_client_create(client_context, NULL);
	assert_int_equal(tls_handshake_create(contexts, &handshake), 0);
	assert_int_equal(rig_talk(handshake, client), TLS_HANDSHAKE_DONE);
	tls_handshake_secrets(handshake, &secrets);
	set_needles(0, secrets.suite, secrets.read);
	set_needles(3, secrets.suite, secrets.write);
	tls_secrets_wipe(&secrets);
	/* The search finds what there is: in our log of keys, the SSL, and the client's. */
	assert_in_range(count_finds(), 8, 1000);
	tls_memory_wipe_begin();
	rig_client_destroy(client);
	tls_memory_wipe_end();
	assert_in_range(count_finds(), 4, 1000);
	tls_handshake_destroy(&handshake);
	assert_int_equal(count_finds(), 0);
}

static void test_nothing_is_left(void **state)
{
	check_wiped("TLS_AES_128_GCM_SHA256");
	check_wiped("TLS_AES_256_GCM_SHA384");
	check_wiped("TLS_CHACHA20_POLY1305_SHA256");
}

#if HAVE_JEMALLOC
/* Bytes that this thread has taken and not given back, by jemalloc's classes. */
static size_t bytes_taken(void)
{
	uint64_t given;
	uint64_t taken;
	size_t size = sizeof(taken);
	tls_arena_trim(); /* what is at hand was given back, too */
	assert_int_equal(mallctl("thread.allocated", &taken, &size, NULL, 0), 0);
	assert_int_equal(mallctl("thread.deallocated", &given, &size, NULL, 0), 0);
	return (size_t)(taken - given);
}

/* One that has been answered, and waits for the client. */
static void test_what_a_half_handshake_takes(void **state)
{
	struct tls_handshake *handshake = NULL;
	struct rig_client *client = rig_client_create(client_context, "one.test");
	size_t used;
	rig_client_step(client);
	const size_t before = bytes_taken();
	assert_int_equal(tls_handshake_create(contexts, &handshake), 0);
	assert_int_equal(tls_handshake_feed(handshake, client->sent.data, client->sent.len, &used),
		TLS_HANDSHAKE_MORE);
	const size_t half = bytes_taken() - before;
	print_message("# a half handshake takes %zu bytes\n", half);
	assert_in_range(half, TLS_HANDSHAKE_COST / 2, TLS_HANDSHAKE_COST);
	tls_handshake_destroy(&handshake);
	assert_int_equal(bytes_taken(), before);
	rig_client_destroy(client);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_left),
#if HAVE_JEMALLOC
		cmocka_unit_test(test_what_a_half_handshake_takes),
#endif
	};
	issue_must(tls_memory_set_up() == 0);
	return cmocka_run_group_tests(tests, begin, end);
}
