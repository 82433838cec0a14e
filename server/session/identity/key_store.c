#include "key_store.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
	SETTLED_S = 2, /* without a change, until a file's times can be trusted to show the next */
	ID_SHOWN_MAX = 24,
	IDS_SHOWN_MAX = 4, /* of those that came, and of those that went */
	CHANGES_MAX = 140, /* bytes of what is said of either, NUL included */
};

/* What tells a file from what it was before. */
struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
	struct timespec changed;
	bool is_there;
};

struct key_store {
	pthread_mutex_t lock;     /* of `keys` */
	struct keys *keys;        /* those in force */
	_Atomic uint64_t version; /* grows with each change of `keys` */
	/* Of the thread that looks. */
	char *path;         /* NULL: they come from no file */
	struct stamp stamp; /* of the file at the last look */
	bool is_settled;    /* it was not changed shortly before */
	bool is_at_fault;   /* what was read last could not be taken */
};

/* --- the file ----------------------------------------------------------------------------------
 */

static struct stamp stamp_of(const char *path)
{
	struct stat stat_now;
	if (stat(path, &stat_now) < 0) {
		return (struct stamp){.is_there = false};
	}
	return (struct stamp){
		.device = stat_now.st_dev,
		.inode = stat_now.st_ino,
		.size = stat_now.st_size,
		.modified = stat_now.st_mtim,
		.changed = stat_now.st_ctim,
		.is_there = true,
	};
}

static bool is_same_time(struct timespec time, struct timespec other)
{
	return time.tv_sec == other.tv_sec && time.tv_nsec == other.tv_nsec;
}

static bool is_same(const struct stamp *stamp, const struct stamp *other)
{
	return stamp->device == other->device && stamp->inode == other->inode &&
	       stamp->size == other->size && is_same_time(stamp->modified, other->modified) &&
	       is_same_time(stamp->changed, other->changed) && stamp->is_there == other->is_there;
}

/* Whoever writes twice within the same tick of the file system leaves the same times behind. */
static bool is_settled(const struct stamp *stamp)
{
	const time_t now = time(NULL);
	return now < stamp->changed.tv_sec || now - stamp->changed.tv_sec >= SETTLED_S;
}

static void take_stamp(struct key_store *store, const struct stamp *stamp)
{
	store->stamp = *stamp;
	store->is_settled = is_settled(stamp);
}

/* --- what has changed --------------------------------------------------------------------------
 */

/* Of `keys` those that `other` has not: how many, and of some their ids, as `, 1 new ("2026-12")`.
 */
static size_t describe(const struct keys *keys, const struct keys *other, const char *word,
	char *ret_text, size_t size)
{
	char ids[KEY_NEWS_MAX] = "";
	size_t ids_len = 0;
	size_t named = 0;
	size_t count = 0;
	for (size_t i = 0; i < keys_count(keys); i++) {
		if (keys_has(other, keys, i)) {
			continue;
		}
		const struct slice id = keys_id(keys, i);
		if (id.len > 0 && named < IDS_SHOWN_MAX) {
			ids_len += (size_t)snprintf(ids + ids_len, sizeof(ids) - ids_len,
				"%s\"%.*s\"", named ? ", " : " (", ID_SHOWN_MAX, id.data);
			named++;
		}
		count++;
	}
	if (count == 0) {
		*ret_text = '\0';
		return 0;
	}
	const bool is_more = named > 0 && count > named;
	snprintf(ret_text, size, ", %zu %s%s%s%s", count, word, ids, is_more ? ", ..." : "",
		named ? ")" : "");
	return count;
}

/* Returns whether there is a difference. */
static bool compare(const struct keys *fresh, const struct keys *old, char ret_text[KEY_NEWS_MAX])
{
	char came[CHANGES_MAX];
	char went[CHANGES_MAX];
	const size_t changes = describe(fresh, old, "new", came, sizeof(came)) +
			       describe(old, fresh, "gone", went, sizeof(went));
	const size_t count = keys_count(fresh);
	snprintf(ret_text, KEY_NEWS_MAX, "%zu key%s%s%s", count, count == 1 ? "" : "s", came, went);
	return changes > 0 || count != keys_count(old);
}

/* --- the store ---------------------------------------------------------------------------------
 */

static struct key_store *create(void)
{
	struct key_store *store = calloc(1, sizeof(*store));
	if (store) {
		pthread_mutex_init(&store->lock, NULL);
		atomic_init(&store->version, 1);
	}
	return store;
}

int key_store_hold(struct keys **keys, struct key_store **ret_store)
{
	struct key_store *store = create();
	if (!store) {
		keys_unref(keys);
		return -ENOMEM;
	}
	store->keys = *keys;
	*keys = NULL;
	*ret_store = store;
	return 0;
}

