#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/admin/push.h"
#include "../../server/admin/room_list.h"
#include "../../server/admin/rooms.h"
#include "../../server/admin/routes.h"
#include "../../server/admin/users.h"

/* What stands in the last path that was looked up. */
static struct admin_path_names names;
static char allow[ADMIN_ALLOW_MAX];

static const struct admin_route *find(enum admin_method method, const char *path)
{
	return admin_routes_find(method, path, false, &names, allow);
}

static void expect_names(const char *room, const char *name)
{
	const char *wanted[] = {room, name};
	const struct slice got[] = {names.room, names.name};
	for (int i = 0; i < 2; i++) {
		if (wanted[i]) {
			assert_true(
				slice_equals(got[i], (struct slice){wanted[i], strlen(wanted[i])}));
		} else {
			assert_null(got[i].data);
		}
	}
}

static void test_names_in_paths(void **state)
{
	(void)state;
	static const struct {
		enum admin_method method;
		const char *path;
		void (*handle)(struct admin_request *request);
		const char *room;
		const char *name;
	} rows[] = {
		{ADMIN_GET, "/v1/users/alice", admin_users_show, NULL, "alice"},
		{ADMIN_POST, "/v1/users/%2e%2e/messages", admin_push_to_user, NULL, "%2e%2e"},
		{ADMIN_GET, "/v1/rooms", admin_room_list, NULL, NULL},
		{ADMIN_GET, "/v1/rooms/r", admin_rooms_show, "r", NULL},
		/* An empty one is for who judges names. */
		{ADMIN_GET, "/v1/rooms/", admin_rooms_show, "", NULL},
		{ADMIN_GET, "/v1/rooms/NAME", admin_rooms_show, "NAME", NULL},
		{ADMIN_POST, "/v1/rooms/messages/messages", admin_push_to_room, "messages", NULL},
		{ADMIN_PUT, "/v1/rooms/a/members/b", admin_rooms_put_in, "a", "b"},
		{ADMIN_DELETE, "/v1/rooms/-/members/-", admin_rooms_take_out, "-", "-"},
		{ADMIN_DELETE, "/v1/rooms//members/", admin_rooms_take_out, "", ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct admin_route *route = find(rows[i].method, rows[i].path);
		assert_non_null(route);
		assert_ptr_equal(route->handle, rows[i].handle);
		expect_names(rows[i].room, rows[i].name);
	}
}

static void test_what_is_not_there(void **state)
{
	(void)state;
	static const char *const paths[] = {"/v1/rooms/a/b", "/v1/rooms/a/members",
		"/v1/rooms/a/members/b/c", "/v1/rooms/a/messages/", "/v1/room/a",
		"/v1/demo/users/a/cut"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_null(find(ADMIN_GET, paths[i]));
		assert_string_equal(allow, "");
		expect_names(NULL, NULL);
	}
	assert_non_null(admin_routes_find(ADMIN_POST, "/v1/demo/users/a/cut", true, &names, allow));
}

static void test_methods_that_a_path_takes(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		const char *allow;
	} rows[] = {
		{"/v1/users/a", "GET, HEAD, DELETE"},
		{"/v1/rooms/a", "GET, HEAD"},
		{"/v1/rooms/a/messages", "POST"},
		{"/v1/rooms/a/members/b", "PUT, DELETE"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(find(ADMIN_OTHER, rows[i].path));
		assert_string_equal(allow, rows[i].allow);
	}
	/* What changes something is limited, what looks is not. */
	for (int method = 0; method < ADMIN_METHOD_COUNT; method++) {
		const struct admin_route *route =
			find((enum admin_method)method, "/v1/rooms/a/members/b");
		assert_true(!route || route->is_limited);
	}
	assert_true(find(ADMIN_POST, "/v1/rooms/a/messages")->is_limited);
	assert_false(find(ADMIN_GET, "/v1/rooms/a")->is_limited);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_in_paths),
		cmocka_unit_test(test_what_is_not_there),
		cmocka_unit_test(test_methods_that_a_path_takes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
