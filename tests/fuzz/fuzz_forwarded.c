/* X-Forwarded-For and Forwarded: whatever a stranger puts in front of what a proxy has written, the
 * proxy's word counts. The first byte chooses the header. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/forwarded.h"
#include "../../proto/http_head.h"

enum {
	VALUE_MAX = 4096,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* 10.0.0.0/8. */
static bool is_trusted(const void *context, const uint8_t address[IP_ADDRESS_LEN])
{
	(void)context;
	return ip_address_is_v4(address) && address[IP_ADDRESS_V4_AT] == 10;
}

static enum forwarded_found find(
	const char *text, size_t len, enum forwarded_kind kind, struct ip_address *ret_client)
{
	const struct forwarded_trust trust = {is_trusted, NULL};
	char *copy = malloc(len ? len : 1);
	assert(copy);
	memcpy(copy, text, len);
	enum forwarded_found found =
		forwarded_find((struct slice){copy, len}, kind, &trust, ret_client);
	free(copy);
	return found;
}

static void check_words(const char *name, const char *words, enum forwarded_kind kind,
	const uint8_t *data, size_t len)
{
	static const uint8_t proxys[] = {192, 0, 2, 1};
	char *text = malloc(len + 256);
	assert(text);
	struct ip_address client;
	size_t at = (size_t)sprintf(text, "%s: ", name);
	for (size_t i = 0; i < len; i++) {
		/* Of a field, as http_head passes it on. */
		text[at++] =
			data[i] == '\r' || data[i] == '\n' || data[i] == '\0' ? ' ' : (char)data[i];
	}
	const size_t alone = at + (size_t)sprintf(text + at, "\r\n");
	find(text, alone, kind, &client);
	at += (size_t)sprintf(text + at, ", %s\r\n", words);
	assert(find(text, at, kind, &client) == FORWARDED_CLIENT);
	struct ip_address expected = ip_address_of_v4(proxys);
	assert(memcmp(client.bytes, expected.bytes, IP_ADDRESS_LEN) == 0);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0 || len > VALUE_MAX) {
		return 0;
	}
	if (data[0] & 1) {
		check_words("Forwarded", "for=192.0.2.1;proto=https, for=\"10.0.0.1:80\"",
			FORWARDED_STANDARD, data + 1, len - 1);
	} else {
		check_words(
			"X-Forwarded-For", "192.0.2.1, 10.0.0.1", FORWARDED_XFF, data + 1, len - 1);
	}
	return 0;
}
