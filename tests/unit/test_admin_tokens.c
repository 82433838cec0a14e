#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/admin/tokens.h"

#define OLD "0123456789abcdef"
#define NEW "another-one-with-more-to-it"

static struct admin_tokens tokens;
static char error[512];

/* --- what is given -----------------------------------------------------------------------------
 */

static void test_none_asks_for_none(void **state)
{
	static const struct admin_tokens none = {.count = 0};
	char longest[ADMIN_TOKEN_MAX + 50];
	assert_false(admin_tokens_have(&none, ""));
	assert_false(admin_tokens_have(&none, OLD));
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_false(admin_tokens_have(&none, longest));
}

static void test_one(void **state)
{
	static const struct admin_tokens one = {1, {OLD}};
	static const char *const wrong[] = {"", "0", "0123456789abcde", OLD "0", "0123456789abcdeF",
		" " OLD, OLD " ", OLD "\n" OLD};
	assert_true(admin_tokens_have(&one, OLD));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(admin_tokens_have(&one, wrong[i]));
	}
}

static void test_two(void **state)
{
	static const struct admin_tokens two = {2, {NEW, OLD}};
	assert_true(admin_tokens_have(&two, OLD));
	assert_true(admin_tokens_have(&two, NEW));
	assert_false(admin_tokens_have(&two, ""));
	assert_false(admin_tokens_have(&two, NEW OLD));
}

/* A place that does not count holds what was there before. */
static void test_what_does_not_count(void **state)
{
	static const struct admin_tokens one = {1, {NEW, OLD}};
	assert_true(admin_tokens_have(&one, NEW));
	assert_false(admin_tokens_have(&one, OLD));
}

static void test_the_longest(void **state)
{
	struct admin_tokens one = {.count = 1};
	char given[ADMIN_TOKEN_MAX + 2];
	memset(one.texts[0], 'x', ADMIN_TOKEN_MAX);
	memset(given, 'x', sizeof(given));
	given[ADMIN_TOKEN_MAX] = '\0';
	assert_true(admin_tokens_have(&one, given));
	given[ADMIN_TOKEN_MAX] = 'x';
	given[ADMIN_TOKEN_MAX + 1] = '\0';
	assert_false(admin_tokens_have(&one, given));
}

/* --- the file ----------------------------------------------------------------------------------
 */

static int read_bytes(const char *content, size_t len, mode_t mode)
{
	char path[] = "/tmp/tidegate-token-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	error[0] = '\0';
	int err = admin_tokens_read(path, &tokens, error, sizeof(error));
	unlink(path);
	assert_true(!err || strstr(error, path));
	return err;
}

static int read_file(const char *content)
{
	return read_bytes(content, strlen(content), 0600);
}

static void expect(const char *first, const char *second)
{
	assert_int_equal(tokens.count, second ? 2 : 1);
	assert_string_equal(tokens.texts[0], first);
	assert_string_equal(tokens.texts[1], second ? second : "");
}

static void test_files(void **state)
{
	static const char *const ones[] = {
		OLD, OLD "\n", OLD "\r\n", OLD "\n\n", "\n" OLD, "\r\n\r\n" OLD "\r\n"};
	static const char *const twos[] = {
		NEW "\n" OLD, NEW "\n" OLD "\n", NEW "\r\n" OLD "\r\n", "\n" NEW "\n\n" OLD "\n\n"};
	for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
		assert_int_equal(read_file(ones[i]), 0);
		expect(OLD, NULL);
	}
	for (size_t i = 0; i < sizeof(twos) / sizeof(twos[0]); i++) {
		assert_int_equal(read_file(twos[i]), 0);
		expect(NEW, OLD);
	}
	assert_int_equal(read_bytes(OLD, strlen(OLD), 0640), 0);
}

