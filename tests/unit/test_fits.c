#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/handover/fits.h"
#include "../../server/handover/setup.h"
#include "fake_machine.h"

enum {
	MIB = 1 << 20,
};

static const struct handover_hello hello = {.lines = 1000, .memory = 8 * MIB};
static const struct fits_room wide = {
	.files = 2000, .files_used = 100, .memory = 64 * MIB, .group = UINT64_MAX};

/* --- room --------------------------------------------------------------------------------------
 */

static void check(struct fits_room room, int err, const char *first, const char *second)
{
	char why[HANDOVER_TEXT_MAX] = "";
	assert_int_equal(fits_check(&hello, &room, why), err);
	assert_non_null(strstr(why, first));
	assert_non_null(strstr(why, second));
}

static void test_it_fits(void **state)
{
	struct fits_room room = wide;
	check(room, 0, "", "");
	room.files = 1100;
	room.memory = 8 * MIB;
	check(room, 0, "", "");
}

static void test_too_few_files(void **state)
{
	struct fits_room room = wide;
	room.files = 1099;
	check(room, -EMFILE, "file limit of 1099", "raise it to 1100");
}

static void test_too_little_memory(void **state)
{
	struct fits_room room = wide;
	room.memory = 8 * MIB - 1;
	check(room, -ENOMEM, "8192 KiB are unread or unsent", "memory_limit is 8191 KiB");
}

static void test_a_group_that_is_too_small(void **state)
{
	struct fits_room room = wide;
	room.group = 10 * MIB;
	check(room, 0, "", "");
	room.group = 9 * MIB;
	check(room, -ENOMEM, "about 10192 KiB", "has 9216 KiB left");
}

/* What the kernel keeps of files it gives back first. */
static void test_what_a_group_has_left(void **state)
{
	struct fits_room room;
	fake_begin();
	fits_look(fake_root, 5, &room);
	assert_int_equal(room.memory, 5);
	assert_true(room.group == UINT64_MAX);
	fake_file("/proc/self/cgroup", "0::/a\n");
	fake_file("/sys/fs/cgroup/a/memory.max", "1000000\n");
	fake_file("/sys/fs/cgroup/a/memory.current", "900000\n");
	fits_look(fake_root, 5, &room);
	assert_int_equal(room.group, 100000);
	fake_file("/sys/fs/cgroup/a/memory.stat",
		"anon 600000\nfile 300000\nshmem 50000\ninactive_file 200000\nactive_file 50000\n");
	fits_look(fake_root, 5, &room);
	assert_int_equal(room.group, 350000);
	fake_end();
}

/* --- options -----------------------------------------------------------------------------------
 */

/* How those of `there` are taken by `here`. */
static int judge(const struct config *there, const struct config *here, char *ret_why)
{
	struct pack pack = PACK_EMPTY;
	setup_pack(there, &pack);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	int err = setup_check(&unpack, here, ret_why);
	pack_finish(&pack);
	return err;
}

static void test_options(void **state)
{
	struct config there;
	struct config here;
	char why[HANDOVER_TEXT_MAX] = "";
	config_init(&there);
	config_init(&here);
	there.workers = 7;
	assert_int_equal(judge(&there, &here, why), 0);
	here.echo = true;
	assert_int_equal(judge(&there, &here, why), -EPERM);
	assert_non_null(strstr(why, "does not echo"));
	assert_int_equal(judge(&here, &there, why), -EPERM);
	assert_non_null(strstr(why, "says no echo"));
	config_init(&here);
	snprintf(here.cluster, sizeof(here.cluster), "nats://a");
	assert_int_equal(judge(&there, &here, why), -EPERM);
	assert_non_null(strstr(why, "in no cluster"));
	assert_int_equal(judge(&here, &there, why), -EPERM);
	assert_non_null(strstr(why, "is in a cluster"));
}

static void test_options_that_make_no_sense(void **state)
{
	struct config config;
	struct pack pack = PACK_EMPTY;
	char why[HANDOVER_TEXT_MAX];
	config_init(&config);
	setup_pack(&config, &pack);
	for (size_t len = 0; len < pack.len; len++) {
		struct unpack unpack = unpack_of(pack.bytes, len);
		assert_int_equal(setup_check(&unpack, &config, why), -EINVAL);
	}
	pack_u8(&pack, 0);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(setup_check(&unpack, &config, why), -EINVAL);
	pack_finish(&pack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_fits),
		cmocka_unit_test(test_too_few_files),
		cmocka_unit_test(test_too_little_memory),
		cmocka_unit_test(test_a_group_that_is_too_small),
		cmocka_unit_test(test_what_a_group_has_left),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_options_that_make_no_sense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
