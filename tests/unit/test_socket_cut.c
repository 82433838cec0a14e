#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/cluster/socket_cut.h"

static int listener;
static uint16_t port;

static int open_listener(uint16_t *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static int setup(void **state)
{
	listener = open_listener(&port);
	return 0;
}

static int teardown(void **state)
{
	return close(listener);
}

static int open_client(bool is_reset_at_close, int flags)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct linger linger = {.l_onoff = is_reset_at_close, .l_linger = 0};
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	int err = connect(fd, (struct sockaddr *)&address, sizeof(address));
	assert_true(err == 0 || flags != 0);
	return fd;
}

static bool is_cut(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void test_only_such_a_socket_to_such_a_port(void **state)
{
	uint16_t ports[] = {(uint16_t)(port + 1), port};
	int meant = open_client(true, 0);
	int other_end = accept(listener, NULL, NULL);
	int gentle = open_client(false, 0);

	assert_int_equal(socket_cut(ports, 1), 0);
	assert_false(is_cut(meant));
	assert_int_equal(socket_cut(ports, 2), 1);
	assert_true(is_cut(meant));
	assert_true(is_cut(other_end)); /* it was told */
	assert_false(is_cut(gentle));
	close(meant);
	close(other_end);
	close(gentle);
}

static void test_what_is_being_connected(void **state)
{
	int fds[4];
	size_t waiting = 0;

	/* The queue of those to be accepted is full by and by. */
	for (size_t i = 0; i < 4; i++) {
		fds[i] = open_client(false, SOCK_NONBLOCK);
	}
	waiting = socket_cut(NULL, 0);
	assert_in_range(waiting, 1, 3);
	assert_int_equal(socket_cut(NULL, 0), 0);
	for (size_t i = 0; i < 4; i++) {
		close(fds[i]);
	}
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_only_such_a_socket_to_such_a_port),
		TEST(test_what_is_being_connected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
