#include "user_name.h"

#include <stdint.h>

#include "slice.h"
#include "suffix.h"
#include "utf8.h"

/* Takes the first character off valid UTF-8 that is not empty. */
static uint32_t take_character(struct slice *rest)
{
	const uint8_t lead = (uint8_t)rest->data[0];
	const size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	uint32_t character = len == 1 ? lead : lead & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		character = character << 6 | ((uint8_t)rest->data[i] & 0x3f);
	}
	slice_drop(rest, len);
	return character;
}

static bool is_control(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

/* Of the writing direction: what follows is shown in another place than it stands. */
static bool is_override(uint32_t character)
{
	return (character >= 0x202a && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069);
}

/* White_Space of Unicode that is no control character. */
static bool is_blank(uint32_t character)
{
	switch (character) {
	case ' ':
	case 0xa0:
	case 0x1680:
	case 0x2028:
	case 0x2029:
	case 0x202f:
	case 0x205f:
	case 0x3000:
		return true;
	default:
		return character >= 0x2000 && character <= 0x200a;
	}
}

/* Of valid UTF-8 that is not empty. */
static bool shows_what_it_is(struct slice name)
{
	struct slice rest = name;
	bool at_end = true;
	while (rest.len > 0) {
		if (rest.data[0] == '-' && slice_begins(rest, SLICE(SUFFIX_MARK_IN_NAME))) {
			return false;
		}
		const uint32_t character = take_character(&rest);
		at_end |= rest.len == 0;
		if (is_control(character) || is_override(character) ||
			(at_end && is_blank(character))) {
			return false;
		}
		at_end = false;
	}
	return true;
}

/* Of visible ASCII without a hyphen, as nearly all names are: no rule is left that it could break.
 */
static bool is_plain(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '-') {
			return false;
		}
	}
	return true;
}

bool user_name_is_valid(const char *name, size_t len)
{
	if (len == 0 || len > USER_NAME_MAX) {
		return false;
	}
	return is_plain(name, len) || (utf8_valid((const uint8_t *)name, len) &&
					      shows_what_it_is((struct slice){name, len}));
}
