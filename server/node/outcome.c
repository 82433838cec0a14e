#include "outcome.h"

#include <stdint.h>
#include <string.h>

enum {
	NUMBER_MOST = INT32_MAX, /* of a part: what is more is none of ours */
};

/* Those that say the most come last. PROTOCOL section 6 says so of a user's several sessions. */
static const enum problem ranks[] = {
	PROBLEM_OFFLINE,
	PROBLEM_NO_ROOM,
	PROBLEM_NOT_A_MEMBER,
	PROBLEM_TOO_MANY_ROOMS,
	PROBLEM_NO_MEMORY, /* from here on: it could not do what it had to */
	PROBLEM_BAD_BODY,
	PROBLEM_TOO_LARGE,
	PROBLEM_BUSY,
	PROBLEM_OVERFLOW,
};

enum {
	RANK_OF_REFUSALS = 5,
};

/* From 1 on; 0: a problem that no node has with its part. */
static unsigned rank_of(const json_t *part)
{
	const char *name = json_string_value(json_object_get(part, "problem"));
	const enum problem problem = name ? problem_find(name) : PROBLEM_COUNT;
	for (unsigned i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++) {
		if (ranks[i] == problem) {
			return i + 1;
		}
	}
	return 0;
}

/* --- parts -------------------------------------------------------------------------------------
 */

static int add_number(json_t *sum, const char *name, const json_t *value)
{
	const json_int_t number = json_integer_value(value);
	json_t *mine = json_object_get(sum, name);
	if (!json_is_integer(mine) || number < 0 || number > NUMBER_MOST ||
		json_integer_value(mine) > INT64_MAX - NUMBER_MOST) {
		return 0;
	}
	if (strcmp(name, OUTCOME_ROOM_USERS) == 0) {
		return number > json_integer_value(mine) ? json_integer_set(mine, number) : 0;
	}
	return json_integer_set(mine, json_integer_value(mine) + number);
}

static int add_value(json_t *sum, const char *name, json_t *value)
{
	json_t *mine = json_object_get(sum, name);
	if (!mine) {
		return json_object_set(sum, name, value);
	}
	if (json_is_array(value) && json_is_array(mine)) {
		return json_array_extend(mine, value);
	}
	return json_is_integer(value) ? add_number(sum, name, value) : 0;
}

static void add_to_sum(struct outcome *outcome, json_t *part)
{
	const char *name;
	json_t *value;
	if (!outcome->sum) {
		outcome->sum = json_incref(part);
		return;
	}
	json_object_foreach(part, name, value)
	{
		outcome->is_short |= add_value(outcome->sum, name, value) < 0;
	}
}

void outcome_add(struct outcome *outcome, json_t *part)
{
	if (!json_is_object(part)) {
		outcome->is_short = true;
	} else if (!json_object_get(part, "problem")) {
		add_to_sum(outcome, part);
	} else if (!outcome->fault || rank_of(part) > rank_of(outcome->fault)) {
		json_decref(outcome->fault);
		outcome->fault = json_incref(part);
	}
	json_decref(part);
}

void outcome_add_of(struct outcome *outcome, struct slice node, json_t *part)
{
	if (rank_of(part) >= RANK_OF_REFUSALS) {
		outcome->refused = outcome->refused ? outcome->refused : json_array();
		outcome->is_short |= json_array_append_new(outcome->refused,
					     json_stringn(node.data, node.len)) < 0;
	}
	outcome_add(outcome, part);
}

void outcome_add_missing(struct outcome *outcome, struct slice node, bool may_have_arrived)
{
	if (!outcome->missing) {
		outcome->missing = json_array();
	}
	outcome->may_have_arrived |= may_have_arrived;
	outcome->is_short |=
		json_array_append_new(outcome->missing, json_stringn(node.data, node.len)) < 0;
}

/* --- the answer --------------------------------------------------------------------------------
 */

static enum problem problem_of(const struct outcome *outcome, const char **ret_detail)
{
	const unsigned rank = outcome->fault ? rank_of(outcome->fault) : 0;
	const char *detail = json_string_value(json_object_get(outcome->fault, "detail"));
	if (outcome->missing) {
		*ret_detail = outcome->may_have_arrived
				      ? "not all nodes that have to be asked have answered in time"
				      : "not all nodes that have to be asked can be reached";
		return outcome->may_have_arrived ? PROBLEM_UNKNOWN : PROBLEM_UNREACHABLE;
	}
	*ret_detail = detail ? detail : "for the answer";
	return rank > 0 ? ranks[rank - 1] : PROBLEM_NO_MEMORY;
}

json_t *outcome_take(struct outcome *outcome, enum problem *ret_problem, const char **ret_detail)
{
	json_t *sum = outcome->sum;
	if (!sum || outcome->is_short) {
		*ret_problem = problem_of(outcome, ret_detail);
		return NULL;
	}
	outcome->sum = NULL;
	if (!outcome->missing) {
		outcome->missing = json_incref(outcome->refused);
	} else if (outcome->refused) {
		json_array_extend(outcome->missing, outcome->refused);
	}
	if (outcome->missing) {
		json_object_set(sum, "missing", outcome->missing);
	}
	return sum;
}

void outcome_finish(struct outcome *outcome)
{
	json_decref(outcome->sum);
	json_decref(outcome->fault);
	json_decref(outcome->missing);
	json_decref(outcome->refused);
	*outcome = (struct outcome){.sum = NULL};
}