static void test_the_longest_file(void **state)
{
	char content[2 * ADMIN_TOKEN_MAX + 4];
	memset(content, 'y', sizeof(content));
	content[ADMIN_TOKEN_MAX] = '\n';
	content[2 * ADMIN_TOKEN_MAX + 1] = '\n';
	assert_int_equal(read_bytes(content, 2 * ADMIN_TOKEN_MAX + 2, 0600), 0);
	assert_int_equal(tokens.count, 2);
	assert_int_equal(strlen(tokens.texts[0]), ADMIN_TOKEN_MAX);
	assert_int_equal(strlen(tokens.texts[1]), ADMIN_TOKEN_MAX);
	memset(content, 'y', sizeof(content));
	assert_int_equal(read_bytes(content, ADMIN_TOKEN_MAX + 1, 0600), -EINVAL);
	assert_non_null(strstr(error, "line 1 is too long"));
}

/* What is wrong is said, not what it is; what was read before stays. */
static void test_what_is_refused(void **state)
{
	static const struct {
		const char *content;
		const char *says;
	} rows[] = {
		{"", "it is empty"},
		{"\n\r\n\n", "it is empty"},
		{"s3cret", "line 1 is too short"},
		{OLD "\ns3cret\n", "line 2 is too short"},
		{"\n\n" OLD "\ns3cret\n", "line 4 is too short"},
		{"s3cret with a blank in it", "line 1 has another character in it"},
		{" s3cret-with-a-blank", "line 1 has another character in it"},
		{"s3cret-with-a-tab\t", "line 1 has another character in it"},
		{"s3cret-with-an-\xc3\xa4-in-it", "line 1 has another character in it"},
		{"# s3cret\n" OLD, "line 1 is too short"},
		{OLD "\n" NEW "\n" OLD "s3cret", "more than two lines"},
	};
	assert_int_equal(read_file(NEW), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read_file(rows[i].content), -EINVAL);
		assert_non_null(strstr(error, rows[i].says));
		assert_null(strstr(error, "s3cret"));
		assert_null(strstr(error, OLD));
		expect(NEW, NULL);
	}
	assert_int_equal(read_bytes(OLD "\0x", sizeof(OLD) + 1, 0600), -EINVAL);
}

static void test_files_that_are_none(void **state)
{
	char large[4096];
	memset(large, '\n', sizeof(large));
	assert_int_equal(read_bytes(large, 1024, 0600), -EINVAL);
	assert_non_null(strstr(error, "it is empty"));
	assert_int_equal(read_bytes(large, 1025, 0600), -EFBIG);
	assert_int_equal(read_bytes(large, sizeof(large), 0600), -EFBIG);
	assert_non_null(strstr(error, "two lines"));
	assert_int_equal(
		admin_tokens_read("/nowhere/at/all", &tokens, error, sizeof(error)), -ENOENT);
	assert_non_null(strstr(error, "No such file"));
	assert_int_equal(admin_tokens_read("/", &tokens, error, sizeof(error)), -EISDIR);
}

static void test_others_may_not_have_it(void **state)
{
	static const mode_t modes[] = {0604, 0602, 0601, 0666};
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(read_bytes(OLD, strlen(OLD), modes[i]), -EACCES);
		assert_non_null(strstr(error, "chmod o-rwx"));
	}
}

static void test_the_same(void **state)
{
	static const struct admin_tokens one = {1, {NEW}};
	static const struct admin_tokens two = {2, {NEW, OLD}};
	static const struct admin_tokens other = {1, {OLD}};
	static const struct admin_tokens none = {.count = 0};
	assert_true(admin_tokens_are_same(&one, &one));
	assert_true(admin_tokens_are_same(&none, &none));
	assert_false(admin_tokens_are_same(&one, &two));
	assert_false(admin_tokens_are_same(&one, &other));
	assert_false(admin_tokens_are_same(&one, &none));
	assert_int_equal(read_file(NEW "\n" OLD), 0);
	assert_true(admin_tokens_are_same(&two, &tokens));
	admin_tokens_wipe(&tokens);
	assert_true(admin_tokens_are_same(&none, &tokens));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none_asks_for_none),
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_two),
		cmocka_unit_test(test_what_does_not_count),
		cmocka_unit_test(test_the_longest),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_the_longest_file),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_files_that_are_none),
		cmocka_unit_test(test_others_may_not_have_it),
		cmocka_unit_test(test_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
