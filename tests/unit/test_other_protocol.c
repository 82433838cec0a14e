#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../proto/other_protocol.h"
#include "split.h"

#define BYTES(literal) literal, sizeof(literal) - 1

/* In memory of its very size. */
static const char *advice_on(const char *data, size_t len)
{
	char *copy = split_copy(data, len);
	const char *advice = other_protocol_advice((struct slice){copy, len});
	free(copy);
	return advice;
}

/* Once it is certain it stays so, however much or little has come. */
static void others_are_told_by_their_first_bytes(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		size_t certain; /* bytes with which it is */
		const char *word;
	} others[] = {
		{BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 1, "TLS"},
		{BYTES("\x16\x03\x03"), 1, "TLS"},
		{BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), 6, "PROXY"},
		{BYTES("PROXY UNKNOWN\r\n"), 6, "PROXY"},
		{BYTES("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"), 5, "PROXY"},
		{BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 14, "HTTP/2"},
		{BYTES("SSH-2.0-OpenSSH_9.2p1\r\n"), 4, "SSH"},
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		for (size_t len = 0; len <= others[i].len; len++) {
			const char *advice = advice_on(others[i].data, len);
			assert_int_equal(advice != NULL, len >= others[i].certain);
			assert_true(!advice || strstr(advice, others[i].word));
		}
	}
}

static void http_is_no_other(void **state)
{
	static const char *const heads[] = {"GET / HTTP/1.1\r\n", "\r\nGET / HTTP/1.1\r\n",
		"\r\n\r\n", "PROXY", "PROXYX / HTTP/1.1\r\n", "PRI * HTTP/1.1\r\n", "SSH",
		"\x15\x03\x01", "\x16\x02"};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		assert_null(advice_on(heads[i], strlen(heads[i])));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_are_told_by_their_first_bytes),
		cmocka_unit_test(http_is_no_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
