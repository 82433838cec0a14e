#include "logins.h"

#include <errno.h>
#include <string.h>

#include "clocks.h"
#include "doubles.h"

/* A session elsewhere, as it is judged. The names are empty where they are not known. */
struct newcomer {
	struct peer *peer;
	struct slice user;
	struct slice device_name;
	uint64_t key;
	uint32_t device;
	uint64_t epoch;
};

/* --- judging -----------------------------------------------------------------------------------
 */

/* An epoch that is too far ahead is the lowest: whoever holds it, this node too, has or had a clock
 * that was off. */
static uint64_t obeyed_epoch(const struct logins *logins, uint64_t epoch)
{
	return clocks_epoch_is_ahead(epoch, logins->wall_ms) ? 0 : epoch;
}

static bool counts(const struct logins *logins, uint16_t node)
{
	if (node == DIRECTORY_SELF) {
		return true;
	}
	const struct peer *peer = peers_of(logins->peers, node);
	return peer && !peer->is_fenced;
}

/* The sessions of a user, as they are judged. */
struct judged {
	uint32_t count;
	struct directory_user users[DOUBLES_MOST]; /* with epochs that are obeyed, and ranks */
	uint64_t epochs[DOUBLES_MOST];             /* as they are */
};

/* Those of nodes that take part. Returns false when none of them is this node's, or all are: then
 * there is nothing to judge. */
static bool gather(const struct logins *logins, uint64_t key, struct judged *judged)
{
	struct directory_user *users = judged->users;
	uint32_t found = directory_find_user(logins->directory, key, users, DOUBLES_MOST);
	uint32_t own = 0;
	judged->count = 0;
	found = found < DOUBLES_MOST ? found : DOUBLES_MOST;
	for (uint32_t i = 0; i < found; i++) {
		if (counts(logins, users[i].node)) {
			own += users[i].node == DIRECTORY_SELF;
			users[judged->count++] = users[i];
		}
	}
	if (own == 0 || own == judged->count) {
		return false;
	}
	for (uint32_t i = 0; i < judged->count; i++) {
		judged->epochs[i] = users[i].epoch;
		users[i].epoch = obeyed_epoch(logins, users[i].epoch);
		users[i].rank = peers_rank(logins->peers, users[i].node);
	}
	return true;
}

/* One of them that is this node's, as the user table has it. */
static bool find_own(const struct logins *logins, uint64_t key, const struct judged *judged,
	uint32_t at, struct user_seen *ret_session)
{
	return logins->ops->find(
		logins->context, key, judged->users[at].device, judged->epochs[at], ret_session);
}

static struct slice seen_user(const struct user_seen *session)
{
	return (struct slice){session->names, session->name_len};
}

static struct slice seen_device(const struct user_seen *session)
{
	return (struct slice){session->names + session->name_len, session->device_len};
}

/* --- ending own sessions -----------------------------------------------------------------------
 */

/* All bits of an epoch tell something. */
static uint32_t spread(uint64_t epoch, uint16_t node)
{
	return (uint32_t)((epoch >> EPOCH_PER_MS_BITS ^ epoch ^ (uint64_t)node << 32) *
				  UINT64_C(0x9e3779b97f4a7c15) >>
			  32);
}

static void kick(struct logins *logins, const struct user_seen *session)
{
	uint64_t *place = &logins->kicked[spread(session->epoch, 0) % LOGINS_KICKED];
	if (*place == session->epoch) {
		return;
	}
	*place = session->epoch;
	logins->kicks++;
	logins->ops->kick(logins->context, session->handle, session->epoch);
}

/* Two users may share a hash, and two devices of one. */
static bool is_meant(const struct user_seen *session, const struct newcomer *newcomer)
{
	return slice_equals(seen_user(session), newcomer->user) &&
	       (session->device != newcomer->device ||
		       slice_equals(seen_device(session), newcomer->device_name));
}

/* Ends what has to go here, since another node has said what it holds, with the names. */
static void end_own(
	struct logins *logins, const struct newcomer *newcomer, const struct judged *judged)
{
	uint32_t places[DOUBLES_MOST];
	const uint32_t going =
		doubles_find_own(judged->users, judged->count, logins->devices_max, places);
	for (uint32_t i = 0; i < going; i++) {
		struct user_seen session;
		if (find_own(logins, newcomer->key, judged, places[i], &session) &&
			is_meant(&session, newcomer)) {
			kick(logins, &session);
		}
	}
}

/* --- claiming ----------------------------------------------------------------------------------
 */

/* Two nodes whose clocks are far apart would contradict each other without end. */
static bool may_claim(struct logins *logins, const struct peer *peer, uint64_t epoch)
{
	struct logins_claim *place = &logins->claimed[spread(epoch, peer->node) % LOGINS_CLAIMED];
	const uint64_t now_ms = logins->peers->now_ms;
	if (place->epoch == epoch && place->node == peer->node && now_ms < place->until_ms) {
		return false;
	}
	*place = (struct logins_claim){epoch, now_ms + LOGINS_CLAIM_AGAIN_MS, peer->node};
	return true;
}

