/* Certificates as OpenSSL issues them, for tests of what reads them, shows them and trusts them. */
#ifndef TIDEGATE_TESTS_ISSUING_H
#define TIDEGATE_TESTS_ISSUING_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

enum {
	ISSUE_DAY_S = 24 * 60 * 60,
};

/* What a certificate is to be. Values of extensions are as in openssl.cnf; NULL: none. */
struct issue_wish {
	const char *subject; /* its common name */
	const char *names;   /* subjectAltName: DNS:a,IP:192.0.2.1 */
	time_t begins_s;
	time_t ends_s;
	EVP_PKEY *key; /* its own */
	X509 *issuer;  /* NULL: itself */
	EVP_PKEY *issuer_key;
	const EVP_MD *hash;      /* NULL: SHA-256 */
	const char *constraints; /* basicConstraints */
	const char *usage;       /* extendedKeyUsage */
	const char *access;      /* authorityInfoAccess */
};

/* Not the tests' own assert: a fuzzer has it too. */
static inline void issue_must(bool is_well)
{
	if (!is_well) {
		ERR_print_errors_fp(stderr);
		abort();
	}
}

static inline void issue_extend(X509 *made, X509 *issuer, int kind, const char *value)
{
	X509V3_CTX context;
	if (!value) {
		return;
	}
	X509V3_set_ctx(&context, issuer, made, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
	issue_must(extension && X509_add_ext(made, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static inline X509 *issue(const struct issue_wish *wish)
{
	static long serial = 1;
	X509 *made = X509_new();
	X509 *issuer = wish->issuer ? wish->issuer : made;
	X509_NAME *subject = X509_get_subject_name(made);
	issue_must(X509_set_version(made, X509_VERSION_3) == 1 &&
		   ASN1_INTEGER_set(X509_get_serialNumber(made), serial++) == 1 &&
		   X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
			   (const unsigned char *)wish->subject, -1, -1, 0) == 1 &&
		   X509_set_issuer_name(made, X509_get_subject_name(issuer)) == 1 &&
		   ASN1_TIME_set(X509_getm_notBefore(made), wish->begins_s) &&
		   ASN1_TIME_set(X509_getm_notAfter(made), wish->ends_s) &&
		   X509_set_pubkey(made, wish->key) == 1);
	issue_extend(made, issuer, NID_basic_constraints, wish->constraints);
	issue_extend(made, issuer, NID_subject_alt_name, wish->names);
	issue_extend(made, issuer, NID_ext_key_usage, wish->usage);
	issue_extend(made, issuer, NID_info_access, wish->access);
	issue_must(X509_sign(made, wish->issuer_key ? wish->issuer_key : wish->key,
			   wish->hash ? wish->hash : EVP_sha256()) > 0);
	return made;
}

/* By itself, good now and for 90 days. `names` as above. */
static inline X509 *issue_usual(EVP_PKEY *key, const char *subject, const char *names)
{
	const time_t now_s = time(NULL);
	return issue(&(struct issue_wish){
		.subject = subject,
		.names = names,
		.begins_s = now_s - ISSUE_DAY_S,
		.ends_s = now_s + 90 * (time_t)ISSUE_DAY_S,
		.key = key,
	});
}

#endif
