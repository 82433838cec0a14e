#include "key_store.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../base/watched_file.h"

enum {
	ID_SHOWN_MAX = 24,
	IDS_SHOWN_MAX = 4, /* of those that came, and of those that went */
	CHANGES_MAX = 140, /* bytes of what is said of either, NUL included */
};

struct key_store {
	pthread_mutex_t lock;     /* of `keys` */
	struct keys *keys;        /* those in force */
	_Atomic uint64_t version; /* grows with each change of `keys` */
	/* Of the thread that looks. */
	char *path; /* NULL: they come from no file */
	struct watched_file file;
	bool is_at_fault; /* what was read last could not be taken */
};

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
	watched_file_note(&store->file, path);
	int err = store->path ? keys_load(path, findings, &store->keys) : -ENOMEM;
	if (err) {
		key_store_destroy(&store);
		return err;
	}
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
	int err = keys_load(store->path, findings, &fresh);
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
	watched_file_note(&store->file, path);
	return load(store, findings, ret_text);
}

enum key_news key_store_look(
	struct key_store *store, struct findings *findings, char ret_text[KEY_NEWS_MAX])
{
	ret_text[0] = '\0';
	if (!store->path) {
		return KEY_NEWS_NONE;
	}
	return watched_file_has_changed(&store->file, store->path) ? load(store, findings, ret_text)
								   : KEY_NEWS_NONE;
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
