#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "text.h"

enum {
	BAR = 24, /* columns */
};

static bool is_terminal(void)
{
	static int answer = -1;
	if (answer < 0) {
		answer = isatty(STDERR_FILENO);
	}
	return answer == 1;
}

void progress_show(const char *what, double done, const struct sample *sample, const char *unit)
{
	char bar[BAR + 1];
	struct text rate;
	struct text p50;
	struct text p99;
	if (!is_terminal()) {
		return;
	}
	done = done < 0 ? 0 : done > 1 ? 1 : done;
	for (int i = 0; i < BAR; i++) {
		bar[i] = i < (int)(done * BAR) ? '=' : ' ';
	}
	bar[BAR] = '\0';
	fprintf(stderr, "\r\033[K%-8s [%s] %3.0f %%", what, bar, done * 100);
	if (sample && sample->rate > 0) {
		fprintf(stderr, "  %s %s/s", text_count(&rate, sample->rate), unit);
	}
	/* None before the measured window. */
	if (sample && sample->p99_ns > 0) {
		fprintf(stderr, "  p50 %s  p99 %s", text_time(&p50, (double)sample->p50_ns),
			text_time(&p99, (double)sample->p99_ns));
	}
	fflush(stderr);
}

void progress_clear(void)
{
	if (is_terminal()) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
}
