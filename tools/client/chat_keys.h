/* What the bytes of a terminal mean: text, and keys that edit it. Sequences may come in pieces. */
#ifndef TIDEGATE_CHAT_KEYS_H
#define TIDEGATE_CHAT_KEYS_H

#include <stdbool.h>
#include <stddef.h>

enum key_kind {
	KEY_TEXT,
	KEY_ENTER,
	KEY_LEAVE, /* Ctrl-D */
	KEY_LEFT,
	KEY_RIGHT,
	KEY_WORD_LEFT,
	KEY_WORD_RIGHT,
	KEY_HOME,
	KEY_END,
	KEY_OLDER,
	KEY_NEWER,
	KEY_BACKSPACE,
	KEY_DELETE,
	KEY_CUT_WORD, /* before the cursor */
	KEY_CUT_LEFT,
	KEY_CUT_RIGHT,
	KEY_REDRAW,
};

struct key {
	enum key_kind kind;
	const char *text; /* of KEY_TEXT; inside what was fed */
	size_t len;       /* bytes, not necessarily whole characters */
};

/* Owner:  what reads the terminal.
 * Shared: never. Zero-initialised is the start. */
struct keys {
	const char *data; /* fed and not looked at */
	size_t len;
	enum {
		KEYS_PLAIN,
		KEYS_ESCAPE,   /* behind an ESC */
		KEYS_SEQUENCE, /* behind ESC [ or ESC O */
	} phase;
	char parameters[8]; /* of a sequence, cut off where it is longer; NUL-terminated */
	size_t parameters_len;
	bool is_pasting; /* between the marks of a bracketed paste: only the Enter key is one */
};

/* Lends `len` bytes until keys_next() has returned false. */
void keys_feed(struct keys *keys, const char *data, size_t len);

/* The next key; what means nothing is passed over. False: there is none. */
bool keys_next(struct keys *keys, struct key *ret_key);

#endif
