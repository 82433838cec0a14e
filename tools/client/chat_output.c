#include "chat_output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FIRST_SIZE = 4096,
	/* What a pipe takes whole once poll(2) says that it takes anything. */
	CAREFUL_LEN = 4096,
};

/* O_NONBLOCK belongs to the open file, which the shell and others have as well: a pipe or terminal
 * is opened anew. Returns a descriptor, or -1 where that cannot be. */
static int open_anew(int fd)
{
	char path[sizeof("/proc/self/fd/") + 11];
	struct stat status;

	if (fstat(fd, &status) < 0 || !(S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))) {
		return -1;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static bool is_term_smart(void)
{
	const char *term = getenv("TERM");
	return !term || strcmp(term, "dumb") != 0;
}

static bool wants_colours(void)
{
	const char *no_color = getenv("NO_COLOR");
	return !no_color || !*no_color;
}

int output_init(struct output *output, int fd)
{
	*output = (struct output)OUTPUT_EMPTY;
	output->fd = open_anew(fd);
	output->is_ours = output->fd >= 0;
	if (!output->is_ours) {
		output->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (output->fd < 0) {
			return -errno;
		}
	}
	output->is_tty = isatty(fd);
	output->is_smart = output->is_tty && is_term_smart();
	output->is_coloured = output->is_smart && wants_colours();
	return 0;
}

void output_finish(struct output *output)
{
	if (output->fd >= 0) {
		close(output->fd);
	}
	free(output->data);
	*output = (struct output)OUTPUT_EMPTY;
}

static void fail(struct output *output, int error)
{
	output->error = error;
	output->begin = 0;
	output->end = 0;
}

/* Makes space for `len` bytes behind `end`. */
static bool reserve(struct output *output, size_t len)
{
	const size_t used = output_len(output);
	size_t size = output->size ? output->size : FIRST_SIZE;

	if (output->size - output->end >= len) {
		return true;
	}
	if (output->begin > 0) {
		memmove(output->data, output->data + output->begin, used);
		output->begin = 0;
		output->end = used;
	}
	while (size - used < len) {
		size *= 2;
	}
	if (size > output->size) {
		char *data = realloc(output->data, size);
		if (!data) {
			return false;
		}
		output->data = data;
		output->size = size;
	}
	return true;
}

void output_put(struct output *output, const char *data, size_t len)
{
	if (output->error || len == 0) {
		return;
	}
	if (!reserve(output, len)) {
		fail(output, -ENOMEM);
		return;
	}
	memcpy(output->data + output->end, data, len);
	output->end += len;
}

void output_text(struct output *output, const char *text)
{
	output_put(output, text, strlen(text));
}

void output_format(struct output *output, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	const int len = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (len < 0) {
		fail(output, -ENOMEM);
		return;
	}
	output_put(output, text, (size_t)len);
	free(text);
}

static ssize_t write_some(struct output *output)
{
	size_t len = output_len(output);

	if (!output->is_ours) {
		struct pollfd ready = {.fd = output->fd, .events = POLLOUT};
		if (poll(&ready, 1, 0) <= 0) {
			return -EAGAIN;
		}
		len = len < CAREFUL_LEN ? len : CAREFUL_LEN;
	}
	const ssize_t written = write(output->fd, output->data + output->begin, len);
	return written < 0 ? -errno : written;
}

void output_flush(struct output *output)
{
	while (output_len(output) > 0) {
		const ssize_t written = write_some(output);
		if (written == -EAGAIN) {
			return;
		}
		if (written < 0 && written != -EINTR) {
			fail(output, (int)written);
			return;
		}
		output->begin += written > 0 ? (size_t)written : 0;
	}
	output->begin = 0;
	output->end = 0;
}
