#include "creds.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILE_MAX = 16384, /* bytes */
};

static int fail(char ret_fault[CREDS_FAULT_MAX], int err, const char *what)
{
	snprintf(ret_fault, CREDS_FAULT_MAX, "%s", what);
	return err;
}

/* Reads up to FILE_MAX bytes, and a NUL behind them. */
static int read_text(int fd, char ret_text[FILE_MAX + 1])
{
	size_t len = 0;
	ssize_t taken;

	do {
		taken = read(fd, ret_text + len, FILE_MAX - len);
		len += taken > 0 ? (size_t)taken : 0;
	} while ((taken > 0 && len < FILE_MAX) || (taken < 0 && errno == EINTR));
	ret_text[len] = '\0';
	return taken < 0 ? -errno : 0;
}

static int read_file(const char *path, char ret_text[FILE_MAX + 1], char ret_fault[CREDS_FAULT_MAX])
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return fail(ret_fault, -errno, strerrordesc_np(errno));
	}

	int err = fstat(fd, &status) < 0 ? -errno : 0;
	if (!err && !S_ISREG(status.st_mode)) {
		err = -EINVAL;
	}
	if (!err && (status.st_mode & S_IRWXO)) {
		close(fd);
		return fail(ret_fault, -EACCES, "others may read or change it: chmod o= it");
	}
	if (!err) {
		err = read_text(fd, ret_text);
	}
	close(fd);
	return err ? fail(ret_fault, err, strerrordesc_np(-err)) : 0;
}

/* The first line, at `text`. */
static int read_line(const char *text, struct creds *ret_creds, char ret_fault[CREDS_FAULT_MAX])
{
	size_t line_len = strcspn(text, "\r\n");
	size_t user_len = strcspn(text, ":\r\n");
	const char *rest = text + line_len + strspn(text + line_len, "\r\n");

	if (user_len == 0 || user_len + 1 >= line_len || *rest != '\0') {
		return fail(ret_fault, -EINVAL,
			"neither credentials of NATS nor one line USER:PASSWORD");
	}
	if (user_len >= CREDS_TEXT_MAX || line_len - user_len - 1 >= CREDS_TEXT_MAX) {
		return fail(ret_fault, -EINVAL, "user or password is too long");
	}
	*ret_creds = (struct creds){.is_file = false};
	memcpy(ret_creds->user, text, user_len);
	memcpy(ret_creds->password, text + user_len + 1, line_len - user_len - 1);
	return 0;
}

int creds_load(const char *path, struct creds *ret_creds, char ret_fault[CREDS_FAULT_MAX])
{
	char text[FILE_MAX + 1];

	int err = read_file(path, text, ret_fault);
	if (!err && strstr(text, "-----BEGIN NATS USER JWT-----")) {
		*ret_creds = (struct creds){.is_file = true};
	} else if (!err) {
		err = read_line(text, ret_creds, ret_fault);
	}
	sodium_memzero(text, sizeof(text));
	return err;
}

void creds_finish(struct creds *creds)
{
	sodium_memzero(creds, sizeof(*creds));
}
