#include "registrar_pack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../cluster/cluster_key.h"
#include "event_pack.h"
#include "member_pack.h"
#include "registrar_state.h"

/* --- what the taker has to know first ----------------------------------------------------------
 */

static void pack_incarnation(struct pack *pack, const struct incarnation *incarnation)
{
	pack_u64(pack, incarnation->wall_ms);
	pack_u64(pack, incarnation->random);
}

static struct incarnation unpack_incarnation(struct unpack *unpack)
{
	struct incarnation incarnation = {.wall_ms = unpack_u64(unpack)};
	incarnation.random = unpack_u64(unpack);
	return incarnation;
}

static void pack_cluster_hello(const struct registrar *registrar, const struct config *config,
	const struct cluster_key *key, struct pack *pack)
{
	uint8_t digest[CLUSTER_KEY_DIGEST_LEN];
	cluster_key_digest(key, digest);
	pack_slice(pack, slice_of(registrar->id));
	pack_slice(pack, slice_of(config->cluster_prefix));
	pack_bytes(pack, digest, sizeof(digest));
	member_hello_pack(registrar->member, pack);
}

void registrar_hello_pack(const struct registrar *registrar, const struct config *config,
	const struct cluster_key *key, struct pack *pack)
{
	const bool is_in_cluster = registrar && registrar->member;
	pack_u8(pack, registrar != NULL);
	pack_u8(pack, is_in_cluster);
	if (registrar) {
		pack_incarnation(pack, &registrar->source.incarnation);
	}
	if (is_in_cluster) {
		pack_cluster_hello(registrar, config, key, pack);
	}
}

static int refuse(char ret_why[CONFIG_ERROR_MAX], const char *what)
{
	snprintf(ret_why, CONFIG_ERROR_MAX, "%s: another one than before takes a restart", what);
	return -EPERM;
}

/* Other nodes would see another node, or none. */
static int judge_cluster(const struct registrar *registrar, const struct config *config,
	const struct cluster_key *key, struct unpack *unpack, char ret_why[CONFIG_ERROR_MAX])
{
	uint8_t digest[CLUSTER_KEY_DIGEST_LEN];
	uint8_t own_digest[CLUSTER_KEY_DIGEST_LEN];
	const struct slice id = unpack_slice(unpack);
	const struct slice prefix = unpack_slice(unpack);
	unpack_copy(unpack, digest, sizeof(digest));
	cluster_key_digest(key, own_digest);
	if (unpack->failed) {
		return -EINVAL;
	}
	if (!slice_equals(id, slice_of(registrar->id))) {
		return refuse(ret_why, "id");
	}
	if (!slice_equals(prefix, slice_of(config->cluster_prefix))) {
		return refuse(ret_why, "cluster_prefix");
	}
	return memcmp(digest, own_digest, sizeof(digest)) == 0 ? 0 : refuse(ret_why, "cluster_key");
}

int registrar_hello_unpack(struct registrar *registrar, const struct config *config,
	const struct cluster_key *key, struct unpack *unpack, char ret_why[CONFIG_ERROR_MAX])
{
	const bool had_registrar = unpack_bool(unpack);
	const bool was_in_cluster = unpack_bool(unpack);
	ret_why[0] = '\0';
	if (unpack->failed || (was_in_cluster && !had_registrar)) {
		return -EINVAL;
	}
	if (was_in_cluster != (config->cluster[0] != '\0')) {
		return refuse(ret_why, "cluster");
	}
	if (had_registrar && registrar) {
		registrar->source.incarnation = unpack_incarnation(unpack);
		registrar->is_taken = true;
	}
	if (registrar && was_in_cluster) {
		int err = judge_cluster(registrar, config, key, unpack, ret_why);
		if (err) {
			return err;
		}
		registrar->wants_line = member_hello_unpack(
			unpack, registrar->first_url, sizeof(registrar->first_url));
	}
	unpack_bytes(unpack, registrar ? 0 : unpack_left(unpack));
	return unpack_is_over(unpack) ? 0 : -EINVAL;
}

/* --- what it goes on with ----------------------------------------------------------------------
 */

static void pack_flag(struct pack *pack, const atomic_bool *flag)
{
	pack_u8(pack, atomic_load_explicit(flag, memory_order_acquire));
}

static void unpack_flag(struct unpack *unpack, atomic_bool *ret_flag)
{
	if (unpack_bool(unpack)) {
		atomic_store_explicit(ret_flag, true, memory_order_release);
	}
}

void registrar_pack(struct registrar *registrar, struct pack *pack)
{
	if (!registrar) {
		return;
	}
	const struct presence_target *presence = &registrar->node->presence;
	pack_incarnation(pack, &registrar->source.incarnation);
	pack_flag(pack, &presence->is_lost);
	pack_flag(pack, &presence->is_room_lost);
	pack_u64(pack, registrar->resync_ms);
	pack_u64(pack, atomic_load_explicit(&registrar->stats.resyncs, memory_order_relaxed));
	event_rules_pack(&registrar->rules, pack);
	if (registrar->member) {
		member_pack(registrar->member, pack);
	}
}

static int unpack_parts(struct registrar *registrar, struct unpack *unpack)
{
	struct presence_target *presence = &registrar->node->presence;
	const struct incarnation incarnation = unpack_incarnation(unpack);
	unpack_flag(unpack, &presence->is_lost);
	unpack_flag(unpack, &presence->is_room_lost);
	registrar->resync_ms = unpack_u64(unpack);
	atomic_store_explicit(&registrar->stats.resyncs, unpack_u64(unpack), memory_order_relaxed);
	if (unpack->failed || !incarnation_is_same(&incarnation, &registrar->source.incarnation)) {
		return -EINVAL;
	}
	int err = event_rules_unpack(&registrar->rules, unpack);
	if (!err && registrar->member) {
		err = member_unpack(registrar->member, unpack);
	}
	return err;
}

/* One that begins where there was none has a life of its own, and one that nobody asks for any more
 * has ended. */
int registrar_unpack(struct registrar *registrar, struct unpack *unpack)
{
	if (!registrar) {
		unpack_bytes(unpack, unpack_left(unpack));
		return 0;
	}
	if (!registrar->is_taken) {
		return unpack_is_over(unpack) ? 0 : -EINVAL;
	}
	loop_look(&registrar->loop);
	int err = unpack_parts(registrar, unpack);
	return err ? err : unpack_is_over(unpack) ? 0 : -EINVAL;
}
