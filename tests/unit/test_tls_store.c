#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/tls/tls_store.h"
#include "certificate_rig.h"
#include "kept_findings.h"

enum {
	MINUTE_MS = 60000,
	SECOND_MS = 1000,
	RIG_PATH_MAX = 64,
};

/* A folder with files of pairs, and a store that looks at them.
 * Owner: the case. */
struct rig {
	char folder[32];
	struct config config;
	struct tls_store *store;
	struct kept_findings kept;
	char news[TLS_NEWS_MAX];
	uint64_t now_ms;
	int64_t wall_s;
};

static EVP_PKEY *keys[3];
static struct rig rig;

static int make_keys(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		keys[i] = rig_ec_key("P-256");
	}
	return 0;
}

static int free_keys(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		EVP_PKEY_free(keys[i]);
	}
	return 0;
}

/* --- files -------------------------------------------------------------------------------------
 */

static const char *path_of(const char *name)
{
	static char path[RIG_PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", rig.folder, name);
	return path;
}

/* Its time is one that no other has, however quickly they follow each other. */
static void write_file(const char *name, const char *text)
{
	static time_t time_s = 1;
	const struct timespec times[] = {{.tv_sec = time_s}, {.tv_sec = time_s}};
	time_s++;
	FILE *file = fopen(path_of(name), "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(utimensat(-1, path_of(name), times, 0), 0);
	assert_int_equal(chmod(path_of(name), 0600), 0);
}

static const char *pem_of(const struct issue_wish *wish)
{
	static char pem[RIG_PEM_MAX];
	X509 *made = rig_make_certificate(wish);
	pem[0] = '\0';
	rig_add_certificate(made, pem);
	X509_free(made);
	return pem;
}

static const char *key_pem_of(EVP_PKEY *key)
{
	static char pem[RIG_PEM_MAX];
	pem[0] = '\0';
	rig_add_key(key, NULL, pem);
	return pem;
}

static void write_pair(const char *name, const char *key_name, const struct issue_wish *wish)
{
	write_file(name, pem_of(wish));
	write_file(key_name, key_pem_of(wish->key));
}

/* In one step each, as certbot does. */
static void move_pair(const struct issue_wish *wish)
{
	char from[RIG_PATH_MAX];
	write_pair("fresh.pem", "fresh.key", wish);
	strcpy(from, path_of("fresh.pem"));
	assert_int_equal(rename(from, path_of("a.pem")), 0);
	strcpy(from, path_of("fresh.key"));
	assert_int_equal(rename(from, path_of("a.key")), 0);
}

static void name_pair(const char *name, const char *key_name)
{
	struct config *config = &rig.config;
	strcpy(config->tls_cert[config->tls_cert_count++], path_of(name));
	strcpy(config->tls_key[config->tls_key_count++], path_of(key_name));
}

static int setup(void **state)
{
	rig = (struct rig){
		.folder = "/tmp/tidegate-tls-XXXXXX", .now_ms = 1000000, .wall_s = RIG_NOW_S};
	assert_non_null(mkdtemp(rig.folder));
	kept_findings_init(&rig.kept);
	write_pair("a.pem", "a.key", &(struct issue_wish){.key = keys[0]});
	name_pair("a.pem", "a.key");
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {
		"a.pem", "a.key", "b.pem", "b.key", "fresh.pem", "fresh.key"};
	tls_store_destroy(&rig.store);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unlink(path_of(names[i]));
	}
	return rmdir(rig.folder);
}

/* --- looking -----------------------------------------------------------------------------------
 */

static void create(void)
{
	if (tls_store_create(&rig.config, rig.wall_s, &rig.kept.findings, &rig.store) != 0) {
		fail_msg("%s", rig.kept.text);
	}
	assert_string_equal(rig.kept.text, "");
	assert_int_equal(
		tls_store_look(rig.store, rig.now_ms, rig.wall_s, &rig.kept.findings, rig.news),
		TLS_NEWS_NONE);
}

/* So much later. What was found before is forgotten. */
static enum tls_news look(uint64_t later_ms)
{
	rig.now_ms += later_ms;
	kept_findings_init(&rig.kept);
	return tls_store_look(rig.store, rig.now_ms, rig.wall_s, &rig.kept.findings, rig.news);
}

/* A minute later, and once more: as it takes to believe that nobody is writing. */
static enum tls_news look_twice(void)
{
	assert_int_equal(look(MINUTE_MS), TLS_NEWS_NONE);
	return look(SECOND_MS);
}

static void check_finding(const char *text)
{
	assert_non_null(strstr(rig.kept.text, text));
}

/* Whose key is in force for the first pair. */
static void check_key(EVP_PKEY *key)
{
	struct tls_contexts *contexts = tls_store_borrow(rig.store);
	assert_int_equal(EVP_PKEY_eq(tls_contexts_certificate(contexts, 0)->key, key), 1);
	tls_contexts_unref(&contexts);
}

/* --- a start -----------------------------------------------------------------------------------
 */

static void check_no_start(const char *fault)
{
	kept_findings_init(&rig.kept);
	assert_int_equal(
		tls_store_create(&rig.config, rig.wall_s, &rig.kept.findings, &rig.store), -EINVAL);
	assert_null(rig.store);
	check_finding(fault);
}

static void test_what_is_in_force(void **state)
{
	write_pair("b.pem", "b.key",
		&(struct issue_wish){.key = keys[1],
			.names = "DNS:example.net",
			.ends_s = RIG_NOW_S + 20 * (int64_t)RIG_DAY_S});
	name_pair("b.pem", "b.key");
	create();
	tls_store_describe(rig.store, rig.news);
	assert_string_equal(rig.news,
		"2 certificates, chat.example.org until 2027-04-15, example.net until 2027-02-04");
	check_key(keys[0]);
	assert_false(tls_store_is_at_fault(rig.store));
}

static void test_files_that_cannot_be_taken(void **state)
{
	char text[256];
	assert_int_equal(chmod(path_of("a.key"), 0640), 0);
	create();
	tls_store_destroy(&rig.store);
	assert_int_equal(chmod(path_of("a.key"), 0604), 0);
	snprintf(text, sizeof(text),
		"tls_key: %s: others may read or change it: chmod o= takes that from them\n",
		path_of("a.key"));
	check_no_start(text);
	unlink(path_of("a.key"));
	assert_int_equal(mkdir(path_of("a.key"), 0700), 0);
	check_no_start(": Is a directory\n");
	rmdir(path_of("a.key"));
	assert_int_equal(mkfifo(path_of("a.key"), 0600), 0);
	check_no_start(": this is no file\n");
	unlink(path_of("a.key"));
	check_no_start(": No such file or directory\n");
	write_file("a.key", "");
	assert_int_equal(truncate(path_of("a.key"), 256 * 1024 + 1), 0);
	check_no_start(": it is too long for a file of keys\n");
	unlink(path_of("a.pem"));
	check_no_start("tls_cert: ");
}

/* All that is wrong is told at once. */
static void test_every_pair_is_judged(void **state)
{
	write_pair("b.pem", "b.key", &(struct issue_wish){.key = keys[1]});
	write_file("b.key", key_pem_of(keys[2]));
	write_file("a.pem", "");
	name_pair("b.pem", "b.key");
	check_no_start("a.pem: it is empty\n");
	check_finding("b.key: it is not the key of the certificate in ");
	assert_int_equal(rig.kept.findings.faults, 2);
}

static void test_a_rehearsal(void **state)
{
	tls_store_check(&rig.config, rig.wall_s, &rig.kept.findings);
	assert_string_equal(rig.kept.text, "");
	write_file("a.key", "");
	tls_store_check(&rig.config, rig.wall_s, &rig.kept.findings);
	check_finding("a.key: it is empty\n");
	assert_int_equal(rig.kept.findings.faults, 1);
}

/* A clock may be wrong at a start, and an outage helps nobody. */
static void test_a_start_out_of_time(void **state)
{
	rig.wall_s = RIG_NOW_S + 91 * (int64_t)RIG_DAY_S;
	assert_int_equal(
		tls_store_create(&rig.config, rig.wall_s, &rig.kept.findings, &rig.store), 0);
	assert_string_equal(rig.kept.text,
		"warning: tls_cert: chat.example.org: it has ended on 2027-04-15: clients refuse it\n");
	tls_store_destroy(&rig.store);
	rig.wall_s = 0;
	kept_findings_init(&rig.kept);
	assert_int_equal(
		tls_store_create(&rig.config, rig.wall_s, &rig.kept.findings, &rig.store), 0);
	assert_string_equal(rig.kept.text, "warning: tls_cert: chat.example.org: it does not begin "
					   "before 2027-01-14: clients refuse it\n");
}

/* --- replaced while running --------------------------------------------------------------------
 */

static void test_nothing_new(void **state)
{
	create();
	for (int i = 0; i < 200; i++) {
		assert_int_equal(look(SECOND_MS), TLS_NEWS_NONE);
		assert_string_equal(rig.kept.text, "");
	}
}

static void test_moved_into_place(void **state)
{
	create();
	struct tls_contexts *old = tls_store_borrow(rig.store);
	move_pair(&(struct issue_wish){
		.key = keys[1], .ends_s = RIG_NOW_S + 200 * (int64_t)RIG_DAY_S});
	assert_int_equal(look(MINUTE_MS / 2), TLS_NEWS_NONE);
	assert_int_equal(look_twice(), TLS_NEWS_CHANGED);
	assert_string_equal(rig.news, "1 certificate, chat.example.org until 2027-08-03");
	check_key(keys[1]);
	assert_int_equal(look_twice(), TLS_NEWS_NONE);
	/* Whoever has begun with the old goes on with it. */
	assert_int_equal(EVP_PKEY_eq(tls_contexts_certificate(old, 0)->key, keys[0]), 1);
	tls_contexts_unref(&old);
}

/* The certificate is there first, then half of the key, then all of it. */
static void test_written_in_place(void **state)
{
	char half[RIG_PEM_MAX];
	create();
	write_file("a.pem", pem_of(&(struct issue_wish){.key = keys[1]}));
	assert_int_equal(look(MINUTE_MS), TLS_NEWS_NONE);
	strcpy(half, key_pem_of(keys[1]));
	half[strlen(half) / 2] = '\0';
	write_file("a.key", half);
	assert_int_equal(look(SECOND_MS), TLS_NEWS_NONE);
	write_file("a.key", key_pem_of(keys[1]));
	assert_int_equal(look(SECOND_MS), TLS_NEWS_NONE);
	assert_string_equal(rig.kept.text, "");
	check_key(keys[0]);
	assert_int_equal(look(SECOND_MS), TLS_NEWS_CHANGED);
	check_key(keys[1]);
}

/* What fits may still be half of it: who issued it is not there yet. */
static void test_a_chain_half_written(void **state)
{
	static char pem[RIG_PEM_MAX];
	X509 *root = rig_make_certificate(
		&(struct issue_wish){.key = keys[2], .subject = "root", .names = ""});
	create();
	const struct issue_wish wish = {.key = keys[1], .issuer = root, .issuer_key = keys[2]};
	write_pair("a.pem", "a.key", &wish);
	strcpy(pem, pem_of(&wish));
	assert_int_equal(look(MINUTE_MS), TLS_NEWS_NONE);
	rig_add_certificate(root, pem);
	write_file("a.pem", pem);
	assert_int_equal(look(SECOND_MS), TLS_NEWS_NONE);
	assert_int_equal(look(SECOND_MS), TLS_NEWS_CHANGED);
	struct tls_contexts *contexts = tls_store_borrow(rig.store);
	assert_int_equal(tls_contexts_certificate(contexts, 0)->chain_count, 2);
	tls_contexts_unref(&contexts);
	X509_free(root);
}

static void test_what_cannot_be_taken_changes_nothing(void **state)
{
	create();
	write_file("a.key", key_pem_of(keys[1]));
	assert_int_equal(look_twice(), TLS_NEWS_FAULT);
	check_finding("a.key: it is not the key of the certificate in ");
	assert_int_equal(rig.kept.findings.faults, 1);
	assert_true(tls_store_is_at_fault(rig.store));
	check_key(keys[0]);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(look(SECOND_MS), TLS_NEWS_NONE); /* it was told */
		assert_string_equal(rig.kept.text, "");
	}
	unlink(path_of("a.key"));
	assert_int_equal(look_twice(), TLS_NEWS_FAULT);
	check_finding("a.key: No such file or directory\n");
	write_file("a.key", key_pem_of(keys[0]));
	assert_int_equal(look_twice(), TLS_NEWS_AGAIN);
	assert_false(tls_store_is_at_fault(rig.store));
}

