#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/node/api_request.h"

enum {
	MESSAGE_MAX = 100,
};

static char fault[API_FAULT_MAX];

static int read_it(enum api_op op, const char *body, struct api_request *ret_request)
{
	fault[0] = '\0';
	return api_request_read(
		op, (struct slice){body, strlen(body)}, MESSAGE_MAX, ret_request, fault);
}

static struct api_request expect(enum api_op op, const char *body)
{
	struct api_request request;
	if (read_it(op, body, &request) < 0) {
		fail_msg("%s: %s", body, fault);
	}
	return request;
}

static void expect_fault(enum api_op op, const char *body, const char *words)
{
	struct api_request request;
	assert_int_equal(read_it(op, body, &request), -EINVAL);
	if (!strstr(fault, words)) {
		fail_msg("%s: \"%s\", not \"%s\"", body, fault, words);
	}
}

static void assert_slice_is(struct slice slice, const char *text)
{
	assert_int_equal(slice.len, strlen(text));
	assert_memory_equal(slice.data, text, slice.len);
}

static void test_the_names_of_all(void **state)
{
	(void)state;
	enum api_op op;
	assert_int_equal(api_op_find("push", &op), 0);
	assert_int_equal(op, API_PUSH);
	assert_int_equal(api_op_find("rooms.leave", &op), 0);
	assert_int_equal(op, API_ROOMS_LEAVE);
	assert_int_equal(api_op_find("rooms", &op), -ENOENT);
	assert_int_equal(api_op_find("", &op), -ENOENT);
}

static void test_pushes(void **state)
{
	(void)state;
	struct api_request request = expect(API_PUSH,
		"{\"id\":\"7\",\"user\":\"bob\",\"device\":\"\",\"text\":\"hi\",\"from\":\"al\"}");
	assert_int_equal(request.aim, API_USER);
	assert_slice_is(request.user, "bob");
	assert_slice_is(request.id, "7");
	assert_true(request.has_device);
	assert_int_equal(request.device.len, 0);
	assert_int_equal(request.message.len, strlen("hi -- FROM al"));
	api_request_finish(&request);
	request = expect(API_PUSH, "{\"all\":true,\"packet\":{\"command\":200}}");
	assert_int_equal(request.aim, API_ALL);
	assert_false(request.has_device);
	assert_null(request.id.data);
	assert_int_equal(request.message.len, 6);
	api_request_finish(&request);
	request = expect(API_PUSH, "{\"text\":\"hi\",\"room\":\"r\"}");
	assert_int_equal(request.aim, API_ROOM);
	assert_slice_is(request.room, "r");
	assert_int_equal(request.words.text_len, 2);
	api_request_finish(&request);
}

static void test_bad_pushes(void **state)
{
	(void)state;
	struct api_request request;
	expect_fault(API_PUSH, "{\"text\":\"hi\"}", "one of");
	expect_fault(API_PUSH, "{\"text\":\"hi\",\"user\":\"a\",\"room\":\"b\"}", "one of");
	expect_fault(API_PUSH, "{\"text\":\"hi\",\"all\":false}", "only be true");
	expect_fault(API_PUSH, "{\"text\":\"hi\",\"user\":\" a\"}", "\"user\" must be a name");
	expect_fault(API_PUSH, "{\"text\":\"hi\",\"user\":7}", "must be a string");
	expect_fault(API_PUSH, "{\"text\":\"hi\",\"all\":true,\"device\":\"x\"}", "goes with");
	expect_fault(API_PUSH, "{\"text\":\"hi\",\"user\":\"a\",\"id\":\"\"}", "1 to 128");
	expect_fault(API_PUSH, "{\"text\":\"hi\",\"user\":\"a\",\"ID\":\"\"}", "unknown");
	expect_fault(API_PUSH, "{\"user\":\"a\"}", "is needed");
	expect_fault(API_PUSH, "{\"packet\":{\"command\":1},\"room\":\"a\"}", "not a \"packet\"");
	expect_fault(API_PUSH, "{\"user\":\"a\",\"user\":\"b\",\"text\":\"\"}", "not JSON");
	expect_fault(API_PUSH, "[]", "an object is needed");
	expect_fault(API_PUSH, "", "not JSON");
	char large[300];
	snprintf(large, sizeof(large), "{\"user\":\"a\",\"text\":\"%0*d\"}", MESSAGE_MAX + 1, 7);
	assert_int_equal(read_it(API_PUSH, large, &request), -EMSGSIZE);
}

static void test_kicks(void **state)
{
	(void)state;
	struct api_request request = expect(API_KICK, "{\"user\":\"bob\"}");
	assert_false(request.has_close);
	assert_int_equal(request.code, 4003);
	api_request_finish(&request);
	request = expect(API_KICK, "{\"user\":\"bob\",\"code\":1008,\"reason\":\"banned\"}");
	assert_true(request.has_close);
	assert_int_equal(request.code, 1008);
	assert_slice_is(request.reason, "banned");
	api_request_finish(&request);
	request = expect(API_KICK, "{\"user\":\"bob\",\"reason\":\"\"}");
	assert_true(request.has_close);
	api_request_finish(&request);
	expect_fault(API_KICK, "{}", "\"user\" is needed");
	expect_fault(API_KICK, "{\"user\":\"a\",\"code\":1002}", "must be 1000, ");
	expect_fault(API_KICK, "{\"user\":\"a\",\"code\":\"1000\"}", "from 1000 to 4999");
	expect_fault(API_KICK, "{\"user\":\"a\",\"code\":4000000000000}", "from 1000 to 4999");
	expect_fault(API_KICK, "{\"user\":\"a\",\"room\":\"b\"}", "unknown");
}

static void test_rooms(void **state)
{
	(void)state;
	struct api_request request = expect(API_ROOMS_LIST, "{}");
	assert_int_equal(request.aim, API_ALL);
	assert_int_equal(request.limit, API_LIST_DEFAULT);
	api_request_finish(&request);
	request = expect(API_ROOMS_LIST, "{\"room\":\"r\",\"after\":\"x\",\"limit\":256}");
	assert_int_equal(request.aim, API_ROOM);
	assert_slice_is(request.after, "x");
	assert_int_equal(request.limit, 256);
	api_request_finish(&request);
	expect_fault(API_ROOMS_LIST, "{\"limit\":257}", "from 1 to 256");
	expect_fault(API_ROOMS_LIST, "{\"user\":\"a\"}", "unknown");
	request = expect(API_ROOMS_JOIN, "{\"room\":\"r\",\"user\":\"u\",\"device\":\"d\"}");
	assert_int_equal(request.aim, API_USER);
	assert_slice_is(request.device, "d");
	api_request_finish(&request);
	expect_fault(API_ROOMS_LEAVE, "{\"user\":\"u\"}", "\"room\" is needed");
	expect_fault(API_ROOMS_LEAVE, "{\"room\":\"u\"}", "\"user\" is needed");
}

static void test_ops_of_another_version(void **state)
{
	(void)state;
	expect_fault((enum api_op)0, "{}", "no such request");
	expect_fault((enum api_op)7, "{}", "no such request");
	expect_fault((enum api_op)255, "{\"user\":\"a\"}", "no such request");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_names_of_all),
		cmocka_unit_test(test_pushes),
		cmocka_unit_test(test_bad_pushes),
		cmocka_unit_test(test_kicks),
		cmocka_unit_test(test_rooms),
		cmocka_unit_test(test_ops_of_another_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
