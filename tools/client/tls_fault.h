/* Why TLS failed: a certificate that is not accepted, an alert of the gateway, or something that is
 * no TLS; with words for people. */
#ifndef TIDEGATE_CLIENT_TLS_FAULT_H
#define TIDEGATE_CLIENT_TLS_FAULT_H

#include <openssl/x509_vfy.h>

#include "tidegate-client.h"

enum {
	TLS_FAULT_TEXT_MAX = 128, /* bytes, with the NUL */
};

/* Owner:  a line.
 * Shared: never. Zero-initialised: there is none. The first one counts. */
struct tls_fault {
	enum tg_status status;
	char text[TLS_FAULT_TEXT_MAX];
};

/* What the verification has found. The words have no byte of the certificate but printable ASCII.
 */
void tls_fault_of_certificate(struct tls_fault *fault, X509_STORE_CTX *found);

/* What OpenSSL has noted of the call that failed, in the thread's queue of errors: TG_ERR_TLS; or
 * TG_ERR_LOST where the gateway says that the fault is its own, as one does that has no place. */
void tls_fault_of_queue(struct tls_fault *fault);

/* In words of ours. */
void tls_fault_set(struct tls_fault *fault, enum tg_status status, const char *text);

#endif
