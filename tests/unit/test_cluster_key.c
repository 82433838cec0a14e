#include <errno.h>
#include <fcntl.h>
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

#include "../../server/cluster/cluster_key.h"

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static char folder[] = "/tmp/tidegate-key-XXXXXX";
static char path[sizeof(folder) + 8];

static int make_folder(void **state)
{
	if (!mkdtemp(folder)) {
		return -1;
	}
	snprintf(path, sizeof(path), "%s/key", folder);
	return 0;
}

static int remove_folder(void **state)
{
	unlink(path);
	return rmdir(folder);
}

static void put_file(const char *text, size_t len, mode_t mode)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* Loads a file of that text. Returns what cluster_key_load does; without an error, the key is that
 * of the secret 0, 1, 2 to 31. */
static int load(const char *text, size_t len, char ret_fault[CLUSTER_KEY_FAULT_MAX])
{
	struct cluster_key key = {.mac = {7}};
	struct cluster_key expected;
	const struct cluster_key before = key;
	uint8_t secret[CLUSTER_KEY_LEN];

	put_file(text, len, 0640);
	ret_fault[0] = '\0';
	const int err = cluster_key_load(path, &key, ret_fault);
	for (uint8_t i = 0; i < sizeof(secret); i++) {
		secret[i] = i;
	}
	cluster_key_derive(secret, &expected);
	assert_memory_equal(&key, err ? &before : &expected, sizeof(key));
	return err;
}

static void a_secret_in_any_writing(void **state)
{
	static const char *const texts[] = {
		HEX,
		HEX "\n",
		" \t" HEX "\r\n\n",
		"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char fault[CLUSTER_KEY_FAULT_MAX];
		assert_int_equal(load(texts[i], strlen(texts[i]), fault), 0);
	}
}

static void either_alphabet_of_base64(void **state)
{
	static const char *const texts[] = {
		"++++////++++////++++////++++////++++////+/8=",
		"----____----____----____----____----____-_8",
	};
	struct cluster_key keys[2];
	char fault[CLUSTER_KEY_FAULT_MAX];
	for (int i = 0; i < 2; i++) {
		put_file(texts[i], strlen(texts[i]), 0600);
		assert_int_equal(cluster_key_load(path, &keys[i], fault), 0);
	}
	assert_memory_equal(&keys[0], &keys[1], sizeof(keys[0]));
}

static void what_is_no_key_is_refused_without_being_shown(void **state)
{
	static const char *const texts[] = {
		"secret",
		"0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		HEX "0",
		HEX "00",
		HEX HEX,
		"g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8==",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A=",
		"-----BEGIN PRIVATE KEY-----",
	};
	char fault[CLUSTER_KEY_FAULT_MAX];
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(load(texts[i], strlen(texts[i]), fault), -EINVAL);
		assert_non_null(strstr(fault, "openssl rand -hex 32"));
		assert_null(strstr(fault, texts[i]));
	}
	assert_int_equal(load("", 0, fault), -EINVAL);
	assert_non_null(strstr(fault, "empty"));
	assert_int_equal(load(" \n", 2, fault), -EINVAL);
	assert_int_equal(load(HEX "\0", 65, fault), -EINVAL);
}

/* At each length around the most that a file may have. */
static void a_file_that_is_too_long_is_refused(void **state)
{
	char text[CLUSTER_KEY_FILE_MAX + 8];
	char fault[CLUSTER_KEY_FAULT_MAX];
	memset(text, '\n', sizeof(text));
	memcpy(text, HEX, strlen(HEX));
	assert_int_equal(load(text, CLUSTER_KEY_FILE_MAX, fault), 0);
	assert_int_equal(load(text, CLUSTER_KEY_FILE_MAX + 1, fault), -EFBIG);
	assert_int_equal(load(text, sizeof(text), fault), -EFBIG);
}

static void a_file_that_others_may_read_or_write_is_refused(void **state)
{
	static const mode_t modes[] = {0644, 0604, 0602, 0601, 0777};
	struct cluster_key key;
	char fault[CLUSTER_KEY_FAULT_MAX];
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		put_file(HEX, strlen(HEX), modes[i]);
		assert_int_equal(cluster_key_load(path, &key, fault), -EACCES);
		assert_non_null(strstr(fault, "chmod o-rwx"));
	}
}

static void what_is_no_file_is_refused(void **state)
{
	struct cluster_key key;
	char fault[CLUSTER_KEY_FAULT_MAX];

	unlink(path);
	assert_int_equal(cluster_key_load(path, &key, fault), -ENOENT);
	assert_int_equal(cluster_key_load(folder, &key, fault), -ENODEV);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(cluster_key_load(path, &key, fault), -ENODEV);
	unlink(path);
	/* A link is followed: that is how secrets are mounted. */
	char target[sizeof(path) + 8];
	snprintf(target, sizeof(target), "%s.real", path);
	put_file(HEX, strlen(HEX), 0600);
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(cluster_key_load(path, &key, fault), 0);
	unlink(target);
}

static void keys_are_told_apart_and_wiped(void **state)
{
	const uint8_t secret[CLUSTER_KEY_LEN] = {1};
	const struct cluster_key zeros = {{0}, {0}, {0}};
	struct cluster_key key;

	cluster_key_derive(secret, &key);
	assert_memory_not_equal(key.names, key.digest, sizeof(key.names));
	assert_memory_not_equal(key.mac, key.names, sizeof(key.names));
	assert_memory_not_equal(key.mac, secret, sizeof(key.mac));
	cluster_key_finish(&key);
	assert_memory_equal(&key, &zeros, sizeof(key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_in_any_writing),
		cmocka_unit_test(either_alphabet_of_base64),
		cmocka_unit_test(what_is_no_key_is_refused_without_being_shown),
		cmocka_unit_test(a_file_that_is_too_long_is_refused),
		cmocka_unit_test(a_file_that_others_may_read_or_write_is_refused),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(keys_are_told_apart_and_wiped),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
