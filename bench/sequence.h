/* The numbers of a stream of messages as they come in: which are missing, which came twice, which
 * came late. Numbers are 32 bits and may wrap. */
#ifndef TIDEGATE_BENCH_SEQUENCE_H
#define TIDEGATE_BENCH_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

enum sequence_verdict {
	SEQUENCE_NEXT,       /* as it should be */
	SEQUENCE_AHEAD,      /* numbers before it are missing so far */
	SEQUENCE_LATE,       /* one that was missing: the stream was reordered */
	SEQUENCE_DUPLICATE,  /* it has come before */
	SEQUENCE_IMPOSSIBLE, /* it was never sent */
};

struct sequence_gap {
	uint32_t begin; /* the first number missing */
	uint32_t end;   /* the one behind the last */
};

/* Owner:  one generator. Zero-initialised expects number 0.
 * Shared: never.
 * Freed:  by sequence_finish. */
struct sequence {
	uint32_t next;
	uint32_t gap_count : 31;
	uint32_t is_floating : 1; /* `next` is the latest number the stream may begin with */
	struct sequence_gap *gaps;
};

/* What is wrong with `number`; `sent` numbers have been sent. Not for the number that is next. */
enum sequence_verdict sequence_judge(struct sequence *sequence, uint32_t number, uint32_t sent);

/* Takes the next number in. */
static inline enum sequence_verdict sequence_take(
	struct sequence *sequence, uint32_t number, uint32_t sent)
{
	if (number == sequence->next && number != sent && !sequence->is_floating) {
		sequence->next++;
		return SEQUENCE_NEXT;
	}
	return sequence_judge(sequence, number, sent);
}

/* How many of `sent` have never come. */
uint64_t sequence_missing(const struct sequence *sequence, uint32_t sent);

/* Frees the gaps and expects `next`, or, when floating, some number up to `next`. */
void sequence_restart(struct sequence *sequence, uint32_t next, bool is_floating);

#endif
