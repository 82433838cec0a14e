/* The keys that are in force, while the file that they come from changes.
 *
 * One thread looks at the file and puts another set in the place of the old. Each thread that
 * verifies has a reader, which holds the set that was in force when it last asked: that costs one
 * look at a counter, and a lock only behind a change. So an old set is freed when all readers have
 * asked again. */
#ifndef TIDEGATE_KEY_STORE_H
#define TIDEGATE_KEY_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../config/findings.h"
#include "keys.h"

enum {
	KEY_NEWS_MAX = 320, /* bytes of what has changed, NUL included; fits a line of the log */
};

/* Owner:  the node.
 * Shared: by the readers.
 * Freed:  behind the last of them. */
struct key_store;

/* Owner: a thread that verifies. */
struct key_reader {
	struct key_store *store; /* NULL: no tokens are asked for */
	struct keys *keys;
	uint64_t version; /* of `keys` */
};

enum key_news {
	KEY_NEWS_NONE,    /* the file is as it was, or holds the same keys */
	KEY_NEWS_CHANGED, /* others are in force */
	KEY_NEWS_FAULT,   /* it cannot be taken: those of before are still in force */
};

/* Loads the file. Thread: one that is the first. Errors: as keys_load, with findings. */
int key_store_create(const char *path, struct findings *findings, struct key_store **ret_store);

/* One of these for good, which come from no file: there is nothing to look at, and none is read
 * again. Their reference is taken over whatever comes of it. Thread: one that is the first. Errors:
 * -ENOMEM. */
int key_store_hold(struct keys **keys, struct key_store **ret_store);

/* NULL is fine. Thread: one that is the last. */
void key_store_destroy(struct key_store **store);

/* Reads the file again, or another one. `ret_text` says how many keys there are and which came and
 * went, as `3 keys, 1 new ("2026-12"), 1 gone ("2026-11")`; never a secret. With KEY_NEWS_FAULT it
 * is empty, and the findings say what is wrong. Thread: the one that looks. */
enum key_news key_store_reload(struct key_store *store, const char *path, struct findings *findings,
	char ret_text[KEY_NEWS_MAX]);

/* The same where the file has changed, and has been the same for two looks: one system call where
 * it has not. What was wrong with a file is told once. To be called every second or so. Thread: the
 * one that looks. */
enum key_news key_store_look(
	struct key_store *store, struct findings *findings, char ret_text[KEY_NEWS_MAX]);

/* Whether the file was at fault when it was last read, so that those in force are of before.
 * Thread: the one that looks. */
bool key_store_is_at_fault(const struct key_store *store);

/* How many are in force. Thread: any. */
size_t key_store_count(struct key_store *store);

/* Thread: the reader's. */
void key_reader_init(struct key_reader *reader, struct key_store *store);

/* Fine with a zeroed one. Thread: the reader's, or one that is the last. */
void key_reader_finish(struct key_reader *reader);

/* Those that are in force now; they stay valid until the reader's next call. Thread: the reader's.
 */
const struct keys *key_reader_keys(struct key_reader *reader);

#endif
