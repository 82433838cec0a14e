#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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
#include "../../server/node/listener_adopt.h"

/* One gateway that goes and one that comes: in one process, with descriptors that are duplicated,
 * as the channel does it. */
struct rig {
	struct config config;
	struct listeners before;
	struct listeners behind;
	struct inherited inherited;
	char error[CONFIG_ERROR_MAX];
	char folder[64];
	char path[96];
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	config_init(&rig->config);
	rig->config.listen_count = 0;
	snprintf(rig->folder, sizeof(rig->folder), "/tmp/test-adopt-XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	snprintf(rig->path, sizeof(rig->path), "%s/socket", rig->folder);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	inherited_close(&rig->inherited);
	listeners_close(&rig->before);
	listeners_close(&rig->behind);
	unlink(rig->path);
	assert_int_equal(rmdir(rig->folder), 0);
	free(rig);
	return 0;
}

static void configure(struct rig *rig, uint32_t acceptors, const char *first, const char *second)
{
	rig->config.acceptors = acceptors;
	rig->config.listen_count = 0;
	for (const char *text = first; text; text = text == first ? second : NULL) {
		snprintf(rig->config.listen[rig->config.listen_count++], ADDRESS_MAX, "%s", text);
	}
}

static void open_before(struct rig *rig, uint32_t acceptors, const char *first, const char *second)
{
	configure(rig, acceptors, first, second);
	assert_int_equal(listeners_open(&rig->before, &rig->config, rig->error), 0);
}

/* Through bytes, as to another process. */
static void send_over(struct rig *rig, const struct listeners *listeners)
{
	struct inherited list = INHERITED_EMPTY;
	struct pack pack = PACK_EMPTY;
	int fds[64];
	assert_int_equal(listeners_list(listeners, &list), 0);
	assert_in_range(list.count, 1, 64);
	for (size_t i = 0; i < list.count; i++) {
		fds[i] = dup(list.sockets[i].fd);
		assert_true(fds[i] >= 0);
	}
	inherited_pack(&list, 0, list.count, &pack);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(inherited_unpack(&rig->inherited, &unpack, fds, list.count), 0);
	assert_true(unpack_is_over(&unpack));
	pack_finish(&pack);
	inherited_free(&list);
}

static int adopt(struct rig *rig, uint32_t acceptors, const char *first, const char *second)
{
	configure(rig, acceptors, first, second);
	send_over(rig, &rig->before);
	return listeners_adopt(&rig->behind, &rig->config, &rig->inherited, rig->error);
}

/* What is new has a number of its own; a duplicate shares the inode. */
static bool is_same_socket(int fd, int other)
{
	struct stat a;
	struct stat b;
	return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_ino == b.st_ino;
}

static bool is_among(const struct listeners *listeners, int fd)
{
	for (size_t row = 0; row < listeners_all(listeners); row++) {
		for (uint32_t i = 0; i < listeners->columns; i++) {
			if (is_same_socket(listeners_fd(listeners, row, i), fd)) {
				return true;
			}
		}
	}
	return false;
}

/* All that were there are there. */
static void check_none_is_lost(const struct rig *rig)
{
	for (size_t row = 0; row < listeners_all(&rig->before); row++) {
		for (uint32_t i = 0; i < rig->before.columns; i++) {
			assert_true(is_among(&rig->behind, listeners_fd(&rig->before, row, i)));
		}
	}
}

static bool is_listening(int fd)
{
	int is_listening = -1;
	socklen_t len = sizeof(is_listening);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len), 0);
	return is_listening;
}

static int dial(const struct listeners *listeners, size_t row)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	getsockname(listeners_fd(listeners, row, 0), (struct sockaddr *)&address, &len);
	int fd = socket(address.ss_family, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, len), 0);
	return fd;
}

/* --- acceptors ---------------------------------------------------------------------------------
 */

static void test_as_many_as_before(void **state)
{
	struct rig *rig = *state;
	char before[128];
	char behind[128];
	open_before(rig, 3, "127.0.0.1:0", NULL);
	listeners_name(&rig->before, before, sizeof(before));
	assert_int_equal(adopt(rig, 3, "127.0.0.1:0", NULL), 0);
	assert_int_equal(rig->behind.count, 1);
	assert_int_equal(listeners_all(&rig->behind), 1);
	listeners_name(&rig->behind, behind, sizeof(behind));
	assert_string_equal(behind, before);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(is_same_socket(
			listeners_fd(&rig->behind, 0, i), listeners_fd(&rig->before, 0, i)));
	}
}

