#include "tls_memory.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <openssl/crypto.h>

#include "tls_arena.h"

static bool is_set_up;

static _Thread_local bool wipes; /* this thread does */

static void *take(size_t size, const char *file, int line)
{
	return size > 0 ? tls_arena_take(size) : NULL;
}

static void give(void *memory, const char *file, int line)
{
	if (!memory) {
		return;
	}
	if (wipes) {
		explicit_bzero(memory, tls_arena_size(memory));
	}
	tls_arena_give(memory);
}

static void *resize(void *memory, size_t size, const char *file, int line)
{
	if (!memory) {
		return take(size, file, line);
	}
	if (size == 0) {
		give(memory, file, line);
		return NULL;
	}
	return tls_arena_resize(memory, size);
}

int tls_memory_set_up(void)
{
	if (is_set_up) {
		return -EALREADY;
	}
	int err = tls_arena_create();
	if (err) {
		return err;
	}
	is_set_up = CRYPTO_set_mem_functions(take, resize, give) == 1;
	/* What OpenSSL tidies up at the process's exit, threads that libnats ends when it likes may
	 * still be using. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	return is_set_up ? 0 : -EALREADY;
}

bool tls_memory_is_undumped(void)
{
	return is_set_up && tls_arena_is_undumped();
}

void tls_memory_wipe_begin(void)
{
	wipes = true;
}

void tls_memory_wipe_end(void)
{
	wipes = false;
}
