#include "tls_fault.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void tls_fault_set(struct tls_fault *fault, enum tg_status status, const char *text)
{
	if (fault->status == TG_OK) {
		fault->status = status;
		snprintf(fault->text, sizeof(fault->text), "%s", text);
	}
}

/* --- certificates ---------------------------------------------------------------------------- */

static enum tg_status status_of(int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
		return TG_ERR_CERTIFICATE_ISSUER;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return TG_ERR_CERTIFICATE_SELF_SIGNED;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return TG_ERR_CERTIFICATE_NAME;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return TG_ERR_CERTIFICATE_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TG_ERR_CERTIFICATE_NOT_YET_VALID;
	default:
		return TG_ERR_CERTIFICATE;
	}
}

/* Text that grows, as far as there is room. */
struct words {
	char *text;
	size_t len;
	size_t size;
};

static void append(struct words *words, const char *text, size_t len)
{
	for (size_t i = 0; i < len && words->len + 1 < words->size; i++) {
		const bool is_printable = text[i] >= ' ' && text[i] <= '~';
		words->text[words->len++] = is_printable ? text[i] : '?';
	}
	words->text[words->len] = '\0';
}

static void append_text(struct words *words, const char *text)
{
	append(words, text, strlen(text));
}

/* A name as it stands in the certificate: of a host, or an address. Others are passed over. */
static void append_name(struct words *words, const GENERAL_NAME *name)
{
	char address[INET6_ADDRSTRLEN];
	const ASN1_STRING *value = name->type == GEN_DNS     ? name->d.dNSName
				   : name->type == GEN_IPADD ? name->d.iPAddress
							     : NULL;
	if (!value) {
		return;
	}
	const char *data = (const char *)ASN1_STRING_get0_data(value);
	const int len = ASN1_STRING_length(value);
	append_text(words, words->len > 0 ? ", " : "it is for ");
	if (name->type == GEN_DNS) {
		append(words, data, (size_t)len);
	} else if (len == 4 || len == 16) {
		append_text(words,
			inet_ntop(len == 4 ? AF_INET : AF_INET6, data, address, sizeof(address)));
	}
}

static void tell_names(struct words *words, const X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		append_name(words, sk_GENERAL_NAME_value(names, i));
	}
	GENERAL_NAMES_free(names);
	if (words->len == 0) {
		append_text(words, "it names no host");
	}
}

static void tell_time(struct words *words, bool is_own, const char *what, const ASN1_TIME *when)
{
	struct tm tm;
	char text[sizeof("2026-01-01 00:00 UTC")] = "at no time";

	if (ASN1_TIME_to_tm(when, &tm) == 1) {
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm);
	}
	append_text(words, is_own ? "it " : "that of an issuer ");
	append_text(words, what);
	append_text(words, text);
}

static void tell_issuer(struct words *words, const X509 *certificate)
{
	X509_NAME *issuer = X509_get_issuer_name(certificate);
	char text[TLS_FAULT_TEXT_MAX];
	int len = X509_NAME_get_text_by_NID(issuer, NID_commonName, text, sizeof(text));

	if (len < 0) {
		len = X509_NAME_get_text_by_NID(issuer, NID_organizationName, text, sizeof(text));
	}
	append_text(words, "signed by ");
	if (len < 0) {
		append_text(words, "somebody without a name");
	} else {
		append(words, text, (size_t)len);
	}
}

void tls_fault_of_certificate(struct tls_fault *fault, X509_STORE_CTX *found)
{
	const int error = X509_STORE_CTX_get_error(found);
	const X509 *certificate = X509_STORE_CTX_get_current_cert(found);
	const enum tg_status status = status_of(error);
	const bool is_own = X509_STORE_CTX_get_error_depth(found) == 0;
	char text[TLS_FAULT_TEXT_MAX] = "";
	struct words words = {.text = text, .size = sizeof(text)};

	if (certificate && status == TG_ERR_CERTIFICATE_NAME) {
		tell_names(&words, certificate);
	} else if (certificate && status == TG_ERR_CERTIFICATE_EXPIRED) {
		tell_time(&words, is_own, "ended ", X509_get0_notAfter(certificate));
	} else if (certificate && status == TG_ERR_CERTIFICATE_NOT_YET_VALID) {
		tell_time(&words, is_own, "begins ", X509_get0_notBefore(certificate));
	} else if (certificate && status == TG_ERR_CERTIFICATE_ISSUER) {
		tell_issuer(&words, certificate);
	} else {
		append_text(&words, X509_verify_cert_error_string(error));
	}
	tls_fault_set(fault, status, text);
}

/* --- the handshake and after it -------------------------------------------------------------- */

/* An alert that the gateway has sent; -1: it is another error. */
static int alert_of(unsigned long error)
{
	const int alert = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;
	return ERR_GET_LIB(error) == ERR_LIB_SSL && alert >= 0 && alert <= UINT8_MAX ? alert : -1;
}

static bool is_no_tls(unsigned long error)
{
	const int reason = ERR_GET_REASON(error);
	return ERR_GET_LIB(error) == ERR_LIB_SSL &&
	       (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
		       reason == SSL_R_PACKET_LENGTH_TOO_LONG);
}

void tls_fault_of_queue(struct tls_fault *fault)
{
	const unsigned long error = ERR_peek_error();
	const int alert = alert_of(error);
	const char *reason = ERR_reason_error_string(error);
	char text[TLS_FAULT_TEXT_MAX];

	if (alert >= 0) {
		snprintf(text, sizeof(text), "the gateway sent the alert \"%s\"",
			SSL_alert_desc_string_long(alert));
		tls_fault_set(
			fault, alert == SSL_AD_INTERNAL_ERROR ? TG_ERR_LOST : TG_ERR_TLS, text);
	} else if (is_no_tls(error)) {
		tls_fault_set(fault, TG_ERR_TLS, "what answers does not speak TLS");
	} else {
		tls_fault_set(fault, TG_ERR_TLS, reason ? reason : "OpenSSL has no words for it");
	}
}
