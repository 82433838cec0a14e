#include "identity.h"

#include <errno.h>
#include <string.h>

#include "../../../proto/query.h"

void identity_init(struct identity *identity, struct key_store *store, struct rights_table *rights)
{
	*identity = (struct identity){.is_asked = store != NULL, .rights = rights};
	if (store) {
		key_reader_init(&identity->keys, store);
	}
}

void identity_finish(struct identity *identity)
{
	key_reader_finish(&identity->keys);
}

void identity_configure(struct identity *identity, const struct config *config)
{
	identity->reads_url = config->token_in_url;
	strcpy(identity->audience, config->auth_audience);
	strcpy(identity->issuer, config->auth_issuer);
}

/* --- where the token is ------------------------------------------------------------------------
 */

/* What a request brings along.
 * Owner: the call of identity_judge. */
struct found {
	struct slice token; /* the last one */
	uint32_t count;
	bool is_broken;          /* one cannot even be read */
	char decoded[TOKEN_MAX]; /* of the query */
};

static void note(struct found *found, struct slice token)
{
	found->token = token;
	found->count++;
}

/* RFC 6750 section 2.1. Other schemes are somebody else's business: a proxy's, maybe. */
static void look_at_authorization(struct found *found, struct slice value)
{
	const struct slice scheme = slice_cut(&value, ' ');
	if (slice_equals_nocase(scheme, SLICE("bearer"))) {
		note(found, slice_trim(value));
	}
}

/* PROTOCOL section 6: a name among those that are offered. */
static void look_at_protocols(struct found *found, struct slice offered)
{
	const struct slice start = SLICE("tidegate.token.");
	while (offered.len > 0) {
		struct slice name = slice_trim(slice_cut(&offered, ','));
		if (slice_begins(name, start)) {
			slice_drop(&name, start.len);
			note(found, name);
		}
	}
}

/* Each line of a field. Of most there is one, which is known. */
static void look_at_lines(struct found *found, const struct handshake_request *request,
	const struct handshake_field *field, struct slice name,
	void (*look_at)(struct found *found, struct slice value))
{
	struct slice fields = request->fields;
	struct slice its_name;
	struct slice value;
	if (field->count == 1) {
		look_at(found, field->value);
	}
	while (field->count > 1 && http_head_cut_field(&fields, &its_name, &value)) {
		if (slice_equals_nocase(its_name, name)) {
			look_at(found, value);
		}
	}
}

static void look_at_query(struct found *found, struct slice query)
{
	const int len = query_find(query, SLICE("token"), found->decoded, sizeof(found->decoded));
	if (len >= 0) {
		note(found, (struct slice){found->decoded, (size_t)len});
	} else {
		found->is_broken = len != -ENOENT;
	}
}

static bool has_token_in_url(const struct handshake_request *request)
{
	char none[1];
	return query_find(request->query, SLICE("token"), none, 0) != -ENOENT;
}

/* Returns whether there is one to be judged; else what is to be said is in the login. */
static bool find_token(const struct identity *identity, const struct handshake_request *request,
	struct found *found, struct identity_login *login)
{
	found->token = SLICE("");
	found->count = 0;
	found->is_broken = false;
	look_at_lines(found, request, &request->authorization, SLICE("authorization"),
		look_at_authorization);
	look_at_lines(found, request, &request->protocols, SLICE("sec-websocket-protocol"),
		look_at_protocols);
	if (identity->reads_url) {
		look_at_query(found, request->query);
	}
	if (found->count == 1 && !found->is_broken) {
		return true;
	}
	login->verdict = found->count > 1 || found->is_broken ? TOKEN_BAD : TOKEN_NONE;
	login->has_one_in_url = !identity->reads_url && has_token_in_url(request);
	return false;
}

/* --- the verdict -------------------------------------------------------------------------------
 */

