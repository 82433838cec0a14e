#include "tls_fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* What is none of them is a peer's fault against the protocol. */
static const struct {
	int reason;
	enum tls_failure failure;
} known[] = {
	{SSL_R_UNSUPPORTED_PROTOCOL, TLS_FAILURE_VERSION},
	{SSL_R_VERSION_TOO_LOW, TLS_FAILURE_VERSION},
	{SSL_R_NO_PROTOCOLS_AVAILABLE, TLS_FAILURE_VERSION},
	{SSL_R_NO_SHARED_CIPHER, TLS_FAILURE_SHARED},
	{SSL_R_NO_SHARED_GROUPS, TLS_FAILURE_SHARED},
	{SSL_R_NO_SUITABLE_KEY_SHARE, TLS_FAILURE_SHARED},
	{SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, TLS_FAILURE_SHARED},
	{SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, TLS_FAILURE_SHARED},
	{SSL_R_NO_APPLICATION_PROTOCOL, TLS_FAILURE_ALPN},
};

static enum tls_failure failure_of(int reason)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].reason == reason) {
			return known[i].failure;
		}
	}
	return TLS_FAILURE_PROTOCOL;
}

/* From 3.2 on the record layer says what is wrong, and behind that only that it has. */
static bool is_empty_word(unsigned long error)
{
#ifdef SSL_R_RECORD_LAYER_FAILURE
	return ERR_GET_REASON(error) == SSL_R_RECORD_LAYER_FAILURE;
#else
	return false;
#endif
}

/* The last that its TLS has said: what lies before it comes from deeper down. */
static unsigned long take_error(void)
{
	unsigned long last = 0;
	for (unsigned long error; (error = ERR_get_error()) != 0;) {
		if (last == 0 || (ERR_GET_LIB(error) == ERR_LIB_SSL && !is_empty_word(error))) {
			last = error;
		}
	}
	return last;
}

struct tls_fault tls_fault_take(void)
{
	const unsigned long error = take_error();
	const int reason = ERR_GET_REASON(error);
	if (error == 0) {
		return (struct tls_fault){TLS_FAILURE_ALERT, SSL3_AD_CLOSE_NOTIFY, 0};
	}
	if (reason == ERR_R_MALLOC_FAILURE) {
		return (struct tls_fault){TLS_FAILURE_OURS, 0, error};
	}
	if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
		return (struct tls_fault){TLS_FAILURE_ALERT, reason - SSL_AD_REASON_OFFSET, error};
	}
	return (struct tls_fault){failure_of(reason), 0, error};
}

/* OpenSSL's words for an error. */
static const char *reason_words(const struct tls_fault *fault)
{
	const char *words = fault->error ? ERR_reason_error_string(fault->error) : NULL;
	return words ? words : "no words for it";
}

void tls_fault_words(const struct tls_fault *fault, char ret_words[TLS_FAULT_WORDS_MAX])
{
	switch (fault->failure) {
	case TLS_FAILURE_NONE:
		ret_words[0] = '\0';
		break;
	case TLS_FAILURE_VERSION:
		snprintf(ret_words, TLS_FAULT_WORDS_MAX, "the client does not speak TLS 1.3");
		break;
	case TLS_FAILURE_SHARED:
		snprintf(ret_words, TLS_FAULT_WORDS_MAX, "nothing in common with the client: %s",
			reason_words(fault));
		break;
	case TLS_FAILURE_ALPN:
		snprintf(ret_words, TLS_FAULT_WORDS_MAX,
			"the client wants another protocol than HTTP/1.1");
		break;
	case TLS_FAILURE_ALERT:
		snprintf(ret_words, TLS_FAULT_WORDS_MAX, "the client has given up: %s",
			SSL_alert_desc_string_long(fault->alert));
		break;
	case TLS_FAILURE_PROTOCOL:
		snprintf(ret_words, TLS_FAULT_WORDS_MAX, "the client breaks the protocol: %s",
			reason_words(fault));
		break;
	case TLS_FAILURE_OURS:
		snprintf(ret_words, TLS_FAULT_WORDS_MAX, "it cannot be done here: %s",
			fault->error ? reason_words(fault) : "the secrets were not told");
		break;
	}
}
