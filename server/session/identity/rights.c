#include "rights.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "../../../proto/assert.h"
#include "rights_inner.h"

_Static_assert(RIGHTS_STORED_MAX == RIGHTS_PATTERN_BYTES + RIGHTS_PATTERNS_MAX,
	"as many patterns as there may be fit");

enum {
	SHARDS = 64,
	BUCKETS_MIN = 16, /* of a shard */
	PATTERN_MAX = AUDIENCE_MAX + 1,
};

/* A part of the table by hash, with a lock of its own.
 * Owner: its lock. */
struct shard {
	pthread_mutex_t lock;
	struct rights **buckets;
	uint32_t bucket_count; /* a power of two */
	_Atomic uint32_t count;
};

struct rights_table {
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct shard shards[SHARDS];
};

/* --- the table ---------------------------------------------------------------------------------
 */

int rights_table_create(struct rights_table **ret_table)
{
	struct rights_table *table = calloc(1, sizeof(*table));
	if (!table) {
		return -ENOMEM;
	}
	randombytes_buf(table->key, sizeof(table->key));
	for (int i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&table->shards[i].lock, NULL);
	}
	*ret_table = table;
	return 0;
}

void rights_table_destroy(struct rights_table **table)
{
	struct rights_table *given = *table;
	if (!given) {
		return;
	}
	*table = NULL;
	for (int i = 0; i < SHARDS; i++) {
		ASSERT(atomic_load(&given->shards[i].count) == 0);
		pthread_mutex_destroy(&given->shards[i].lock);
		free(given->shards[i].buckets);
	}
	free(given);
}

size_t rights_table_count(const struct rights_table *table)
{
	size_t count = 0;
	for (int i = 0; i < SHARDS; i++) {
		count += atomic_load_explicit(&table->shards[i].count, memory_order_relaxed);
	}
	return count;
}

static struct shard *shard_of(struct rights_table *table, uint32_t hash)
{
	return &table->shards[hash % SHARDS];
}

static struct rights **bucket_of(const struct shard *shard, uint32_t hash)
{
	return &shard->buckets[hash / SHARDS & (shard->bucket_count - 1)];
}

/* Under the shard's lock. */
static int grow(struct shard *shard)
{
	const uint32_t old_count = shard->bucket_count;
	struct rights **old = shard->buckets;
	const uint32_t new_count = old_count ? 2 * old_count : BUCKETS_MIN;
	struct rights **fresh = calloc(new_count, sizeof(struct rights *));
	if (!fresh) {
		return -ENOMEM;
	}
	shard->buckets = fresh;
	shard->bucket_count = new_count;
	for (uint32_t i = 0; i < old_count; i++) {
		for (struct rights *each = old[i], *next; each; each = next) {
			struct rights **bucket = bucket_of(shard, each->hash);
			next = each->next;
			each->next = *bucket;
			*bucket = each;
		}
	}
	free(old);
	return 0;
}

static bool is_same(const struct rights *rights, const struct rights_draft *draft)
{
	const struct rights_head *head = &rights->head;
	const struct rights_head *other = &draft->head;
	return head->may_broadcast == other->may_broadcast &&
	       head->may_request == other->may_request && head->say_count == other->say_count &&
	       head->join_count == other->join_count && head->stored_len == other->stored_len &&
	       memcmp(rights->stored, draft->stored, head->stored_len) == 0;
}

/* Under the shard's lock. Returns another reference, or NULL. */
static struct rights *look_up(
	const struct shard *shard, const struct rights_draft *draft, uint32_t hash)
{
	struct rights *rights = shard->bucket_count ? *bucket_of(shard, hash) : NULL;
	while (rights && !(rights->hash == hash && is_same(rights, draft))) {
		rights = rights->next;
	}
	if (rights) {
		atomic_fetch_add_explicit(&rights->references, 1, memory_order_relaxed);
	}
	return rights;
}

/* Likewise. Returns NULL without memory. */
static struct rights *insert(struct rights_table *table, struct shard *shard,
	const struct rights_draft *draft, uint32_t hash)
{
	if (atomic_load_explicit(&shard->count, memory_order_relaxed) >= shard->bucket_count &&
		grow(shard) < 0) {
		return NULL;
	}
	struct rights *rights = malloc(sizeof(*rights) + draft->head.stored_len);
	if (!rights) {
		return NULL;
	}
	struct rights **bucket = bucket_of(shard, hash);
	rights->table = table;
	rights->next = *bucket;
	atomic_init(&rights->references, 1);
	rights->hash = hash;
	rights->head = draft->head;
	rights->stored = rights->own;
	memcpy(rights->own, draft->stored, draft->head.stored_len);
	*bucket = rights;
	atomic_fetch_add_explicit(&shard->count, 1, memory_order_relaxed);
	return rights;
}

