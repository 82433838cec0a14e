/* Classes of characters, whatever the locale. */
#ifndef TIDEGATE_ASCII_H
#define TIDEGATE_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_is_alnum(char c)
{
	return ascii_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The value of a hexadecimal digit, or -1. */
static inline int ascii_hex_value(char c)
{
	if (ascii_is_digit(c)) {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

/* Reads a text of digits only, a number of at most `max`. */
static inline bool ascii_number(const char *text, size_t len, uint64_t max, uint64_t *ret_number)
{
	uint64_t number = 0;
	for (size_t i = 0; i < len; i++) {
		if (!ascii_is_digit(text[i]) || __builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, (uint64_t)(text[i] - '0'), &number)) {
			return false;
		}
	}
	if (len == 0 || number > max) {
		return false;
	}
	*ret_number = number;
	return true;
}

#endif