static void claim(struct logins *logins, struct peer *peer, uint64_t key,
	const struct judged *judged, uint32_t own)
{
	struct user_seen session;
	struct codec_writer writer;
	if (!peer || !peer_is_reachable(peer) || !find_own(logins, key, judged, own, &session) ||
		!may_claim(logins, peer, session.epoch)) {
		return;
	}
	const struct codec_claim claim = {
		.epoch = session.epoch,
		.user = seen_user(&session),
		.device = seen_device(&session),
	};
	sender_begin(logins->sender, &writer, CODEC_CLAIM, NULL);
	(void)codec_put_claim(&writer, &claim);
	/* What is lost, the walk claims again. */
	(void)sender_to_node(logins->sender, &peer->line, &writer);
	logins->claims++;
}

static bool is_higher(const struct directory_user *a, const struct directory_user *b)
{
	return a->epoch != b->epoch ? a->epoch > b->epoch : a->rank > b->rank;
}

/* Tells the node of a session of what beats it here. */
static void contradict(struct logins *logins, uint64_t key, const struct judged *judged,
	uint32_t its, uint32_t *left)
{
	uint32_t places[DOUBLES_MOST];
	const struct directory_user *users = judged->users;
	struct peer *peer = peers_of(logins->peers, users[its].node);
	const uint32_t count =
		doubles_find_claims(users, judged->count, logins->devices_max, &users[its], places);
	for (uint32_t i = 0; i < count && *left > 0; i++) {
		(*left)--;
		claim(logins, peer, key, judged, places[i]);
	}
}

/* Has the nodes of higher sessions say so, for those here that have to go. */
static void ask_for_claims(
	struct logins *logins, uint64_t key, const struct judged *judged, uint32_t *left)
{
	uint32_t places[DOUBLES_MOST];
	const struct directory_user *users = judged->users;
	const uint32_t going = doubles_find_own(users, judged->count, logins->devices_max, places);
	for (uint32_t i = 0; i < going; i++) {
		for (uint32_t j = 0; j < judged->count && *left > 0; j++) {
			if (users[j].node != DIRECTORY_SELF &&
				is_higher(&users[j], &users[places[i]])) {
				(*left)--;
				claim(logins, peers_of(logins->peers, users[j].node), key, judged,
					places[i]);
			}
		}
	}
}

/* --- what others say ---------------------------------------------------------------------------
 */

/* Its place among them, or -1. */
static int place_of(const struct judged *judged, const struct newcomer *newcomer)
{
	for (uint32_t i = 0; i < judged->count; i++) {
		if (judged->users[i].node == newcomer->peer->node &&
			judged->users[i].device == newcomer->device &&
			judged->epochs[i] == newcomer->epoch) {
			return (int)i;
		}
	}
	return -1;
}

static void judge(struct logins *logins, const struct newcomer *newcomer)
{
	uint32_t left = LOGINS_CLAIMS_OF_A_USER;
	struct judged judged;
	if (!logins->is_obedient || !gather(logins, newcomer->key, &judged)) {
		return;
	}
	const int its = place_of(&judged, newcomer);
	if (its < 0) {
		return;
	}
	if (newcomer->user.len > 0) {
		end_own(logins, newcomer, &judged);
	} else {
		ask_for_claims(logins, newcomer->key, &judged, &left);
	}
	contradict(logins, newcomer->key, &judged, (uint32_t)its, &left);
}

/* What every epoch that is heard of does to the own ones. */
static void hear(struct logins *logins, struct peer *peer, uint64_t epoch)
{
	if (clocks_epoch_is_ahead(epoch, logins->wall_ms)) {
		peer->clock_until_ms = logins->peers->now_ms + PEERS_CLOCK_MS;
		logins->ignored++;
	} else if (!peer->is_fenced) {
		epoch_advance(logins->epochs, epoch);
	}
}

/* Returns what it has changed; below 0: there was no memory for it. */
static int put(struct logins *logins, const struct newcomer *newcomer)
{
	hear(logins, newcomer->peer, newcomer->epoch);
	if (!peers_may_grow(logins->peers, newcomer->peer, DIRECTORY_USERS)) {
		logins->refused++;
		return -ENOMEM;
	}
	const int change = directory_put_user(logins->directory, newcomer->peer->node,
		newcomer->key, newcomer->device, newcomer->epoch);
	if (change < 0) {
		logins->refused++;
	} else if (change == DIRECTORY_ADDED || change == DIRECTORY_RAISED) {
		logins->ops->seen(logins->context, peer_id(newcomer->peer), newcomer->user,
			newcomer->device_name, newcomer->key, newcomer->device, newcomer->epoch);
	}
	return change;
}

void logins_on_came(struct logins *logins, struct peer *peer, const struct codec_delta *delta)
{
	const struct newcomer newcomer = {
		.peer = peer,
		.user = delta->user,
		.device_name = delta->device_name,
		.key = delta->key,
		.device = delta->device,
		.epoch = delta->epoch,
	};
	const int change = put(logins, &newcomer);
	if (change == DIRECTORY_ADDED || change == DIRECTORY_RAISED) {
		judge(logins, &newcomer);
	}
}

