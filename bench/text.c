#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

const char *text_count(struct text *text, double count)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%.0f", fmin(fabs(count), 1e15));
	char *to = text->chars;
	if (count < 0) {
		*to++ = '-';
	}
	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0) {
			*to++ = ',';
		}
		*to++ = digits[i];
	}
	*to = '\0';
	return text->chars;
}

/* Three figures, whatever the size. */
static void write_scaled(struct text *text, double value, const char *unit)
{
	snprintf(text->chars, sizeof(text->chars), "%.*f %s",
		value >= 99.95   ? 0
		: value >= 9.995 ? 1
				 : 2,
		value, unit);
}

const char *text_time(struct text *text, double ns)
{
	if (ns < 999.5) {
		snprintf(text->chars, sizeof(text->chars), "%.0f ns", ns);
	} else if (ns < 999.5e3) {
		write_scaled(text, ns / 1e3, "us");
	} else if (ns < 999.5e6) {
		write_scaled(text, ns / 1e6, "ms");
	} else {
		write_scaled(text, ns / 1e9, "s");
	}
	return text->chars;
}

const char *text_size(struct text *text, double bytes)
{
	if (fabs(bytes) < 1023.5) {
		snprintf(text->chars, sizeof(text->chars), "%.0f bytes", bytes);
	} else if (fabs(bytes) < 1023.5 * 1024) {
		write_scaled(text, bytes / 1024, "KiB");
	} else {
		write_scaled(text, bytes / 1024 / 1024, "MiB");
	}
	return text->chars;
}
