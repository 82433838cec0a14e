#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/close_reason.h"
#include "../../proto/utf8.h"

struct expectation {
	enum close_reason reason;
	uint16_t code;
	const char *text; /* with a retry of 1500 ms */
};

/* One of each kind. tests/vectors.json has them all, which test_vectors sees to. */
static const struct expectation table[] = {
	{CLOSE_REASON_PEER_CLOSE, 1000, ""},
	{CLOSE_REASON_DRAIN, 1012, "retry_ms=1500"},
	{CLOSE_REASON_KICKED, 4001, "kicked"},
};

static void payloads_are_code_and_text(void **state)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		uint8_t payload[CLOSE_PAYLOAD_MAX];
		const size_t len = close_reason_payload(table[i].reason, 1500, payload);

		assert_int_equal(len, 2 + strlen(table[i].text));
		assert_int_equal(payload[0] * 256 + payload[1], table[i].code);
		assert_memory_equal(payload + 2, table[i].text, len - 2);
		assert_int_equal(close_reason_code(table[i].reason), table[i].code);
	}
}

static void some_ends_send_no_close(void **state)
{
	unsigned silent = 0;
	for (unsigned reason = 0; reason < CLOSE_REASON_COUNT; reason++) {
		uint8_t payload[CLOSE_PAYLOAD_MAX];
		const size_t len = close_reason_payload(reason, 1500, payload);

		assert_int_equal(len == 0, close_reason_code(reason) == 0);
		silent += len == 0;
	}
	assert_in_range(silent, 1, CLOSE_REASON_COUNT - 1);
	assert_int_equal(close_reason_code(CLOSE_REASON_NONE), 0);
	assert_int_equal(close_reason_code(CLOSE_REASON_PEER_RESET), 0);
}

static void every_payload_may_be_sent(void **state)
{
	for (unsigned reason = 0; reason < CLOSE_REASON_COUNT; reason++) {
		uint8_t payload[CLOSE_PAYLOAD_MAX];
		const size_t len = close_reason_payload(reason, UINT32_MAX, payload);
		if (len == 0) {
			continue;
		}
		assert_in_range(len, 2, CLOSE_PAYLOAD_MAX);
		assert_true(close_code_is_valid(close_reason_code(reason)));
		assert_true(utf8_valid(payload + 2, len - 2));
	}
}

static void retries_take_any_number(void **state)
{
	static const char longest[] = "retry_ms=4294967295";
	uint8_t payload[CLOSE_PAYLOAD_MAX];

	assert_int_equal(
		close_reason_payload(CLOSE_REASON_DRAIN, UINT32_MAX, payload), 2 + strlen(longest));
	assert_memory_equal(payload + 2, longest, strlen(longest));
	assert_int_equal(
		close_reason_payload(CLOSE_REASON_DRAIN, 0, payload), 2 + strlen("retry_ms=0"));
}

static void counters_differ(void **state)
{
	for (unsigned a = 0; a < CLOSE_REASON_COUNT; a++) {
		assert_true(strlen(close_reason_counter(a)) > 0);
		assert_true(strlen(close_reason_log(a)) > 0);
		for (unsigned b = 0; b < a; b++) {
			assert_string_not_equal(close_reason_counter(a), close_reason_counter(b));
		}
	}
	assert_string_equal(close_reason_counter(CLOSE_REASON_KICKED), "kicked");
	assert_string_equal(close_reason_log(CLOSE_REASON_PEER_EOF), "EOF");
}

static void codes_of_peers_are_those_of_the_registry(void **state)
{
	for (unsigned code = 0; code <= UINT16_MAX; code++) {
		bool valid = code >= 3000 && code < 5000;
		switch (code) {
		case 1000:
		case 1001:
		case 1002:
		case 1003:
		case 1007:
		case 1008:
		case 1009:
		case 1010:
		case 1011:
		case 1012:
		case 1013:
		case 1014:
			valid = true;
			break;
		}
		assert_int_equal(close_code_is_valid((uint16_t)code), valid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payloads_are_code_and_text),
		cmocka_unit_test(some_ends_send_no_close),
		cmocka_unit_test(every_payload_may_be_sent),
		cmocka_unit_test(retries_take_any_number),
		cmocka_unit_test(counters_differ),
		cmocka_unit_test(codes_of_peers_are_those_of_the_registry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