static void test_permissions_are_looked_at(void **state)
{
	create();
	assert_int_equal(chmod(path_of("a.key"), 0644), 0);
	assert_int_equal(look_twice(), TLS_NEWS_FAULT);
	check_finding("others may read or change it");
	assert_int_equal(chmod(path_of("a.key"), 0600), 0);
	assert_int_equal(look_twice(), TLS_NEWS_AGAIN);
}

static void test_those_out_of_time_take_nobodys_place(void **state)
{
	create();
	move_pair(&(struct issue_wish){.key = keys[1], .ends_s = RIG_NOW_S - 1});
	assert_int_equal(look_twice(), TLS_NEWS_FAULT);
	assert_string_equal(rig.kept.text,
		"tls_cert: chat.example.org: it has ended on 2027-01-15: clients refuse it\n");
	check_key(keys[0]);
	move_pair(&(struct issue_wish){.key = keys[2], .begins_s = RIG_NOW_S + 100});
	assert_int_equal(look_twice(), TLS_NEWS_FAULT);
	assert_string_equal(rig.kept.text, "tls_cert: chat.example.org: it does not begin before "
					   "2027-01-15: clients refuse it\n");
	rig.wall_s += 99;
	assert_int_equal(look_twice(), TLS_NEWS_NONE);
	rig.wall_s += 1;
	assert_int_equal(look_twice(), TLS_NEWS_CHANGED);
	check_key(keys[2]);
	assert_false(tls_store_is_at_fault(rig.store));
}

