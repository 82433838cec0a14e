#include "certificate.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "../base/pem.h"
#include "certificate_key.h"

enum {
	WHERE_MAX = 200,    /* characters of a path that are shown */
	STRENGTH_MIN = 112, /* bits: RSA of 2,048, SHA-224 */
};

/* A pair being read.
 * Owner: the call of certificate_read. */
struct reader {
	const struct certificate_source *source;
	struct findings *findings;
	struct certificate *certificate;
};

/* --- findings ----------------------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 3))) static int fail(
	const struct reader *reader, const char *format, ...)
{
	char what[FINDINGS_LINE_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	findings_add(reader->findings, FINDING_FAULT, "tls_cert: %.*s: %s", WHERE_MAX,
		reader->source->path, what);
	return -EINVAL;
}

static int fail_key(const struct reader *reader, const char *what)
{
	findings_add(reader->findings, FINDING_FAULT, "tls_key: %.*s: %s", WHERE_MAX,
		reader->source->key_path, what);
	return -EINVAL;
}

static void warn(const struct reader *reader, const char *what)
{
	findings_add(reader->findings, FINDING_WARNING, "tls_cert: %.*s: %s", WHERE_MAX,
		reader->source->path, what);
}

/* --- certificates ------------------------------------------------------------------------------
 */

static int add(struct reader *reader, const unsigned char *der, long len)
{
	struct certificate *certificate = reader->certificate;
	if (certificate->chain_count == CERTIFICATE_CHAIN_MAX) {
		return fail(reader, "more than %d certificates: one pair is in a file",
			CERTIFICATE_CHAIN_MAX);
	}
	X509 *read = d2i_X509(NULL, &der, len);
	if (!read) {
		return fail(reader, "certificate %zu is none, or is damaged",
			certificate->chain_count + 1);
	}
	certificate->chain[certificate->chain_count++] = read;
	return 0;
}

/* Takes the next block, whatever it is. Errors: -ENOENT behind the last. */
static int read_block(struct reader *reader, BIO *in)
{
	struct pem_block block;
	int err = pem_next_block(in, &block);
	if (err) {
		return err == -ENOENT
			       ? err
			       : fail(reader,
					 "broken PEM: it is damaged, or not written to its end");
	}
	/* A file may hold the key, too. */
	if (strcmp(block.name, PEM_STRING_X509) == 0 ||
		strcmp(block.name, PEM_STRING_X509_OLD) == 0) {
		err = add(reader, block.der, block.len);
	}
	pem_block_finish(&block);
	return err;
}

static int read_chain(struct reader *reader)
{
	const struct slice text = reader->source->text;
	BIO *in = BIO_new_mem_buf(text.data, (int)text.len);
	int err = in ? 0 : -ENOMEM;
	while (!err) {
		err = read_block(reader, in);
	}
	BIO_free(in);
	if (err != -ENOENT) {
		return err;
	}
	if (reader->certificate->chain_count > 0) {
		return 0;
	}
	return text.len == 0 ? fail(reader, "it is empty")
			     : fail(reader, "holds no CERTIFICATE in PEM (openssl x509 -inform der "
					    "-in FILE makes it of DER)");
}

static bool has_issued(X509 *issuer, X509 *other)
{
	return X509_check_issued(issuer, other) == X509_V_OK;
}

/* What OpenSSL would refuse without a word that helps. */
static int check_strength(const struct reader *reader)
{
	const struct certificate *certificate = reader->certificate;
	for (size_t i = 0; i < certificate->chain_count; i++) {
		X509 *one = certificate->chain[i];
		int bits = 0;
		X509_get_signature_info(one, NULL, NULL, &bits, NULL);
		if (EVP_PKEY_get_security_bits(X509_get0_pubkey(one)) < STRENGTH_MIN) {
			return fail(reader,
				"certificate %zu has a key that is too weak: RSA "
				"takes 2048 bits",
				i + 1);
		}
		if (bits < STRENGTH_MIN && !has_issued(one, one)) {
			return fail(reader,
				"certificate %zu is signed with a hash that is not "
				"safe any more",
				i + 1);
		}
	}
	return 0;
}

static void check_order(const struct reader *reader)
{
	const struct certificate *certificate = reader->certificate;
	for (size_t i = 1; i < certificate->chain_count; i++) {
		if (!has_issued(certificate->chain[i], certificate->chain[i - 1])) {
			char what[160];
			snprintf(what, sizeof(what),
				"certificate %zu has not issued the one before it: the order is the "
				"server's own, who issued it, who issued that",
				i + 1);
			warn(reader, what);
			return;
		}
	}
}

/* Who says where its issuer is to be had was issued by one that clients do not have. */
static void check_issuer(const struct reader *reader)
{
	X509 *own = reader->certificate->chain[0];
	if (reader->certificate->chain_count == 1 &&
		X509_get_ext_by_NID(own, NID_info_access, -1) >= 0) {
		warn(reader, "holds no certificate of who issued it, without which many clients "
			     "refuse it (of certbot's files take fullchain.pem)");
	}
}

/* --- what it is for ----------------------------------------------------------------------------
 */

