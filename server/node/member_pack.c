#include "member_pack.h"

#include <errno.h>
#include <string.h>

#include "../cluster/cluster_pack.h"
#include "../cluster/egress.h"
#include "../cluster/ingress_pack.h"
#include "../cluster/link.h"
#include "api_pack.h"
#include "member_state.h"

/* --- what the taker has to know first ----------------------------------------------------------
 */

void member_hello_pack(const struct member *member, struct pack *pack)
{
	struct link_status status;
	link_look(member->link, &status);
	pack_u8(pack, status.is_up);
	pack_slice(pack, slice_of(status.server ? status.server : ""));
}

bool member_hello_unpack(struct unpack *unpack, char *ret_url, size_t size)
{
	const bool is_up = unpack_bool(unpack);
	const struct slice url = unpack_slice(unpack);
	ret_url[0] = '\0';
	if (url.len >= size) {
		unpack_fail(unpack);
		return false;
	}
	memcpy(ret_url, url.data, url.len);
	ret_url[url.len] = '\0';
	return is_up;
}

/* --- what it has counted -----------------------------------------------------------------------
 */

static void pack_egress(struct pack *pack, const struct egress *egress)
{
	const struct egress_figures figures = egress_look(egress);
	pack_u64(pack, figures.messages);
	pack_u64(pack, figures.sends);
	pack_u64(pack, figures.bytes);
	pack_u64(pack, figures.lost);
}

static void unpack_egress(struct unpack *unpack, struct egress *egress)
{
	struct egress_figures figures = {.messages = unpack_u64(unpack)};
	figures.sends = unpack_u64(unpack);
	figures.bytes = unpack_u64(unpack);
	figures.lost = unpack_u64(unpack);
	egress_count_on(egress, &figures);
}

static void pack_link(struct pack *pack, struct link *link)
{
	struct link_status status;
	link_look(link, &status);
	pack_u64(pack, status.sent);
	pack_u64(pack, status.received);
	for (int i = 0; i < LINK_LOST_COUNT; i++) {
		pack_u64(pack, status.lost[i]);
	}
}

/* Returns how many the giver had lost of what came. */
static uint64_t unpack_link(struct unpack *unpack, struct link *link)
{
	struct link_status status = {.sent = unpack_u64(unpack)};
	status.received = unpack_u64(unpack);
	for (int i = 0; i < LINK_LOST_COUNT; i++) {
		status.lost[i] = unpack_u64(unpack);
	}
	link_count_on(link, &status);
	return member_lost_in(&status);
}

/* --- all of it ---------------------------------------------------------------------------------
 */

void member_pack(struct member *member, struct pack *pack)
{
	pack_u8(pack, member->pressure);
	pack_link(pack, member->link);
	pack_egress(pack, member->egress);
	ingress_pack(member->ingress, pack);
	api_pack(member->api, pack);
	cluster_pack(member->cluster, pack);
}

/* What is told of the own sessions and rooms is looked at once more: some may have been lost on
 * their way. Of two lines that have both been up nothing is known to be missing; else the cluster
 * finds that out by itself. */
static void go_on(struct member *member)
{
	struct link_status status;
	link_look(member->link, &status);
	member->has_line = status.is_up;
	if (!status.is_up) {
		cluster_on_link(member->cluster, false, 0);
	}
	member_rescan(member);
}

int member_unpack(struct member *member, struct unpack *unpack)
{
	cluster_set_time(member->cluster, member->loop->now_us, member->wall_ms);
	member->pressure = unpack_u8(unpack);
	member->rest.lost_before = unpack_link(unpack, member->link);
	unpack_egress(unpack, member->egress);
	int err = ingress_unpack(member->ingress, unpack);
	if (!err) {
		err = api_unpack(member->api, unpack);
	}
	if (!err) {
		err = cluster_unpack(member->cluster, unpack);
	}
	if (!err) {
		go_on(member);
	}
	return err;
}
