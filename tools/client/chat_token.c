#include "chat_token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int refuse(char ret_why[CHAT_TOKEN_WHY_MAX], const char *why)
{
	snprintf(ret_why, CHAT_TOKEN_WHY_MAX, "%s", why);
	return -1;
}

/* Reads until there is nothing more or no room. Returns bytes, or -1 and errno. */
static ssize_t read_start(const char *path, char *ret_text, size_t size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = 0;
	ssize_t step = fd < 0 ? -1 : 1;

	while (step > 0 && len < size) {
		step = read(fd, ret_text + len, size - len);
		if (step < 0 && errno == EINTR) {
			step = 1;
			continue;
		}
		len += step > 0 ? (size_t)step : 0;
	}
	const int error = errno;
	if (fd >= 0) {
		close(fd);
	}
	errno = error;
	return step < 0 ? -1 : (ssize_t)len;
}

int chat_token_read(
	const char *path, char ret_token[CHAT_TOKEN_MAX + 1], char ret_why[CHAT_TOKEN_WHY_MAX])
{
	static const char blanks[] = " \t\r\n";
	char text[CHAT_TOKEN_MAX + 64]; /* and blanks */
	const ssize_t len = read_start(path, text, sizeof(text) - 1);

	if (len < 0) {
		return refuse(ret_why, strerror(errno));
	}
	text[len] = '\0';
	const char *token = text + strspn(text, blanks);
	const size_t token_len = strcspn(token, blanks);
	const char *rest = token + token_len;
	if (token_len == 0) {
		return refuse(ret_why, "it is empty");
	}
	if (token_len > CHAT_TOKEN_MAX) {
		return refuse(ret_why, "its first line is longer than a token's 4096 bytes");
	}
	/* A second word is no token's end: this is another kind of file. */
	rest += strspn(rest, " \t\r");
	if (*rest && *rest != '\n') {
		return refuse(ret_why, "its first line is more than a token");
	}
	memcpy(ret_token, token, token_len);
	ret_token[token_len] = '\0';
	return 0;
}
