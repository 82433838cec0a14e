/* SHA1_Init and its like are deprecated since OpenSSL 3.0, but SHA1() itself looks the algorithm up
 * anew each time, under locks that all workers of a login storm would share: 325 ns instead of 100.
 */
#define OPENSSL_API_COMPAT 10100

#include "accept.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

void accept_of_key(const char key[ACCEPT_KEY_LEN], char ret_accept[ACCEPT_LEN + 1])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t digest[SHA_DIGEST_LENGTH];
	SHA_CTX context;

	SHA1_Init(&context);
	SHA1_Update(&context, key, ACCEPT_KEY_LEN);
	SHA1_Update(&context, guid, sizeof guid - 1);
	SHA1_Final(digest, &context);
	EVP_EncodeBlock((uint8_t *)ret_accept, digest, sizeof digest);
}
