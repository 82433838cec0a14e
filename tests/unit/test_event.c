#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/node/event.h"

static const struct event_source source = {
	.node = "gw-1",
	.incarnation = {.wall_ms = 0x19ad0e5f2c1, .random = 0x00ff00000000beef},
};

#define HEAD "{\"node\":\"gw-1\",\"incarnation\":\"19ad0e5f2c1-00ff00000000beef\","

static void expect(const struct event *event, uint64_t seq, const char *expected)
{
	char text[EVENT_JSON_MAX + 1];
	size_t len = event_write(event, &source, seq, text);
	text[len] = '\0';
	assert_string_equal(text, expected);
}

static struct remote some_remote(void)
{
	struct remote remote;
	struct ip_address ip;
	assert_true(ip_address_read_endpoint(SLICE("10.1.2.3:80"), &ip));
	remote_from_ip(&remote, &ip);
	return remote;
}

static void test_a_session(void **state)
{
	struct event event = {
		.kind = EVENT_ONLINE,
		.wall_ms = UINT64_C(1767323045678),
		.epoch = UINT64_MAX,
		.name = SLICE("alice"),
		.device = SLICE("phone"),
		.remote = some_remote(),
	};
	expect(&event, 7,
		HEAD "\"seq\":7,\"time\":\"2026-01-02T03:04:05.678Z\",\"event\":\"online\","
		     "\"user\":\"alice\",\"device\":\"phone\",\"epoch\":\"18446744073709551615\","
		     "\"address\":\"10.1.2.3:80\"}");
	event.kind = EVENT_MOVED;
	event.device = (struct slice){NULL, 0};
	event.wall_ms = 5;
	event.epoch = 1;
	memset(&event.remote, 0, sizeof(event.remote));
	expect(&event, UINT64_MAX,
		HEAD "\"seq\":18446744073709551615,\"time\":\"1970-01-01T00:00:00.005Z\","
		     "\"event\":\"moved\",\"user\":\"alice\",\"device\":\"\",\"epoch\":\"1\","
		     "\"address\":\"unix\"}");
	/* Where one that has gone was is not always known. */
	event.kind = EVENT_OFFLINE;
	event.reason = "peer_close";
	expect(&event, 1,
		HEAD "\"seq\":1,\"time\":\"1970-01-01T00:00:00.005Z\",\"event\":\"offline\","
		     "\"user\":\"alice\",\"device\":\"\",\"epoch\":\"1\","
		     "\"reason\":\"peer_close\"}");
	event.remote = some_remote();
	event.reason = NULL;
	expect(&event, 1,
		HEAD "\"seq\":1,\"time\":\"1970-01-01T00:00:00.005Z\",\"event\":\"offline\","
		     "\"user\":\"alice\",\"device\":\"\",\"epoch\":\"1\","
		     "\"address\":\"10.1.2.3:80\"}");
}

static void test_a_node(void **state)
{
	struct event event = {
		.kind = EVENT_NODE_DOWN,
		.name = SLICE("gw-2"),
		.peer = {.wall_ms = 1, .random = 2},
		.reason = "silent",
	};
	expect(&event, 1,
		HEAD "\"seq\":1,\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"node_down\","
		     "\"peer\":{\"node\":\"gw-2\",\"incarnation\":\"1-0000000000000002\"},"
		     "\"reason\":\"silent\"}");
	event.kind = EVENT_NODE_UP;
	event.reason = NULL;
	expect(&event, 1,
		HEAD "\"seq\":1,\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"node_up\","
		     "\"peer\":{\"node\":\"gw-2\",\"incarnation\":\"1-0000000000000002\"}}");
}

static void test_a_resync(void **state)
{
	const struct event event = {.kind = EVENT_RESYNC, .reason = "no_memory"};
	expect(&event, 1,
		HEAD "\"seq\":1,\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"resync\","
		     "\"reason\":\"no_memory\"}");
}

/* The longest names, each byte of which needs an escape, and the longest of all else. */
static void test_the_longest_fits(void **state)
{
	char quotes[USER_NAME_MAX];
	char id[CONFIG_ID_MAX];
	char text[EVENT_JSON_MAX];
	memset(quotes, '"', sizeof(quotes));
	memset(id, '\\', sizeof(id));
	id[sizeof(id) - 1] = '\0';
	const struct event_source longest = {id, {UINT64_MAX, UINT64_MAX}};
	const struct event event = {
		.kind = EVENT_OFFLINE,
		.wall_ms = UINT64_C(253402300799999),
		.epoch = UINT64_MAX,
		.name = {quotes, sizeof(quotes)},
		.device = {quotes, DEVICE_NAME_MAX},
		.remote = {.address = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				   0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
			.port = 0xffff,
			.is_inet = true},
		.reason = "0123456789012345678901234567890123456789",
	};
	size_t len = event_write(&event, &longest, UINT64_MAX, text);
	assert_true(len < EVENT_JSON_MAX);
	assert_int_equal(text[len - 1], '}');
	uint32_t escapes = 0;
	for (size_t i = 0; i < len; i++) {
		escapes += text[i] == '\\';
	}
	assert_int_equal(escapes, 2 * (CONFIG_ID_MAX - 1) + USER_NAME_MAX + DEVICE_NAME_MAX);
}

static void test_incarnations(void **state)
{
	static const char *const wrong[] = {"", "-", "1", "1-", "-1", "x-1", "1-x", "1--1", "1-2-3",
		"11111111111111111-1", "1-11111111111111111", " 1-2", "1-2 ", "+1-2"};
	struct incarnation read = {.wall_ms = 9, .random = 9};
	char text[INCARNATION_TEXT_MAX];
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(incarnation_read(slice_of(wrong[i]), &read));
		assert_int_equal(read.wall_ms, 9);
	}
	static const struct incarnation all[] = {
		{0, 0}, {0x19ad0e5f2c1, 1}, {UINT64_MAX, UINT64_MAX}};
	for (size_t i = 0; i < 3; i++) {
		incarnation_text(&all[i], text);
		assert_true(incarnation_read(slice_of(text), &read));
		assert_true(incarnation_is_same(&read, &all[i]));
		assert_true(i == 0 || incarnation_is_older(&all[i - 1], &all[i]));
		assert_false(incarnation_is_older(&all[i], &all[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_session),
		cmocka_unit_test(test_a_node),
		cmocka_unit_test(test_a_resync),
		cmocka_unit_test(test_the_longest_fits),
		cmocka_unit_test(test_incarnations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
