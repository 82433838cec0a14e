#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/config/config_options.h"
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

/* --- a resolver --------------------------------------------------------------------------------
 */

/* What `name.test` stands for; other names are the machine's. In place of libc's, which is asked
 * for those. */
static const char *const *fake_addresses;

static struct addrinfo *fake_info(const char *ip)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
	struct addrinfo *found = NULL;
	assert_int_equal(getaddrinfo(ip, NULL, &hints, &found), 0);
	return found;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **ret_found)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	struct addrinfo **next = ret_found;
	if (!host || strcmp(host, "name.test") != 0) {
		*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
		return real(host, service, hints, ret_found);
	}
	for (const char *const *at = fake_addresses; *at; at++) {
		*next = fake_info(*at);
		next = &(*next)->ai_next;
	}
	return 0;
}

/* --- a network of its own ----------------------------------------------------------------------
 */

/* Of this process alone: no other test takes a port that one here gives back for a moment. False
 * where that may not be done; the ports are the machine's then. */
static bool enter_own_network(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		return false;
	}
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool is_up = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	close(fd);
	return is_up;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return is_written;
}

/* Where the kernel has few ports to choose from. */
static bool enter_small_network(void)
{
	return enter_own_network() &&
	       write_file("/proc/sys/net/ipv4/ip_local_port_range", "40000 40015");
}

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

static void test_for_the_proxy_protocol(void **state)
{
	struct rig *rig = *state;
	char name[128];
	char expected[128];
	assert_int_equal(listen_on(rig, "proxy:127.0.0.1:0"), 0);
	snprintf(expected, sizeof(expected), "proxy:127.0.0.1:%u", port_of(rig, 0, 0));
	listeners_name(&rig->listeners, name, sizeof(name));
	assert_string_equal(name, expected);
	assert_int_equal(listen_on(rig, "proxy:unix:%s", rig->path), 0);
	assert_int_equal(listen_on(rig, "127.0.0.1:0"), 0);
	assert_true(listeners_is_proxied(&rig->listeners, 0));
	assert_true(listeners_is_proxied(&rig->listeners, 1));
	assert_false(listeners_is_proxied(&rig->listeners, 2));
	/* One address cannot be both. */
	uint16_t port = port_of(rig, 2, 0);
	rig->config.listen_count = 0;
	assert_int_equal(listen_on(rig, "127.0.0.1:%u", port), 0);
	assert_int_equal(listen_on(rig, "proxy:127.0.0.1:%u", port), -EADDRINUSE);
	assert_non_null(strstr(rig->error, "is the same with another proxy: or wss:// in front"));
}

static void test_for_tls(void **state)
{
	static const char *const listed[] = {
		"wss://127.0.0.1:0", "proxy:wss://127.0.0.1:0", "wss://:0", "127.0.0.1:0"};
	static const char *const shown[] = {
		"wss://127.0.0.1:%u", "proxy:wss://127.0.0.1:%u", "wss://:%u", "127.0.0.1:%u"};
	struct rig *rig = *state;
	for (size_t row = 0; row < 4; row++) {
		char name[128];
		char expected[128];
		assert_false(row > 0 && !listeners_has_tls(&rig->listeners));
		assert_int_equal(listen_on(rig, "%s", listed[row]), 0);
		snprintf(expected, sizeof(expected), shown[row], port_of(rig, row, 0));
		listeners_name_row(&rig->listeners, row, name, sizeof(name));
		assert_string_equal(name, expected);
		assert_int_equal(listeners_is_tls(&rig->listeners, row), row < 3);
		assert_int_equal(listeners_is_proxied(&rig->listeners, row), row == 1);
	}
	/* One address cannot be both. */
	uint16_t port = port_of(rig, 3, 0);
	rig->config.listen_count = 0;
	assert_int_equal(listen_on(rig, "127.0.0.1:%u", port), 0);
	assert_false(listeners_has_tls(&rig->listeners));
	assert_int_equal(listen_on(rig, "wss://127.0.0.1:%u", port), -EADDRINUSE);
}