/* What its owner says now is so: a higher epoch of that device has gone. */
static void forget_device(struct logins *logins, const struct newcomer *newcomer)
{
	struct directory_user users[DOUBLES_MOST];
	uint32_t found = directory_find_user(logins->directory, newcomer->key, users, DOUBLES_MOST);
	found = found < DOUBLES_MOST ? found : DOUBLES_MOST;
	for (uint32_t i = 0; i < found; i++) {
		if (users[i].node == newcomer->peer->node && users[i].device == newcomer->device) {
			(void)directory_remove_user(logins->directory, users[i].node, newcomer->key,
				users[i].device, users[i].epoch);
		}
	}
}

void logins_on_claim(struct logins *logins, struct peer *peer, const struct codec_claim *claim)
{
	const struct newcomer newcomer = {
		.peer = peer,
		.user = claim->user,
		.device_name = claim->device,
		.key = logins->ops->hash(logins->context, claim->user),
		.device = (uint32_t)(logins->ops->hash(logins->context, claim->device) >> 32),
		.epoch = claim->epoch,
	};
	int change = put(logins, &newcomer);
	if (change == DIRECTORY_LOWER) {
		forget_device(logins, &newcomer);
		change = put(logins, &newcomer);
	}
	if (change >= 0) {
		judge(logins, &newcomer);
	}
}

void logins_on_found(
	struct logins *logins, struct peer *peer, uint64_t key, uint32_t device, uint64_t epoch)
{
	const struct newcomer newcomer = {
		.peer = peer, .key = key, .device = device, .epoch = epoch};
	hear(logins, peer, epoch);
	logins->ops->seen(logins->context, peer_id(peer), newcomer.user, newcomer.device_name, key,
		device, epoch);
	judge(logins, &newcomer);
}

/* --- the walk ----------------------------------------------------------------------------------
 */

struct page {
	uint64_t *keys;
	uint32_t count;
};

enum {
	PAGE_KEYS = 256,
};

static void note_key(void *context, const struct directory_entry *entry)
{
	struct page *page = context;
	if (page->count < PAGE_KEYS) {
		page->keys[page->count++] = entry->key;
	}
}

static void look_at(struct logins *logins, uint64_t key)
{
	struct judged judged;
	uint32_t left = LOGINS_CLAIMS_OF_A_USER;
	if (!gather(logins, key, &judged)) {
		return;
	}
	ask_for_claims(logins, key, &judged, &left);
	for (uint32_t i = 0; i < judged.count && left > 0; i++) {
		if (judged.users[i].node != DIRECTORY_SELF) {
			contradict(logins, key, &judged, i, &left);
		}
	}
}

/* Looks at some sessions, up to the end of their shard at most. Returns how many. */
static uint32_t walk_page(struct logins *logins)
{
	uint64_t keys[PAGE_KEYS];
	struct page page = {.keys = keys};
	const struct directory_range range = directory_page(logins->directory, DIRECTORY_USERS,
		logins->walk_key, PAGE_KEYS / 2, note_key, &page);
	for (uint32_t i = 0; i < page.count; i++) {
		look_at(logins, keys[i]);
	}
	logins->walk_key = range.last + 1;
	if (logins->walk_key == 0) {
		logins->is_hasty = false;
		/* Who is still there was not kicked: there was no memory for it. */
		memset(logins->kicked, 0, sizeof(logins->kicked));
	}
	return page.count;
}

static uint32_t walk_step_len(const struct logins *logins)
{
	const uint64_t own = directory_count(logins->directory, DIRECTORY_SELF, DIRECTORY_USERS);
	const uint64_t part = own / LOGINS_WALK_PARTS + LOGINS_WALK_LEAST;
	if (logins->is_hasty) {
		return LOGINS_WALK_HASTY;
	}
	return part < LOGINS_WALK_MOST ? (uint32_t)part : LOGINS_WALK_MOST;
}

static void walk(struct logins *logins)
{
	const uint32_t most = walk_step_len(logins);
	uint32_t shards =
		logins->is_hasty ? DIRECTORY_SHARDS : DIRECTORY_SHARDS / LOGINS_WALK_PARTS + 1;
	uint32_t looked_at = 0;
	while (looked_at < most && shards > 0) {
		looked_at += walk_page(logins);
		if (logins->walk_key == 0) {
			return;
		}
		shards -= logins->walk_key ==
			  directory_range_of(directory_shard_of(logins->walk_key)).first;
	}
}

uint64_t logins_turn(struct logins *logins)
{
	const uint64_t now_ms = logins->peers->now_ms;
	if (now_ms >= logins->walk_due_ms) {
		logins->walk_due_ms = now_ms + LOGINS_WALK_MS;
		if (logins->is_obedient && logins->peers->count > 0) {
			walk(logins);
		}
	}
	return logins->walk_due_ms - now_ms;
}
