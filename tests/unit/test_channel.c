#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../proto/bytes.h"
#include "../../server/handover/channel.h"
#include "open_descriptors.h"

enum {
	LARGE = 5000000, /* bytes: more than a socket takes at once */
};

struct pair {
	struct channel giver;
	struct channel taker;
	unsigned open_before;
};

static int begin(void **state)
{
	static struct pair pair;
	int other;
	pair.open_before = open_descriptors();
	assert_int_equal(channel_make(&pair.giver, &other), 0);
	assert_int_equal(channel_adopt(&pair.taker, other), 0);
	*state = &pair;
	return 0;
}

static int end(void **state)
{
	struct pair *pair = *state;
	channel_finish(&pair->giver);
	channel_finish(&pair->taker);
	assert_int_equal(open_descriptors(), pair->open_before);
	return 0;
}

static bool is_same_file(int fd, int other)
{
	struct stat a;
	struct stat b;
	return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

/* --- what comes --------------------------------------------------------------------------------
 */

static void test_messages_in_order(void **state)
{
	struct pair *pair = *state;
	struct pack pack = PACK_EMPTY;
	pack_slice(&pack, SLICE("hello"));
	assert_int_equal(channel_send(&pair->giver, HANDOVER_HELLO, &pack, NULL, 0), 0);
	assert_int_equal(channel_send(&pair->giver, HANDOVER_GO, NULL, NULL, 0), 0);
	assert_int_equal(channel_send(&pair->taker, HANDOVER_ACK, NULL, NULL, 0), 0);
	pack_finish(&pack);
	assert_int_equal(channel_receive(&pair->taker), 0);
	assert_int_equal(pair->taker.message.kind, HANDOVER_HELLO);
	struct unpack body = channel_body(&pair->taker);
	assert_true(slice_equals(unpack_slice(&body), SLICE("hello")));
	assert_true(unpack_is_over(&body));
	assert_int_equal(channel_receive(&pair->taker), 0);
	assert_int_equal(pair->taker.message.kind, HANDOVER_GO);
	body = channel_body(&pair->taker);
	assert_true(unpack_is_over(&body));
	assert_int_equal(channel_receive(&pair->giver), 0);
	assert_int_equal(pair->giver.message.kind, HANDOVER_ACK);
}

static void make_files(int *ret_fds, int count)
{
	for (int i = 0; i < count; i++) {
		int ends[2];
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		close(ends[1]);
		ret_fds[i] = ends[0];
	}
}

static void close_files(const int *fds, int count)
{
	for (int i = 0; i < count; i++) {
		close(fds[i]);
	}
}

static void test_descriptors_come_with_their_message(void **state)
{
	struct pair *pair = *state;
	int fds[CHANNEL_FDS_MAX];
	make_files(fds, CHANNEL_FDS_MAX);
	assert_int_equal(channel_send(&pair->giver, HANDOVER_HELLO, NULL, NULL, 0), 0);
	assert_int_equal(channel_send(&pair->giver, HANDOVER_LINES, NULL, fds, CHANNEL_FDS_MAX), 0);
	assert_int_equal(channel_send(&pair->giver, HANDOVER_LINES, NULL, fds, 1), 0);
	assert_int_equal(channel_receive(&pair->taker), 0);
	assert_int_equal(pair->taker.message.fd_count, 0);
	assert_int_equal(channel_take_fd(&pair->taker, 0), -1);
	assert_int_equal(channel_receive(&pair->taker), 0);
	assert_int_equal(pair->taker.message.fd_count, CHANNEL_FDS_MAX);
	for (uint32_t i = 0; i < CHANNEL_FDS_MAX; i++) {
		assert_true(is_same_file(pair->taker.message.fds[i], fds[i]));
	}
	int fd = channel_take_fd(&pair->taker, 5);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(channel_take_fd(&pair->taker, 5), -1);
	/* Those that nobody took are closed: the next message has all that are open. */
	assert_int_equal(channel_receive(&pair->taker), 0);
	assert_int_equal(pair->taker.message.fd_count, 1);
	assert_true(is_same_file(pair->taker.message.fds[0], fds[0]));
	assert_true(is_same_file(fd, fds[5]));
	assert_int_equal(open_descriptors(), pair->open_before + 2 + CHANNEL_FDS_MAX + 2);
	close(fd);
	close_files(fds, CHANNEL_FDS_MAX);
}

/* --- what comes in pieces ----------------------------------------------------------------------
 */

struct writer {
	struct channel *channel;
	const uint8_t *bytes;
	size_t len;
	size_t step;
	int err;
};

static void *write_large(void *context)
{
	struct writer *writer = context;
	struct pack pack = PACK_EMPTY;
	pack_bytes(&pack, writer->bytes, writer->len);
	writer->err = channel_send(writer->channel, HANDOVER_BUFFERS, &pack, NULL, 0);
	pack_finish(&pack);
	return NULL;
}

static void test_one_that_no_socket_takes_at_once(void **state)
{
	struct pair *pair = *state;
	pthread_t thread;
	uint8_t *bytes = malloc(LARGE);
	assert_non_null(bytes);
	for (size_t i = 0; i < LARGE; i++) {
		bytes[i] = (uint8_t)(i * 31 >> 3);
	}
	struct writer writer = {.channel = &pair->giver, .bytes = bytes, .len = LARGE};
	assert_int_equal(pthread_create(&thread, NULL, write_large, &writer), 0);
	assert_int_equal(channel_receive(&pair->taker), 0);
	pthread_join(thread, NULL);
	assert_int_equal(writer.err, 0);
	assert_int_equal(pair->taker.message.body.len, LARGE);
	assert_memory_equal(pair->taker.message.body.bytes, bytes, LARGE);
	free(bytes);
}

/* Each piece when the one before has been read. */
static void *write_in_steps(void *context)
{
	struct writer *writer = context;
	int fd = writer->channel->fd;
	for (size_t at = 0; at < writer->len; at += writer->step) {
		size_t step = writer->len - at < writer->step ? writer->len - at : writer->step;
		int unread = 1;
		if (write(fd, writer->bytes + at, step) != (ssize_t)step) {
			writer->err = -errno;
			return NULL;
		}
		while (ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0) {
			sched_yield();
		}
	}
	return NULL;
}

static void test_at_every_split(void **state)
{
	static const uint8_t bytes[] = {
		HANDOVER_NODE, 0, 0, 0, 0, 0, 0, 5, 'a', 'b', 'c', 'd', 'e'};
	struct pair *pair = *state;
	for (size_t step = 1; step <= sizeof(bytes); step++) {
		pthread_t thread;
		struct writer writer = {.channel = &pair->giver,
			.bytes = bytes,
			.len = sizeof(bytes),
			.step = step};
		assert_int_equal(pthread_create(&thread, NULL, write_in_steps, &writer), 0);
		assert_int_equal(channel_receive(&pair->taker), 0);
		pthread_join(thread, NULL);
		assert_int_equal(writer.err, 0);
		assert_int_equal(pair->taker.message.kind, HANDOVER_NODE);
		assert_int_equal(pair->taker.message.body.len, 5);
		assert_memory_equal(pair->taker.message.body.bytes, "abcde", 5);
	}
}

/* --- what is no message ------------------------------------------------------------------------
 */

static void expect_bad(uint8_t kind, uint8_t second, uint16_t fd_count, uint32_t len)
{
	struct pair *pair;
	void *state;
	uint8_t header[CHANNEL_HEADER_LEN] = {kind, second};
	begin(&state);
	pair = state;
	store_be16(header + 2, fd_count);
	store_be32(header + 4, len);
	assert_int_equal(write(pair->giver.fd, header, sizeof(header)), sizeof(header));
	assert_int_equal(channel_receive(&pair->taker), -EBADMSG);
	end(&state);
}

static void test_what_is_no_message(void **state)
{
	(void)state;
	expect_bad(0, 0, 0, 0);
	expect_bad(HANDOVER_MESSAGES, 0, 0, 0);
	expect_bad(HANDOVER_GO, 1, 0, 0);
	expect_bad(HANDOVER_LINES, 0, 1, 0); /* it has none */
	expect_bad(HANDOVER_LINES, 0, 0, CHANNEL_BODY_MAX + 1);
}

static void test_a_length_that_is_not_kept_costs_nothing(void **state)
{
	struct pair *pair = *state;
	uint8_t header[CHANNEL_HEADER_LEN] = {HANDOVER_NODE};
	store_be32(header + 4, CHANNEL_BODY_MAX);
	assert_int_equal(write(pair->giver.fd, header, sizeof(header)), sizeof(header));
	shutdown(pair->giver.fd, SHUT_WR);
	assert_int_equal(channel_receive(&pair->taker), -ECONNRESET);
}

static void test_descriptors_in_the_middle(void **state)
{
	struct pair *pair = *state;
	uint8_t header[CHANNEL_HEADER_LEN] = {HANDOVER_NODE};
	store_be32(header + 4, CHANNEL_HEADER_LEN);
	assert_int_equal(write(pair->giver.fd, header, sizeof(header)), sizeof(header));
	/* What looks like a message is the body of the one before. */
	assert_int_equal(channel_send(&pair->giver, HANDOVER_LINES, NULL, &pair->giver.fd, 1), 0);
	assert_true(channel_receive(&pair->taker) < 0);
}

/* --- ends --------------------------------------------------------------------------------------
 */

static void test_the_other_one_is_gone(void **state)
{
	struct pair *pair = *state;
	assert_int_equal(channel_send(&pair->giver, HANDOVER_HELLO, NULL, NULL, 0), 0);
	channel_finish(&pair->giver);
	assert_int_equal(channel_receive(&pair->taker), 0); /* what it has said still comes */
	assert_true(channel_wait(&pair->taker, -1));
	assert_int_equal(channel_receive(&pair->taker), -ECONNRESET);
	assert_int_equal(channel_send(&pair->taker, HANDOVER_READY, NULL, NULL, 0), -ECONNRESET);
}

static void test_the_other_one_ends_in_the_middle(void **state)
{
	struct pair *pair = *state;
	static const uint8_t bytes[] = {HANDOVER_NODE, 0, 0, 0, 0, 0, 0, 5, 'a'};
	assert_int_equal(write(pair->giver.fd, bytes, sizeof(bytes)), sizeof(bytes));
	channel_finish(&pair->giver);
	assert_int_equal(channel_receive(&pair->taker), -ECONNRESET);
}

static void test_time_runs_out(void **state)
{
	struct pair *pair = *state;
	struct pack pack = PACK_EMPTY;
	channel_give_time(&pair->taker, 20);
	assert_false(channel_wait(&pair->taker, 0));
	assert_int_equal(channel_receive(&pair->taker), -ETIMEDOUT);
	memset(pack_room(&pack, LARGE), 0, LARGE);
	channel_give_time(&pair->giver, 20);
	assert_int_equal(channel_send(&pair->giver, HANDOVER_NODE, &pack, NULL, 0), -ETIMEDOUT);
	pack_finish(&pack);
}

/* What is there is read, however late it is. */
static void test_without_time_what_is_there_is_read(void **state)
{
	struct pair *pair = *state;
	assert_int_equal(channel_send(&pair->giver, HANDOVER_HELLO, NULL, NULL, 0), 0);
	channel_give_time(&pair->taker, 0);
	assert_int_equal(channel_receive(&pair->taker), 0);
	assert_int_equal(channel_receive(&pair->taker), -ETIMEDOUT);
	channel_give_time(&pair->taker, CHANNEL_NO_END);
	assert_int_equal(channel_send(&pair->giver, HANDOVER_GO, NULL, NULL, 0), 0);
	assert_int_equal(channel_receive(&pair->taker), 0);
	assert_int_equal(pair->taker.message.kind, HANDOVER_GO);
}

/* Some of them are there by then: they are closed. */
static void test_descriptors_beyond_the_limit(void **state)
{
	struct pair *pair = *state;
	struct rlimit before;
	int fds[4];
	make_files(fds, 4);
	assert_int_equal(channel_send(&pair->giver, HANDOVER_LINES, NULL, fds, 4), 0);
	unsigned open = open_descriptors();
	int next = dup(fds[0]); /* the lowest that is free */
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	const struct rlimit low = {.rlim_cur = (rlim_t)next + 2, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	int err = channel_receive(&pair->taker);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(err, -EMFILE);
	assert_int_equal(open_descriptors(), open);
	close_files(fds, 4);
}

static void test_a_pack_that_has_failed_is_not_sent(void **state)
{
	struct pair *pair = *state;
	struct pack pack = {.failed = true};
	assert_int_equal(channel_send(&pair->giver, HANDOVER_NODE, &pack, NULL, 0), -ENOMEM);
	assert_false(channel_wait(&pair->taker, 0));
}

static void test_what_is_no_end_is_not_adopted(void **state)
{
	struct channel channel = CHANNEL_EMPTY;
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int datagrams = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int inet = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)state;
	assert_int_equal(channel_adopt(&channel, file), -ENOTSOCK);
	assert_int_equal(channel_adopt(&channel, datagrams), -ENOTSOCK);
	assert_int_equal(channel_adopt(&channel, inet), -ENOTSOCK);
	close(file);
	close(datagrams);
	close(inet);
	assert_int_equal(channel_adopt(&channel, inet), -EBADF);
	assert_int_equal(channel.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_messages_in_order, begin, end),
		cmocka_unit_test_setup_teardown(
			test_descriptors_come_with_their_message, begin, end),
		cmocka_unit_test_setup_teardown(test_one_that_no_socket_takes_at_once, begin, end),
		cmocka_unit_test_setup_teardown(test_at_every_split, begin, end),
		cmocka_unit_test(test_what_is_no_message),
		cmocka_unit_test_setup_teardown(
			test_a_length_that_is_not_kept_costs_nothing, begin, end),
		cmocka_unit_test_setup_teardown(test_descriptors_in_the_middle, begin, end),
		cmocka_unit_test_setup_teardown(test_the_other_one_is_gone, begin, end),
		cmocka_unit_test_setup_teardown(test_the_other_one_ends_in_the_middle, begin, end),
		cmocka_unit_test_setup_teardown(test_time_runs_out, begin, end),
		cmocka_unit_test_setup_teardown(
			test_without_time_what_is_there_is_read, begin, end),
		cmocka_unit_test_setup_teardown(test_descriptors_beyond_the_limit, begin, end),
		cmocka_unit_test_setup_teardown(
			test_a_pack_that_has_failed_is_not_sent, begin, end),
		cmocka_unit_test(test_what_is_no_end_is_not_adopted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
