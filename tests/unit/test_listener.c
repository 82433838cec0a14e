#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/node/listener.h"

enum {
	ACCEPTORS = 3,
};

struct rig {
	struct config config;
	struct listeners listeners;
	char error[CONFIG_ERROR_MAX];
	char folder[64];
	char path[96];
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	config_init(&rig->config);
	rig->config.listen_count = 0;
	rig->config.acceptors = ACCEPTORS;
	rig->listeners = LISTENERS_EMPTY;
	snprintf(rig->folder, sizeof(rig->folder), "/tmp/test-listener-XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	snprintf(rig->path, sizeof(rig->path), "%s/socket", rig->folder);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	listeners_close(&rig->listeners);
	listeners_close(&rig->listeners);
	unlink(rig->path);
	assert_int_equal(rmdir(rig->folder), 0);
	free(rig);
	return 0;
}

static int listen_on(struct rig *rig, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(rig->config.listen[rig->config.listen_count++], ADDRESS_MAX, format, args);
	va_end(args);
	listeners_close(&rig->listeners);
	rig->error[0] = '\0';
	return listeners_open(&rig->listeners, &rig->config, rig->error);
}

static uint16_t port_of(const struct rig *rig, size_t row, uint32_t column)
{
	struct sockaddr_in6 address = {.sin6_family = AF_UNSPEC};
	socklen_t len = sizeof(address);
	getsockname(listeners_fd(&rig->listeners, row, column), (struct sockaddr *)&address, &len);
	/* At the same place in both families. */
	return ntohs(address.sin6_port);
}

static int option_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);
	getsockopt(fd, level, option, &value, &len);
	return value;
}

static bool can_reach(uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool is_there = connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0;
	close(fd);
	return is_there;
}