static uint32_t hash_of(const struct rights_table *table, const struct rights_draft *draft)
{
	const uint8_t counts[] = {draft->head.may_broadcast, draft->head.may_request,
		draft->head.say_count, draft->head.join_count};
	unsigned char text[sizeof(counts) + RIGHTS_STORED_MAX];
	uint64_t hash;
	_Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "the whole hash fits");
	memcpy(text, counts, sizeof(counts));
	memcpy(text + sizeof(counts), draft->stored, draft->head.stored_len);
	crypto_shorthash(
		(unsigned char *)&hash, text, sizeof(counts) + draft->head.stored_len, table->key);
	return (uint32_t)(hash ^ hash >> 32);
}

struct rights *rights_intern(struct rights_table *table, const struct rights_draft *draft)
{
	const uint32_t hash = hash_of(table, draft);
	struct shard *shard = shard_of(table, hash);
	pthread_mutex_lock(&shard->lock);
	struct rights *rights = look_up(shard, draft, hash);
	if (!rights) {
		rights = insert(table, shard, draft, hash);
	}
	pthread_mutex_unlock(&shard->lock);
	return rights;
}

/* Under the shard's lock. */
static void take_out(struct shard *shard, const struct rights *rights)
{
	struct rights **at = bucket_of(shard, rights->hash);
	while (*at != rights) {
		at = &(*at)->next;
	}
	*at = rights->next;
	atomic_fetch_sub_explicit(&shard->count, 1, memory_order_relaxed);
}

struct rights *rights_ref(struct rights *rights)
{
	if (rights && rights->table) {
		atomic_fetch_add_explicit(&rights->references, 1, memory_order_relaxed);
	}
	return rights;
}

/* The last reference goes under the lock only, so that nobody finds a set that is being freed. */
static bool give_back_early(struct rights *rights)
{
	uint32_t references = atomic_load_explicit(&rights->references, memory_order_relaxed);
	while (references > 1) {
		if (atomic_compare_exchange_weak_explicit(&rights->references, &references,
			    references - 1, memory_order_release, memory_order_relaxed)) {
			return true;
		}
	}
	return false;
}

void rights_unref(struct rights **rights)
{
	struct rights *given = *rights;
	*rights = NULL;
	if (!given || !given->table || give_back_early(given)) {
		return;
	}
	struct shard *shard = shard_of(given->table, given->hash);
	pthread_mutex_lock(&shard->lock);
	const bool is_last =
		atomic_fetch_sub_explicit(&given->references, 1, memory_order_acq_rel) == 1;
	if (is_last) {
		take_out(shard, given);
	}
	pthread_mutex_unlock(&shard->lock);
	if (is_last) {
		free(given);
	}
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* Whether there is a name that begins so: it may go on with a letter. */
static bool can_begin_name(struct slice start)
{
	char name[PATTERN_MAX + 1];
	if (start.len >= USER_NAME_MAX) {
		return false;
	}
	memcpy(name, start.data, start.len);
	name[start.len] = 'x';
	return user_name_is_valid(name, start.len + 1);
}

static bool ends_open(struct slice pattern)
{
	return pattern.len > 0 && pattern.data[pattern.len - 1] == '*';
}

bool rights_can_fit_name(struct slice pattern)
{
	return ends_open(pattern) ? can_begin_name((struct slice){pattern.data, pattern.len - 1})
				  : user_name_is_valid(pattern.data, pattern.len);
}

bool rights_can_fit_audience(struct slice pattern)
{
	if (pattern.len == 0 || (pattern.data[0] != '@' && pattern.data[0] != '#')) {
		return false;
	}
	slice_drop(&pattern, 1);
	return rights_can_fit_name(pattern);
}

/* Shorter ones first; it need only be the same order each time. */
static int compare(const void *left, const void *right)
{
	const struct slice *one = left;
	const struct slice *other = right;
	if (one->len != other->len) {
		return one->len < other->len ? -1 : 1;
	}
	return memcmp(one->data, other->data, one->len);
}

/* Stores them in order, equal ones once. */
static uint8_t store(struct rights_draft *draft, struct slice *patterns, size_t count)
{
	uint8_t stored = 0;
	qsort(patterns, count, sizeof(patterns[0]), compare);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && slice_equals(patterns[i], patterns[i - 1])) {
			continue;
		}
		uint8_t *at = draft->stored + draft->head.stored_len;
		at[0] = (uint8_t)patterns[i].len;
		memcpy(at + 1, patterns[i].data, patterns[i].len);
		draft->head.stored_len = (uint16_t)(draft->head.stored_len + 1 + patterns[i].len);
		stored++;
	}
	return stored;
}

