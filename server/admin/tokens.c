#include "tokens.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "../../proto/slice.h"

enum {
	FILE_MAX = 1024, /* bytes: both lines, and room for empty ones */
};

static const char HOW_TO_MAKE_ONE[] = "(head -c 24 /dev/urandom | base64 makes one)";

/* --- what is given -----------------------------------------------------------------------------
 */

bool admin_tokens_have(const struct admin_tokens *tokens, const char *given)
{
	char theirs[ADMIN_TOKEN_MAX + 1] = "";
	size_t len = strnlen(given, ADMIN_TOKEN_MAX + 1);
	unsigned found = 0;
	memcpy(theirs, given, len <= ADMIN_TOKEN_MAX ? len : 0);
	/* Each in full, whichever it is, and the place of one that is not there too: that is empty,
	 * as what is too long is here, and counts for nothing. */
	for (uint32_t i = 0; i < ADMIN_TOKENS_MAX; i++) {
		unsigned is_same = sodium_memcmp(tokens->texts[i], theirs, sizeof(theirs)) == 0;
		found |= is_same & (i < tokens->count);
	}
	return found != 0;
}

bool admin_tokens_are_same(const struct admin_tokens *a, const struct admin_tokens *b)
{
	return a->count == b->count && sodium_memcmp(a->texts, b->texts, sizeof(a->texts)) == 0;
}

void admin_tokens_wipe(struct admin_tokens *tokens)
{
	sodium_memzero(tokens, sizeof(*tokens));
}

/* --- the file ----------------------------------------------------------------------------------
 */

/* Where a fault is told.
 * Owner: the call of admin_tokens_read. */
struct fault {
	const char *path;
	char *text;
	size_t size;
};

__attribute__((format(printf, 3, 4))) static int fail(
	const struct fault *fault, int err, const char *format, ...)
{
	char what[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	snprintf(fault->text, fault->size, "admin_token: %.200s: %s", fault->path, what);
	return err;
}

/* Reads all of it, and one byte more where it is too long. Returns its length. Errors: -errno. */
static ssize_t read_all(int fd, char ret_data[FILE_MAX + 1])
{
	size_t len = 0;
	while (len <= FILE_MAX) {
		ssize_t taken = read(fd, ret_data + len, FILE_MAX + 1 - len);
		if (taken < 0 && errno == EINTR) {
			continue;
		}
		if (taken < 0) {
			return -errno;
		}
		if (taken == 0) {
			break;
		}
		len += (size_t)taken;
	}
	return (ssize_t)len;
}

static ssize_t read_file(const struct fault *fault, char ret_data[FILE_MAX + 1])
{
	struct stat status;
	int fd = open(fault->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return fail(fault, -errno, "%s", strerrordesc_np(errno));
	}
	ssize_t len = fstat(fd, &status) < 0 ? -errno : read_all(fd, ret_data);
	close(fd);
	if (len < 0) {
		return fail(fault, (int)len, "%s", strerrordesc_np((int)-len));
	}
	if (status.st_mode & S_IRWXO) {
		return fail(fault, -EACCES,
			"others may read or write it: chmod o-rwx takes that from them");
	}
	return len;
}

/* Says what is wrong with a line, by its number in the file. */
static int fail_line(const struct fault *fault, unsigned number, struct slice line)
{
	const char *what = line.len < ADMIN_TOKEN_MIN   ? "is too short"
			   : line.len > ADMIN_TOKEN_MAX ? "is too long"
							: "has another character in it";
	return fail(fault, -EINVAL,
		"line %u %s: a token is 16 to 256 printable characters without a space %s", number,
		what, HOW_TO_MAKE_ONE);
}

static bool is_token(struct slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (!isgraph((unsigned char)line.data[i])) {
			return false;
		}
	}
	return line.len >= ADMIN_TOKEN_MIN && line.len <= ADMIN_TOKEN_MAX;
}

static int take_lines(const struct fault *fault, struct slice rest, struct admin_tokens *ret_tokens)
{
	for (unsigned number = 1; rest.len > 0; number++) {
		struct slice line = slice_cut(&rest, '\n');
		line.len -= line.len > 0 && line.data[line.len - 1] == '\r';
		if (line.len == 0) {
			continue;
		}
		if (!is_token(line)) {
			return fail_line(fault, number, line);
		}
		if (ret_tokens->count == ADMIN_TOKENS_MAX) {
			return fail(fault, -EINVAL,
				"it has more than two lines: one token, or a second one while "
				"callers change over");
		}
		memcpy(ret_tokens->texts[ret_tokens->count++], line.data, line.len);
	}
	return ret_tokens->count > 0 ? 0
				     : fail(fault, -EINVAL,
					       "it is empty: a line of it is a token, of 16 to 256 "
					       "printable characters without a space %s",
					       HOW_TO_MAKE_ONE);
}

int admin_tokens_read(
	const char *path, struct admin_tokens *ret_tokens, char *ret_error, size_t error_size)
{
	const struct fault fault = {path, ret_error, error_size};
	struct admin_tokens tokens = {.count = 0};
	char data[FILE_MAX + 1];
	ssize_t len = read_file(&fault, data);
	int err = len < 0 ? (int)len : 0;
	if (len > FILE_MAX) {
		err = fail(&fault, -EFBIG, "it is too long: two lines of 256 characters at most");
	} else if (len >= 0) {
		err = take_lines(&fault, (struct slice){data, (size_t)len}, &tokens);
	}
	if (!err) {
		*ret_tokens = tokens;
	}
	admin_tokens_wipe(&tokens);
	sodium_memzero(data, sizeof(data));
	return err;
}
