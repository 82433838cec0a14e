#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/cluster/outgoing.h"

enum {
	LIMIT = 100000,
};

static struct outgoing outgoing;

static int setup(void **state)
{
	return outgoing_init(&outgoing, "tidegate", "gw-1", LIMIT);
}

static int teardown(void **state)
{
	outgoing_finish(&outgoing);
	return 0;
}

static struct parcel *take(void)
{
	struct parcel *parcel = NULL;

	assert_int_equal(outgoing_take(&outgoing, &parcel), MAILBOX_MAIL);
	return parcel;
}

static void check_subject(const struct link_parcel *given, const char *subject, const char *reply)
{
	assert_int_equal(outgoing_put(&outgoing, given), 0);
	struct parcel *parcel = take();
	assert_string_equal(parcel->subject, subject);
	assert_string_equal(parcel->reply, reply);
	outgoing_free(&outgoing, &parcel);
	assert_null(parcel);
	assert_int_equal(outgoing.bytes, 0);
}

static void test_each_goes_to_its_subject(void **state)
{
	check_subject(&(struct link_parcel){.to = LINK_TO_ALL}, "tidegate.n1.all", "");
	check_subject(&(struct link_parcel){.to = LINK_TO_NODE, .name = "gw-2"},
		"tidegate.n1.node.gw-2", "");
	check_subject(&(struct link_parcel){.to = LINK_TO_EVENTS}, "tidegate.events.gw-1", "");
	check_subject(&(struct link_parcel){.to = LINK_TO_UP, .ask = 0xab}, "tidegate.up",
		"tidegate.inbox.gw-1.00000000000000ab");
	check_subject(
		&(struct link_parcel){.to = LINK_TO_REPLY, .name = "_INBOX.x.1"}, "_INBOX.x.1", "");
}

/* A reply's subject comes from a stranger: a blank in it would end it, and more would be read by
 * the server as if it had been sent. */
static void test_no_other_subject_is_sent_to(void **state)
{
	static const char *const bad[] = {
		"", "a b", "a\r\nPUB x 0", "a.*", ">", "a..b", ".a", "a.", "a\tb", "a\x7f"};
	char too_long[OUTGOING_SUBJECT_MAX + 1];

	memset(too_long, 'a', OUTGOING_SUBJECT_MAX);
	too_long[OUTGOING_SUBJECT_MAX] = '\0';
	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		struct link_parcel parcel = {.to = LINK_TO_REPLY,
			.name = i < sizeof(bad) / sizeof(bad[0]) ? bad[i] : too_long};
		assert_int_equal(outgoing_put(&outgoing, &parcel), -EINVAL);
	}
	too_long[OUTGOING_SUBJECT_MAX - 1] = '\0';
	check_subject(&(struct link_parcel){.to = LINK_TO_REPLY, .name = too_long}, too_long, "");
}

static void test_a_header_cannot_be_two(void **state)
{
	static const struct link_header bad[] = {{"Tidegate-User", "a\r\nTidegate-Node: b"},
		{"Tidegate-User", "a\nb"}, {"", "a"}, {"A:", "b"}, {"A B", "c"}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct link_parcel parcel = {
			.to = LINK_TO_UP, .headers = &bad[i], .header_count = 1};
		assert_int_equal(outgoing_put(&outgoing, &parcel), -EINVAL);
	}
	assert_int_equal(outgoing.bytes, 0);
}

static void test_copies_are_its_own(void **state)
{
	char value[] = "alice";
	char data[] = "hello";
	struct link_header headers[] = {{"Tidegate-User", value}, {"Tidegate-Node", "gw-1"}};
	struct link_parcel given = {.to = LINK_TO_UP,
		.headers = headers,
		.header_count = 2,
		.data = data,
		.len = sizeof(data)};

	assert_int_equal(outgoing_put(&outgoing, &given), 0);
	memset(value, 'x', sizeof(value));
	memset(data, 'x', sizeof(data));
	memset(headers, 0, sizeof(headers));
	struct parcel *parcel = take();
	assert_int_equal(parcel->header_count, 2);
	assert_string_equal(parcel->headers[0].name, "Tidegate-User");
	assert_string_equal(parcel->headers[0].value, "alice");
	assert_string_equal(parcel->headers[1].value, "gw-1");
	assert_int_equal(parcel->len, sizeof(data));
	assert_memory_equal(parcel->data, "hello", sizeof(data));
	outgoing_free(&outgoing, &parcel);
}

static void test_the_first_goes_first(void **state)
{
	for (uint32_t i = 0; i < 100; i++) {
		struct link_parcel given = {.to = LINK_TO_ALL, .data = &i, .len = sizeof(i)};
		assert_int_equal(outgoing_put(&outgoing, &given), 0);
	}
	for (uint32_t i = 0; i < 100; i++) {
		struct parcel *parcel = take();
		assert_memory_equal(parcel->data, &i, sizeof(i));
		outgoing_free(&outgoing, &parcel);
	}
	struct parcel *none = NULL;
	assert_int_equal(outgoing_take(&outgoing, &none), MAILBOX_EMPTY);
}

static void test_no_more_than_the_limit_waits(void **state)
{
	static char data[1000];
	struct link_parcel given = {.to = LINK_TO_ALL, .data = data, .len = sizeof(data)};
	uint64_t count = 0;
	int err = 0;

	while (!err) {
		err = outgoing_put(&outgoing, &given);
		count += err ? 0 : 1;
		assert_true(outgoing.bytes <= LIMIT);
	}
	assert_int_equal(err, -ENOBUFS);
	assert_in_range(count, LIMIT / 1200, LIMIT / 1000);
	struct parcel *parcel = take();
	outgoing_free(&outgoing, &parcel);
	assert_int_equal(outgoing_put(&outgoing, &given), 0); /* there is room again */
	assert_int_equal(outgoing_drop(&outgoing), count);
	assert_int_equal(outgoing.bytes, 0);
}

static void test_what_waits_at_the_end_is_freed(void **state)
{
	struct link_parcel given = {.to = LINK_TO_ALL, .data = "x", .len = 1};

	assert_int_equal(outgoing_put(&outgoing, &given), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_goes_to_its_subject),
		TEST(test_no_other_subject_is_sent_to),
		TEST(test_a_header_cannot_be_two),
		TEST(test_copies_are_its_own),
		TEST(test_the_first_goes_first),
		TEST(test_no_more_than_the_limit_waits),
		TEST(test_what_waits_at_the_end_is_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
