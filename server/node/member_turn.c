#include "member.h"

#include "../cluster/cluster.h"
#include "../cluster/egress.h"
#include "../cluster/ingress.h"
#include "api.h"
#include "member_state.h"
#include "room_pace.h"

enum {
	ROOMS_LOST_MS = 5000, /* between two looks at all that rooms ask for */
};

void member_begin_turn(struct member *member, uint64_t wall_ms, bool is_resting)
{
	member->wall_ms = wall_ms;
	cluster_set_time(member->cluster, member->loop->now_us, wall_ms);
	api_set_time(member->api, member->loop->now_ms);
	member_set_resting(member, is_resting);
}

static void tell_pressure(struct member *member)
{
	uint8_t pressure = ingress_pressure(member->ingress);
	if (pressure != member->pressure) {
		member->pressure = pressure;
		cluster_on_pressure(member->cluster, pressure);
	}
}

static void look_for_drain(struct member *member)
{
	if (member->node->is_draining && !member->is_draining) {
		member->is_draining = true;
		link_serve(member->link, false);
		cluster_drain(member->cluster);
	}
}

static void look_for_lost(struct member *member)
{
	atomic_bool *is_lost = &member->node->presence.is_room_lost;
	if (atomic_load_explicit(is_lost, memory_order_acquire) &&
		member->loop->now_ms >= member->rooms_lost_ms) {
		member->rooms_lost_ms = member->loop->now_ms + ROOMS_LOST_MS;
		atomic_store_explicit(is_lost, false, memory_order_release);
		member_rescan(member);
	}
}

static void publish_stats(struct member *member)
{
	const struct egress_figures out = egress_look(member->egress);
	const struct ingress_figures in = ingress_look(member->ingress);
	struct member_stats *stats = &member->stats;
	atomic_store_explicit(&stats->lost_ingress, in.lost, memory_order_relaxed);
	atomic_store_explicit(&stats->lost_egress, out.lost, memory_order_relaxed);
	atomic_store_explicit(&stats->said_elsewhere, out.messages, memory_order_relaxed);
	atomic_store_explicit(&stats->heard_elsewhere, in.messages + in.says, memory_order_relaxed);
}

int member_end_turn(struct member *member, uint64_t wall_ms)
{
	const struct loop *loop = member->loop;
	look_for_drain(member);
	look_for_lost(member);
	int next_ms = !member->rest.is_begun && member_step_rescan(member) ? 0 : -1;
	next_ms = loop_sooner(next_ms, room_pace_turn(member->rooms, loop->now_ms));
	next_ms = loop_sooner(next_ms, api_turn(member->api));
	tell_pressure(member);
	egress_flush(member->egress);
	cluster_count_lost(member->cluster, ingress_look(member->ingress).lost,
		egress_look(member->egress).lost);
	uint64_t cluster_ms = cluster_turn(member->cluster, loop->now_us, wall_ms);
	next_ms = loop_sooner(next_ms, cluster_ms < LOOP_TICK_MS ? (int)cluster_ms : LOOP_TICK_MS);
	/* Behind all that may have come for the workers. */
	next_ms = loop_sooner(next_ms, ingress_turn(member->ingress, loop->now_tick));
	publish_stats(member);
	return next_ms;
}

/* --- the end -----------------------------------------------------------------------------------
 */

void member_end_service(struct member *member)
{
	if (!member->is_ending) {
		member->is_ending = true;
		link_serve(member->link, false);
	}
}

bool member_is_busy(const struct member *member)
{
	return member->kicks > 0 || api_is_busy(member->api);
}

void member_leave(struct member *member)
{
	if (member->has_left) {
		return;
	}
	member->has_left = true;
	link_serve(member->link, false);
	cluster_bye(member->cluster);
	/* What it still holds goes to the workers, or nowhere. */
	ingress_destroy(&member->ingress);
	link_stop(member->link);
}
