#include "unix_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	LOCK_LOOKS = 300, /* at a lock that another holds, which takes it a moment */
	LOCK_LOOK_MS = 10,
	NS_PER_MS = 1000000,
};

/* --- the lock ----------------------------------------------------------------------------------
 */

/* Held: the descriptor of the file that stands at its path. */
struct lock {
	char path[ADDRESS_PATH_MAX + sizeof(".lock")];
	int fd;
};

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Errors: -EWOULDBLOCK while another has it, or has just removed it; -errno. */
static int try_lock(struct lock *lock)
{
	struct stat held;
	struct stat there;
	lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock->fd < 0) {
		return -errno;
	}
	int err = flock(lock->fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
	if (!err && (fstat(lock->fd, &held) < 0 || lstat(lock->path, &there) < 0 ||
			    !is_same_file(&held, &there))) {
		err = -EWOULDBLOCK;
	}
	if (err) {
		close(lock->fd);
	}
	return err;
}

/* Never waits for long: signals are taken by the thread that is here. */
static int take_lock(struct lock *lock, const char *path)
{
	const struct timespec moment = {.tv_nsec = LOCK_LOOK_MS * NS_PER_MS};
	snprintf(lock->path, sizeof(lock->path), "%s.lock", path);
	for (int looks = 0; looks < LOCK_LOOKS; looks++) {
		int err = try_lock(lock);
		if (err != -EWOULDBLOCK) {
			return err;
		}
		nanosleep(&moment, NULL);
	}
	return -EBUSY;
}

static void give_lock(struct lock *lock)
{
	/* Before it is given: who has opened it meanwhile sees that it is no longer the one. */
	unlink(lock->path);
	close(lock->fd);
}

/* --- under the lock ----------------------------------------------------------------------------
 */

static int make_socket(int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	*ret_fd = fd;
	return 0;
}

/* Removes a socket that a process left behind when it died; one that answers is in use. */
static int clear_stale(const struct sockaddr_un *address)
{
	struct stat status;
	int fd = -1;
	if (lstat(address->sun_path, &status) < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	if (!S_ISSOCK(status.st_mode)) {
		return -EEXIST;
	}
	int err = make_socket(&fd);
	if (err) {
		return err;
	}
	err = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
	close(fd);
	if (err != ECONNREFUSED) {
		return -EADDRINUSE;
	}
	return unlink(address->sun_path) < 0 ? -errno : 0;
}

/* What is at the path of a bound socket becomes one that others may connect to. */
static int open_bound(int fd, const char *path, mode_t mode, int backlog, struct stat *ret_status)
{
	/* Nobody can connect before it listens, whatever the umask has made of it. */
	if (mode && chmod(path, mode) < 0) {
		return -errno;
	}
	if (listen(fd, backlog) < 0) {
		return -errno;
	}
	return lstat(path, ret_status) < 0 ? -errno : 0;
}

static int listen_at(const struct sockaddr_un *address, mode_t mode, int backlog,
	struct stat *ret_status, int *ret_fd)
{
	int fd = -1;
	int err = clear_stale(address);
	if (!err) {
		err = make_socket(&fd);
	}
	if (err) {
		return err;
	}
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	err = open_bound(fd, address->sun_path, mode, backlog, ret_status);
	if (err) {
		unlink(address->sun_path);
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

int unix_path_listen(
	const char *path, mode_t mode, int backlog, struct unix_path *ret_path, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct lock lock;
	struct stat status;
	memcpy(address.sun_path, path, strlen(path) + 1);
	int err = take_lock(&lock, path);
	if (err) {
		return err;
	}
	err = listen_at(&address, mode, backlog, &status, ret_fd);
	give_lock(&lock);
	if (!err) {
		*ret_path = (struct unix_path){.device = status.st_dev, .inode = status.st_ino};
		memcpy(ret_path->text, address.sun_path, sizeof(ret_path->text));
	}
	return err;
}

int unix_path_check(const char *path)
{
	char folder[ADDRESS_PATH_MAX];
	struct stat status;
	const char *slash = strrchr(path, '/');
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1,
		slash ? path : ".");
	if (access(folder, W_OK | X_OK) < 0) {
		return -errno;
	}
	return lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode) ? -EEXIST : 0;
}

const char *unix_path_advice(int err)
{
	switch (err) {
	case -EEXIST:
		return " (it is not a socket, so it stays)";
	case -EBUSY:
		return " (a process that starts or ends there holds its .lock: try again)";
	case -ENOENT:
	case -ENOTDIR:
	case -EACCES:
	case -EROFS:
		return " (its folder must be there, and be writable; systemd makes that of the service "
		       "at its start)";
	default:
		return "";
	}
}

void unix_path_remove(struct unix_path *path)
{
	struct lock lock;
	struct stat status;
	/* Without the lock it stays: the next to start finds nobody there. */
	if (path->text[0] == '\0' || take_lock(&lock, path->text) < 0) {
		return;
	}
	if (lstat(path->text, &status) == 0 && status.st_dev == path->device &&
		status.st_ino == path->inode) {
		unlink(path->text);
	}
	give_lock(&lock);
	path->text[0] = '\0';
}
