/* One handshake by OpenSSL, between bytes that have come and bytes to be written: it knows no
 * socket. At its end OpenSSL is done with the line, and what is left of it are two secrets.
 *
 *   hello ──> tls_handshake_feed ──MORE──> tls_handshake_output, written ──> feed ──DONE──> secrets
 *                               └─FAILED─> output: an alert, if there is one ──> destroy
 *
 * It is fed record by record and never past the one that ends it: what follows is sealed with the
 * new secrets, and would be lost inside OpenSSL.
 *
 * Thread: one at a time; tls_threads may be that for one step. */
#ifndef TIDEGATE_TLS_HANDSHAKE_H
#define TIDEGATE_TLS_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../../proto/tls_record.h"
#include "../../proto/tls_suite.h"
#include "tls_contexts.h"
#include "tls_fault.h"

enum {
	TLS_HANDSHAKE_COST = 80 * 1024, /* bytes: 49 KB with OpenSSL 3.0, and its socket */
};

/* Owner:  the connection that it is for, or its desk.
 * Freed:  at its end, or with its connection. */
struct tls_handshake;

enum tls_progress {
	TLS_HANDSHAKE_MORE,   /* more of the client is awaited */
	TLS_HANDSHAKE_DONE,   /* tls_handshake_secrets has what is left of it; nothing is to be
				 written */
	TLS_HANDSHAKE_FAILED, /* tls_handshake_fault says why */
};

/* What a line keeps of its handshake. Whoever holds it wipes it: tls_secrets_wipe. */
struct tls_secrets {
	enum tls_suite suite;
	uint16_t fragment_len;        /* most plain bytes of one of our records: 512 to 16,384 */
	uint8_t read[TLS_SECRET_MAX]; /* the client's traffic secret, as long as the suite's hash */
	uint8_t write[TLS_SECRET_MAX]; /* ours */
};

/* With the pairs that are in force, of which it holds a reference of its own. Errors: -ENOMEM. */
int tls_handshake_create(struct tls_contexts *contexts, struct tls_handshake **ret_handshake);

/* Wipes what it knows, frees it and nulls the giver's pointer. NULL is fine. */
void tls_handshake_destroy(struct tls_handshake **handshake);

/* Goes on with what has come. Takes whole records only; `*ret_used` are the bytes of those it took.
 * The others are the caller's to keep: part of a record for the next call, and, once it is done,
 * what is sealed with the new secrets. Not after DONE or FAILED. */
enum tls_progress tls_handshake_feed(
	struct tls_handshake *handshake, const uint8_t *data, size_t len, size_t *ret_used);

/* What is to be written to the client; borrowed until the next call. */
struct slice tls_handshake_output(const struct tls_handshake *handshake);

/* So much of it has been. */
void tls_handshake_sent(struct tls_handshake *handshake, size_t len);

/* Whether the client has been answered with all that a handshake takes: what is left is little
 * work. A HelloRetryRequest is no answer. */
bool tls_handshake_has_answered(const struct tls_handshake *handshake);

/* Once the client has been answered and all of it written: the one record that may still be sent,
 * when others end it than OpenSSL, a fatal alert as the client can read it now, sealed. After that
 * it is good for nothing but to be destroyed. Returns its bytes; 0: there is no memory, or OpenSSL
 * has said why itself. RFC 8446 section 6. */
size_t tls_handshake_seal_alert(
	struct tls_handshake *handshake, uint8_t ret_record[TLS_ALERT_RECORD_LEN]);

/* After DONE: what the line goes on with. Both sequence numbers are 0. */
void tls_handshake_secrets(const struct tls_handshake *handshake, struct tls_secrets *ret_secrets);

/* Why it has failed; with TLS_FAILURE_NONE it has not. */
struct tls_fault tls_handshake_fault(const struct tls_handshake *handshake);

void tls_secrets_wipe(struct tls_secrets *secrets);

#endif
