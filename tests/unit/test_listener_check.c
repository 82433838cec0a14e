#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/config/config_options.h"
#include "../../server/node/listener_check.h"
#include "../../server/node/tcp_address.h"
#include "kept_findings.h"

static struct config config;
static struct sources sources;
static struct kept_findings kept;
static char folder[] = "/tmp/test_listener_check.XXXXXX";

static int make_folder(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	return rmdir(folder);
}

static int setup(void **state)
{
	config_init(&config);
	sources_init(&sources);
	config.file = "gate.conf";
	config.listen_count = 0;
	return 0;
}

static void set(const char *name, const char *value)
{
	char error[CONFIG_ERROR_MAX];

	assert_int_equal(config_set(&config, name, value, error), 0);
	sources_add_line(&sources, (size_t)config_option_find(name), config.listen_count - 1, 7);
}

/* Listens at all of `list`, which ends with NULL; returns whether others reach the admin port. */
static bool check_list(const char *const *list)
{
	setup(NULL);
	kept_findings_init(&kept);
	for (; *list; list++) {
		set("listen", *list);
	}
	return listener_check(&config, &sources, &kept.findings);
}

#define CHECK(...) check_list((const char *const[]){__VA_ARGS__, NULL})

static void test_good_ones(void **state)
{
	char path[64];

	snprintf(path, sizeof(path), "unix:%s/socket", folder);
	CHECK(":8000");
	CHECK("127.0.0.1:8000", "127.0.0.2:8000", path);
	CHECK("0.0.0.0:8000", "127.0.0.1:8001", ":0", "0.0.0.0:0");
	CHECK("localhost:8000", "127.0.0.1:8000");
	assert_string_equal(kept.text, "");
}

/* A gateway that runs has it. */
static void test_a_port_in_use_is_no_fault(void **state)
{
	struct tcp_address any = tcp_address_any(0, false);
	struct sockaddr_in bound;
	socklen_t len = sizeof(bound);
	char text[32];
	int fd;

	assert_int_equal(tcp_address_listen(&any, 1, &fd), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &len), 0);
	snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(bound.sin_port));
	CHECK(text);
	assert_string_equal(kept.text, "");
	close(fd);
}

static void test_what_is_no_address_of_this_machine(void **state)
{
	CHECK("127.0.0.1:1", "192.0.2.1:8000");
	assert_string_equal(kept.text,
		"gate.conf:7: listen = 192.0.2.1:8000: Cannot assign requested address (this machine "
		"has no such address)\n");
	CHECK("a..b:8000"); /* which no resolver is asked for */
	assert_memory_equal(kept.text, "gate.conf:7: listen = a..b:8000: ", 33);
	assert_int_equal(kept.findings.faults, 1);
}

static void test_one_in_the_way_of_another(void **state)
{
	static const char told[] = "another address covers it, or is covered by it: leave one of "
				   "them out\n";

	CHECK(":8000", "127.0.0.1:8000");
	assert_non_null(strstr(kept.text, told));
	assert_memory_equal(kept.text, "gate.conf:7: listen = 127.0.0.1:8000: ", 38);
	assert_int_equal(kept.findings.faults, 1);
	CHECK("127.0.0.1:8000", "0.0.0.0:8000");
	assert_non_null(strstr(kept.text, told));
	assert_int_equal(kept.findings.faults, 1);
	CHECK("127.0.0.1:8000", "proxy:127.0.0.1:8000");
	assert_non_null(strstr(kept.text, told));
	assert_int_equal(kept.findings.faults, 1);
	CHECK("wss://127.0.0.1:8000", "127.0.0.1:8000");
	assert_non_null(strstr(kept.text, told));
	assert_int_equal(kept.findings.faults, 1);
}

static void test_folders_of_unix_sockets(void **state)
{
	char path[64];
	char text[80];
	char expected[256];

	CHECK("unix:/nonexistent/folder/socket");
	assert_string_equal(kept.text,
		"gate.conf:7: listen = unix:/nonexistent/folder/socket: No such file or directory "
		"(its folder must be there, and be writable; systemd makes that of the service at "
		"its start)\n");
	snprintf(path, sizeof(path), "%s/file", folder);
	snprintf(text, sizeof(text), "unix:%s", path);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
	CHECK(text);
	snprintf(expected, sizeof(expected),
		"gate.conf:7: listen = %s: File exists (it is not a socket, so it stays)\n", text);
	assert_string_equal(kept.text, expected);
	unlink(path);
	assert_true(access(path, F_OK) < 0); /* nor does looking make one */
}

static bool check_admin(const char *listen, const char *admin)
{
	setup(NULL);
	kept_findings_init(&kept);
	set("listen", listen);
	set("admin", admin);
	return listener_check(&config, &sources, &kept.findings);
}

static void test_whether_others_reach_the_admin_port(void **state)
{
	assert_false(CHECK(":8000"));
	assert_false(check_admin(":8000", ":8001"));
	assert_false(check_admin(":8000", "localhost:8001"));
	assert_false(check_admin(":8000", "unix:/tmp/admin"));
	assert_true(check_admin(":8000", "*:8001"));
	assert_true(check_admin(":8000", "0.0.0.0:8001"));
	assert_string_equal(kept.text, "");
}

static void test_admin_port_has_an_address_of_its_own(void **state)
{
	check_admin("127.0.0.1:8000", "127.0.0.1:8000");
	assert_memory_equal(kept.text, "gate.conf:7: admin = 127.0.0.1:8000: another address", 52);
	check_admin(":8000", ":8000");
	assert_int_equal(kept.findings.faults, 1);
	check_admin("127.0.0.1:0", "127.0.0.1:0");
	assert_string_equal(kept.text, "");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_good_ones),
		TEST(test_a_port_in_use_is_no_fault),
		TEST(test_what_is_no_address_of_this_machine),
		TEST(test_one_in_the_way_of_another),
		TEST(test_folders_of_unix_sockets),
		TEST(test_whether_others_reach_the_admin_port),
		TEST(test_admin_port_has_an_address_of_its_own),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
