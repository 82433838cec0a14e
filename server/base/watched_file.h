/* A file that is read again when it has changed. Whoever has it looks once in a while, for what
 * writes a file may have no way to tell. */
#ifndef TIDEGATE_WATCHED_FILE_H
#define TIDEGATE_WATCHED_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

/* What a look at a file tells. */
struct watched_file_look {
	bool exists;
	dev_t device;
	ino_t inode;
	off_t size;
	mode_t mode;
	struct timespec modified; /* its content */
	struct timespec changed;  /* its owner or its names, too */
};

/* Owner: whoever looks; plain data. Zero-initialised: the file was not there. */
struct watched_file {
	struct watched_file_look known; /* when it was read */
	struct watched_file_look last;  /* at the last look */
};

/* Takes it as it is now for known: before it is read, so that no change is missed. Thread: the
 * owner. */
void watched_file_note(struct watched_file *file, const char *path);

/* Whether it is as it was when it was known. Thread: any. */
bool watched_file_is_known(const struct watched_file *file, const char *path);

/* Whether it is another than the known one, and has been the same for two looks: who writes it is
 * done then, as a rule. It is known from there on; the next call says no. A file that is gone has
 * changed. Thread: the owner. */
bool watched_file_has_changed(struct watched_file *file, const char *path);

#endif