static void test_where_a_browser_goes(void **state)
{
	struct rig *rig = *state;
	bool is_tls;
	assert_int_equal(listen_on(rig, "proxy:127.0.0.1:0"), 0);
	assert_int_equal(listeners_browser_port(&rig->listeners, false, &is_tls), 0);
	assert_int_equal(listen_on(rig, "wss://127.0.0.1:0"), 0);
	/* Where there is one only it is that, whatever is preferred. */
	for (int prefers_tls = 0; prefers_tls < 2; prefers_tls++) {
		assert_int_equal(listeners_browser_port(&rig->listeners, prefers_tls, &is_tls),
			port_of(rig, 1, 0));
		assert_true(is_tls);
	}
	assert_int_equal(listen_on(rig, "127.0.0.1:0"), 0);
	assert_int_equal(listen_on(rig, "127.0.0.1:0"), 0);
	for (int prefers_tls = 0; prefers_tls < 2; prefers_tls++) {
		assert_int_equal(listeners_browser_port(&rig->listeners, prefers_tls, &is_tls),
			port_of(rig, prefers_tls ? 1 : 2, 0));
		assert_int_equal(is_tls, prefers_tls);
	}
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

static bool has_ipv6(void)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool has = bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == 0;
	close(fd);
	return has;
}

static void name_of(const struct rig *rig, char ret_name[256])
{
	listeners_name(&rig->listeners, ret_name, 256);
}

/* Both families, each by its own; whichever comes first. */
static void test_each_family_has_its_own_unspecified_address(void **state)
{
	struct rig *rig = *state;
	char name[256];
	char expected[256];
	if (!has_ipv6()) {
		skip();
	}
	for (int i = 0; i < 2; i++) {
		rig->config.listen_count = 0;
		assert_int_equal(listen_on(rig, i ? "[::]:0" : "0.0.0.0:0"), 0);
		uint16_t port = port_of(rig, 0, 0);
		rig->config.listen_count = 0;
		assert_int_equal(listen_on(rig, i ? "[::]:%u" : "0.0.0.0:%u", port), 0);
		assert_int_equal(listen_on(rig, i ? "0.0.0.0:%u" : "[::]:%u", port), 0);
		assert_int_equal(rig->listeners.count, 2);
		assert_true(can_reach(port));
		name_of(rig, name);
		snprintf(expected, sizeof(expected),
			i ? "[::]:%u,0.0.0.0:%u" : "0.0.0.0:%u,[::]:%u", port, port);
		assert_string_equal(name, expected);
		/* Neither stands for the other. */
		rig->config.listen_count = 0;
		assert_int_equal(listen_on(rig, "[::]:%u", port), 0);
		assert_false(can_reach(port));
	}
}

/* By two options, or by a name that stands for it twice. */
static void test_an_address_that_comes_twice_is_opened_once(void **state)
{
	static const char *const twice[] = {"127.0.0.1", "127.0.0.2", "127.0.0.1", NULL};
	struct rig *rig = *state;
	fake_addresses = twice;
	assert_int_equal(listen_on(rig, "name.test:0"), 0);
	assert_int_equal(rig->listeners.count, 2);
	uint16_t port = port_of(rig, 0, 0);
	assert_int_equal(port_of(rig, 1, 0), port);
	rig->config.listen_count = 0;
	assert_int_equal(listen_on(rig, "127.0.0.1:%u", port), 0);
	assert_int_equal(listen_on(rig, "127.0.0.2:0"), 0);
	assert_int_equal(listen_on(rig, "name.test:%u", port), 0);
	/* 127.0.0.2 at a port of its own, and at that of the name. */
	assert_int_equal(rig->listeners.count, 3);
	assert_int_equal(port_of(rig, 0, 0), port);
	assert_int_not_equal(port_of(rig, 1, 0), port);
	assert_int_equal(port_of(rig, 2, 0), port);
}

