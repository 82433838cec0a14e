#include "problem.h"

#include <string.h>

static const struct {
	unsigned status;
	const char *type;
	const char *title;
} problems[] = {
#define PROBLEM(name, status, type, title) {status, "/problems/" type, title},
#include "problem.def"
#undef PROBLEM
};

unsigned problem_status(enum problem problem)
{
	return problems[problem].status;
}

const char *problem_name(enum problem problem)
{
	return problems[problem].type + strlen("/problems/");
}

enum problem problem_find(const char *name)
{
	enum problem problem = 0;
	while (problem < PROBLEM_COUNT && strcmp(problem_name(problem), name) != 0) {
		problem++;
	}
	return problem;
}

/* What a backend looks at first: whether the message is on its way. */
static const char *result_of(enum problem problem)
{
	switch (problem) {
	case PROBLEM_OFFLINE:
		return "offline";
	case PROBLEM_NO_ROOM:
		return "nobody";
	case PROBLEM_OVERFLOW:
		return "overflow";
	case PROBLEM_UNREACHABLE:
		return "unreachable";
	case PROBLEM_UNKNOWN:
		return "unknown";
	default:
		return NULL;
	}
}

json_t *problem_to_json(enum problem problem, const char *detail)
{
	json_t *json = json_pack("{s:s, s:s, s:i, s:s}", "type", problems[problem].type, "title",
		problems[problem].title, "status", (int)problems[problem].status, "detail", detail);
	const char *result = result_of(problem);
	if (json && result) {
		json_object_set_new(json, "result", json_string(result));
	}
	return json;
}
