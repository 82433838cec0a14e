#include "tls_contexts.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../../proto/assert.h"
#include "certificate.h"
#include "tls_keylog.h"

enum {
	SECURITY_LEVEL = 2, /* SSL_CTX_set_security_level(3): 112 bits */
};

/* Those of RFC 8446. The first has no equal where the CPU knows AES; who prefers the last is on
 * one that does not, and gets it. */
static const char SUITES[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
			     "TLS_CHACHA20_POLY1305_SHA256";

/* Any other group costs several times as much, and some a hundred times: a hello is enough to ask
 * for it. The hybrid one is of OpenSSL 3.5. */
static const char GROUPS_HYBRID[] = "X25519MLKEM768:X25519:P-256";
static const char GROUPS[] = "X25519:P-256";

/* RFC 8446 section 4.2.3: all that the keys can do that certificate_read takes. */
static const char SIGNATURES[] =
	"ecdsa_secp256r1_sha256:ed25519:rsa_pss_rsae_sha256:rsa_pss_pss_sha256:"
	"ecdsa_secp384r1_sha384:rsa_pss_rsae_sha384:rsa_pss_pss_sha384:"
	"ecdsa_secp521r1_sha512:rsa_pss_rsae_sha512:rsa_pss_pss_sha512:ed448";

static const unsigned char PROTOCOL[] = "\x08http/1.1"; /* RFC 7301 section 3.1 */

struct tls_pair {
	SSL_CTX *context;
	struct certificate *certificate;
};

struct tls_contexts {
	_Atomic uint32_t references;
	bool are_slow;
	size_t count;
	struct tls_pair pairs[];
};

/* --- what the client asks for ------------------------------------------------------------------
 */

/* The first pair that is for the name takes over; for nobody's name the very first stays. */
static int choose_pair(SSL *ssl, int *ret_alert, void *argument)
{
	const struct tls_contexts *contexts = argument;
	const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	for (size_t i = 0; host && contexts->count > 1 && i < contexts->count; i++) {
		const struct tls_pair *pair = &contexts->pairs[i];
		if (certificate_is_for(pair->certificate, host)) {
			return i == 0 || SSL_set_SSL_CTX(ssl, pair->context)
				       ? SSL_TLSEXT_ERR_OK
				       : SSL_TLSEXT_ERR_ALERT_FATAL;
		}
	}
	return SSL_TLSEXT_ERR_NOACK;
}

/* RFC 7301 section 3.2: who wants none of ours is told so, by no_application_protocol. */
static int choose_protocol(SSL *ssl, const unsigned char **ret_chosen, unsigned char *ret_len,
	const unsigned char *offered, unsigned offered_len, void *argument)
{
	unsigned char *chosen;
	if (SSL_select_next_proto(&chosen, ret_len, PROTOCOL, sizeof(PROTOCOL) - 1, offered,
		    offered_len) != OPENSSL_NPN_NEGOTIATED) {
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	*ret_chosen = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* --- one context -------------------------------------------------------------------------------
 */

/* What openssl.cnf may have said is taken back. */
static void set_options(SSL_CTX *context)
{
	SSL_CTX_clear_options(context, SSL_CTX_get_options(context));
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
					     SSL_OP_PRIORITIZE_CHACHA |
					     SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	/* A chain that the file does not hold is not looked for; a handshake may last. */
	SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 0);
	SSL_CTX_set_security_level(context, SECURITY_LEVEL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_keylog_callback(context, tls_keylog_take);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
}

static bool set_groups(SSL_CTX *context)
{
	return SSL_CTX_set1_groups_list(context, GROUPS_HYBRID) == 1 ||
	       SSL_CTX_set1_groups_list(context, GROUPS) == 1;
}

/* Each takes all or nothing. SSL_OP_NO_TICKET alone would still send two. */
static bool set_protocol(SSL_CTX *context)
{
	return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_ciphersuites(context, SUITES) == 1 && set_groups(context) &&
	       SSL_CTX_set1_sigalgs_list(context, SIGNATURES) == 1 &&
	       SSL_CTX_set_num_tickets(context, 0) == 1 &&
	       SSL_CTX_set_max_early_data(context, 0) == 1;
}

static bool set_pair(SSL_CTX *context, const struct certificate *certificate)
{
	bool is_good = SSL_CTX_use_certificate(context, certificate->chain[0]) == 1 &&
		       SSL_CTX_use_PrivateKey(context, certificate->key) == 1;
	for (size_t i = 1; i < certificate->chain_count && is_good; i++) {
		is_good = SSL_CTX_add1_chain_cert(context, certificate->chain[i]) == 1;
	}
	return is_good;
}

static int set_up(struct tls_contexts *contexts, struct tls_pair *pair)
{
	pair->context = SSL_CTX_new(TLS_server_method());
	if (!pair->context) {
		return -ENOMEM;
	}
	set_options(pair->context);
	SSL_CTX_set_tlsext_servername_callback(pair->context, choose_pair);
	SSL_CTX_set_tlsext_servername_arg(pair->context, contexts);
	return set_protocol(pair->context) && set_pair(pair->context, pair->certificate) ? 0
											 : -EINVAL;
}

/* --- all of them -------------------------------------------------------------------------------
 */

static void destroy(struct tls_contexts *contexts)
{
	for (size_t i = 0; i < contexts->count; i++) {
		SSL_CTX_free(contexts->pairs[i].context);
		certificate_destroy(&contexts->pairs[i].certificate);
	}
	free(contexts);
}

static struct tls_contexts *allocate(struct certificate **certificates, size_t count)
{
	struct tls_contexts *contexts =
		calloc(1, sizeof(*contexts) + count * sizeof(contexts->pairs[0]));
	for (size_t i = 0; i < count; i++) {
		if (contexts) {
			contexts->pairs[i].certificate = certificates[i];
			contexts->are_slow |= certificates[i]->sign_us > CERTIFICATE_SLOW_US;
			certificates[i] = NULL;
		} else {
			certificate_destroy(&certificates[i]);
		}
	}
	return contexts;
}

int tls_contexts_create(
	struct certificate **certificates, size_t count, struct tls_contexts **ret_contexts)
{
	ASSERT(count > 0);
	struct tls_contexts *contexts = allocate(certificates, count);
	if (!contexts) {
		return -ENOMEM;
	}
	atomic_init(&contexts->references, 1);
	contexts->count = count;
	int err = 0;
	for (size_t i = 0; i < count && !err; i++) {
		err = set_up(contexts, &contexts->pairs[i]);
	}
	ERR_clear_error();
	if (err) {
		destroy(contexts);
		return err;
	}
	*ret_contexts = contexts;
	return 0;
}

struct tls_contexts *tls_contexts_ref(struct tls_contexts *contexts)
{
	atomic_fetch_add_explicit(&contexts->references, 1, memory_order_relaxed);
	return contexts;
}

void tls_contexts_unref(struct tls_contexts **contexts)
{
	struct tls_contexts *given = *contexts;
	*contexts = NULL;
	if (given && atomic_fetch_sub_explicit(&given->references, 1, memory_order_acq_rel) == 1) {
		destroy(given);
	}
}

SSL_CTX *tls_contexts_first(const struct tls_contexts *contexts)
{
	return contexts->pairs[0].context;
}

bool tls_contexts_are_slow(const struct tls_contexts *contexts)
{
	return contexts->are_slow;
}

size_t tls_contexts_count(const struct tls_contexts *contexts)
{
	return contexts->count;
}

const struct certificate *tls_contexts_certificate(
	const struct tls_contexts *contexts, size_t index)
{
	return contexts->pairs[index].certificate;
}
