/* The token of --token-file: read again whenever one is asked for. No text that is shown holds any
 * of it. */
#ifndef TIDEGATE_CHAT_TOKEN_H
#define TIDEGATE_CHAT_TOKEN_H

#include <stddef.h>

enum {
	CHAT_TOKEN_MAX = 4096, /* bytes */
	CHAT_TOKEN_WHY_MAX = 128,
};

/* Reads the first line of a file, without blanks around it. Returns 0, or -1 and why there is no
 * token in it, for people, to stand behind the file's name. */
int chat_token_read(
	const char *path, char ret_token[CHAT_TOKEN_MAX + 1], char ret_why[CHAT_TOKEN_WHY_MAX]);

#endif
