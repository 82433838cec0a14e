/* Numbers as people read them. */
#ifndef TIDEGATE_BENCH_TEXT_H
#define TIDEGATE_BENCH_TEXT_H

struct text {
	char chars[32];
};

/* Each writes into *text and returns text->chars. */

/* 1,234,567 */
const char *text_count(struct text *text, double count);

/* ns as 870 ns, 12.3 us, 4.56 ms, 7.89 s */
const char *text_time(struct text *text, double ns);

/* 512 bytes, 3.4 KiB, 5.6 MiB */
const char *text_size(struct text *text, double bytes);

#endif
