#include "key_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "../../base/pem.h"

/* --- JSON --------------------------------------------------------------------------------------
 */

json_t *key_text_parse(const struct secret_text *text, char ret_fault[KEY_FAULT_MAX])
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

bool key_text_is_pem(const struct secret_text *text)
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

static int read_private(BIO *in, EVP_PKEY **ret_pair, char ret_fault[KEY_FAULT_MAX])
{
	*ret_pair = pem_read_private(in);
	return *ret_pair
		       ? 0
		       : fail(ret_fault, -EPERM,
				 "no private key in PEM without a passphrase (openssl pkey -in FILE "
				 "takes one off)");
}

static int read_public(BIO *in, EVP_PKEY **ret_pair, char ret_fault[KEY_FAULT_MAX])
{
	struct pem_block block;
	int err = 0;
	*ret_pair = NULL;
	if (pem_next_block(in, &block) < 0) {
		return fail(ret_fault, -EINVAL, "broken PEM");
	}
	if (strcmp(block.name, PEM_STRING_PUBLIC) != 0) {
		err = refuse_block(block.name, ret_fault);
	} else {
		const unsigned char *at = block.der;
		*ret_pair = d2i_PUBKEY(NULL, &at, block.len);
		err = *ret_pair ? 0 : fail(ret_fault, -EINVAL, "a PUBLIC KEY in PEM that is none");
	}
	pem_block_finish(&block);
	return err;
}

int key_text_next_pem(const struct secret_text *text, enum jwk_use use, size_t *at,
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