static void test_a_name_has_one_port(void **state)
{
	static const char *const both[] = {"::1", "127.0.0.1", NULL};
	struct rig *rig = *state;
	fake_addresses = both;
	if (!has_ipv6()) {
		skip();
	}
	for (int i = 0; i < 20; i++) {
		rig->config.listen_count = 0;
		assert_int_equal(listen_on(rig, "name.test:0"), 0);
		assert_int_equal(rig->listeners.count, 2);
		assert_int_equal(port_of(rig, 0, 0), port_of(rig, 1, 0));
		assert_int_equal(port_of(rig, 0, 0), port_of(rig, 1, ACCEPTORS - 1));
	}
}

/* Tells that an option is in the way of another, not that a foreign process is. */
static void test_addresses_that_overlap(void **state)
{
	static const char *const pairs[][2] = {
		{":%u", "127.0.0.1:%u"},
		{"127.0.0.1:%u", ":%u"},
		{":%u", "0.0.0.0:%u"},
		{"0.0.0.0:%u", "127.0.0.1:%u"},
	};
	struct rig *rig = *state;
	assert_int_equal(listen_on(rig, "127.0.0.1:0"), 0);
	uint16_t port = port_of(rig, 0, 0);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		rig->config.listen_count = 0;
		assert_int_equal(listen_on(rig, pairs[i][0], port), 0);
		assert_int_equal(listen_on(rig, pairs[i][1], port), -EADDRINUSE);
		assert_non_null(strstr(rig->error, "another --listen covers it"));
	}
}

/* --- few ports ---------------------------------------------------------------------------------
 */

static void hold(const char *ip, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	inet_pton(AF_INET, ip, &in.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(fd, 1), 0);
}

/* Returns 0 when the listeners have always found a port that is free at both addresses. */
static int find_the_free_port(struct rig *rig)
{
	static const char *const two[] = {"127.0.0.1", "127.0.0.2", NULL};
	fake_addresses = two;
	if (!enter_small_network()) {
		return 77;
	}
	/* Most of those that the kernel prefers: odd ones of the lower half. */
	hold("127.0.0.2", 40001);
	hold("127.0.0.2", 40003);
	hold("127.0.0.2", 40005);
	for (int i = 0; i < 10; i++) {
		rig->config.listen_count = 0;
		if (listen_on(rig, "name.test:0") < 0 || rig->listeners.count != 2 ||
			port_of(rig, 0, 0) != port_of(rig, 1, 0)) {
			return 1;
		}
	}
	return 0;
}

static void test_a_port_that_is_taken_at_another_address(void **state)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		_exit(find_the_free_port(*state));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		skip(); /* may not have a network of its own */
	}
	assert_int_equal(WEXITSTATUS(status), 0);
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

static int count_files(const char *folder)
{
	char command[128];
	int count = -1;
	snprintf(command, sizeof(command), "ls %s | wc -l", folder);
	FILE *pipe = popen(command, "r");
	assert_int_equal(fscanf(pipe, "%d", &count), 1);
	pclose(pipe);
	return count;
}

/* Somebody removed ours and listens there himself. */
static void test_a_path_that_is_anothers_stays(void **state)
{
	struct rig *rig = *state;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", rig->path);
	assert_int_equal(listen_on(rig, "unix:%s", rig->path), 0);
	assert_int_equal(count_files(rig->folder), 1);
	assert_int_equal(unlink(rig->path), 0);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 1), 0);
	listeners_close(&rig->listeners);
	assert_int_equal(connect_to(rig->path), 0);
	close(fd);
	assert_int_equal(count_files(rig->folder), 1);
}

enum {
	RIVALS = 4,
	ROUNDS = 200,
};

/* Of those that start at once. */
struct rival {
	struct rig *rig;
	pthread_barrier_t *barrier;
	struct listeners listeners;
	int err;
};

static void *start_at_once(void *context)
{
	struct rival *rival = context;
	char error[CONFIG_ERROR_MAX];
	pthread_barrier_wait(rival->barrier);
	rival->err = listeners_open(&rival->listeners, &rival->rig->config, error);
	return NULL;
}

