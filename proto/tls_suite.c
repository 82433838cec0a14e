#include "tls_suite.h"

#include "assert.h"

static const struct tls_suite_facts all[TLS_SUITE_COUNT] = {
	[TLS_SUITE_AES_128_GCM] = {"TLS_AES_128_GCM_SHA256", 0x1301, 32, 16},
	[TLS_SUITE_AES_256_GCM] = {"TLS_AES_256_GCM_SHA384", 0x1302, 48, 32},
	[TLS_SUITE_CHACHA20_POLY1305] = {"TLS_CHACHA20_POLY1305_SHA256", 0x1303, 32, 32},
};

const struct tls_suite_facts *tls_suite_facts(enum tls_suite suite)
{
	ASSERT(suite < TLS_SUITE_COUNT);
	return &all[suite];
}

bool tls_suite_from_id(uint16_t id, enum tls_suite *ret_suite)
{
	for (enum tls_suite suite = 0; suite < TLS_SUITE_COUNT; suite++) {
		if (all[suite].id == id) {
			*ret_suite = suite;
			return true;
		}
	}
	return false;
}
