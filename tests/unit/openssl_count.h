/* Counts what OpenSSL allocates. */
#ifndef TIDEGATE_TESTS_OPENSSL_COUNT_H
#define TIDEGATE_TESTS_OPENSSL_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <openssl/crypto.h>

static size_t openssl_allocations; /* since the start, or since a test has set it to 0 */

static void *openssl_count_malloc(size_t size, const char *file, int line)
{
	openssl_allocations++;
	return malloc(size);
}

static void *openssl_count_realloc(void *old, size_t size, const char *file, int line)
{
	openssl_allocations++;
	return realloc(old, size);
}

static void openssl_count_free(void *old, const char *file, int line)
{
	free(old);
}

/* Ahead of all that OpenSSL does: false where it has allocated before. */
static bool openssl_count_begin(void)
{
	return CRYPTO_set_mem_functions(
		       openssl_count_malloc, openssl_count_realloc, openssl_count_free) == 1;
}

#endif
