#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../server/session/identity/key_store.h"
#include "token_rig.h"

static char news[KEY_NEWS_MAX];
static struct key *old_key;
static struct key *new_key;

static int make_keys(void **state)
{
	old_key = rig_key(ALGORITHM_HS256, "2026-11");
	new_key = rig_key(ALGORITHM_HS256, "2026-12");
	return 0;
}

static int destroy_keys(void **state)
{
	key_destroy(&old_key);
	key_destroy(&new_key);
	return 0;
}

/* A file that holds these. */
/* Each time is another, however quickly they follow each other. */
static const char *write_file(const char *text)
{
	static time_t now_s = 1;
	const char *path = rig_write(text);
	const struct timespec times[] = {{.tv_sec = now_s}, {.tv_sec = now_s}};
	now_s++;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	return path;
}

static const char *write_keys(const struct key *first, const struct key *second)
{
	char set[1024];
	char *one = rig_public(first);
	char *other = second ? rig_public(second) : NULL;
	snprintf(
		set, sizeof(set), "{\"keys\":[%s%s%s]}", one, other ? "," : "", other ? other : "");
	free(one);
	free(other);
	return write_file(set);
}

static struct key_store *create(const char *path)
{
	struct key_store *store = NULL;
	kept_findings_init(&rig_findings);
	if (key_store_create(path, &rig_findings.findings, &store) != 0) {
		fail_msg("%s", rig_findings.text);
	}
	return store;
}

/* Two looks, as it takes to believe that nobody is writing. */
static enum key_news look(struct key_store *store)
{
	assert_int_equal(key_store_look(store, &rig_findings.findings, news), KEY_NEWS_NONE);
	return key_store_look(store, &rig_findings.findings, news);
}

static bool knows(struct key_reader *reader, const struct key *key)
{
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t len;
	assert_int_equal(key_sign(key, ALGORITHM_HS256, SLICE("x"), signature, &len), 0);
	return keys_verify(key_reader_keys(reader), ALGORITHM_HS256, slice_of(key->id), SLICE("x"),
		signature, len);
}

static void test_a_file_that_changes(void **state)
{
	struct key_store *store = create(write_keys(old_key, NULL));
	struct key_reader reader;
	key_reader_init(&reader, store);
	assert_true(knows(&reader, old_key));
	assert_false(knows(&reader, new_key));
	assert_int_equal(look(store), KEY_NEWS_NONE);
	assert_int_equal(look(store), KEY_NEWS_NONE);

	write_keys(old_key, new_key);
	assert_int_equal(look(store), KEY_NEWS_CHANGED);
	assert_string_equal(news, "2 keys, 1 new (\"2026-12\")");
	assert_int_equal(key_store_count(store), 2);
	assert_true(knows(&reader, old_key));
	assert_true(knows(&reader, new_key));
	assert_int_equal(look(store), KEY_NEWS_NONE);
	assert_string_equal(news, "");

	write_keys(new_key, NULL);
	assert_int_equal(look(store), KEY_NEWS_CHANGED);
	assert_string_equal(news, "1 key, 1 gone (\"2026-11\")");
	assert_false(knows(&reader, old_key));
	assert_true(knows(&reader, new_key));
	assert_string_equal(rig_findings.text, "");
	key_reader_finish(&reader);
	key_store_destroy(&store);
	key_store_destroy(&store);
}

/* The same keys in other words are no news. */
static void test_the_same_in_another_order(void **state)
{
	struct key_store *store = create(write_keys(old_key, new_key));
	struct key_reader reader;
	key_reader_init(&reader, store);
	const struct keys *before = key_reader_keys(&reader);
	write_keys(new_key, old_key);
	assert_int_equal(look(store), KEY_NEWS_NONE);
	assert_ptr_equal(key_reader_keys(&reader), before);
	key_reader_finish(&reader);
	key_store_destroy(&store);
}

/* What cannot be taken is told once, and the keys of before stay in force. */
static void test_a_broken_file(void **state)
{
	struct key_store *store = create(write_keys(old_key, NULL));
	struct key_reader reader;
	key_reader_init(&reader, store);
	write_file("{\"keys\":[");
	assert_int_equal(look(store), KEY_NEWS_FAULT);
	assert_string_equal(news, "");
	assert_int_equal(rig_findings.findings.faults, 1);
	assert_int_equal(look(store), KEY_NEWS_NONE);
	assert_int_equal(look(store), KEY_NEWS_NONE);
	assert_int_equal(rig_findings.findings.faults, 1);
	assert_true(knows(&reader, old_key));

	unlink(rig_path);
	assert_int_equal(look(store), KEY_NEWS_FAULT);
	assert_non_null(strstr(rig_findings.text, "No such file"));
	assert_int_equal(look(store), KEY_NEWS_NONE);
	assert_int_equal(rig_findings.findings.faults, 2);
	/* Whoever asks for it hears it again. */
	assert_int_equal(
		key_store_reload(store, rig_path, &rig_findings.findings, news), KEY_NEWS_FAULT);
	assert_int_equal(rig_findings.findings.faults, 3);
	assert_true(knows(&reader, old_key));

	write_keys(old_key, NULL);
	assert_int_equal(look(store), KEY_NEWS_NONE);
	write_keys(new_key, NULL);
	assert_int_equal(look(store), KEY_NEWS_CHANGED);
	assert_string_equal(news, "1 key, 1 new (\"2026-12\"), 1 gone (\"2026-11\")");
	key_reader_finish(&reader);
	key_store_destroy(&store);
}