/* Nobody renews the first; the second is renewed all the same. */
static void test_one_that_has_ended_keeps_no_other_from_being_renewed(void **state)
{
	write_pair("b.pem", "b.key",
		&(struct issue_wish){.key = keys[1],
			.names = "DNS:example.net",
			.ends_s = RIG_NOW_S + 200 * (int64_t)RIG_DAY_S});
	name_pair("b.pem", "b.key");
	create();
	rig.wall_s += 100 * (int64_t)RIG_DAY_S;
	write_pair("b.pem", "b.key",
		&(struct issue_wish){.key = keys[2],
			.names = "DNS:example.net",
			.ends_s = RIG_NOW_S + 300 * (int64_t)RIG_DAY_S});
	assert_int_equal(look_twice(), TLS_NEWS_CHANGED);
	struct tls_contexts *contexts = tls_store_borrow(rig.store);
	assert_int_equal(EVP_PKEY_eq(tls_contexts_certificate(contexts, 1)->key, keys[2]), 1);
	tls_contexts_unref(&contexts);
}

/* --- read again because somebody says so -------------------------------------------------------
 */

static void test_a_reload_reads_at_once(void **state)
{
	create();
	move_pair(&(struct issue_wish){.key = keys[1]});
	tls_store_reload(rig.store, &rig.config);
	assert_int_equal(look(0), TLS_NEWS_NONE);
	assert_int_equal(look(SECOND_MS / 4), TLS_NEWS_NONE); /* not twice in a moment */
	assert_int_equal(look(SECOND_MS), TLS_NEWS_CHANGED);
	check_key(keys[1]);
}

