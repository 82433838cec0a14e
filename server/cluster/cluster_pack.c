#include "cluster_pack.h"

#include <errno.h>

#include "../../proto/assert.h"
#include "cluster_state.h"
#include "directory_pack.h"
#include "peers_pack.h"

/* --- whether it takes part ---------------------------------------------------------------------
 */

static void pack_seat(struct pack *pack, const struct cluster *cluster)
{
	pack_u8(pack, cluster->is_link_up);
	pack_u8(pack, cluster->is_fenced);
	pack_u8(pack, cluster->is_joined);
	pack_u8(pack, cluster->has_listened);
	pack_u64(pack, cluster->listen_until_ms);
	pack_u8(pack, cluster->heartbeat.pressure);
	pack_u64(pack, cluster->heartbeat.sent_ms);
	pack_u64(pack, cluster->sender.all_number);
	pack_u64(pack, cluster->sender.message_max);
	pack_u64(pack, cluster->asks.serial);
	pack_u64(pack, cluster->resync.last_ask);
}

static void unpack_seat(struct unpack *unpack, struct cluster *cluster)
{
	cluster->is_link_up = unpack_bool(unpack);
	cluster->is_fenced = unpack_bool(unpack);
	cluster->is_joined = unpack_bool(unpack);
	cluster->has_listened = unpack_bool(unpack);
	cluster->listen_until_ms = unpack_u64(unpack);
	cluster->heartbeat.pressure = unpack_u8(unpack);
	cluster->heartbeat.sent_ms = unpack_u64(unpack);
	cluster->sender.all_number = unpack_u64(unpack);
	sender_set_message_max(&cluster->sender, (size_t)unpack_u64(unpack));
	cluster->asks.serial = unpack_u64(unpack);
	cluster->resync.last_ask = unpack_u64(unpack);
}

/* All parts of it know whether it takes part. Others are to hear at once what is another here: the
 * program, and where its consoles are. */
static void take_seat(struct cluster *cluster)
{
	cluster->says.is_joined = cluster->is_joined;
	cluster->calls.is_joined = cluster->is_joined;
	cluster->logins.is_obedient = cluster->is_joined;
	cluster->heartbeat.is_fenced = cluster->is_fenced;
	cluster->heartbeat.is_hasty = true;
	cluster->peers.is_link_up = cluster->is_link_up;
}

/* --- what it has counted -----------------------------------------------------------------------
 */

static void pack_counts(struct pack *pack, const struct cluster *cluster)
{
	pack_u64(pack, cluster->deltas_heard);
	pack_u64(pack, cluster->lost_gap);
	pack_u64(pack, cluster->deltas.sent);
	pack_u64(pack, cluster->sender.failed);
	pack_u64(pack, cluster->resync.count);
	pack_u64(pack, cluster->resync.failed);
	pack_u64(pack, cluster->logins.kicks);
	pack_u64(pack, cluster->logins.claims);
	pack_u64(pack, cluster->logins.ignored);
	pack_u64(pack, cluster->logins.refused);
	for (int verdict = 0; verdict <= CODEC_BROKEN; verdict++) {
		pack_u64(pack, cluster->refused[verdict]);
		pack_u64(pack, cluster->told_ms[verdict]);
	}
}

static void unpack_counts(struct unpack *unpack, struct cluster *cluster)
{
	cluster->deltas_heard = unpack_u64(unpack);
	cluster->lost_gap = unpack_u64(unpack);
	cluster->deltas.sent = unpack_u64(unpack);
	cluster->sender.failed = unpack_u64(unpack);
	cluster->resync.count = unpack_u64(unpack);
	cluster->resync.failed = unpack_u64(unpack);
	cluster->logins.kicks = unpack_u64(unpack);
	cluster->logins.claims = unpack_u64(unpack);
	cluster->logins.ignored = unpack_u64(unpack);
	cluster->logins.refused = unpack_u64(unpack);
	for (int verdict = 0; verdict <= CODEC_BROKEN; verdict++) {
		cluster->refused[verdict] = unpack_u64(unpack);
		cluster->told_ms[verdict] = unpack_u64(unpack);
	}
}

/* --- all of it ---------------------------------------------------------------------------------
 */

void cluster_pack(const struct cluster *cluster, struct pack *pack)
{
	ASSERT(!cluster_is_asking(cluster));
	pack_seat(pack, cluster);
	pack_counts(pack, cluster);
	peers_pack(&cluster->peers, pack);
	directory_pack(cluster->directory, pack);
}

int cluster_unpack(struct cluster *cluster, struct unpack *unpack)
{
	unpack_seat(unpack, cluster);
	unpack_counts(unpack, cluster);
	int err = unpack->failed ? -EINVAL : peers_unpack(&cluster->peers, unpack);
	if (!err) {
		err = directory_unpack(cluster->directory, unpack);
	}
	take_seat(cluster);
	cluster_tell_workers(cluster);
	cluster_show(cluster);
	return err;
}