/* The new ones take nobody in before it is said: who came to them would be reset with them. */
static void test_more_than_before(void **state)
{
	struct rig *rig = *state;
	open_before(rig, 1, "127.0.0.1:0", NULL);
	assert_int_equal(adopt(rig, 3, "127.0.0.1:0", NULL), 0);
	check_none_is_lost(rig);
	assert_int_equal(listeners_all(&rig->behind), 1);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(is_listening(listeners_fd(&rig->behind, 0, i)), i == 0);
	}
	assert_int_equal(listeners_begin(&rig->behind), 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(is_listening(listeners_fd(&rig->behind, 0, i)));
		assert_int_equal(listeners_port(&rig->behind, 0), listeners_port(&rig->before, 0));
	}
}

static void test_fewer_than_before(void **state)
{
	struct rig *rig = *state;
	for (uint32_t acceptors = 1; acceptors <= 2; acceptors++) {
		open_before(rig, 4, "127.0.0.1:0", "127.0.0.2:0");
		assert_int_equal(adopt(rig, acceptors, "127.0.0.1:0", "127.0.0.2:0"), 0);
		check_none_is_lost(rig);
		assert_int_equal(rig->behind.count, 2);
		assert_int_equal(rig->behind.extra, 2 * (4 - acceptors));
		for (size_t row = 2; row < listeners_all(&rig->behind); row++) {
			assert_int_equal(listeners_is_shared(&rig->behind, row), acceptors > 1);
			assert_false(listeners_is_gone(&rig->behind, row));
		}
		/* And on to a third one, which has place for all. */
		listeners_close(&rig->before);
		rig->before = rig->behind;
		rig->behind = LISTENERS_EMPTY;
		assert_int_equal(adopt(rig, 4, "127.0.0.1:0", "127.0.0.2:0"), 0);
		check_none_is_lost(rig);
		assert_int_equal(rig->behind.extra, 0);
		listeners_close(&rig->before);
		listeners_close(&rig->behind);
	}
}

/* --- addresses ---------------------------------------------------------------------------------
 */

static void test_the_same_address_by_another_name(void **state)
{
	struct rig *rig = *state;
	char text[ADDRESS_MAX];
	open_before(rig, 2, "127.0.0.1:0", NULL);
	snprintf(text, sizeof(text), "127.0.0.1:%u", listeners_port(&rig->before, 0));
	assert_int_equal(adopt(rig, 2, text, NULL), 0);
	check_none_is_lost(rig);
	assert_int_equal(listeners_all(&rig->behind), 1);
}

static void test_another_kind_at_the_same_address(void **state)
{
	struct rig *rig = *state;
	char text[ADDRESS_MAX];
	open_before(rig, 1, "127.0.0.1:0", NULL);
	snprintf(text, sizeof(text), "wss://127.0.0.1:%u", listeners_port(&rig->before, 0));
	assert_int_equal(adopt(rig, 1, text, NULL), 0);
	check_none_is_lost(rig);
	assert_true(listeners_is_tls(&rig->behind, 0));
}

static void test_one_that_is_gone(void **state)
{
	struct rig *rig = *state;
	open_before(rig, 2, "127.0.0.1:0", "wss://127.0.0.2:0");
	assert_int_equal(adopt(rig, 2, "127.0.0.1:0", "127.0.0.3:0"), 0);
	check_none_is_lost(rig);
	assert_int_equal(rig->behind.count, 2);
	assert_int_equal(rig->behind.extra, 2);
	assert_true(listeners_has_tls(&rig->behind));
	for (size_t row = 0; row < 4; row++) {
		assert_int_equal(listeners_is_gone(&rig->behind, row), row >= 2);
		assert_int_equal(listeners_is_tls(&rig->behind, row), row >= 2);
	}
	int fd = listeners_fd(&rig->behind, 2, 0);
	listeners_end_gone(&rig->behind, 2);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(listeners_fd(&rig->behind, 2, 0), -1);
	listeners_end_gone(&rig->behind, 2);
}

/* Nobody can listen at all addresses while somebody does at one. */
static void test_one_that_covers_it(void **state)
{
	struct rig *rig = *state;
	char text[ADDRESS_MAX];
	open_before(rig, 1, "127.0.0.1:0", NULL);
	snprintf(text, sizeof(text), ":%u", listeners_port(&rig->before, 0));
	assert_int_equal(adopt(rig, 1, text, NULL), -EADDRINUSE);
	assert_non_null(strstr(rig->error, "takes a restart"));
}

