#include "summary.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/worker.h"
#include "session/session_log.h"

enum {
	SECOND_MS = 1000,
};

/* --- numbers -----------------------------------------------------------------------------------
 */

static struct summary_counts count_so_far(const struct node *node)
{
	struct summary_counts counts = {.logins = 0};
	for (uint32_t i = 0; i < node->worker_count; i++) {
		const struct stats *stats = worker_stats(node->workers[i]);
		counts.logins += stats_read(&stats->logins);
		for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++) {
			counts.ends[reason] += stats_read(&stats->upgraded_ends[reason]);
		}
	}
	return counts;
}

static struct summary_counts difference(
	const struct summary_counts *now, const struct summary_counts *before)
{
	struct summary_counts counts = {.logins = now->logins - before->logins};
	for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++) {
		counts.ends[reason] = now->ends[reason] - before->ends[reason];
	}
	return counts;
}

static uint64_t sum_of_ends(const struct summary_counts *counts)
{
	uint64_t sum = 0;
	for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++) {
		sum += counts->ends[reason];
	}
	return sum;
}

static uint64_t count_users(const struct node *node)
{
	uint64_t users = 0;
	for (uint32_t i = 0; i < node->worker_count; i++) {
		users += stats_read(&worker_stats(node->workers[i])->sessions);
	}
	return users;
}

/* --- words -------------------------------------------------------------------------------------
 */

/* Room is there for all reasons, with numbers of 20 digits. */
static int put_ends(char *text, size_t size, const struct summary_counts *counts)
{
	int len = 0;
	for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++) {
		if (counts->ends[reason] > 0) {
			len += snprintf(text + len, size - (size_t)len, "%s%" PRIu64 " %s",
				len > 0 ? ", " : " (", counts->ends[reason],
				close_reason_counter((enum close_reason)reason));
		}
	}
	return len > 0 ? len + snprintf(text + len, size - (size_t)len, ")") : 0;
}

static const char *plural(uint64_t number)
{
	return number == 1 ? "" : "s";
}

void summary_text(
	const struct summary_counts *counts, uint64_t users, char ret_text[SUMMARY_TEXT_MAX])
{
	uint64_t ends = sum_of_ends(counts);
	int len = snprintf(ret_text, SUMMARY_TEXT_MAX, "%" PRIu64 " login%s, %" PRIu64 " end%s",
		counts->logins, plural(counts->logins), ends, plural(ends));
	len += put_ends(ret_text + len, SUMMARY_TEXT_MAX - (size_t)len, counts);
	snprintf(ret_text + len, SUMMARY_TEXT_MAX - (size_t)len, ", %" PRIu64 " user%s", users,
		plural(users));
}

enum log_level summary_level(const struct summary_counts *counts)
{
	enum log_level gravest = LOG_LEVEL_INFO;
	for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++) {
		enum log_level level = session_log_end_level((enum close_reason)reason);
		if (counts->ends[reason] > 0 && reason != CLOSE_REASON_READ_TIMEOUT &&
			level > gravest) {
			gravest = level;
		}
	}
	return gravest;
}

/* Returns how many reasons there are. */
static size_t fields_of_ends(
	const struct summary_counts *counts, struct log_field ret_fields[CLOSE_REASON_COUNT])
{
	size_t at = 0;
	for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++) {
		if (counts->ends[reason] > 0) {
			ret_fields[at++] = (struct log_field)LOG_FIELD_NUMBER(
				close_reason_counter((enum close_reason)reason),
				counts->ends[reason]);
		}
	}
	return at;
}

/* --- lines -------------------------------------------------------------------------------------
 */

static void say(const struct summary_counts *counts, uint64_t users)
{
	char text[SUMMARY_TEXT_MAX];
	struct log_field reasons[CLOSE_REASON_COUNT];
	enum log_level level = summary_level(counts);
	const struct log_field fields[] = {
		LOG_FIELD_NUMBER("logins", counts->logins),
		LOG_FIELD_NUMBER("ends", sum_of_ends(counts)),
		LOG_FIELD_OBJECT("reasons", reasons, fields_of_ends(counts, reasons)),
		LOG_FIELD_NUMBER("users", users),
	};
	if (log_is_enabled(level)) {
		summary_text(counts, users, text);
		log_write_fields(level, 0, fields, sizeof(fields) / sizeof(fields[0]), "%s", text);
	}
}

void summary_look(struct summary *summary, const struct node *node, bool is_each, bool is_last)
{
	uint64_t now_ms = clock_ms();
	if (!is_last && now_ms - summary->at_ms < SECOND_MS) {
		return;
	}
	struct summary_counts now = count_so_far(node);
	struct summary_counts fresh = difference(&now, &summary->told);
	summary->at_ms = now_ms;
	summary->told = now;
	if (!is_each && fresh.logins + sum_of_ends(&fresh) > 0) {
		say(&fresh, count_users(node));
	}
}

void summary_say_totals(const struct node *node)
{
	char text[SUMMARY_TEXT_MAX];
	struct log_field reasons[CLOSE_REASON_COUNT];
	struct summary_counts counts = {.logins = 0};
	uint64_t accepted = 0;
	for (uint32_t i = 0; i < node->worker_count; i++) {
		const struct stats *stats = worker_stats(node->workers[i]);
		accepted += stats_read(&stats->accepted);
		for (int reason = CLOSE_REASON_NONE + 1; reason < CLOSE_REASON_COUNT; reason++) {
			counts.ends[reason] += stats_read(&stats->ends[reason]);
		}
	}
	text[put_ends(text, sizeof(text), &counts)] = '\0';
	const struct log_field fields[] = {
		LOG_FIELD_NUMBER("connections", accepted),
		LOG_FIELD_OBJECT("reasons", reasons, fields_of_ends(&counts, reasons)),
	};
	if (log_is_enabled(LOG_LEVEL_INFO)) {
		log_write_fields(LOG_LEVEL_INFO, 0, fields, 2,
			"stopped: %" PRIu64 " connection%s%s", accepted, plural(accepted), text);
	}
}