static void leave_stale(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	close(fd);
}

static void test_one_of_those_that_start_at_once_wins(void **state)
{
	struct rig *rig = *state;
	pthread_barrier_t barrier;
	snprintf(rig->config.listen[0], ADDRESS_MAX, "unix:%s", rig->path);
	rig->config.listen_count = 1;
	pthread_barrier_init(&barrier, NULL, RIVALS);
	for (int round = 0; round < ROUNDS; round++) {
		struct rival rivals[RIVALS];
		pthread_t threads[RIVALS];
		int winners = 0;
		leave_stale(rig->path);
		for (int i = 0; i < RIVALS; i++) {
			rivals[i] = (struct rival){.rig = rig, .barrier = &barrier};
			pthread_create(&threads[i], NULL, start_at_once, &rivals[i]);
		}
		for (int i = 0; i < RIVALS; i++) {
			pthread_join(threads[i], NULL);
			winners += rivals[i].err == 0;
			assert_true(rivals[i].err == 0 || rivals[i].err == -EADDRINUSE);
		}
		assert_int_equal(winners, 1);
		assert_int_equal(connect_to(rig->path), 0);
		for (int i = 0; i < RIVALS; i++) {
			listeners_close(&rivals[i].listeners);
		}
		assert_int_equal(count_files(rig->folder), 0);
	}
	pthread_barrier_destroy(&barrier);
}

/* Of a process that was killed while it held it. */
static void test_a_lock_left_behind_locks_nobody_out(void **state)
{
	struct rig *rig = *state;
	char lock[128];
	snprintf(lock, sizeof(lock), "%s.lock", rig->path);
	close(open(lock, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(listen_on(rig, "unix:%s", rig->path), 0);
	assert_int_equal(count_files(rig->folder), 1);
}

static mode_t mode_of(const char *path)
{
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 07777;
}

static void test_unix_mode(void **state)
{
	struct rig *rig = *state;
	mode_t before = umask(0027);
	assert_int_equal(listen_on(rig, "unix:%s", rig->path), 0);
	assert_int_equal(mode_of(rig->path), 0750);
	rig->config.unix_mode = 0666;
	rig->config.listen_count = 0;
	assert_int_equal(listen_on(rig, "unix:%s", rig->path), 0);
	assert_int_equal(mode_of(rig->path), 0666);
	umask(before);
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

static void test_what_to_do_is_said(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(listen_on(rig, "unix:%s/none/socket", rig->folder), -ENOENT);
	assert_non_null(strstr(rig->error, "(its folder must be there"));
	rig->config.listen_count = 0;
	assert_int_equal(listen_on(rig, "%s", "192.0.2.1:0"), -EADDRNOTAVAIL);
	assert_non_null(strstr(rig->error, "(this machine has no such address)"));
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
		CASE(test_for_the_proxy_protocol),
		CASE(test_for_tls),
		CASE(test_where_a_browser_goes),
		CASE(test_port_0_is_the_same_for_all_acceptors),
		CASE(test_all_addresses),
		CASE(test_ipv6_and_several_addresses),
		CASE(test_port_in_use),
		CASE(test_each_family_has_its_own_unspecified_address),
		CASE(test_an_address_that_comes_twice_is_opened_once),
		CASE(test_a_name_has_one_port),
		CASE(test_addresses_that_overlap),
		CASE(test_a_port_that_is_taken_at_another_address),
		CASE(test_no_such_host),
		CASE(test_unix_socket_is_shared_and_removed),
		CASE(test_unix_socket_left_behind),
		CASE(test_a_path_that_is_anothers_stays),
		CASE(test_one_of_those_that_start_at_once_wins),
		CASE(test_a_lock_left_behind_locks_nobody_out),
		CASE(test_unix_mode),
		CASE(test_what_is_no_socket_stays),
		CASE(test_what_to_do_is_said),
		CASE(test_unix_paths_of_the_longest),
	};
	enter_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
