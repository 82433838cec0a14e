#include "algorithm.h"

static const struct algorithm_row rows[ALGORITHM_COUNT] = {
	[ALGORITHM_HS256] = {"HS256", KEY_SECRET, "SHA256", 32, false, 0},
	[ALGORITHM_HS384] = {"HS384", KEY_SECRET, "SHA384", 48, false, 0},
	[ALGORITHM_HS512] = {"HS512", KEY_SECRET, "SHA512", 64, false, 0},
	[ALGORITHM_RS256] = {"RS256", KEY_RSA, "SHA256", 32, false, 0},
	[ALGORITHM_RS384] = {"RS384", KEY_RSA, "SHA384", 48, false, 0},
	[ALGORITHM_RS512] = {"RS512", KEY_RSA, "SHA512", 64, false, 0},
	[ALGORITHM_PS256] = {"PS256", KEY_RSA, "SHA256", 32, true, 0},
	[ALGORITHM_PS384] = {"PS384", KEY_RSA, "SHA384", 48, true, 0},
	[ALGORITHM_PS512] = {"PS512", KEY_RSA, "SHA512", 64, true, 0},
	[ALGORITHM_ES256] = {"ES256", KEY_P256, "SHA256", 32, false, 32},
	[ALGORITHM_ES384] = {"ES384", KEY_P384, "SHA384", 48, false, 48},
	[ALGORITHM_ES512] = {"ES512", KEY_P521, "SHA512", 64, false, 66},
	[ALGORITHM_EDDSA] = {"EdDSA", KEY_ED25519, NULL, 0, false, 0},
};

enum algorithm algorithm_of(struct slice name)
{
	for (int i = 0; i < ALGORITHM_COUNT; i++) {
		if (slice_equals(name, slice_of(rows[i].name))) {
			return (enum algorithm)i;
		}
	}
	return slice_equals(name, SLICE("Ed25519")) ? ALGORITHM_EDDSA : ALGORITHM_NONE;
}

const struct algorithm_row *algorithm_row(enum algorithm algorithm)
{
	return &rows[algorithm];
}