/* What is left out of a set is told when the file changes, not with each look at it. */
static void test_warnings_are_told_once(void **state)
{
	char *jwk = rig_public(old_key);
	char set[1024];
	snprintf(set, sizeof(set), "{\"keys\":[%s,{\"kty\":\"later\"}]}", jwk);
	free(jwk);
	struct key_store *store = create(write_file(set));
	assert_int_equal(rig_findings.findings.warnings, 1);
	assert_int_equal(look(store), KEY_NEWS_NONE);
	assert_int_equal(look(store), KEY_NEWS_NONE);
	assert_int_equal(rig_findings.findings.warnings, 1);
	key_store_destroy(&store);
}

static void test_another_file(void **state)
{
	char other[80];
	struct key_store *store = create(write_keys(old_key, NULL));
	snprintf(other, sizeof(other), "%s.other", rig_path);
	assert_int_equal(rename(write_keys(new_key, NULL), other), 0);
	assert_int_equal(
		key_store_reload(store, other, &rig_findings.findings, news), KEY_NEWS_CHANGED);
	assert_int_equal(look(store), KEY_NEWS_NONE);
	unlink(other);
	key_store_destroy(&store);
}

static void test_no_file_at_the_start(void **state)
{
	struct key_store *store = NULL;
	kept_findings_init(&rig_findings);
	assert_int_equal(key_store_create("/nowhere", &rig_findings.findings, &store), -ENOENT);
	assert_null(store);
	assert_int_equal(rig_findings.findings.faults, 1);
}

static void test_keys_of_no_file(void **state)
{
	struct key *key;
	struct keys *keys;
	struct key_store *store;
	struct key_reader reader;
	assert_int_equal(mint_key(ALGORITHM_HS256, &key), 0);
	const struct key *made = key;
	assert_int_equal(keys_of(&key, &keys), 0);
	assert_null(key);
	assert_int_equal(key_store_hold(&keys, &store), 0);
	assert_null(keys);
	assert_int_equal(key_store_count(store), 1);
	key_reader_init(&reader, store);
	assert_true(knows(&reader, made));
	assert_false(knows(&reader, new_key));
	/* There is nothing to look at. */
	assert_int_equal(look(store), KEY_NEWS_NONE);
	assert_string_equal(news, "");
	assert_int_equal(
		key_store_reload(store, write_keys(new_key, NULL), &rig_findings.findings, news),
		KEY_NEWS_NONE);
	assert_false(key_store_is_at_fault(store));
	assert_true(knows(&reader, made));
	key_reader_finish(&reader);
	key_store_destroy(&store);
}

enum {
	READERS = 3,
	CHANGES = 40,
};

static struct key_store *shared;
static atomic_bool is_over;

/* One key is in every set: it never fails, whatever is put in force meanwhile. */
static void *read_on(void *context)
{
	struct key_reader reader;
	bool is_good = true;
	key_reader_init(&reader, shared);
	while (!atomic_load(&is_over)) {
		is_good = is_good && knows(&reader, new_key);
	}
	key_reader_finish(&reader);
	return is_good ? NULL : "a key was missing";
}

static void test_readers_beside_changes(void **state)
{
	pthread_t readers[READERS];
	shared = create(write_keys(new_key, NULL));
	atomic_store(&is_over, false);
	for (int i = 0; i < READERS; i++) {
		assert_int_equal(pthread_create(&readers[i], NULL, read_on, NULL), 0);
	}
	for (int i = 0; i < CHANGES; i++) {
		write_keys(new_key, i % 2 ? NULL : old_key);
		assert_int_equal(look(shared), KEY_NEWS_CHANGED);
	}
	atomic_store(&is_over, true);
	for (int i = 0; i < READERS; i++) {
		void *fault;
		pthread_join(readers[i], &fault);
		assert_null(fault);
	}
	key_store_destroy(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_that_changes),
		cmocka_unit_test(test_the_same_in_another_order),
		cmocka_unit_test(test_a_broken_file),
		cmocka_unit_test(test_warnings_are_told_once),
		cmocka_unit_test(test_another_file),
		cmocka_unit_test(test_no_file_at_the_start),
		cmocka_unit_test(test_keys_of_no_file),
		cmocka_unit_test(test_readers_beside_changes),
	};
	return cmocka_run_group_tests(tests, make_keys, destroy_keys);
}
