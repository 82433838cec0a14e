#include "routes.h"

#include <string.h>

#include "demo_token.h"
#include "ended.h"
#include "events.h"
#include "history_answer.h"
#include "nodes.h"
#include "page.h"
#include "push.h"
#include "room_list.h"
#include "rooms.h"
#include "status.h"
#include "upgrade.h"
#include "user_list.h"
#include "users.h"

static const struct admin_route routes[] = {
	{ADMIN_GET, "/", .is_open = true, .is_page = true, .handle = admin_page_console},
	{ADMIN_GET, "/console.js", .is_open = true, .handle = admin_page_file},
	{ADMIN_GET, "/console.css", .is_open = true, .handle = admin_page_file},
	{ADMIN_GET, "/favicon.svg", .is_open = true, .handle = admin_page_file},
	{ADMIN_GET, "/openapi.json", .handle = admin_page_file},
	{ADMIN_GET, "/healthz", .is_open = true, .handle = admin_status_health},
	{ADMIN_GET, "/readyz", .is_open = true, .handle = admin_status_ready},
	{ADMIN_GET, "/metrics", .handle = admin_status_metrics},
	{ADMIN_GET, "/v1/status", .handle = admin_status_show},
	{ADMIN_GET, "/v1/nodes", .handle = admin_nodes_list},
	{ADMIN_GET, "/v1/users", .handle = admin_user_list},
	{ADMIN_GET, "/v1/users/NAME", .handle = admin_users_show},
	{ADMIN_DELETE, "/v1/users/NAME", .is_limited = true, .deed = ADMIN_DEED_END,
		.handle = admin_users_close},
	{ADMIN_POST, "/v1/users/NAME/messages", .is_limited = true, .takes_body = true,
		.deed = ADMIN_DEED_SEND, .handle = admin_push_to_user},
	{ADMIN_GET, "/v1/rooms", .handle = admin_room_list},
	{ADMIN_GET, "/v1/rooms/ROOM", .handle = admin_rooms_show},
	{ADMIN_POST, "/v1/rooms/ROOM/messages", .is_limited = true, .takes_body = true,
		.deed = ADMIN_DEED_SAY, .handle = admin_push_to_room},
	{ADMIN_PUT, "/v1/rooms/ROOM/members/NAME", .is_limited = true, .deed = ADMIN_DEED_PUT_IN,
		.handle = admin_rooms_put_in},
	{ADMIN_DELETE, "/v1/rooms/ROOM/members/NAME", .is_limited = true,
		.deed = ADMIN_DEED_TAKE_OUT, .handle = admin_rooms_take_out},
	{ADMIN_POST, "/v1/broadcast", .is_limited = true, .takes_body = true,
		.deed = ADMIN_DEED_BROADCAST, .handle = admin_push_to_all},
	{ADMIN_POST, "/v1/drain", .deed = ADMIN_DEED_DRAIN, .handle = admin_status_drain},
	{ADMIN_POST, "/v1/upgrade", .deed = ADMIN_DEED_UPGRADE, .handle = admin_upgrade_begin},
	{ADMIN_GET, "/v1/ended", .handle = admin_ended_list},
	{ADMIN_GET, "/v1/history", .handle = admin_history_show},
	{ADMIN_GET, "/v1/events", .handle = admin_events_show},
	{ADMIN_POST, "/v1/demo/users/NAME/cut", .is_demo = true, .is_limited = true,
		.deed = ADMIN_DEED_CUT, .handle = admin_users_cut},
	{ADMIN_POST, "/v1/demo/users/NAME/mute", .is_demo = true, .is_limited = true,
		.takes_body = true, .deed = ADMIN_DEED_MUTE, .handle = admin_users_mute},
	{ADMIN_POST, "/v1/demo/users/NAME/token", .is_demo = true, .is_limited = true,
		.takes_body = true, .deed = ADMIN_DEED_MINT, .handle = admin_demo_token_make},
};

/* Segment by segment. */
static bool matches(const char *pattern, const char *path, struct admin_path_names *ret_names)
{
	*ret_names = (struct admin_path_names){.name = {NULL, 0}};
	for (;;) {
		const struct slice wanted = {pattern, strcspn(pattern, "/")};
		const struct slice segment = {path, strcspn(path, "/")};
		if (slice_equals(wanted, SLICE("NAME"))) {
			ret_names->name = segment;
		} else if (slice_equals(wanted, SLICE("ROOM"))) {
			ret_names->room = segment;
		} else if (!slice_equals(wanted, segment)) {
			return false;
		}
		pattern += wanted.len;
		path += segment.len;
		if (*pattern != *path) {
			return false;
		}
		if (*pattern == '\0') {
			return true;
		}
		pattern++;
		path++;
	}
}

const struct admin_route *admin_routes_find(enum admin_method method, const char *path,
	bool has_demo, struct admin_path_names *ret_names, char ret_allow[ADMIN_ALLOW_MAX])
{
	static const char *const methods[] = {"GET, HEAD", "POST", "PUT", "DELETE"};
	ret_allow[0] = '\0';
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct admin_route *route = &routes[i];
		if ((route->is_demo && !has_demo) || !matches(route->path, path, ret_names)) {
			continue;
		}
		if (route->method == method) {
			return route;
		}
		strcat(ret_allow, ret_allow[0] ? ", " : "");
		strcat(ret_allow, methods[route->method]);
	}
	*ret_names = (struct admin_path_names){.name = {NULL, 0}};
	return NULL;
}
