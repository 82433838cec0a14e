#include "token.h"

#include <string.h>

#include "base64url.h"
#include "claims.h"
#include "json_bounds.h"

enum {
	PART_MAX = BASE64URL_DECODED(TOKEN_MAX), /* bytes of a part, decoded */
};

/* The last second of the year 9999. */
#define TIME_MAX INT64_C(253402300799)

/* A header has some three members, one with a chain of certificates some more. */
static const struct json_bounds header_bounds = {.depth = 3, .values = 32};

/* A token in its parts, still encoded. RFC 7515 section 7.1. */
struct parts {
	struct slice header;
	struct slice claims;
	struct slice signature;
	struct slice is_signed; /* header and claims, with the dot between them */
};

/* When it holds, as it says. */
struct term {
	uint64_t begins_s;
	uint64_t ends_s;
};

/* --- parts -------------------------------------------------------------------------------------
 */

static bool take_apart(struct slice token, struct parts *ret_parts)
{
	struct slice rest = token;
	ret_parts->header = slice_cut(&rest, '.');
	ret_parts->claims = slice_cut(&rest, '.');
	ret_parts->signature = rest;
	ret_parts->is_signed =
		(struct slice){token.data, ret_parts->header.len + 1 + ret_parts->claims.len};
	return ret_parts->header.len > 0 && ret_parts->claims.len > 0 &&
	       ret_parts->signature.len > 0;
}

/* Returns the text of a part, which lies in `bytes`; its data is NULL for one that has none. */
static struct slice decode(struct slice part, uint8_t bytes[PART_MAX])
{
	size_t len;
	if (base64url_decode(part, bytes, PART_MAX, &len) < 0) {
		return (struct slice){NULL, 0};
	}
	return (struct slice){(const char *)bytes, len};
}

/* A string's text, or nothing: its data is NULL. */
static struct slice text_of(const json_t *json)
{
	return (struct slice){json_string_value(json), json_string_length(json)};
}

/* --- the signature -----------------------------------------------------------------------------
 */

/* Where a header says where keys are to be found (`jwk`, `jku`, `x5c`, `x5u`), nobody looks: those
 * of the file count. What it calls critical is nothing that is known here. RFC 7515 section 4. */
static bool read_header(const json_t *header, enum algorithm *ret_algorithm, struct slice *ret_kid)
{
	const json_t *kid = json_object_get(header, "kid");
	const struct slice name = text_of(json_object_get(header, "alg"));
	*ret_algorithm = name.data ? algorithm_of(name) : ALGORITHM_NONE;
	*ret_kid = text_of(kid);
	return *ret_algorithm != ALGORITHM_NONE && (!kid || ret_kid->data) &&
	       !json_object_get(header, "crit");
}

static bool verify_by(const struct keys *keys, const struct parts *parts, enum algorithm algorithm,
	struct slice kid)
{
	uint8_t signature[PART_MAX];
	size_t len;
	return base64url_decode(parts->signature, signature, sizeof(signature), &len) == 0 &&
	       keys_verify(keys, algorithm, kid, parts->is_signed, signature, len);
}

static bool is_known(const struct token_memo *memo, struct slice header)
{
	return memo && slice_equals(header, (struct slice){memo->header, memo->header_len});
}

static void remember(
	struct token_memo *memo, struct slice header, enum algorithm algorithm, struct slice kid)
{
	if (!memo || header.len > sizeof(memo->header)) {
		return;
	}
	memo->header_len = header.len;
	memo->kid_len = kid.len;
	memo->has_kid = kid.data != NULL;
	memo->algorithm = algorithm;
	memcpy(memo->header, header.data, header.len);
	if (memo->has_kid) {
		memcpy(memo->kid, kid.data, kid.len);
	}
}

/* Byte for byte the same as one that was read says the same. Of one whose signature is wrong
 * nothing is remembered, so that no stranger makes others forget. */
static bool verify(const struct keys *keys, struct token_memo *memo, const struct parts *parts)
{
	enum algorithm algorithm;
	struct slice kid;
	if (is_known(memo, parts->header)) {
		kid = (struct slice){memo->has_kid ? memo->kid : NULL, memo->kid_len};
		return verify_by(keys, parts, memo->algorithm, kid);
	}
	uint8_t bytes[PART_MAX];
	const struct slice text = decode(parts->header, bytes);
	json_t *header = text.data ? json_bounds_read(&header_bounds, text) : NULL;
	const bool is_good = header && read_header(header, &algorithm, &kid) &&
			     verify_by(keys, parts, algorithm, kid);
	if (is_good) {
		remember(memo, parts->header, algorithm, kid);
	}
	json_decref(header);
	return is_good;
}

/* --- claims ------------------------------------------------------------------------------------
 */

/* Seconds since 1970, without the fraction that they may have. RFC 7519 section 2. */
static bool read_time(const struct claim *time, bool rounds_up, uint64_t *ret_s)
{
	if (time->kind == CLAIM_KIND_NUMBER) {
		*ret_s = (uint64_t)time->number;
		return time->number >= 0 && time->number <= TIME_MAX;
	}
	const double seconds = json_real_value(time->json);
	if (!json_is_real(time->json) || !(seconds >= 0 && seconds <= (double)TIME_MAX)) {
		return false;
	}
	*ret_s = (uint64_t)seconds;
	*ret_s += rounds_up && (double)*ret_s < seconds;
	return true;
}

