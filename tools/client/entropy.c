#include "entropy.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "../../proto/assert.h"

static int fetch(struct entropy *entropy)
{
	if (entropy->fetch) {
		return entropy->fetch(entropy->data, entropy->batch, sizeof(entropy->batch));
	}
	for (;;) {
		const ssize_t got = getrandom(entropy->batch, sizeof(entropy->batch), 0);
		if (got == (ssize_t)sizeof(entropy->batch)) {
			return 0;
		}
		/* Only while the kernel's pool is not ready, early at boot. */
		if (got < 0 && errno != EINTR) {
			return -errno;
		}
	}
}

int entropy_take(struct entropy *entropy, void *ret_bytes, size_t len)
{
	ASSERT(len <= ENTROPY_BATCH);
	if (entropy->left < len) {
		const int err = fetch(entropy);
		if (err < 0) {
			return err;
		}
		entropy->left = sizeof(entropy->batch);
	}
	memcpy(ret_bytes, entropy->batch + sizeof(entropy->batch) - entropy->left, len);
	entropy->left -= len;
	return 0;
}
