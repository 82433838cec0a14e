#include "cluster.h"

#include "cluster_state.h"
#include "rescan.h"

/* --- sessions ----------------------------------------------------------------------------------
 */

static void tell(struct cluster *cluster, const struct codec_delta *delta)
{
	/* Who did not hear of it sees by the digests that something is missing. */
	if (cluster->is_joined) {
		deltas_put(&cluster->deltas, delta);
	}
}

static void tell_gone(struct cluster *cluster, uint64_t key, uint32_t device, uint64_t epoch)
{
	const struct codec_delta delta = {
		.kind = CODEC_GONE, .key = key, .device = device, .epoch = epoch};
	tell(cluster, &delta);
}

/* What is said of this node's own sessions is so: a higher epoch that was known has gone. */
static void remove_higher(struct cluster *cluster, uint64_t key, uint32_t device)
{
	struct directory_user users[USER_SESSIONS_MAX * 4];
	const uint32_t most = sizeof(users) / sizeof(users[0]);
	const uint32_t found = directory_find_user(cluster->directory, key, users, most);
	for (uint32_t i = 0; i < found && i < most; i++) {
		if (users[i].node == DIRECTORY_SELF && users[i].device == device) {
			(void)directory_remove_user(
				cluster->directory, DIRECTORY_SELF, key, device, users[i].epoch);
			tell_gone(cluster, key, device, users[i].epoch);
		}
	}
}

static int put_own(struct cluster *cluster, const struct cluster_session *session)
{
	return directory_put_user(cluster->directory, DIRECTORY_SELF, session->key,
		session->device_hash, session->epoch);
}

static void note_session(
	struct cluster *cluster, const struct cluster_session *session, bool is_gone)
{
	const struct directory_entry entry = {
		.key = session->key, .device = session->device_hash, .value = session->epoch};
	rescan_note(cluster->rescan, DIRECTORY_USERS, &entry, is_gone);
}

void cluster_on_came(struct cluster *cluster, const struct cluster_session *session)
{
	const struct codec_delta delta = {
		.kind = CODEC_CAME,
		.key = session->key,
		.device = session->device_hash,
		.epoch = session->epoch,
		.user = session->user,
		.device_name = session->device,
	};
	int change = put_own(cluster, session);
	if (change == DIRECTORY_LOWER) {
		remove_higher(cluster, session->key, session->device_hash);
		change = put_own(cluster, session);
	}
	note_session(cluster, session, false);
	if (change < 0) {
		cluster->logins.refused++;
	} else if (change != DIRECTORY_SAME) {
		tell(cluster, &delta);
	}
}

void cluster_on_gone(struct cluster *cluster, const struct cluster_session *session)
{
	note_session(cluster, session, true);
	if (directory_remove_user(cluster->directory, DIRECTORY_SELF, session->key,
		    session->device_hash, session->epoch) == DIRECTORY_REMOVED) {
		tell_gone(cluster, session->key, session->device_hash, session->epoch);
	}
}

/* --- rooms -------------------------------------------------------------------------------------
 */

void cluster_on_room(struct cluster *cluster, uint64_t key, uint32_t members, bool is_watched)
{
	const struct directory_entry entry = {
		.key = key, .value = members, .is_watched = is_watched};
	const struct codec_delta delta = {
		.kind = CODEC_ROOM, .key = key, .members = members, .is_watched = is_watched};
	const int change =
		directory_put_room(cluster->directory, DIRECTORY_SELF, key, members, is_watched);
	rescan_note(cluster->rescan, DIRECTORY_ROOMS, &entry, members == 0);
	if (change < 0) {
		cluster->logins.refused++;
	} else if (change != DIRECTORY_SAME) {
		tell(cluster, &delta);
	}
}

/* --- all of them once more ---------------------------------------------------------------------
 */

void cluster_rescan_begin(struct cluster *cluster)
{
	rescan_destroy(&cluster->rescan);
	cluster->rescan = rescan_create();
}

static void on_not_found(void *context, uint16_t node, enum directory_kind kind,
	enum directory_change change, const struct directory_entry *entry)
{
	const struct codec_delta room = {.kind = CODEC_ROOM, .key = entry->key};
	if (change != DIRECTORY_REMOVED) {
		return;
	}
	if (kind == DIRECTORY_USERS) {
		tell_gone(context, entry->key, entry->device, entry->value);
	} else {
		tell(context, &room);
	}
}

void cluster_rescan_end(struct cluster *cluster)
{
	if (cluster->rescan) {
		rescan_apply(cluster->rescan, cluster->directory, on_not_found, cluster);
		rescan_destroy(&cluster->rescan);
	}
}

/* --- the node itself ---------------------------------------------------------------------------
 */

void cluster_on_pressure(struct cluster *cluster, uint8_t pressure)
{
	cluster->heartbeat.is_hasty |= pressure != cluster->heartbeat.pressure;
	cluster->heartbeat.pressure = pressure;
}

void cluster_count_lost(struct cluster *cluster, uint64_t ingress, uint64_t egress)
{
	cluster->lost_ingress = ingress;
	cluster->lost_egress = egress;
}

void cluster_drain(struct cluster *cluster)
{
	cluster->heartbeat.is_hasty |= !cluster->heartbeat.is_draining;
	cluster->heartbeat.is_draining = true;
}

void cluster_bye(struct cluster *cluster)
{
	struct codec_writer writer;
	if (!cluster->is_link_up || !cluster->has_listened || cluster->has_ended) {
		return; /* nobody has heard of it, or nobody would */
	}
	if (cluster->is_joined) {
		cluster->ops->flush(cluster->context);
		deltas_flush(&cluster->deltas);
	}
	sender_begin(&cluster->sender, &writer, CODEC_BYE, NULL);
	(void)codec_put_bye(&writer, CODEC_BYE_STOPS);
	(void)sender_to_all(&cluster->sender, &writer);
}