int key_store_create(const char *path, struct findings *findings, struct key_store **ret_store)
{
	struct key_store *store = create();
	if (!store) {
		return -ENOMEM;
	}
	store->path = strdup(path);
	const struct stamp stamp = stamp_of(path);
	int err = store->path ? keys_load(path, findings, &store->keys) : -ENOMEM;
	if (err) {
		key_store_destroy(&store);
		return err;
	}
	take_stamp(store, &stamp);
	*ret_store = store;
	return 0;
}

void key_store_destroy(struct key_store **store)
{
	struct key_store *given = *store;
	if (!given) {
		return;
	}
	*store = NULL;
	keys_unref(&given->keys);
	pthread_mutex_destroy(&given->lock);
	free(given->path);
	free(given);
}

static void put(struct key_store *store, struct keys **fresh)
{
	pthread_mutex_lock(&store->lock);
	struct keys *old = store->keys;
	store->keys = *fresh;
	atomic_fetch_add_explicit(&store->version, 1, memory_order_release);
	pthread_mutex_unlock(&store->lock);
	*fresh = NULL;
	keys_unref(&old);
}

static enum key_news load(
	struct key_store *store, struct findings *findings, char ret_text[KEY_NEWS_MAX])
{
	struct keys *fresh;
	/* Before it is read: what is written meanwhile is seen by the next look. */
	const struct stamp stamp = stamp_of(store->path);
	int err = keys_load(store->path, findings, &fresh);
	take_stamp(store, &stamp);
	store->is_at_fault = err != 0;
	ret_text[0] = '\0';
	if (err) {
		return KEY_NEWS_FAULT;
	}
	if (!compare(fresh, store->keys, ret_text)) {
		keys_unref(&fresh);
		ret_text[0] = '\0';
		return KEY_NEWS_NONE;
	}
	put(store, &fresh);
	return KEY_NEWS_CHANGED;
}

enum key_news key_store_reload(struct key_store *store, const char *path, struct findings *findings,
	char ret_text[KEY_NEWS_MAX])
{
	if (!store->path) {
		ret_text[0] = '\0';
		return KEY_NEWS_NONE;
	}
	if (strcmp(path, store->path) != 0) {
		char *its_path = strdup(path);
		if (!its_path) {
			ret_text[0] = '\0';
			findings_add(findings, FINDING_FAULT, "%.200s: out of memory", path);
			return KEY_NEWS_FAULT;
		}
		free(store->path);
		store->path = its_path;
	}
	return load(store, findings, ret_text);
}

static void tell_nobody(void *user, enum finding kind, const char *line)
{
}

static void tell_faults(void *user, enum finding kind, const char *line)
{
	if (kind == FINDING_FAULT) {
		findings_add(user, kind, "%s", line);
	}
}

/* What seems to be the same file is read a second time, with what was said of it already left out.
 */
static enum key_news load_again(
	struct key_store *store, struct findings *findings, char ret_text[KEY_NEWS_MAX])
{
	const bool was_at_fault = store->is_at_fault;
	struct findings unsaid = {
		.tell = was_at_fault ? tell_nobody : tell_faults, .user = findings};
	const enum key_news news = load(store, &unsaid, ret_text);
	return news == KEY_NEWS_FAULT && was_at_fault ? KEY_NEWS_NONE : news;
}

enum key_news key_store_look(
	struct key_store *store, struct findings *findings, char ret_text[KEY_NEWS_MAX])
{
	ret_text[0] = '\0';
	if (!store->path) {
		return KEY_NEWS_NONE;
	}
	const struct stamp stamp = stamp_of(store->path);
	if (!is_same(&stamp, &store->stamp)) {
		return load(store, findings, ret_text);
	}
	if (!store->is_settled) {
		return load_again(store, findings, ret_text);
	}
	return KEY_NEWS_NONE;
}

bool key_store_is_at_fault(const struct key_store *store)
{
	return store->is_at_fault;
}

size_t key_store_count(struct key_store *store)
{
	pthread_mutex_lock(&store->lock);
	const size_t count = keys_count(store->keys);
	pthread_mutex_unlock(&store->lock);
	return count;
}

/* --- readers -----------------------------------------------------------------------------------
 */

void key_reader_init(struct key_reader *reader, struct key_store *store)
{
	*reader = (struct key_reader){.store = store};
}

void key_reader_finish(struct key_reader *reader)
{
	keys_unref(&reader->keys);
	reader->store = NULL;
}

const struct keys *key_reader_keys(struct key_reader *reader)
{
	struct key_store *store = reader->store;
	if (atomic_load_explicit(&store->version, memory_order_acquire) == reader->version) {
		return reader->keys;
	}
	pthread_mutex_lock(&store->lock);
	struct keys *old = reader->keys;
	reader->keys = keys_ref(store->keys);
	reader->version = atomic_load_explicit(&store->version, memory_order_relaxed);
	pthread_mutex_unlock(&store->lock);
	keys_unref(&old);
	return reader->keys;
}