/* A fraction of a second never makes it longer. */
static bool read_term(const struct claims *claims, struct term *ret_term)
{
	const struct claim *begins = &claims->at[CLAIM_NBF];
	ret_term->begins_s = 0;
	return read_time(&claims->at[CLAIM_EXP], false, &ret_term->ends_s) &&
	       (begins->kind == CLAIM_KIND_MISSING || read_time(begins, true, &ret_term->begins_s));
}

/* Whether all of a list are strings, and the name, where it is not NULL, is one of them. */
static bool list_names(const json_t *list, const char *name)
{
	bool is_named = !name;
	size_t index;
	const json_t *each;
	json_array_foreach(list, index, each)
	{
		const struct slice text = text_of(each);
		if (!text.data) {
			return false;
		}
		is_named = is_named || slice_equals(text, slice_of(name));
	}
	return is_named;
}

/* RFC 7519 section 4.1.3. */
static bool is_for_audience(const struct claim *named, const char *audience)
{
	if (named->kind == CLAIM_KIND_MISSING) {
		return !audience;
	}
	if (json_is_array(named->json)) {
		return list_names(named->json, audience);
	}
	return named->text.data && (!audience || slice_equals(named->text, slice_of(audience)));
}

static bool is_by_issuer(const struct claim *named, const char *issuer)
{
	if (named->kind == CLAIM_KIND_MISSING) {
		return !issuer;
	}
	return named->text.data && (!issuer || slice_equals(named->text, slice_of(issuer)));
}

static bool read_user(struct slice user, struct token_claims *claimed)
{
	if (!user.data || !user_name_is_valid(user.data, user.len)) {
		return false;
	}
	memcpy(claimed->user, user.data, user.len);
	claimed->user_len = (uint8_t)user.len;
	return true;
}

/* A device may be without a name. */
static bool read_device(const struct claim *named, struct token_claims *claimed)
{
	const struct slice device = named->text;
	if (named->kind == CLAIM_KIND_MISSING) {
		return true;
	}
	if (!device.data || device.len > DEVICE_NAME_MAX ||
		(device.len > 0 && !user_name_is_valid(device.data, device.len))) {
		return false;
	}
	memcpy(claimed->device, device.data, device.len);
	claimed->device_len = (uint8_t)device.len;
	claimed->has_device = true;
	return true;
}

static bool read_rights(
	const struct claim *tg, struct rights_table *table, struct token_claims *claimed)
{
	if (tg->kind == CLAIM_KIND_MISSING) {
		claimed->rights = rights_default();
		return true;
	}
	return rights_read(table, tg->json, &claimed->rights) == 0;
}

static enum token_verdict judge_term(const struct term *term, uint64_t now_s)
{
	if (now_s >= term->ends_s + TOKEN_LEEWAY_S) {
		return TOKEN_EXPIRED;
	}
	return term->begins_s > now_s + TOKEN_LEEWAY_S ? TOKEN_NOT_YET : TOKEN_GOOD;
}

/* The rights last: of a token that is not good nobody has a reference. */
static enum token_verdict judge_claims(const struct claims *claims, const struct token_rules *rules,
	uint64_t now_s, struct token_claims *ret_claims)
{
	struct token_claims claimed = {.user_len = 0};
	struct term term;
	if (!read_term(claims, &term) ||
		!is_for_audience(&claims->at[CLAIM_AUD], rules->audience) ||
		!is_by_issuer(&claims->at[CLAIM_ISS], rules->issuer) ||
		!read_user(claims->at[CLAIM_SUB].text, &claimed) ||
		!read_device(&claims->at[CLAIM_DEVICE], &claimed)) {
		return TOKEN_BAD;
	}
	const enum token_verdict verdict = judge_term(&term, now_s);
	if (verdict == TOKEN_GOOD && !read_rights(&claims->at[CLAIM_TG], rules->rights, &claimed)) {
		return TOKEN_BAD;
	}
	if (verdict == TOKEN_GOOD) {
		claimed.ends_s = term.ends_s;
		*ret_claims = claimed;
	}
	return verdict;
}

static enum token_verdict judge_part(struct slice part, const struct token_rules *rules,
	uint64_t now_s, struct token_claims *ret_claims)
{
	uint8_t bytes[PART_MAX];
	struct claims claims;
	const struct slice text = decode(part, bytes);
	if (!text.data || claims_read(text, &claims) < 0) {
		return TOKEN_BAD;
	}
	const enum token_verdict verdict = judge_claims(&claims, rules, now_s, ret_claims);
	claims_finish(&claims);
	return verdict;
}

enum token_verdict token_judge(const struct keys *keys, const struct token_rules *rules,
	const char *token, size_t len, uint64_t now_s, struct token_claims *ret_claims)
{
	struct parts parts;
	if (len == 0) {
		return TOKEN_NONE;
	}
	if (len > TOKEN_MAX || !take_apart((struct slice){token, len}, &parts) ||
		!verify(keys, rules->memo, &parts)) {
		return TOKEN_BAD;
	}
	return judge_part(parts.claims, rules, now_s, ret_claims);
}
