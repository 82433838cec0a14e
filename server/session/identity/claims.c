#include "claims.h"

#include <errno.h>
#include <stdbool.h>

#include "../../../proto/ascii.h"
#include "json_bounds.h"

enum {
	PLAIN_MAX = 16, /* members of a plain object: each is compared with those before it */
	PLAIN_DIGITS_MAX = 15, /* of a plain number */
};

/* Claims list groups and roles. */
static const struct json_bounds bounds = {.depth = 8, .values = 512};

static enum claim_name name_of(struct slice name)
{
	return slice_equals(name, SLICE("exp"))      ? CLAIM_EXP
	       : slice_equals(name, SLICE("nbf"))    ? CLAIM_NBF
	       : slice_equals(name, SLICE("aud"))    ? CLAIM_AUD
	       : slice_equals(name, SLICE("iss"))    ? CLAIM_ISS
	       : slice_equals(name, SLICE("sub"))    ? CLAIM_SUB
	       : slice_equals(name, SLICE("device")) ? CLAIM_DEVICE
	       : slice_equals(name, SLICE("tg"))     ? CLAIM_TG
						     : CLAIM_OTHER;
}

/* --- plain ones --------------------------------------------------------------------------------
 * All that is taken here means the same to jansson; whatever is not goes to it. */

static bool take(struct slice *rest, char wanted)
{
	const bool is_there = rest->len > 0 && rest->data[0] == wanted;
	slice_drop(rest, is_there ? 1 : 0);
	return is_there;
}

static bool take_word(struct slice *rest, struct slice wanted)
{
	const bool is_there = slice_begins(*rest, wanted);
	slice_drop(rest, is_there ? wanted.len : 0);
	return is_there;
}

static bool is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

static bool take_text(struct slice *rest, struct slice *ret_text)
{
	size_t len = 0;
	if (!take(rest, '"')) {
		return false;
	}
	while (len < rest->len && is_plain(rest->data[len])) {
		len++;
	}
	*ret_text = (struct slice){rest->data, len};
	slice_drop(rest, len);
	return take(rest, '"');
}

/* Without a sign, and without a nought in front of others. */
static bool take_number(struct slice *rest, int64_t *ret_number)
{
	int64_t number = 0;
	size_t len = 0;
	while (len < rest->len && ascii_is_digit(rest->data[len]) && len < PLAIN_DIGITS_MAX) {
		number = number * 10 + (rest->data[len] - '0');
		len++;
	}
	if (len == 0 || (rest->data[0] == '0' && len > 1)) {
		return false;
	}
	slice_drop(rest, len);
	*ret_number = number;
	return true;
}

static bool take_claim(struct slice *rest, struct claim *ret_claim)
{
	*ret_claim = (struct claim){.kind = CLAIM_KIND_MISSING};
	if (take_text(rest, &ret_claim->text)) {
		ret_claim->kind = CLAIM_KIND_TEXT;
	} else if (take_number(rest, &ret_claim->number)) {
		ret_claim->kind = CLAIM_KIND_NUMBER;
	} else if (take_word(rest, SLICE("true")) || take_word(rest, SLICE("false")) ||
		   take_word(rest, SLICE("null"))) {
		ret_claim->kind = CLAIM_KIND_ELSE;
	}
	return ret_claim->kind != CLAIM_KIND_MISSING;
}

static bool is_among(const struct slice *names, size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++) {
		if (slice_equals(names[i], name)) {
			return true;
		}
	}
	return false;
}

/* Returns whether all of it was plain; else some of the claims may be there. */
static bool read_plain(struct slice text, struct claim ret_claims[CLAIM_COUNT])
{
	struct slice names[PLAIN_MAX];
	size_t count = 0;
	if (!take(&text, '{')) {
		return false;
	}
	do {
		struct slice name;
		struct claim claim;
		if (count == PLAIN_MAX || !take_text(&text, &name) || !take(&text, ':') ||
			!take_claim(&text, &claim) || is_among(names, count, name)) {
			return false;
		}
		names[count++] = name;
		ret_claims[name_of(name)] = claim;
	} while (take(&text, ','));
	return take(&text, '}') && text.len == 0;
}

/* --- all others --------------------------------------------------------------------------------
 */

static struct claim claim_of(const json_t *json)
{
	if (json_is_string(json)) {
		return (struct claim){.kind = CLAIM_KIND_TEXT,
			.text = {json_string_value(json), json_string_length(json)}};
	}
	if (json_is_integer(json)) {
		return (struct claim){
			.kind = CLAIM_KIND_NUMBER, .number = json_integer_value(json)};
	}
	return (struct claim){.kind = CLAIM_KIND_ELSE, .json = json};
}

static int read_other(struct slice text, struct claims *claims)
{
	const char *name;
	json_t *value;
	*claims = (struct claims){.json = json_bounds_read(&bounds, text)};
	if (!claims->json) {
		return -EINVAL;
	}
	json_object_foreach(claims->json, name, value)
	{
		claims->at[name_of(slice_of(name))] = claim_of(value);
	}
	return 0;
}

int claims_read(struct slice text, struct claims *ret_claims)
{
	*ret_claims = (struct claims){.json = NULL};
	return read_plain(text, ret_claims->at) ? 0 : read_other(text, ret_claims);
}

void claims_finish(struct claims *claims)
{
	json_decref(claims->json);
}