static void test_a_reload_without_news(void **state)
{
	create();
	tls_store_reload(rig.store, &rig.config);
	assert_int_equal(look(0), TLS_NEWS_NONE);
	assert_int_equal(look(SECOND_MS), TLS_NEWS_NONE);
	assert_string_equal(rig.kept.text, "");
}

static void test_a_reload_names_others(void **state)
{
	create();
	write_pair(
		"b.pem", "b.key", &(struct issue_wish){.key = keys[1], .names = "DNS:example.net"});
	name_pair("b.pem", "b.key");
	tls_store_reload(rig.store, &rig.config);
	assert_int_equal(look(0), TLS_NEWS_NONE);
	assert_int_equal(look(SECOND_MS), TLS_NEWS_CHANGED);
	assert_string_equal(rig.news,
		"2 certificates, chat.example.org until 2027-04-15, example.net until 2027-04-15");
	write_file("b.key", "");
	assert_int_equal(look_twice(), TLS_NEWS_FAULT);
}

/* Whoever asks again is told again. */
static void test_a_reload_repeats_what_is_wrong(void **state)
{
	create();
	write_file("a.key", "");
	for (int i = 0; i < 2; i++) {
		tls_store_reload(rig.store, &rig.config);
		assert_int_equal(look(SECOND_MS), TLS_NEWS_NONE);
		assert_int_equal(look(SECOND_MS), TLS_NEWS_FAULT);
		check_finding("a.key: it is empty\n");
	}
}

/* --- their end ---------------------------------------------------------------------------------
 */

