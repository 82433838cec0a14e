/* The UTF-8 check, of texts as people write them. */
#include <string.h>

#include "../../proto/utf8.h"
#include "../measure.h"

enum {
	TEXTS_BYTES = 1 << 20, /* gone through in one run: more than the second cache holds */
};

struct text {
	uint8_t *data;
	size_t len;    /* of one */
	size_t stride; /* from one to the next: not always aligned alike */
	uint64_t count;
	uint64_t valid;
};

static void check_all(void *context)
{
	struct text *text = context;
	text->valid = 0;
	for (uint64_t i = 0; i < text->count; i++) {
		text->valid += utf8_valid(text->data + i * text->stride, text->len);
	}
}

static void check_pieces(void *context)
{
	struct text *text = context;
	text->valid = 0;
	for (uint64_t i = 0; i < text->count; i++) {
		struct utf8_state state = {0};
		const uint8_t *data = text->data + i * text->stride;
		size_t half = text->len / 2;
		text->valid += utf8_check(&state, data, half) &&
			       utf8_check(&state, data + half, text->len - half) &&
			       utf8_complete(&state);
	}
}

static void all_valid(void *context)
{
	const struct text *text = context;
	CHECK(text->valid == text->count);
}

static void none_valid(void *context)
{
	const struct text *text = context;
	CHECK(text->valid == 0);
}

/* Bytes of the character that begins with `lead`. */
static size_t character_len(char lead)
{
	uint8_t byte = (uint8_t)lead;
	return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/* The pattern over and over, as many whole characters as fit, then ASCII. */
static void fill_one(uint8_t *at, const char *pattern, size_t len)
{
	const char *next = pattern;
	size_t used = 0;
	while (used + character_len(*next) <= len) {
		size_t step = character_len(*next);
		memcpy(at + used, next, step);
		used += step;
		next = next[step] ? next + step : pattern;
	}
	memset(at + used, '.', len - used);
}

static void fill(struct text *text, const char *pattern, size_t len)
{
	text->len = len;
	text->stride = len + 3;
	text->count = TEXTS_BYTES / text->stride + 1;
	text->data = calloc(text->count, text->stride);
	CHECK(text->data);
	for (uint64_t i = 0; i < text->count; i++) {
		fill_one(text->data + i * text->stride, pattern, len);
	}
}

static void measure_text(const char *name, const char *pattern)
{
	static const size_t lengths[] = {6, 32, 125, 1024, 65536};
	char line[64];
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct text text;
		fill(&text, pattern, lengths[i]);
		snprintf(line, sizeof(line), "%s, %zu B", name, lengths[i]);
		measure_run(&(struct measure){.name = line,
			.ops = text.count,
			.bytes = text.len,
			.run = check_all,
			.verify = all_valid,
			.context = &text});
		if (lengths[i] == 1024) {
			snprintf(line, sizeof(line), "%s, %zu B in two pieces", name, lengths[i]);
			measure_run(&(struct measure){.name = line,
				.ops = text.count,
				.bytes = text.len,
				.run = check_pieces,
				.verify = all_valid,
				.context = &text});
			/* The last byte begins a character that does not end. */
			for (uint64_t n = 0; n < text.count; n++) {
				text.data[n * text.stride + text.len - 1] = 0xc3;
			}
			snprintf(line, sizeof(line), "%s, %zu B, broken at its end", name,
				lengths[i]);
			measure_run(&(struct measure){.name = line,
				.ops = text.count,
				.bytes = text.len,
				.run = check_all,
				.verify = none_valid,
				.context = &text});
		}
		free(text.data);
	}
}

int main(void)
{
	measure_begin("UTF-8 check");
	measure_text("ASCII", "hello, how are you? ");
	measure_text("Chinese", "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c");
	measure_text("German", "gr\xc3\xbc\xc3\x9f dich, wie gehts? ");
	measure_text("emoji", "\xf0\x9f\x98\x80\xf0\x9f\x91\x8d");
	return 0;
}
