#include "demo_token.h"

#include <stdlib.h>

#include "../base/clock.h"
#include "../node/api_body.h"
#include "../session/identity/mint.h"
#include "asks.h"

enum {
	SECONDS_MAX = 600, /* that one lasts: whoever sees it could be that user for so long */
};

/* Errors: NULL: no memory. */
static json_t *make_claims(const struct admin_request *request, uint32_t seconds)
{
	const struct config *config = &request->context->config;
	const struct errand *errand = &request->errand;
	const json_int_t now_s = (json_int_t)(clock_wall_ms() / 1000);
	json_t *claims = json_pack("{s:s%, s:I, s:I}", "sub", request->name, request->name_len,
		"iat", now_s, "exp", now_s + seconds);
	if (errand->is_for_one) {
		json_object_set_new(
			claims, "device", json_stringn(errand->only.name, errand->only.len));
	}
	if (config->auth_audience[0]) {
		json_object_set_new(claims, "aud", json_string(config->auth_audience));
	}
	if (config->auth_issuer[0]) {
		json_object_set_new(claims, "iss", json_string(config->auth_issuer));
	}
	return claims;
}

static void answer_token(struct admin_request *request, uint32_t seconds)
{
	char *token;
	json_t *claims = make_claims(request, seconds);
	int err = mint_token(request->context->node->demo_key, ALGORITHM_HS256, claims, &token);
	json_decref(claims);
	if (err) {
		admin_answer_problem(&request->answer, PROBLEM_NO_MEMORY, "for the token");
		return;
	}
	admin_answer_json(&request->answer, 200,
		json_pack("{s:s, s:i}", "token", token, "seconds", (int)seconds));
	free(token);
}

void admin_demo_token_make(struct admin_request *request)
{
	char fault[API_FAULT_MAX];
	uint32_t seconds;
	if (!request->context->node->demo_key) {
		admin_answer_problem(&request->answer, PROBLEM_NOT_FOUND,
			"there is no key to sign with: --demo makes one with --auth=token and "
			"without --auth-keys");
		return;
	}
	if (api_body_read_number(request->body, request->body_len, "seconds", 1, SECONDS_MAX,
		    &seconds, fault) < 0) {
		admin_answer_problem(&request->answer, PROBLEM_BAD_BODY, "%s", fault);
		return;
	}
	if (admin_asks_take_device_only(request)) {
		answer_token(request, seconds);
	}
}
