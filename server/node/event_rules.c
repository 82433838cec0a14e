#include "event_rules.h"

#include <string.h>

#include "../base/loop.h"

enum {
	DUE_MAX = 256,    /* graces of a turn */
	SETTLE_MS = 5000, /* between two looks whether an older session elsewhere has gone untold */
};

/* --- life --------------------------------------------------------------------------------------
 */

int event_rules_init(struct event_rules *rules, struct budget *budget, struct user_table *users,
	const struct event_rules_ops *ops, void *context)
{
	*rules = (struct event_rules){.users = users, .ops = ops, .context = context};
	int err = events_create(budget, &rules->events);
	if (!err) {
		err = graces_create(budget, users, &rules->graces);
	}
	return err ? err : graces_create(budget, users, &rules->unsettled);
}

void event_rules_finish(struct event_rules *rules)
{
	graces_destroy(&rules->graces);
	graces_destroy(&rules->unsettled);
	events_destroy(&rules->events);
}

/* --- who is in ---------------------------------------------------------------------------------
 */

/* The epoch of the session that a user has here from that device; 0: he has none. */
static uint64_t epoch_here(const struct event_rules *rules, const struct presence *presence)
{
	struct user_device devices[USER_SESSIONS_MAX];
	const struct slice user = presence_user(presence);
	const struct slice device = presence_device(presence);
	uint32_t count = user_table_devices(rules->users, user.data, user.len, devices);
	for (uint32_t i = 0; i < count; i++) {
		const struct slice its = {devices[i].name, devices[i].len};
		if (slice_equals(its, device)) {
			return devices[i].epoch;
		}
	}
	return 0;
}

/* With a session of an epoch above that one: 0 is below all. */
static bool is_elsewhere(
	const struct event_rules *rules, const struct presence *presence, uint64_t epoch)
{
	return rules->ops && rules->ops->is_elsewhere &&
	       rules->ops->is_elsewhere(
		       rules->context, presence_user(presence), presence_device(presence), epoch);
}

/* --- who has gone and has not been told of ------------------------------------------------------
 */

static const struct presence *find_gone(
	const struct event_rules *rules, struct slice user, struct slice device)
{
	const struct presence *gone = graces_find(rules->graces, user, device);
	return gone ? gone : graces_find(rules->unsettled, user, device);
}

static void drop(struct graces *graces, struct slice user, struct slice device)
{
	struct presence *taken = graces_take(graces, user, device);
	presence_free(&taken);
}

static void forget_gone(struct event_rules *rules, struct slice user, struct slice device)
{
	drop(rules->graces, user, device);
	drop(rules->unsettled, user, device);
}

uint32_t event_rules_untold(const struct event_rules *rules)
{
	return graces_count(rules->graces) + graces_count(rules->unsettled);
}

/* --- telling -----------------------------------------------------------------------------------
 */

static void note(struct event_rules *rules, const struct event *event)
{
	uint64_t seq = events_add(rules->events, event);
	if (rules->ops && rules->ops->noted) {
		rules->ops->noted(rules->context, event, seq);
	}
}

static void note_session(
	struct event_rules *rules, enum event_kind kind, const struct presence *presence)
{
	const struct event event = {
		.kind = kind,
		.wall_ms = presence->wall_ms,
		.epoch = presence->epoch,
		.name = presence_user(presence),
		.device = presence_device(presence),
		.remote = presence->remote,
		.reason = kind == EVENT_OFFLINE
				  ? close_reason_counter((enum close_reason)presence->reason)
				  : NULL,
	};
	note(rules, &event);
}

void event_rules_on_node(struct event_rules *rules, enum event_kind kind, struct slice id,
	const struct incarnation *incarnation, uint64_t wall_ms)
{
	const struct event event = {
		.kind = kind, .wall_ms = wall_ms, .name = id, .peer = *incarnation};
	note(rules, &event);
}

void event_rules_resync(struct event_rules *rules, const char *reason, uint64_t wall_ms)
{
	const struct event event = {.kind = EVENT_RESYNC, .wall_ms = wall_ms, .reason = reason};
	note(rules, &event);
}

/* --- coming and going --------------------------------------------------------------------------
 */

/* Whether another session has taken its place, and has told so or will. What happens to two
 * workers' sessions may be told in either order. */