static void test_warnings_before_the_end(void **state)
{
	create();
	rig.wall_s = RIG_NOW_S + 76 * (int64_t)RIG_DAY_S; /* 14 days before it ends */
	assert_int_equal(look(SECOND_MS), TLS_NEWS_NONE);
	assert_string_equal(rig.kept.text, "");
	rig.wall_s += RIG_DAY_S;
	look(SECOND_MS);
	assert_string_equal(rig.kept.text,
		"warning: tls_cert: chat.example.org: it ends on 2027-04-15, in 13 days\n");
	rig.wall_s += RIG_DAY_S - 1;
	look(SECOND_MS);
	assert_string_equal(rig.kept.text, "");
	rig.wall_s += 1 + 11 * (int64_t)RIG_DAY_S;
	look(SECOND_MS);
	assert_string_equal(rig.kept.text,
		"warning: tls_cert: chat.example.org: it ends on 2027-04-15, in 1 day\n");
	rig.wall_s += RIG_DAY_S;
	look(SECOND_MS);
	assert_string_equal(rig.kept.text,
		"warning: tls_cert: chat.example.org: it ends on 2027-04-15, within a day\n");
	rig.wall_s += RIG_DAY_S;
	look(SECOND_MS);
	assert_string_equal(rig.kept.text,
		"warning: tls_cert: chat.example.org: it has ended on 2027-04-15: clients refuse "
		"it\n");
}

static void test_expiries(void **state)
{
	struct tls_expiry expiries[CONFIG_TLS_MAX];
	write_pair("b.pem", "b.key",
		&(struct issue_wish){
			.key = keys[1], .ends_s = RIG_NOW_S + 40 * (int64_t)RIG_DAY_S});
	name_pair("b.pem", "b.key");
	write_pair("fresh.pem", "fresh.key",
		&(struct issue_wish){.key = keys[2], .names = "DNS:example.net"});
	name_pair("fresh.pem", "fresh.key");
	create();
	assert_int_equal(tls_store_expiries(rig.store, RIG_NOW_S, expiries), 2);
	assert_string_equal(expiries[0].name, "chat.example.org");
	assert_int_equal(expiries[0].left_s, 40 * RIG_DAY_S);
	assert_string_equal(expiries[1].name, "example.net");
	assert_int_equal(expiries[1].left_s, 90 * RIG_DAY_S);
	assert_int_equal(
		tls_store_expiries(rig.store, RIG_NOW_S + 91 * (int64_t)RIG_DAY_S, expiries), 2);
	assert_int_equal(expiries[1].left_s, -RIG_DAY_S);
}

/* --- threads -----------------------------------------------------------------------------------
 */

static atomic_bool is_over;

static void *borrow(void *argument)
{
	size_t *count = argument;
	while (!is_over) {
		struct tls_contexts *contexts = tls_store_borrow(rig.store);
		struct tls_expiry expiries[CONFIG_TLS_MAX];
		*count += tls_contexts_count(contexts);
		*count += tls_store_expiries(rig.store, RIG_NOW_S, expiries);
		*count += tls_store_is_at_fault(rig.store);
		tls_contexts_unref(&contexts);
	}
	return NULL;
}

static void test_borrowed_while_replaced(void **state)
{
	pthread_t threads[2];
	size_t counts[2] = {0};
	create();
	is_over = false;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, borrow, &counts[i]), 0);
	}
	for (size_t i = 0; i < 50; i++) {
		move_pair(&(struct issue_wish){.key = keys[1 + i % 2]});
		assert_int_equal(look_twice(), TLS_NEWS_CHANGED);
	}
	is_over = true;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_true(counts[i] > 0);
	}
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_in_force),
		TEST(test_files_that_cannot_be_taken),
		TEST(test_every_pair_is_judged),
		TEST(test_a_rehearsal),
		TEST(test_a_start_out_of_time),
		TEST(test_nothing_new),
		TEST(test_moved_into_place),
		TEST(test_written_in_place),
		TEST(test_a_chain_half_written),
		TEST(test_what_cannot_be_taken_changes_nothing),
		TEST(test_permissions_are_looked_at),
		TEST(test_those_out_of_time_take_nobodys_place),
		TEST(test_one_that_has_ended_keeps_no_other_from_being_renewed),
		TEST(test_a_reload_reads_at_once),
		TEST(test_a_reload_without_news),
		TEST(test_a_reload_names_others),
		TEST(test_a_reload_repeats_what_is_wrong),
		TEST(test_warnings_before_the_end),
		TEST(test_expiries),
		TEST(test_borrowed_while_replaced),
	};
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
