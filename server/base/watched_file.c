#include "watched_file.h"

static struct watched_file_look look_at(const char *path)
{
	struct stat status;
	if (stat(path, &status) < 0) {
		return (struct watched_file_look){.exists = false};
	}
	return (struct watched_file_look){
		.exists = true,
		.device = status.st_dev,
		.inode = status.st_ino,
		.size = status.st_size,
		.mode = status.st_mode,
		.modified = status.st_mtim,
		.changed = status.st_ctim,
	};
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same(const struct watched_file_look *a, const struct watched_file_look *b)
{
	return a->exists == b->exists && a->device == b->device && a->inode == b->inode &&
	       a->size == b->size && a->mode == b->mode &&
	       is_same_time(&a->modified, &b->modified) && is_same_time(&a->changed, &b->changed);
}

void watched_file_note(struct watched_file *file, const char *path)
{
	file->known = file->last = look_at(path);
}

bool watched_file_is_known(const struct watched_file *file, const char *path)
{
	const struct watched_file_look now = look_at(path);
	return is_same(&now, &file->known);
}

bool watched_file_has_changed(struct watched_file *file, const char *path)
{
	const struct watched_file_look now = look_at(path);
	bool is_settled = is_same(&now, &file->last);
	file->last = now;
	if (!is_settled || is_same(&now, &file->known)) {
		return false;
	}
	file->known = now;
	return true;
}