static bool is_replaced(
	const struct event_rules *rules, const struct presence *came, const struct presence *gone)
{
	const uint64_t here = epoch_here(rules, came);
	return here == 0 ? gone && gone->epoch > came->epoch : here != came->epoch;
}

static void on_came(struct event_rules *rules, const struct presence *came)
{
	const struct slice user = presence_user(came);
	const struct slice device = presence_device(came);
	const struct presence *gone = find_gone(rules, user, device);
	if (is_replaced(rules, came, gone)) {
		return;
	}
	/* Of one that was displaced the end may have been told before the begin. */
	const bool is_back = gone && gone->epoch != came->epoch;
	if (is_back) {
		forget_gone(rules, user, device);
	}
	const bool has_moved = is_back || came->replaces || is_elsewhere(rules, came, 0);
	note_session(rules, has_moved ? EVENT_MOVED : EVENT_ONLINE, came);
}

static void settle(struct event_rules *rules, const struct presence *gone)
{
	if (epoch_here(rules, gone) == 0 && !is_elsewhere(rules, gone, 0)) {
		note_session(rules, EVENT_OFFLINE, gone);
	}
}

/* An older session of his, and none that is newer, is known elsewhere. */
static bool is_unsettled(const struct event_rules *rules, const struct presence *gone)
{
	return epoch_here(rules, gone) == 0 && is_elsewhere(rules, gone, 0) &&
	       !is_elsewhere(rules, gone, gone->epoch);
}

/* His grace is over, or the time until the next look. */
static void end_grace(struct event_rules *rules, struct presence **gone, uint64_t now_ms)
{
	if (!is_unsettled(rules, *gone)) {
		settle(rules, *gone);
	} else if (graces_add(rules->unsettled, gone, now_ms) < 0 && rules->ops->missed) {
		rules->ops->missed(rules->context);
	}
	presence_free(gone);
}

/* Where there is no memory for its grace it has none. Of who has gone elsewhere that node tells.
 * One that was displaced by another device may be told of behind a later one that has gone too. */
static void on_gone(struct event_rules *rules, struct presence **gone, uint64_t now_ms)
{
	const struct slice user = presence_user(*gone);
	const struct slice device = presence_device(*gone);
	const struct presence *later = find_gone(rules, user, device);
	if (is_elsewhere(rules, *gone, (*gone)->epoch) ||
		(later && later->epoch > (*gone)->epoch)) {
		return;
	}
	drop(rules->unsettled, user, device); /* an older one of the others makes way by itself */
	if (graces_add(rules->graces, gone, now_ms) < 0) {
		end_grace(rules, gone, now_ms);
	}
}

void event_rules_on_presence(struct event_rules *rules, struct presence **presence, uint64_t now_ms)
{
	if ((*presence)->change == PRESENCE_CAME) {
		on_came(rules, *presence);
	} else {
		on_gone(rules, presence, now_ms);
	}
	presence_free(presence);
}

void event_rules_on_elsewhere(
	struct event_rules *rules, struct slice user, struct slice device, uint64_t epoch)
{
	const struct presence *gone = find_gone(rules, user, device);
	if (gone && gone->epoch < epoch) {
		forget_gone(rules, user, device);
	}
}

void event_rules_on_left(struct event_rules *rules, uint32_t hash)
{
	const struct presence *next = graces_next(rules->unsettled, hash, NULL);
	while (next) {
		const struct presence *gone = next;
		next = graces_next(rules->unsettled, hash, gone);
		if (!is_elsewhere(rules, gone, 0)) {
			settle(rules, gone);
			drop(rules->unsettled, presence_user(gone), presence_device(gone));
		}
	}
}

int event_rules_turn(struct event_rules *rules, uint64_t now_ms)
{
	struct presence *gone;
	for (int i = 0;
		i < DUE_MAX && (gone = graces_take_due(rules->graces, now_ms, rules->grace_ms));
		i++) {
		end_grace(rules, &gone, now_ms);
	}
	for (int i = 0;
		i < DUE_MAX && (gone = graces_take_due(rules->unsettled, now_ms, SETTLE_MS)); i++) {
		end_grace(rules, &gone, now_ms);
	}
	return loop_sooner(graces_wait_ms(rules->graces, now_ms, rules->grace_ms),
		graces_wait_ms(rules->unsettled, now_ms, SETTLE_MS));
}