int rights_draft_store(struct rights_draft *draft, struct slice *patterns, size_t count,
	bool (*can_fit)(struct slice pattern), uint8_t *ret_count)
{
	draft->patterns += count;
	for (size_t i = 0; i < count; i++) {
		draft->bytes += patterns[i].len;
		if (draft->bytes > RIGHTS_PATTERN_BYTES || !can_fit(patterns[i])) {
			return -EINVAL;
		}
	}
	if (draft->patterns > RIGHTS_PATTERNS_MAX) {
		return -EINVAL;
	}
	*ret_count = store(draft, patterns, count);
	return 0;
}

/* A list that is not there is an empty one. */
static int read_patterns(struct rights_draft *draft, const json_t *list,
	bool (*can_fit)(struct slice pattern), uint8_t *ret_count)
{
	struct slice patterns[RIGHTS_PATTERNS_MAX];
	size_t count = 0;
	size_t index;
	const json_t *each;
	if (list && (!json_is_array(list) || json_array_size(list) > RIGHTS_PATTERNS_MAX)) {
		return -EINVAL;
	}
	json_array_foreach(list, index, each)
	{
		const struct slice pattern = {json_string_value(each), json_string_length(each)};
		if (!pattern.data) {
			return -EINVAL;
		}
		patterns[count++] = pattern;
	}
	return rights_draft_store(draft, patterns, count, can_fit, ret_count);
}

static int read_flag(const json_t *flag, bool *ret_flag)
{
	if (flag && !json_is_boolean(flag)) {
		return -EINVAL;
	}
	*ret_flag = json_is_true(flag);
	return 0;
}

int rights_read(struct rights_table *table, const json_t *tg, struct rights **ret_rights)
{
	struct rights_draft draft = {.patterns = 0};
	struct rights_head *head = &draft.head;
	if (!json_is_object(tg) ||
		read_patterns(&draft, json_object_get(tg, "say"), rights_can_fit_audience,
			&head->say_count) < 0 ||
		read_patterns(&draft, json_object_get(tg, "join"), rights_can_fit_name,
			&head->join_count) < 0 ||
		read_flag(json_object_get(tg, "all"), &head->may_broadcast) < 0 ||
		read_flag(json_object_get(tg, "request"), &head->may_request) < 0) {
		return -EINVAL;
	}
	struct rights *rights = rights_intern(table, &draft);
	if (!rights) {
		return -ENOMEM;
	}
	*ret_rights = rights;
	return 0;
}

struct rights *rights_default(void)
{
	static const uint8_t patterns[] = {2, '@', '*', 2, '#', '*', 1, '*'};
	static struct rights rights = {
		.head = {.may_request = true, .say_count = 2, .join_count = 1},
		.stored = patterns,
	};
	return &rights;
}

/* --- what they allow ---------------------------------------------------------------------------
 */

static struct slice take_pattern(const uint8_t **at)
{
	const struct slice pattern = {(const char *)*at + 1, **at};
	*at += 1 + pattern.len;
	return pattern;
}

static bool fits(struct slice pattern, struct slice name)
{
	if (!ends_open(pattern)) {
		return slice_equals(pattern, name);
	}
	pattern.len--;
	return slice_begins(name, pattern);
}

bool rights_may_say(const struct rights *rights, const struct audience *audience)
{
	if (!rights) {
		return true;
	}
	if (audience->kind == AUDIENCE_EVERYBODY) {
		return rights->head.may_broadcast;
	}
	const char mark = audience->kind == AUDIENCE_USER   ? '@'
			  : audience->kind == AUDIENCE_ROOM ? '#'
							    : '\0';
	const uint8_t *at = rights->stored;
	for (uint8_t i = 0; i < rights->head.say_count; i++) {
		struct slice pattern = take_pattern(&at);
		const char its_mark = pattern.data[0];
		slice_drop(&pattern, 1);
		if (its_mark == mark && fits(pattern, audience->name)) {
			return true;
		}
	}
	return false;
}

bool rights_may_join(const struct rights *rights, struct slice room)
{
	if (!rights) {
		return true;
	}
	const uint8_t *at = rights->stored;
	for (uint8_t i = 0; i < rights->head.say_count; i++) {
		take_pattern(&at);
	}
	for (uint8_t i = 0; i < rights->head.join_count; i++) {
		if (fits(take_pattern(&at), room)) {
			return true;
		}
	}
	return false;
}

bool rights_may_request(const struct rights *rights)
{
	return !rights || rights->head.may_request;
}

bool rights_may_broadcast(const struct rights *rights)
{
	return !rights || rights->head.may_broadcast;
}
