#include "chat_keys.h"

#include <stdlib.h>
#include <string.h>

enum {
	ESCAPE = 0x1b,
	DELETE = 0x7f,
	PASTE_BEGINS = 200,
	PASTE_ENDS = 201,
};

#define CTRL(letter) ((letter) & 0x1f)

void keys_feed(struct keys *keys, const char *data, size_t len)
{
	keys->data = data;
	keys->len = len;
}

static bool is_text(char c)
{
	return (unsigned char)c >= 0x20 && c != DELETE;
}

/* Each of these fills *ret_key and returns true when the byte is a key, or the last of one. */

static bool found(struct key *ret_key, enum key_kind kind)
{
	*ret_key = (struct key){.kind = kind};
	return true;
}

static bool take_control(struct keys *keys, char c, struct key *ret_key)
{
	switch (c) {
	case '\r':
	case '\n':
		return found(ret_key, KEY_ENTER);
	case CTRL('D'):
		return found(ret_key, KEY_LEAVE);
	case CTRL('A'):
		return found(ret_key, KEY_HOME);
	case CTRL('E'):
		return found(ret_key, KEY_END);
	case CTRL('B'):
		return found(ret_key, KEY_LEFT);
	case CTRL('F'):
		return found(ret_key, KEY_RIGHT);
	case CTRL('P'):
		return found(ret_key, KEY_OLDER);
	case CTRL('N'):
		return found(ret_key, KEY_NEWER);
	case CTRL('H'):
	case DELETE:
		return found(ret_key, KEY_BACKSPACE);
	case CTRL('W'):
		return found(ret_key, KEY_CUT_WORD);
	case CTRL('U'):
		return found(ret_key, KEY_CUT_LEFT);
	case CTRL('K'):
		return found(ret_key, KEY_CUT_RIGHT);
	case CTRL('L'):
	case CTRL('R'):
		return found(ret_key, KEY_REDRAW);
	case ESCAPE:
		keys->phase = KEYS_ESCAPE;
		return false;
	default:
		return false;
	}
}

/* ECMA-48 section 5.4, and what terminals make of it. */
static bool take_final(struct keys *keys, char c, struct key *ret_key)
{
	const bool has_modifier = strchr(keys->parameters, ';') != NULL;

	keys->phase = KEYS_PLAIN;
	switch (c) {
	case 'A':
		return found(ret_key, KEY_OLDER);
	case 'B':
		return found(ret_key, KEY_NEWER);
	case 'C':
		return found(ret_key, has_modifier ? KEY_WORD_RIGHT : KEY_RIGHT);
	case 'D':
		return found(ret_key, has_modifier ? KEY_WORD_LEFT : KEY_LEFT);
	case 'H':
		return found(ret_key, KEY_HOME);
	case 'F':
		return found(ret_key, KEY_END);
	case '~':
		break;
	default:
		return false;
	}
	switch (atoi(keys->parameters)) {
	case 1:
	case 7:
		return found(ret_key, KEY_HOME);
	case 3:
		return found(ret_key, KEY_DELETE);
	case 4:
	case 8:
		return found(ret_key, KEY_END);
	case PASTE_BEGINS:
		keys->is_pasting = true;
		return false;
	case PASTE_ENDS:
		keys->is_pasting = false;
		return false;
	default:
		return false;
	}
}

static bool take_of_sequence(struct keys *keys, char c, struct key *ret_key)
{
	if (c >= 0x40 && c <= 0x7e) {
		return take_final(keys, c, ret_key);
	}
	if (c < 0x20) {
		/* Cut short. */
		keys->phase = KEYS_PLAIN;
		return take_control(keys, c, ret_key);
	}
	if (keys->parameters_len + 1 < sizeof(keys->parameters)) {
		keys->parameters[keys->parameters_len++] = c;
		keys->parameters[keys->parameters_len] = '\0';
	}
	return false;
}

static bool take_behind_escape(struct keys *keys, char c, struct key *ret_key)
{
	if (c == ESCAPE) {
		return false;
	}
	keys->phase = KEYS_PLAIN;
	switch (c) {
	case '[':
	case 'O':
		keys->phase = KEYS_SEQUENCE;
		keys->parameters_len = 0;
		keys->parameters[0] = '\0';
		return false;
	case 'b':
		return found(ret_key, KEY_WORD_LEFT);
	case 'f':
		return found(ret_key, KEY_WORD_RIGHT);
	case CTRL('H'):
	case DELETE:
		return found(ret_key, KEY_CUT_WORD);
	default:
		return is_text(c) ? false : take_control(keys, c, ret_key);
	}
}

/* Text as far as it goes. */
static bool take_text(struct keys *keys, struct key *ret_key)
{
	size_t len = 0;

	while (len < keys->len && (is_text(keys->data[len]) || keys->data[len] == '\t')) {
		len++;
	}
	*ret_key = (struct key){.kind = KEY_TEXT, .text = keys->data, .len = len};
	keys->data += len;
	keys->len -= len;
	return len > 0;
}

static bool take_byte(struct keys *keys, struct key *ret_key)
{
	const char c = *keys->data++;

	keys->len--;
	switch (keys->phase) {
	case KEYS_SEQUENCE:
		return take_of_sequence(keys, c, ret_key);
	case KEYS_ESCAPE:
		return take_behind_escape(keys, c, ret_key);
	default:
		return take_control(keys, c, ret_key);
	}
}

bool keys_next(struct keys *keys, struct key *ret_key)
{
	while (keys->len > 0) {
		if (keys->phase == KEYS_PLAIN && take_text(keys, ret_key)) {
			return true;
		}
		/* What is pasted edits nothing. */
		if (take_byte(keys, ret_key) && (!keys->is_pasting || ret_key->kind == KEY_ENTER)) {
			return true;
		}
	}
	return false;
}
