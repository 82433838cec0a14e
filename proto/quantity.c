#include "quantity.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ascii.h"

enum {
	MS_PER_S = 1000,
	BITS_PER_UNIT = 10, /* each unit of bytes is 1,024 of the one before */
};

static const struct {
	const char *name;
	uint64_t ms;
} times[] = {
	{"d", UINT64_C(86400) * MS_PER_S},
	{"h", UINT64_C(3600) * MS_PER_S},
	{"m", UINT64_C(60) * MS_PER_S},
	{"s", MS_PER_S},
	{"ms", 1},
};

enum {
	TIME_COUNT = sizeof(times) / sizeof(times[0]),
};

static const char SIZES[] = "KMGT";

/* --- reading ------------------------------------------------------------------------------------
 */

/* Takes the digits at *text. */
static int take_digits(const char **text, uint64_t *ret_number)
{
	size_t len = strspn(*text, "0123456789");
	if (len == 0) {
		return -EINVAL;
	}
	if (!ascii_number(*text, len, UINT64_MAX, ret_number)) {
		return -ERANGE;
	}
	*text += len;
	return 0;
}

/* Takes the unit of a time at *text. Returns its index, TIME_COUNT for none. */
static size_t take_time(const char **text)
{
	size_t len = 0;
	while (isalpha((unsigned char)(*text)[len])) {
		len++;
	}
	for (size_t i = 0; i < TIME_COUNT; i++) {
		if (strlen(times[i].name) == len && memcmp(times[i].name, *text, len) == 0) {
			*text += len;
			return i;
		}
	}
	return TIME_COUNT;
}

static bool add_product(uint64_t number, uint64_t factor, uint64_t *sum)
{
	return !__builtin_mul_overflow(number, factor, &number) &&
	       !__builtin_add_overflow(*sum, number, sum);
}

static int parse_time(const char *text, uint64_t bare_ms, uint64_t *ret_ms)
{
	uint64_t ms = 0;
	size_t next = 0; /* the longest unit that may come */
	bool is_bare = text[strspn(text, "0123456789")] == '\0';
	do {
		uint64_t number;
		int err = take_digits(&text, &number);
		if (err) {
			return err;
		}
		size_t unit = is_bare ? 0 : take_time(&text);
		if (unit == TIME_COUNT || unit < next) {
			return -EINVAL;
		}
		if (!add_product(number, is_bare ? bare_ms : times[unit].ms, &ms)) {
			return -ERANGE;
		}
		next = unit + 1;
	} while (*text);
	*ret_ms = ms;
	return 0;
}

static int parse_seconds(const char *text, uint64_t *ret_seconds)
{
	uint64_t ms;
	int err = parse_time(text, MS_PER_S, &ms);
	if (err) {
		return err;
	}
	if (ms % MS_PER_S) {
		return -EDOM;
	}
	*ret_seconds = ms / MS_PER_S;
	return 0;
}

static int parse_count(const char *text, const char *sizes, uint64_t *ret_count)
{
	uint64_t number;
	uint64_t count = 0;
	uint64_t factor = 1;
	int err = take_digits(&text, &number);
	if (err) {
		return err;
	}
	if (*text) {
		const char *size = strchr(sizes, toupper((unsigned char)*text));
		if (!size || text[1]) {
			return -EINVAL;
		}
		factor <<= BITS_PER_UNIT * (size - sizes + 1);
	}
	if (!add_product(number, factor, &count)) {
		return -ERANGE;
	}
	*ret_count = count;
	return 0;
}

int quantity_parse(const char *text, enum quantity kind, uint64_t *ret_amount)
{
	switch (kind) {
	case QUANTITY_SECONDS:
		return parse_seconds(text, ret_amount);
	case QUANTITY_MS:
		return parse_time(text, 1, ret_amount);
	case QUANTITY_BYTES:
		return parse_count(text, SIZES, ret_amount);
	case QUANTITY_COUNT:
		return parse_count(text, "", ret_amount);
	}
	return -EINVAL;
}

/* --- writing ------------------------------------------------------------------------------------
 */

void quantity_write(uint64_t amount, enum quantity kind, char ret_text[QUANTITY_TEXT_MAX])
{
	const uint64_t unit = UINT64_C(1) << BITS_PER_UNIT;
	char size[2] = "";
	for (const char *next = SIZES;
		kind == QUANTITY_BYTES && *next && amount > 0 && amount % unit == 0; next++) {
		amount /= unit;
		size[0] = *next;
	}
	snprintf(ret_text, QUANTITY_TEXT_MAX, "%" PRIu64 "%s", amount, size);
}