/* For logs and metrics. */
static void take_name(struct certificate *certificate, const unsigned char *name, int len)
{
	size_t at = 0;
	for (int i = 0; i < len && at + 1 < sizeof(certificate->name); i++) {
		const bool is_plain =
			name[i] > ' ' && name[i] < 0x7f && name[i] != '"' && name[i] != '\\';
		certificate->name[at++] = is_plain ? (char)name[i] : '?';
	}
	certificate->name[at] = '\0';
}

static void take_common_name(struct certificate *certificate)
{
	X509_NAME *subject = X509_get_subject_name(certificate->chain[0]);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	const ASN1_STRING *text =
		at >= 0 ? X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)) : NULL;
	if (text) {
		take_name(certificate, ASN1_STRING_get0_data(text), ASN1_STRING_length(text));
	} else {
		take_name(certificate, (const unsigned char *)"?", 1);
	}
}

/* The first name, and whether clients will know it by one. */
static void read_names(struct reader *reader)
{
	struct certificate *certificate = reader->certificate;
	GENERAL_NAMES *names =
		X509_get_ext_d2i(certificate->chain[0], NID_subject_alt_name, NULL, NULL);
	take_common_name(certificate);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type == GEN_DNS) {
			take_name(certificate, ASN1_STRING_get0_data(name->d.dNSName),
				ASN1_STRING_length(name->d.dNSName));
			break;
		}
	}
	if (!names) {
		warn(reader, "names no host (subjectAltName): browsers refuse it");
	}
	GENERAL_NAMES_free(names);
	if (X509_check_purpose(certificate->chain[0], X509_PURPOSE_SSL_SERVER, 0) != 1) {
		warn(reader, "is not meant for a server (extendedKeyUsage): clients refuse it");
	}
}

static int64_t seconds_of(const ASN1_TIME *time)
{
	struct tm parts;
	return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

static void read_times(struct certificate *certificate)
{
	certificate->begins_s = seconds_of(X509_get0_notBefore(certificate->chain[0]));
	certificate->ends_s = seconds_of(X509_get0_notAfter(certificate->chain[0]));
}

bool certificate_is_for(const struct certificate *certificate, const char *host)
{
	return X509_check_host(certificate->chain[0], host, strlen(host),
		       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

/* --- the key -----------------------------------------------------------------------------------
 */

static int check_fit(const struct reader *reader)
{
	const struct certificate *certificate = reader->certificate;
	for (size_t i = 0; i < certificate->chain_count; i++) {
		if (X509_check_private_key(certificate->chain[i], certificate->key) != 1) {
			continue;
		}
		return i == 0 ? 0
			      : fail(reader,
					"its order is wrong: the key is that of certificate %zu, which "
					"has to come first",
					i + 1);
	}
	char what[WHERE_MAX + 64];
	snprintf(what, sizeof(what), "it is not the key of the certificate in %.*s", WHERE_MAX,
		reader->source->path);
	return fail_key(reader, what);
}

static int read_key(struct reader *reader)
{
	struct certificate *certificate = reader->certificate;
	const char *fault;
	int err = certificate_key_read(reader->source->key_text, &certificate->key, &fault);
	if (!err) {
		err = check_fit(reader);
		fault = NULL;
	}
	if (!err) {
		err = certificate_key_time(certificate->key, &certificate->sign_us, &fault);
	}
	return err == -EINVAL && fault ? fail_key(reader, fault) : err;
}

static void check_speed(const struct reader *reader)
{
	const uint64_t sign_us = reader->certificate->sign_us;
	if (sign_us > CERTIFICATE_SLOW_US) {
		char what[160];
		snprintf(what, sizeof(what),
			"a signature of its key takes %.1f ms, so that handshakes go through two "
			"threads of their own: a key on P-256 takes less than 0.1 ms",
			(double)sign_us / 1000);
		warn(reader, what);
	}
}

/* --- the pair ----------------------------------------------------------------------------------
 */

int certificate_read(const struct certificate_source *source, struct findings *findings,
	struct certificate **ret_certificate)
{
	struct reader reader = {.source = source, .findings = findings};
	reader.certificate = calloc(1, sizeof(*reader.certificate));
	if (!reader.certificate) {
		return -ENOMEM;
	}
	int err = read_chain(&reader);
	if (!err) {
		err = check_strength(&reader);
	}
	if (!err) {
		err = read_key(&reader);
	}
	ERR_clear_error();
	if (err) {
		certificate_destroy(&reader.certificate);
		return err;
	}
	check_order(&reader);
	check_issuer(&reader);
	check_speed(&reader);
	read_names(&reader);
	read_times(reader.certificate);
	ERR_clear_error();
	*ret_certificate = reader.certificate;
	return 0;
}

void certificate_destroy(struct certificate **certificate)
{
	struct certificate *given = *certificate;
	if (!given) {
		return;
	}
	*certificate = NULL;
	for (size_t i = 0; i < given->chain_count; i++) {
		X509_free(given->chain[i]);
	}
	EVP_PKEY_free(given->key);
	free(given);
}
