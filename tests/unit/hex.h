/* Bytes as their sources print them. */
#ifndef TIDEGATE_TESTS_HEX_H
#define TIDEGATE_TESTS_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Reads pairs of hexadecimal digits, between which spaces may stand. Returns how many bytes. */
static inline size_t hex_read(const char *text, uint8_t *ret_bytes)
{
	size_t len = 0;
	while (*text) {
		if (*text == ' ') {
			text++;
			continue;
		}
		const char pair[3] = {text[0], text[1], '\0'};
		char *end;
		ret_bytes[len++] = (uint8_t)strtoul(pair, &end, 16);
		if (end != pair + 2) {
			abort();
		}
		text += 2;
	}
	return len;
}

/* The same where there is room for so many bytes. */
static inline size_t hex_read_at_most(const char *text, uint8_t *ret_bytes, size_t most)
{
	if (strlen(text) / 2 > most) {
		abort();
	}
	return hex_read(text, ret_bytes);
}

#define assert_hex(bytes, text)                                                                    \
	do {                                                                                       \
		uint8_t expected_bytes[sizeof(text)];                                              \
		assert_memory_equal(bytes, expected_bytes, hex_read(text, expected_bytes));        \
	} while (0)

#endif
