#include "schedule.h"

struct schedule schedule_make(
	uint64_t start_ns, double rate, uint32_t part, uint32_t parts, uint64_t count_max)
{
	struct schedule schedule = {.start_ns = start_ns, .count_max = count_max};
	if (rate > 0) {
		schedule.period_ns = (double)NS_PER_S * parts / rate;
		schedule.start_ns += (uint64_t)(schedule.period_ns * part / parts);
	}
	return schedule;
}

uint64_t schedule_due(const struct schedule *schedule, uint64_t now_ns)
{
	if (now_ns < schedule->start_ns) {
		return 0;
	}
	if (schedule->period_ns <= 0) {
		return schedule->count_max;
	}
	uint64_t due = (uint64_t)((double)(now_ns - schedule->start_ns) / schedule->period_ns) + 1;
	/* The division may round the other way than schedule_at's product. */
	if (schedule_at(schedule, due) <= now_ns) {
		due++;
	} else if (schedule_at(schedule, due - 1) > now_ns) {
		due--;
	}
	return due < schedule->count_max ? due : schedule->count_max;
}