static enum close_reason reason_of(enum token_verdict verdict)
{
	switch (verdict) {
	case TOKEN_GOOD:
		break;
	case TOKEN_NONE:
		return CLOSE_REASON_NO_TOKEN;
	case TOKEN_BAD:
		return CLOSE_REASON_BAD_TOKEN;
	case TOKEN_EXPIRED:
		return CLOSE_REASON_TOKEN_EXPIRED;
	case TOKEN_NOT_YET:
		return CLOSE_REASON_TOKEN_NOT_YET;
	}
	return CLOSE_REASON_NONE;
}

enum token_verdict identity_judge_token(struct identity *identity, struct slice token,
	uint64_t now_s, struct token_claims *ret_claims)
{
	const struct token_rules rules = {
		.audience = identity->audience[0] ? identity->audience : NULL,
		.issuer = identity->issuer[0] ? identity->issuer : NULL,
		.rights = identity->rights,
		.memo = &identity->memo,
	};
	return token_judge(
		key_reader_keys(&identity->keys), &rules, token.data, token.len, now_s, ret_claims);
}

bool identity_is_of(const struct token_claims *claims, struct slice user, struct slice device)
{
	const struct slice its_user = {claims->user, claims->user_len};
	const struct slice its_device = {claims->device, claims->device_len};
	return slice_equals(its_user, user) &&
	       (!claims->has_device || slice_equals(its_device, device));
}

/* What the request says of itself, where that is all there is. */
static enum close_reason take_request(
	const struct handshake_request *request, struct identity_login *login)
{
	login->user = request->user;
	login->user_len = request->user_len;
	login->device = request->device;
	login->device_len = request->device_len;
	return request->user_valid ? CLOSE_REASON_NONE : CLOSE_REASON_BAD_LOGIN;
}

/* What a good token says, in which the request must not differ. */
static enum close_reason take_claims(
	const struct handshake_request *request, struct identity_login *login)
{
	const struct token_claims *claims = &login->claims;
	struct slice user = {claims->user, claims->user_len};
	struct slice device = {claims->device, claims->device_len};
	if (!request->device_valid || (request->user_given && !request->user_valid)) {
		return CLOSE_REASON_BAD_LOGIN;
	}
	if (request->user_given) {
		user = (struct slice){request->user, request->user_len};
	}
	if (request->device_given || !claims->has_device) {
		device = (struct slice){request->device, request->device_len};
	}
	login->user = user.data;
	login->user_len = (uint8_t)user.len;
	login->device = device.data;
	login->device_len = (uint8_t)device.len;
	return identity_is_of(claims, user, device) ? CLOSE_REASON_NONE : CLOSE_REASON_BAD_TOKEN;
}

/* Apart, for its room on the stack. */
static __attribute__((noinline)) enum close_reason judge_with_token(struct identity *identity,
	const struct handshake_request *request, uint64_t now_s, struct identity_login *login)
{
	struct found found;
	login->has_judged = true;
	if (find_token(identity, request, &found, login)) {
		login->token_len = found.token.len;
		login->verdict = identity_judge_token(identity, found.token, now_s, &login->claims);
	}
	if (login->verdict != TOKEN_GOOD) {
		return reason_of(login->verdict);
	}
	enum close_reason refused = take_claims(request, login);
	login->has_token = refused == CLOSE_REASON_NONE;
	if (refused == CLOSE_REASON_BAD_TOKEN) {
		login->verdict = TOKEN_BAD; /* for who it was shown for */
	}
	if (refused != CLOSE_REASON_NONE) {
		rights_unref(&login->claims.rights);
	}
	return refused;
}

bool identity_takes_long(struct identity *identity)
{
	return identity->is_asked && !keys_verify_soon(key_reader_keys(&identity->keys));
}

enum close_reason identity_judge(struct identity *identity, const struct handshake_request *request,
	uint64_t now_s, struct identity_login *ret_login)
{
	ret_login->has_token = false;
	ret_login->has_judged = false;
	ret_login->has_one_in_url = false;
	ret_login->token_len = 0;
	ret_login->verdict = TOKEN_GOOD;
	return identity->is_asked ? judge_with_token(identity, request, now_s, ret_login)
				  : take_request(request, ret_login);
}
