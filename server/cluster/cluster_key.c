#include "cluster_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "../../proto/assert.h"
#include "../../proto/slice.h"

#define HOW_TO_MAKE_ONE "`openssl rand -hex 32` makes one, for all nodes the same"

_Static_assert((int)CLUSTER_KEY_LEN == (int)crypto_kdf_KEYBYTES, "keys are derived from it");
_Static_assert((int)CLUSTER_KEY_HASH_LEN == (int)crypto_shorthash_KEYBYTES, "names are hashed");

/* What keys are derived for. A number that was given up is never given again. */
enum {
	FOR_MAC = 1,
	FOR_NAMES = 2,
	FOR_DIGEST = 3,
};

static const char context[crypto_kdf_CONTEXTBYTES] = {'t', 'i', 'd', 'e', 'g', 'a', 't', 'e'};

__attribute__((format(printf, 3, 4))) static int fail(
	char ret_fault[CLUSTER_KEY_FAULT_MAX], int err, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(ret_fault, CLUSTER_KEY_FAULT_MAX, format, arguments);
	va_end(arguments);
	return err;
}

/* --- the file -----------------------------------------------------------------------------------
 */

/* Reads all of it, or one byte more where it is too long. Returns its length. Errors: -errno. */
static ssize_t read_all(int fd, char ret_text[CLUSTER_KEY_FILE_MAX + 1])
{
	size_t len = 0;
	while (len <= CLUSTER_KEY_FILE_MAX) {
		ssize_t taken = read(fd, ret_text + len, CLUSTER_KEY_FILE_MAX + 1 - len);
		if (taken < 0 && errno != EINTR) {
			return -errno;
		}
		if (taken == 0) {
			break;
		}
		len += taken > 0 ? (size_t)taken : 0;
	}
	return (ssize_t)len;
}

static int check_file(int fd, char ret_fault[CLUSTER_KEY_FAULT_MAX])
{
	struct stat status;
	if (fstat(fd, &status) < 0) {
		return fail(ret_fault, -errno, "%s", strerrordesc_np(errno));
	}
	if (!S_ISREG(status.st_mode)) {
		return fail(ret_fault, -ENODEV, "this is no file");
	}
	if (status.st_mode & S_IRWXO) {
		return fail(ret_fault, -EACCES,
			"others may read or write it: chmod o-rwx takes that from them");
	}
	return 0;
}

static ssize_t read_file(const char *path, char ret_text[CLUSTER_KEY_FILE_MAX + 1],
	char ret_fault[CLUSTER_KEY_FAULT_MAX])
{
	/* A FIFO is refused, not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		return fail(ret_fault, -errno, "%s", strerrordesc_np(errno));
	}
	ssize_t len = check_file(fd, ret_fault);
	if (len == 0) {
		len = read_all(fd, ret_text);
		if (len < 0) {
			fail(ret_fault, (int)len, "%s", strerrordesc_np((int)-len));
		}
	}
	close(fd);
	return len;
}

/* --- what stands in it --------------------------------------------------------------------------
 */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice trim(struct slice text)
{
	while (text.len > 0 && is_blank(text.data[text.len - 1])) {
		text.len--;
	}
	while (text.len > 0 && is_blank(text.data[0])) {
		slice_drop(&text, 1);
	}
	return text;
}

static bool read_hex(struct slice text, uint8_t ret_secret[CLUSTER_KEY_LEN])
{
	size_t len;
	return text.len == 2 * CLUSTER_KEY_LEN &&
	       sodium_hex2bin(ret_secret, CLUSTER_KEY_LEN, text.data, text.len, NULL, &len, NULL) ==
		       0 &&
	       len == CLUSTER_KEY_LEN;
}

static bool read_base64(struct slice text, uint8_t ret_secret[CLUSTER_KEY_LEN])
{
	static const int variants[] = {
		sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING,
	};
	size_t len;
	text.len -= text.len > 0 && text.data[text.len - 1] == '=';
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		if (sodium_base642bin(ret_secret, CLUSTER_KEY_LEN, text.data, text.len, NULL, &len,
			    NULL, variants[i]) == 0 &&
			len == CLUSTER_KEY_LEN) {
			return true;
		}
	}
	return false;
}

static int read_secret(struct slice text, uint8_t ret_secret[CLUSTER_KEY_LEN],
	char ret_fault[CLUSTER_KEY_FAULT_MAX])
{
	text = trim(text);
	if (text.len == 0) {
		return fail(ret_fault, -EINVAL, "it is empty: " HOW_TO_MAKE_ONE);
	}
	if (!read_hex(text, ret_secret) && !read_base64(text, ret_secret)) {
		return fail(ret_fault, -EINVAL,
			"it holds neither 64 hexadecimal digits nor 32 bytes in base64: " HOW_TO_MAKE_ONE);
	}
	return 0;
}

int cluster_key_load(
	const char *path, struct cluster_key *ret_key, char ret_fault[CLUSTER_KEY_FAULT_MAX])
{
	char text[CLUSTER_KEY_FILE_MAX + 1];
	uint8_t secret[CLUSTER_KEY_LEN];
	const ssize_t len = read_file(path, text, ret_fault);
	int err = len < 0 ? (int)len : 0;
	if (len > CLUSTER_KEY_FILE_MAX) {
		err = fail(ret_fault, -EFBIG, "it is too long for a key: " HOW_TO_MAKE_ONE);
	} else if (len >= 0) {
		err = read_secret((struct slice){text, (size_t)len}, secret, ret_fault);
	}
	if (!err) {
		cluster_key_derive(secret, ret_key);
	}
	sodium_memzero(text, sizeof(text));
	sodium_memzero(secret, sizeof(secret));
	return err;
}

/* --- what is made of it -------------------------------------------------------------------------
 */

void cluster_key_derive(const uint8_t secret[CLUSTER_KEY_LEN], struct cluster_key *ret_key)
{
	struct cluster_key *key = ret_key;
	const int err =
		crypto_kdf_derive_from_key(key->mac, sizeof(key->mac), FOR_MAC, context, secret) |
		crypto_kdf_derive_from_key(
			key->names, sizeof(key->names), FOR_NAMES, context, secret) |
		crypto_kdf_derive_from_key(
			key->digest, sizeof(key->digest), FOR_DIGEST, context, secret);
	ASSERT(err == 0);
}

void cluster_key_digest(const struct cluster_key *key, uint8_t ret_digest[CLUSTER_KEY_DIGEST_LEN])
{
	static const unsigned char what[] = "tidegate: the same key";
	crypto_generichash(
		ret_digest, CLUSTER_KEY_DIGEST_LEN, what, sizeof(what), key->mac, sizeof(key->mac));
}

void cluster_key_finish(struct cluster_key *key)
{
	sodium_memzero(key, sizeof(*key));
}
