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

#include "../../server/cluster/creds.h"

static char path[] = "/tmp/tidegate-creds-XXXXXX";
static struct creds creds;
static char fault[CREDS_FAULT_MAX];

static int setup(void **state)
{
	strcpy(path, "/tmp/tidegate-creds-XXXXXX");
	int fd = mkstemp(path);
	memset(&creds, 0, sizeof(creds));
	fault[0] = '\0';
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	return unlink(path);
}

static int load(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return creds_load(path, &creds, fault);
}

static void test_a_line_is_user_and_password(void **state)
{
	assert_int_equal(load("gateway:se:cret\n"), 0);
	assert_false(creds.is_file);
	assert_string_equal(creds.user, "gateway");
	assert_string_equal(creds.password, "se:cret");
	assert_int_equal(load("u:p"), 0);
	assert_string_equal(creds.password, "p");
	assert_int_equal(load("u:p\r\n"), 0);
	assert_string_equal(creds.password, "p");
	creds_finish(&creds);
	assert_string_equal(creds.password, "");
}

static void test_credentials_are_left_to_the_library(void **state)
{
	assert_int_equal(load("-----BEGIN NATS USER JWT-----\neyJ0\n------END NATS USER JWT------\n"
			      "-----BEGIN USER NKEY SEED-----\nSUA\n"),
		0);
	assert_true(creds.is_file);
	assert_string_equal(creds.user, "");
}

static void test_what_is_neither_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "\n", "user", "user:", ":password", "user:password\nmore\n", "\nuser:password"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(load(bad[i]), -EINVAL);
		assert_string_equal(
			fault, "neither credentials of NATS nor one line USER:PASSWORD");
	}
}

static void test_lengths(void **state)
{
	char text[2 * CREDS_TEXT_MAX];

	memset(text, 'u', sizeof(text));
	strcpy(text + CREDS_TEXT_MAX - 1, ":p");
	assert_int_equal(load(text), 0);
	assert_int_equal(strlen(creds.user), CREDS_TEXT_MAX - 1);
	memset(text, 'u', sizeof(text));
	strcpy(text + CREDS_TEXT_MAX, ":p");
	assert_int_equal(load(text), -EINVAL);
	assert_string_equal(fault, "user or password is too long");
	memset(text, 'p', sizeof(text));
	memcpy(text, "u:", 2);
	text[2 + CREDS_TEXT_MAX - 1] = '\0';
	assert_int_equal(load(text), 0);
	strcat(text, "p");
	assert_int_equal(load(text), -EINVAL);
}

static void test_others_must_not_read_it(void **state)
{
	assert_int_equal(chmod(path, 0604), 0);
	assert_int_equal(load("u:p\n"), -EACCES);
	assert_string_equal(fault, "others may read or change it: chmod o= it");
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(load("u:p\n"), 0);
}

static void test_there_is_no_such_file(void **state)
{
	assert_int_equal(creds_load("/nowhere/at/all", &creds, fault), -ENOENT);
	assert_string_equal(fault, "No such file or directory");
	assert_int_equal(creds_load("/", &creds, fault), -EINVAL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_line_is_user_and_password),
		TEST(test_credentials_are_left_to_the_library),
		TEST(test_what_is_neither_is_refused),
		TEST(test_lengths),
		TEST(test_others_must_not_read_it),
		TEST(test_there_is_no_such_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
