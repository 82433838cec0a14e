#include "secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

/* Until its end, which may have moved since. */
static int read_all(int fd, struct secret_text *text)
{
	const size_t size = (size_t)text->stat.st_size;
	text->data = OPENSSL_malloc(size + 1);
	if (!text->data) {
		return -ENOMEM;
	}
	while (text->len < size) {
		ssize_t len = read(fd, text->data + text->len, size - text->len);
		if (len < 0 && errno != EINTR) {
			return -errno;
		}
		if (len == 0) {
			break;
		}
		text->len += len > 0 ? (size_t)len : 0;
	}
	text->data[text->len] = '\0';
	return 0;
}

static int check_file(const struct stat *stat)
{
	if (S_ISDIR(stat->st_mode)) {
		return -EISDIR;
	}
	if (!S_ISREG(stat->st_mode)) {
		return -ENODEV;
	}
	return stat->st_size > SECRET_FILE_MAX ? -EFBIG : 0;
}

int secret_file_read(const char *path, struct secret_text *ret_text)
{
	struct secret_text text = {.data = NULL};
	/* A FIFO is refused, not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		return -errno;
	}
	int err = fstat(fd, &text.stat) < 0 ? -errno : check_file(&text.stat);
	if (!err) {
		err = read_all(fd, &text);
	}
	close(fd);
	if (err) {
		secret_text_finish(&text);
		return err;
	}
	*ret_text = text;
	return 0;
}

void secret_text_finish(struct secret_text *text)
{
	if (text->data) {
		OPENSSL_clear_free(text->data, text->len + 1);
	}
	*text = (struct secret_text){.data = NULL};
}

bool secret_text_is_open(const struct secret_text *text)
{
	return text->stat.st_mode & S_IRWXO;
}

const char *secret_file_fault(int err)
{
	switch (err) {
	case -ENODEV:
		return "this is no file";
	case -EFBIG:
		return "it is too long for a file of keys";
	default:
		return strerrordesc_np(-err);
	}
}
