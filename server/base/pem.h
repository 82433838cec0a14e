/* What stands in PEM (RFC 7468), block by block, and private keys in it. */
#ifndef TIDEGATE_PEM_H
#define TIDEGATE_PEM_H

#include <openssl/types.h>

/* One block, in OpenSSL's memory.
 * Owner: whoever read it; its content is wiped when it is finished. */
struct pem_block {
	char *name;   /* what stands behind BEGIN */
	char *header; /* of encryption; empty: there is none */
	unsigned char *der;
	long len; /* bytes of `der` */
};

/* Reads the next block, whatever it is. Thread: any. Errors: -ENOENT where none begins any more,
 * -EINVAL for one that is damaged or not whole. */
int pem_next_block(BIO *in, struct pem_block *ret_block);

void pem_block_finish(struct pem_block *block);

/* Reads the next private key; nobody is asked for a passphrase. Thread: any. NULL: there is none
 * that can be read. */
EVP_PKEY *pem_read_private(BIO *in);

#endif
