#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/ascii.h"

static void test_numbers(void **state)
{
	uint64_t number = 7;
	assert_true(ascii_number("1000", 4, 1000, &number));
	assert_int_equal(number, 1000);
	assert_true(ascii_number("12", 1, 1000, &number));
	assert_int_equal(number, 1);
	assert_false(ascii_number("1001", 4, 1000, &number));
	assert_false(ascii_number("", 0, 1000, &number));
	assert_false(ascii_number("1e3", 3, 1000, &number));
	assert_false(ascii_number("18446744073709551617", 20, UINT32_MAX, &number));
	assert_false(ascii_number("18446744073709551616", 20, UINT64_MAX, &number));
	assert_int_equal(number, 1);
	assert_true(ascii_number("18446744073709551615", 20, UINT64_MAX, &number));
	assert_true(number == UINT64_MAX);
}

static void test_hexadecimal_digits(void **state)
{
	static const char DIGITS[] = "0123456789abcdef0123456789ABCDEF";
	for (int c = 0; c < 256; c++) {
		const char *at = c ? strchr(DIGITS, c) : NULL;
		assert_int_equal(ascii_hex_value((char)c), at ? (at - DIGITS) % 16 : -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_hexadecimal_digits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
