#include "sequence.h"

#include <stdlib.h>

static void add_gap(struct sequence *sequence, uint32_t begin, uint32_t end)
{
	struct sequence_gap *gaps =
		reallocarray(sequence->gaps, sequence->gap_count + 1, sizeof(sequence->gaps[0]));
	if (!gaps) {
		abort();
	}
	sequence->gaps = gaps;
	sequence->gaps[sequence->gap_count++] = (struct sequence_gap){begin, end};
}

/* Takes `number` out of the gap it lies in. */
static void close_gap(struct sequence *sequence, uint32_t index, uint32_t number)
{
	struct sequence_gap gap = sequence->gaps[index];
	sequence->gaps[index] = sequence->gaps[--sequence->gap_count];
	if (number != gap.begin) {
		add_gap(sequence, gap.begin, number);
	}
	if (number + 1 != gap.end) {
		add_gap(sequence, number + 1, gap.end);
	}
}

enum sequence_verdict sequence_judge(struct sequence *sequence, uint32_t number, uint32_t sent)
{
	if ((int32_t)(number - sent) >= 0) {
		return SEQUENCE_IMPOSSIBLE;
	}
	if (sequence->is_floating) {
		sequence->is_floating = false;
		if ((int32_t)(number - sequence->next) <= 0) {
			sequence->next = number + 1;
			return SEQUENCE_NEXT;
		}
	}
	if ((int32_t)(number - sequence->next) > 0) {
		add_gap(sequence, sequence->next, number);
		sequence->next = number + 1;
		return SEQUENCE_AHEAD;
	}
	for (uint32_t i = 0; i < sequence->gap_count; i++) {
		const struct sequence_gap *gap = &sequence->gaps[i];
		if (number - gap->begin < gap->end - gap->begin) {
			close_gap(sequence, i, number);
			return SEQUENCE_LATE;
		}
	}
	return SEQUENCE_DUPLICATE;
}

uint64_t sequence_missing(const struct sequence *sequence, uint32_t sent)
{
	uint64_t missing = (uint32_t)(sent - sequence->next);
	for (uint32_t i = 0; i < sequence->gap_count; i++) {
		missing += (uint32_t)(sequence->gaps[i].end - sequence->gaps[i].begin);
	}
	return missing;
}

void sequence_restart(struct sequence *sequence, uint32_t next, bool is_floating)
{
	free(sequence->gaps);
	*sequence = (struct sequence){.next = next, .is_floating = is_floating};
}