static void test_port_0_is_the_same_for_all_acceptors(void **state)
{
	struct rig *rig = *state;
	char name[128];
	char expected[128];
	assert_int_equal(listen_on(rig, "127.0.0.1:0"), 0);
	assert_int_equal(rig->listeners.count, 1);
	assert_int_equal(rig->listeners.columns, ACCEPTORS);
	assert_true(listeners_has_inet(&rig->listeners));
	assert_false(listeners_is_shared(&rig->listeners, 0));
	uint16_t port = port_of(rig, 0, 0);
	assert_true(port > 0);
	for (uint32_t i = 0; i < ACCEPTORS; i++) {
		int fd = listeners_fd(&rig->listeners, 0, i);
		assert_int_equal(port_of(rig, 0, i), port);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_int_equal(option_of(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
		assert_true(option_of(fd, IPPROTO_TCP, TCP_NODELAY) > 0);
		for (uint32_t k = 0; k < i; k++) {
			assert_int_not_equal(fd, listeners_fd(&rig->listeners, 0, k));
		}
	}
	assert_true(can_reach(port));
	listeners_name(&rig->listeners, name, sizeof(name));
	snprintf(expected, sizeof(expected), "127.0.0.1:%u", port);
	assert_string_equal(name, expected);
}

static void test_all_addresses(void **state)
{
	struct rig *rig = *state;
	char name[128];
	char expected[128];
	assert_int_equal(listen_on(rig, ":0"), 0);
	assert_true(can_reach(port_of(rig, 0, 0))); /* IPv4 as well, whatever the family */
	listeners_name(&rig->listeners, name, sizeof(name));
	snprintf(expected, sizeof(expected), ":%u", port_of(rig, 0, 0));
	assert_string_equal(name, expected);
}

static void test_ipv6_and_several_addresses(void **state)
{
	struct rig *rig = *state;
	char name[256];
	char expected[512];
	int err = listen_on(rig, "[::1]:0");
	if (err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT) {
		skip(); /* a machine without IPv6 */
	}
	assert_int_equal(err, 0);
	assert_int_equal(
		option_of(listeners_fd(&rig->listeners, 0, 0), IPPROTO_IPV6, IPV6_V6ONLY), 1);
	assert_int_equal(listen_on(rig, "localhost:0"), 0);
	assert_int_equal(listen_on(rig, "unix:%s", rig->path), 0);
	listeners_name(&rig->listeners, name, sizeof(name));
	snprintf(expected, sizeof(expected), "[::1]:%u,", port_of(rig, 0, 0));
	assert_memory_equal(name, expected, strlen(expected));
	snprintf(expected, sizeof(expected), ",unix:%s", rig->path);
	assert_string_equal(name + strlen(name) - strlen(expected), expected);
	/* One that is too long is cut off, not written beyond. */
	for (size_t size = 1; size < strlen(expected); size++) {
		memset(name, '!', sizeof(name));
		listeners_name(&rig->listeners, name, size);
		assert_true(strlen(name) < size);
		assert_int_equal(name[size], '!');
	}
}

/* Even one that would let others in, as our own acceptors do among themselves. */
static void test_port_in_use(void **state)
{
	struct rig *rig = *state;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	char expected[128];
	int one = 1;
	for (int reuse = 0; reuse < 2; reuse++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		in.sin_port = 0;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (reuse) {
			setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
		}
		assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
		assert_int_equal(listen(fd, 1), 0);
		getsockname(fd, (struct sockaddr *)&in, &len);
		rig->config.listen_count = 0;
		assert_int_equal(listen_on(rig, "127.0.0.1:%u", ntohs(in.sin_port)), -EADDRINUSE);
		snprintf(expected, sizeof(expected),
			"cannot listen on 127.0.0.1:%u: Address already in use (",
			ntohs(in.sin_port));
		assert_memory_equal(rig->error, expected, strlen(expected));
		assert_int_equal(rig->listeners.count, 0);
		assert_null(rig->listeners.fds);
		close(fd);
		rig->config.listen_count = 0;
		assert_int_equal(listen_on(rig, "127.0.0.1:%u", ntohs(in.sin_port)), 0);
		listeners_close(&rig->listeners);
	}
}

static void test_the_same_address_twice(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(listen_on(rig, "127.0.0.1:0"), 0);
	uint16_t port = port_of(rig, 0, 0);
	listeners_close(&rig->listeners);
	rig->config.listen_count = 0;
	assert_int_equal(listen_on(rig, "127.0.0.1:%u", port), 0);
	assert_int_equal(listen_on(rig, "127.0.0.1:%u", port), -EADDRINUSE);
	assert_non_null(strstr(rig->error, "cannot listen on"));
}

static void test_no_such_host(void **state)
{
	struct rig *rig = *state;
	assert_int_not_equal(listen_on(rig, "no-such-host.invalid:0"), 0);
	assert_memory_equal(rig->error, "cannot listen on no-such-host.invalid:0: ", 41);
	assert_null(strchr(rig->error, '\n'));
}

static int connect_to(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int err = connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0 ? -errno : 0;
	close(fd);
	return err;
}

static void test_unix_socket_is_shared_and_removed(void **state)
{
	struct rig *rig = *state;
	struct stat status;
	assert_int_equal(listen_on(rig, "unix:%s", rig->path), 0);
	assert_true(listeners_is_shared(&rig->listeners, 0));
	assert_false(listeners_has_inet(&rig->listeners));
	for (uint32_t i = 0; i < ACCEPTORS; i++) {
		assert_int_equal(
			listeners_fd(&rig->listeners, 0, i), listeners_fd(&rig->listeners, 0, 0));
	}
	assert_int_equal(connect_to(rig->path), 0);
	listeners_close(&rig->listeners);
	assert_int_equal(stat(rig->path, &status), -1);
	rig->config.acceptors = 1;
	rig->config.listen_count = 0;
	assert_int_equal(listen_on(rig, "unix:%s", rig->path), 0);
	assert_false(listeners_is_shared(&rig->listeners, 0)); /* there is but one */
	assert_true(listeners_fd(&rig->listeners, 0, 0) >= 0);
}

static void test_unix_socket_left_behind(void **state)
{
	struct rig *rig = *state;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", rig->path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 1), 0);
	/* A live one is not touched, not even by the clean-up of the failure. */
	assert_int_equal(listen_on(rig, "unix:%s", rig->path), -EADDRINUSE);
	assert_non_null(strstr(rig->error, "in use"));
	assert_int_equal(connect_to(rig->path), 0);
	/* One whose process is gone is replaced. */
	close(fd);
	assert_int_equal(connect_to(rig->path), -ECONNREFUSED);
	rig->config.listen_count = 0;
	assert_int_equal(listen_on(rig, "unix:%s", rig->path), 0);
	assert_int_equal(connect_to(rig->path), 0);
}

static void test_what_is_no_socket_stays(void **state)
{
	struct rig *rig = *state;
	char data[8] = "";
	int fd = open(rig->path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_int_equal(listen_on(rig, "unix:%s", rig->path), -EEXIST);
	assert_non_null(strstr(rig->error, "not a socket"));
	fd = open(rig->path, O_RDONLY);
	assert_int_equal(read(fd, data, 8), 8);
	assert_memory_equal(data, "precious", 8);
	close(fd);
}

static void test_unix_paths_of_the_longest(void **state)
{
	struct rig *rig = *state;
	char error[CONFIG_ERROR_MAX];
	char value[256];
	size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	int len = snprintf(value, sizeof(value), "unix:%s/", rig->folder);
	memset(value + len, 'x', sizeof(value) - (size_t)len);
	value[5 + most + 1] = '\0';
	assert_int_equal(config_set(&rig->config, "listen", value, error), -EINVAL);
	value[5 + most] = '\0';
	assert_int_equal(config_set(&rig->config, "listen", value, error), 0);
	assert_int_equal(listeners_open(&rig->listeners, &rig->config, rig->error), 0);
	char name[256];
	listeners_name(&rig->listeners, name, sizeof(name));
	assert_string_equal(name, value);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_port_0_is_the_same_for_all_acceptors),
		CASE(test_all_addresses),
		CASE(test_ipv6_and_several_addresses),
		CASE(test_port_in_use),
		CASE(test_the_same_address_twice),
		CASE(test_no_such_host),
		CASE(test_unix_socket_is_shared_and_removed),
		CASE(test_unix_socket_left_behind),
		CASE(test_what_is_no_socket_stays),
		CASE(test_unix_paths_of_the_longest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
