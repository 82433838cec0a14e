#include "event_pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- what both have ----------------------------------------------------------------------------
 */

static void pack_remote(struct pack *pack, const struct remote *remote)
{
	pack_bytes(pack, remote->address, sizeof(remote->address));
	pack_u16(pack, ntohs(remote->port));
	pack_u8(pack, remote->is_inet);
}

static struct remote unpack_remote(struct unpack *unpack)
{
	struct remote remote;
	memset(&remote, 0, sizeof(remote));
	unpack_copy(unpack, remote.address, sizeof(remote.address));
	remote.port = htons(unpack_u16(unpack));
	remote.is_inet = unpack_bool(unpack);
	return remote;
}

static struct slice unpack_name(struct unpack *unpack, size_t most)
{
	const struct slice name = unpack_slice(unpack);
	if (name.len > most) {
		unpack_fail(unpack);
	}
	return unpack->failed ? SLICE("") : name;
}

/* --- events ------------------------------------------------------------------------------------
 */

/* Why something was missed. */
static const char *const resync_reasons[] = {EVENT_NO_MEMORY, EVENT_LINES_LOST};

/* Of an event: it points to one text for each reason. Returns NULL for an empty text. */
static const char *reason_of(struct slice text, struct unpack *unpack)
{
	for (size_t i = 0; i < sizeof(resync_reasons) / sizeof(resync_reasons[0]); i++) {
		if (slice_equals(slice_of(resync_reasons[i]), text)) {
			return resync_reasons[i];
		}
	}
	for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++) {
		const char *counter = close_reason_counter((enum close_reason)reason);
		if (counter && slice_equals(slice_of(counter), text)) {
			return counter;
		}
	}
	if (text.len > 0) {
		unpack_fail(unpack);
	}
	return NULL;
}

static void pack_event(struct pack *pack, const struct event *event)
{
	pack_u8(pack, (uint8_t)event->kind);
	pack_u64(pack, event->wall_ms);
	pack_u64(pack, event->epoch);
	pack_slice(pack, event->name);
	pack_slice(pack, event->device);
	pack_remote(pack, &event->remote);
	pack_u64(pack, event->peer.wall_ms);
	pack_u64(pack, event->peer.random);
	pack_slice(pack, slice_of(event->reason ? event->reason : ""));
}

/* Borrows its names. */
static struct event unpack_event(struct unpack *unpack)
{
	struct event event = {
		.kind = (enum event_kind)unpack_below(unpack, EVENT_RESYNC + 1),
		.wall_ms = unpack_u64(unpack),
	};
	event.epoch = unpack_u64(unpack);
	event.name = unpack_name(unpack, USER_NAME_MAX);
	event.device = unpack_name(unpack, DEVICE_NAME_MAX);
	event.remote = unpack_remote(unpack);
	event.peer.wall_ms = unpack_u64(unpack);
	event.peer.random = unpack_u64(unpack);
	event.reason = reason_of(unpack_slice(unpack), unpack);
	return event;
}

static void pack_events(struct pack *pack, const struct events *events)
{
	const uint64_t next = events_next(events);
	pack_u64(pack, events_first(events));
	pack_u64(pack, next);
	for (uint64_t seq = events_first(events); seq < next; seq++) {
		const struct event event = events_at(events, seq);
		pack_event(pack, &event);
	}
}

static int unpack_events(struct events *events, struct unpack *unpack)
{
	const uint64_t first = unpack_u64(unpack);
	const uint64_t next = unpack_u64(unpack);
	if (first == 0 || next < first || next - first > EVENTS_MAX) {
		return -EINVAL;
	}
	events_begin_at(events, first);
	for (uint64_t seq = first; seq < next; seq++) {
		const struct event event = unpack_event(unpack);
		if (unpack->failed) {
			return -EINVAL;
		}
		events_add(events, &event);
	}
	return unpack->failed ? -EINVAL : 0;
}

/* --- graces ------------------------------------------------------------------------------------
 */

static void pack_grace(void *context, const struct presence *gone, uint64_t gone_ms)
{
	struct pack *pack = context;
	pack_u64(pack, gone_ms);
	pack_u64(pack, gone->epoch);
	pack_u64(pack, gone->wall_ms);
	pack_remote(pack, &gone->remote);
	pack_u8(pack, gone->reason);
	pack_u8(pack, gone->speaks_v1);
	pack_slice(pack, presence_user(gone));
	pack_slice(pack, presence_device(gone));
}

/* Whose grace is over long ago. */
static void pack_unsettled(void *context, const struct presence *gone, uint64_t looked_ms)
{
	(void)looked_ms;
	pack_grace(context, gone, 0);
}

static struct presence *make_presence(
	const struct presence *its, struct slice user, struct slice device)
{
	struct presence *gone = malloc(sizeof(*gone) + user.len + device.len);
	if (!gone) {
		return NULL;
	}
	*gone = *its;
	gone->name_len = (uint8_t)user.len;
	gone->device_len = (uint8_t)device.len;
	memcpy(gone->names, user.data, user.len);
	memcpy(gone->names + user.len, device.data, device.len);
	return gone;
}

/* Its session is no more: nobody asks for its handle. */
static int unpack_grace(struct graces *graces, struct unpack *unpack, uint64_t *last_ms)
{
	struct presence its = {.change = PRESENCE_GONE};
	const uint64_t gone_ms = unpack_u64(unpack);
	its.epoch = unpack_u64(unpack);
	its.wall_ms = unpack_u64(unpack);
	its.remote = unpack_remote(unpack);
	its.reason = unpack_below(unpack, CLOSE_REASON_COUNT);
	its.speaks_v1 = unpack_bool(unpack);
	const struct slice user = unpack_name(unpack, USER_NAME_MAX);
	const struct slice device = unpack_name(unpack, DEVICE_NAME_MAX);
	if (unpack->failed || gone_ms < *last_ms) {
		return -EINVAL;
	}
	*last_ms = gone_ms;
	struct presence *gone = make_presence(&its, user, device);
	int err = gone ? graces_add(graces, &gone, gone_ms) : -ENOMEM;
	presence_free(&gone);
	return err ? -ENOMEM : 0;
}

static int unpack_graces(struct graces *graces, struct unpack *unpack)
{
	const uint32_t count = unpack_u32(unpack);
	uint64_t last_ms = 0;
	int err = 0;
	for (uint32_t i = 0; !err && i < count; i++) {
		err = unpack_grace(graces, unpack, &last_ms);
	}
	return err;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

/* Graces first: there is memory for all of them, and events take what is left. They stand in the
 * order of their times. */
void event_rules_pack(const struct event_rules *rules, struct pack *pack)
{
	pack_u32(pack, event_rules_untold(rules));
	graces_look(rules->unsettled, pack_unsettled, pack);
	graces_look(rules->graces, pack_grace, pack);
	pack_events(pack, rules->events);
}

int event_rules_unpack(struct event_rules *rules, struct unpack *unpack)
{
	events_begin_at(rules->events, 1);
	int err = unpack_graces(rules->graces, unpack);
	return err ? err : unpack_events(rules->events, unpack);
}
