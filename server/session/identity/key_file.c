#include "key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* --- files -------------------------------------------------------------------------------------
 */

/* Until its end, which may have moved since. */
static int read_all(int fd, struct key_text *text)
{
	const size_t size = (size_t)text->stat.st_size;
	text->data = malloc(size + 1);
	if (!text->data) {
		return -ENOMEM;
	}
	while (text->len < size) {
		ssize_t len = read(fd, text->data + text->len, size - text->len);
		if (len < 0 && errno != EINTR) {
			return -errno;
		}
		if (len == 0) {
			break;
		}
		text->len += len > 0 ? (size_t)len : 0;
	}
	text->data[text->len] = '\0';
	return 0;
}

static int check_file(const struct stat *stat)
{
	if (S_ISDIR(stat->st_mode)) {
		return -EISDIR;
	}
	if (!S_ISREG(stat->st_mode)) {
		return -ENODEV;
	}
	return stat->st_size > KEY_FILE_MAX ? -EFBIG : 0;
}

int key_file_read(const char *path, struct key_text *ret_text)
{
	struct key_text text = {.data = NULL};
	/* A FIFO is refused, not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		return -errno;
	}
	int err = fstat(fd, &text.stat) < 0 ? -errno : check_file(&text.stat);
	if (!err) {
		err = read_all(fd, &text);
	}
	close(fd);
	if (err) {
		key_text_finish(&text);
		return err;
	}
	*ret_text = text;
	return 0;
}

void key_text_finish(struct key_text *text)
{
	if (text->data) {
		OPENSSL_cleanse(text->data, text->len);
	}
	free(text->data);
	*text = (struct key_text){.data = NULL};
}

const char *key_file_fault(int err)
{
	switch (err) {
	case -ENODEV:
		return "this is no file";
	case -EFBIG:
		return "it is too long for a file of keys";
	default:
		return strerrordesc_np(-err);
	}
}

/* --- JSON --------------------------------------------------------------------------------------
 */

json_t *key_text_parse(const struct key_text *text, char ret_fault[KEY_FAULT_MAX])
{
	json_error_t error;
	json_t *json = json_loadb(text->data, text->len, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		snprintf(ret_fault, KEY_FAULT_MAX, "broken JSON at line %d, column %d", error.line,
			error.column);
	} else if (!json_is_object(json)) {
		snprintf(ret_fault, KEY_FAULT_MAX, "a list; a JWK set is {\"keys\": [...]}");
		json_decref(json);
		json = NULL;
	}
	return json;
}

/* --- PEM ---------------------------------------------------------------------------------------
 */

bool key_text_is_pem(const struct key_text *text)
{
	return strstr(text->data, "-----BEGIN ") != NULL;
}

static int fail(char ret_fault[KEY_FAULT_MAX], int err, const char *fault)
{
	snprintf(ret_fault, KEY_FAULT_MAX, "%s", fault);
	return err;
}

/* Says what to do with a block that is no public key. */
static int refuse_block(const char *name, char ret_fault[KEY_FAULT_MAX])
{
	if (strstr(name, "PRIVATE KEY")) {
		return fail(ret_fault, -EPERM,
			"a private key, which belongs with whoever makes the tokens; give its public half "
			"here: openssl pkey -in FILE -pubout");
	}
	if (strcmp(name, "CERTIFICATE") == 0) {
		return fail(ret_fault, -EINVAL,
			"a certificate; give its key: openssl x509 -in FILE -noout -pubkey");
	}
	if (strcmp(name, "RSA PUBLIC KEY") == 0) {
		return fail(ret_fault, -EINVAL,
			"a key in the old form; turn it: openssl rsa -RSAPublicKey_in -in FILE -pubout");
	}
	return fail(ret_fault, -EINVAL, "no PUBLIC KEY in PEM");
}

/* A passphrase is asked of nobody. */
static int no_passphrase(char *buffer, int size, int is_writing, void *user)
{
	return -1;
}

static int read_private(BIO *in, EVP_PKEY **ret_pair, char ret_fault[KEY_FAULT_MAX])
{
	*ret_pair = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
	return *ret_pair
		       ? 0
		       : fail(ret_fault, -EPERM,
				 "no private key in PEM without a passphrase (openssl pkey -in FILE "
				 "takes one off)");
}

static int read_public(BIO *in, EVP_PKEY **ret_pair, char ret_fault[KEY_FAULT_MAX])
{
	char *name = NULL;
	char *header = NULL;
	unsigned char *der = NULL;
	long len = 0;
	int err = 0;
	*ret_pair = NULL;
	if (PEM_read_bio(in, &name, &header, &der, &len) != 1) {
		return fail(ret_fault, -EINVAL, "broken PEM");
	}
	if (strcmp(name, PEM_STRING_PUBLIC) != 0) {
		err = refuse_block(name, ret_fault);
	} else {
		const unsigned char *at = der;
		*ret_pair = d2i_PUBKEY(NULL, &at, len);
		err = *ret_pair ? 0 : fail(ret_fault, -EINVAL, "a PUBLIC KEY in PEM that is none");
	}
	OPENSSL_clear_free(der, (size_t)len);
	OPENSSL_free(name);
	OPENSSL_free(header);
	return err;
}

int key_text_next_pem(const struct key_text *text, enum jwk_use use, size_t *at,
	struct key **ret_key, char ret_fault[KEY_FAULT_MAX])
{
	const char *begin = strstr(text->data + *at, "-----BEGIN ");
	EVP_PKEY *pair;
	if (!begin) {
		return -ENOENT;
	}
	BIO *in = BIO_new_mem_buf(begin, (int)strlen(begin));
	if (!in) {
		return -ENOMEM;
	}
	int err = use == JWK_TO_SIGN ? read_private(in, &pair, ret_fault)
				     : read_public(in, &pair, ret_fault);
	*at = text->len - (size_t)BIO_pending(in);
	BIO_free(in);
	ERR_clear_error();
	return err ? err
		   : key_of_pair(pair, (struct slice){NULL, 0}, ALGORITHM_NONE, ret_key, ret_fault);
}
