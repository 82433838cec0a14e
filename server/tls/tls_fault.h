/* Why a handshake has failed, out of what OpenSSL has to say about it. */
#ifndef TIDEGATE_TLS_FAULT_H
#define TIDEGATE_TLS_FAULT_H

enum {
	TLS_FAULT_WORDS_MAX = 160, /* bytes, NUL included */
};

enum tls_failure {
	TLS_FAILURE_NONE,
	TLS_FAILURE_VERSION,  /* the client does not speak TLS 1.3 */
	TLS_FAILURE_SHARED,   /* nothing in common: group, suite, or kind of signature */
	TLS_FAILURE_ALPN,     /* the client wants another protocol than HTTP/1.1 */
	TLS_FAILURE_ALERT,    /* the client has given up by an alert */
	TLS_FAILURE_PROTOCOL, /* whatever else a peer may do wrong */
	TLS_FAILURE_OURS,     /* no memory, or a hand-off that cannot be trusted */
};

/* Owner: whoever declared it; plain data. */
struct tls_fault {
	enum tls_failure failure;
	int alert;           /* with TLS_FAILURE_ALERT: its number, RFC 8446 section 6 */
	unsigned long error; /* OpenSSL's; 0: none */
};

/* Takes what OpenSSL has found out in this thread since its queue of errors was empty, and empties
 * it. Nothing found out is an alert that only ends the line: close_notify. */
struct tls_fault tls_fault_take(void);

/* The same in words for one line of a log, as `the client does not speak TLS 1.3`: of what the
 * client said there is nothing but numbers in it. Thread: any. */
void tls_fault_words(const struct tls_fault *fault, char ret_words[TLS_FAULT_WORDS_MAX]);

#endif
