#include "numbers.h"

static enum numbers_verdict verdict_of(uint64_t lost)
{
	return lost > 0 ? NUMBERS_GAP : NUMBERS_IN_ORDER;
}

enum numbers_verdict numbers_on_all(struct numbers *numbers, uint64_t number, uint64_t *ret_lost)
{
	*ret_lost = 0;
	if (numbers->has_all && number <= numbers->all) {
		return NUMBERS_SEEN;
	}
	if (numbers->has_all) {
		*ret_lost = number - numbers->all - 1;
	}
	numbers->has_all = true;
	numbers->all = number;
	return verdict_of(*ret_lost);
}

/* One to this node says that these came before it to all. Returns how many have not. */
static uint64_t learn_all(struct numbers *numbers, uint64_t all_number)
{
	uint64_t lost = 0;
	if (!numbers->has_all) {
		numbers->has_all = true;
		numbers->all = all_number;
	} else if (all_number > numbers->all) {
		lost = all_number - numbers->all;
		numbers->all = all_number;
	}
	return lost;
}

enum numbers_verdict numbers_on_alone(
	struct numbers *numbers, uint64_t all_number, uint64_t number, uint64_t *ret_lost)
{
	*ret_lost = 0;
	if (number <= numbers->alone) {
		return NUMBERS_SEEN;
	}
	*ret_lost = number - numbers->alone - 1;
	numbers->alone = number;
	if (__builtin_add_overflow(*ret_lost, learn_all(numbers, all_number), ret_lost)) {
		*ret_lost = UINT64_MAX;
	}
	return verdict_of(*ret_lost);
}

uint64_t numbers_on_sent(struct numbers *numbers, uint64_t number)
{
	uint64_t lost = 0;
	if (number > numbers->alone) {
		lost = number - numbers->alone;
		numbers->alone = number;
	}
	return lost;
}
