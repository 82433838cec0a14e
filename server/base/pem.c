#include "pem.h"

#include <errno.h>
#include <stddef.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

int pem_next_block(BIO *in, struct pem_block *ret_block)
{
	struct pem_block block = {.name = NULL};
	if (PEM_read_bio(in, &block.name, &block.header, &block.der, &block.len) != 1) {
		return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? -ENOENT
										    : -EINVAL;
	}
	*ret_block = block;
	return 0;
}

void pem_block_finish(struct pem_block *block)
{
	OPENSSL_clear_free(block->der, (size_t)block->len);
	OPENSSL_free(block->name);
	OPENSSL_free(block->header);
	*block = (struct pem_block){.name = NULL};
}

/* A passphrase is asked of nobody. */
static int no_passphrase(char *buffer, int size, int is_writing, void *user)
{
	return -1;
}

EVP_PKEY *pem_read_private(BIO *in)
{
	return PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
}
