#include "tls_keylog.h"

#include <openssl/crypto.h>

#include "../../proto/slice.h"

/* Digits, up to the end of the line. Returns how many bytes they are; 0 where they are none. */
static uint8_t read_secret(struct slice digits, uint8_t *ret_secret)
{
	size_t len;
	return OPENSSL_hexstr2buf_ex(ret_secret, TLS_SECRET_MAX, &len, digits.data, '\0')
		       ? (uint8_t)len
		       : 0;
}

/* A line is a label, the client's random bytes, and the secret, with spaces between. */
void tls_keylog_take(const SSL *ssl, const char *line)
{
	struct tls_keylog *keylog = SSL_get_app_data(ssl);
	if (!keylog) {
		return;
	}
	struct slice rest = slice_of(line);
	const struct slice label = slice_cut(&rest, ' ');
	slice_cut(&rest, ' ');
	if (slice_equals(label, SLICE("CLIENT_TRAFFIC_SECRET_0"))) {
		keylog->client_len = read_secret(rest, keylog->client);
	} else if (slice_equals(label, SLICE("SERVER_TRAFFIC_SECRET_0"))) {
		keylog->server_len = read_secret(rest, keylog->server);
	}
}