static void test_who_waits_is_served(void **state)
{
	struct rig *rig = *state;
	open_before(rig, 1, "127.0.0.1:0", NULL);
	int client = dial(&rig->before, 0);
	assert_int_equal(adopt(rig, 1, "127.0.0.1:0", NULL), 0);
	listeners_close(&rig->before);
	int fd = accept(listeners_fd(&rig->behind, 0, 0), NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	char byte = 0;
	assert_int_equal(recv(client, &byte, 1, 0), 1);
	close(fd);
	close(client);
}

/* --- Unix --------------------------------------------------------------------------------------
 */

static void test_a_path_stays(void **state)
{
	struct rig *rig = *state;
	struct stat status;
	char text[ADDRESS_MAX];
	snprintf(text, sizeof(text), "unix:%s", rig->path);
	open_before(rig, 2, text, NULL);
	assert_int_equal(adopt(rig, 3, text, NULL), 0);
	assert_int_equal(listeners_all(&rig->behind), 1);
	assert_true(listeners_is_shared(&rig->behind, 0));
	/* Of one that does not get to serve it stays. */
	listeners_close(&rig->behind);
	assert_int_equal(stat(rig->path, &status), 0);
	/* Nor does one that has handed it over remove it. */
	assert_int_equal(adopt(rig, 1, text, NULL), 0);
	assert_int_equal(listeners_begin(&rig->behind), 0);
	listeners_forget_paths(&rig->before);
	listeners_close(&rig->before);
	assert_int_equal(stat(rig->path, &status), 0);
	close(dial(&rig->behind, 0));
	listeners_close(&rig->behind);
	assert_int_equal(stat(rig->path, &status), -1);
}

static void test_a_path_that_is_gone(void **state)
{
	struct rig *rig = *state;
	struct stat status;
	char text[ADDRESS_MAX];
	snprintf(text, sizeof(text), "unix:%s", rig->path);
	open_before(rig, 1, text, NULL);
	assert_int_equal(adopt(rig, 1, "127.0.0.1:0", NULL), 0);
	assert_true(listeners_is_gone(&rig->behind, 1));
	assert_int_equal(stat(rig->path, &status), 0);
	assert_int_equal(listeners_begin(&rig->behind), 0);
	assert_int_equal(stat(rig->path, &status), -1);
	assert_true(listeners_fd(&rig->behind, 1, 0) >= 0);
	listeners_forget_paths(&rig->before);
}

/* --- others ------------------------------------------------------------------------------------
 */

static void test_passed_by_systemd(void **state)
{
	struct rig *rig = *state;
	open_before(rig, 1, "127.0.0.1:0", NULL);
	rig->before.are_passed = true;
	rig->before.rows[0].text[0] = '\0';
	rig->before.rows[0].is_proxied = true;
	assert_int_equal(adopt(rig, 2, "127.0.0.1:9", NULL), 0);
	check_none_is_lost(rig);
	assert_true(rig->behind.are_passed);
	assert_int_equal(rig->behind.count, 1);
	assert_true(listeners_is_shared(&rig->behind, 0));
	assert_true(listeners_is_proxied(&rig->behind, 0));
}

static void test_the_admin_port(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(listeners_open_admin(&rig->before, "127.0.0.1:0", rig->error), 0);
	send_over(rig, &rig->before);
	assert_int_equal(
		listeners_adopt_admin(&rig->behind, "127.0.0.1:0", &rig->inherited, rig->error), 0);
	check_none_is_lost(rig);
	assert_int_equal(rig->behind.count, 1);
}

static void test_bytes_that_make_no_sense(void **state)
{
	struct rig *rig = *state;
	struct inherited list = INHERITED_EMPTY;
	struct pack pack = PACK_EMPTY;
	open_before(rig, 2, "127.0.0.1:0", NULL);
	assert_int_equal(listeners_list(&rig->before, &list), 0);
	inherited_pack(&list, 0, 2, &pack);
	for (size_t len = 0; len < pack.len; len++) {
		struct unpack unpack = unpack_of(pack.bytes, len);
		int fds[] = {dup(list.sockets[0].fd), dup(list.sockets[1].fd)};
		assert_int_equal(inherited_unpack(&rig->inherited, &unpack, fds, 2), -EINVAL);
		inherited_close(&rig->inherited);
		assert_int_equal(fcntl(fds[0], F_GETFD), -1);
		assert_int_equal(fcntl(fds[1], F_GETFD), -1);
	}
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	int fd = dup(list.sockets[0].fd);
	assert_int_equal(inherited_unpack(&rig->inherited, &unpack, &fd, 1), -EINVAL);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	pack_finish(&pack);
	inherited_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_as_many_as_before, setup, teardown),
		cmocka_unit_test_setup_teardown(test_more_than_before, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fewer_than_before, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_the_same_address_by_another_name, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_another_kind_at_the_same_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_covers_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_waits_is_served, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_path_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_path_that_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_passed_by_systemd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_admin_port, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes_that_make_no_sense, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
