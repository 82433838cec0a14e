#include "snapshot_node.h"

#include <errno.h>
#include <stddef.h>

#include "../admin/admin.h"
#include "../base/address_limits_pack.h"
#include "../base/clock.h"
#include "../base/stats_pack.h"
#include "../conn/places_pack.h"
#include "../node/acceptor.h"
#include "../node/registrar_pack.h"
#include "../node/serving.h"
#include "../session/ended_pack.h"

/* --- the sections ------------------------------------------------------------------------------
 */

/* The numbers of acceptance go on upwards. */
static void epochs_pack(const struct snapshot_parts *parts, struct pack *pack)
{
	pack_u64(pack, parts->node->epochs.last);
}

static int epochs_unpack(const struct snapshot_parts *parts, struct unpack *unpack)
{
	epoch_advance(&parts->node->epochs, unpack_u64(unpack));
	return 0;
}

static void opening_rate_pack(const struct snapshot_parts *parts, struct pack *pack)
{
	places_pack(&parts->node->places, pack);
}

static int opening_rate_unpack(const struct snapshot_parts *parts, struct unpack *unpack)
{
	return places_unpack(&parts->node->places, unpack);
}

static void addresses_pack(const struct snapshot_parts *parts, struct pack *pack)
{
	address_limits_pack(&parts->node->addresses, clock_ns(), pack);
}

static int addresses_unpack(const struct snapshot_parts *parts, struct unpack *unpack)
{
	return address_limits_unpack(&parts->node->addresses, unpack);
}

static void handshakes_pack(const struct snapshot_parts *parts, struct pack *pack)
{
	tls_quota_pack(&parts->node->tls_quota, pack);
}

static int handshakes_unpack(const struct snapshot_parts *parts, struct unpack *unpack)
{
	return tls_quota_unpack(&parts->node->tls_quota, unpack);
}

static void counts_pack(const struct snapshot_parts *parts, struct pack *pack)
{
	const struct stats *of[HANDLE_WORKERS_MAX];
	for (uint32_t i = 0; i < parts->worker_count; i++) {
		of[i] = &parts->workers[i]->stats;
	}
	stats_pack(of, parts->worker_count, pack);
}

static int counts_unpack(const struct snapshot_parts *parts, struct unpack *unpack)
{
	return stats_unpack(&parts->workers[0]->stats, unpack);
}

static void refusals_pack(const struct snapshot_parts *parts, struct pack *pack)
{
	uint64_t refused = 0;
	uint64_t too_fast = 0;
	uint64_t errors = 0;
	for (uint32_t i = 0; i < parts->acceptor_count; i++) {
		refused += acceptor_refused(parts->acceptors[i]);
		too_fast += acceptor_too_fast(parts->acceptors[i]);
		errors += acceptor_errors(parts->acceptors[i]);
	}
	pack_u64(pack, refused);
	pack_u64(pack, too_fast);
	pack_u64(pack, errors);
}

static int refusals_unpack(const struct snapshot_parts *parts, struct unpack *unpack)
{
	uint64_t refused = unpack_u64(unpack);
	uint64_t too_fast = unpack_u64(unpack);
	uint64_t errors = unpack_u64(unpack);
	if (parts->acceptor_count > 0) {
		acceptor_count_on(parts->acceptors[0], refused, too_fast, errors);
	}
	return 0;
}

/* Those of all workers. Returns how many: none without an admin port. */
static uint32_t find_ended(
	const struct snapshot_parts *parts, struct ended *ret_of[HANDLE_WORKERS_MAX])
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < parts->worker_count; i++) {
		if (parts->workers[i]->ended) {
			ret_of[count++] = parts->workers[i]->ended;
		}
	}
	return count;
}

static void ends_pack(const struct snapshot_parts *parts, struct pack *pack)
{
	struct ended *of[HANDLE_WORKERS_MAX];
	uint32_t count = find_ended(parts, of);
	ended_pack((const struct ended *const *)of, count, pack);
}

static int ends_unpack(const struct snapshot_parts *parts, struct unpack *unpack)
{
	struct ended *of[HANDLE_WORKERS_MAX];
	uint32_t count = find_ended(parts, of);
	return ended_unpack((struct ended *const *)of, count, unpack);
}

static void events_pack(const struct snapshot_parts *parts, struct pack *pack)
{
	if (parts->registrar) {
		registrar_pack(parts->registrar, pack);
	}
}

static int events_unpack(const struct snapshot_parts *parts, struct unpack *unpack)
{
	return registrar_unpack(parts->registrar, unpack);
}

static void charts_pack(const struct snapshot_parts *parts, struct pack *pack)
{
	if (parts->admin) {
		admin_pack(parts->admin, pack);
	}
}

static int charts_unpack(const struct snapshot_parts *parts, struct unpack *unpack)
{
	if (!parts->admin) {
		unpack_bytes(unpack, unpack_left(unpack));
		return 0;
	}
	return admin_unpack(parts->admin, unpack);
}

static void handovers_pack(const struct snapshot_parts *parts, struct pack *pack)
{
	handover_status_pack(&parts->node->handover, pack);
}

static int handovers_unpack(const struct snapshot_parts *parts, struct unpack *unpack)
{
	return handover_status_unpack(&parts->node->handover, unpack);
}

/* In the order in which they are taken in: charts go on from what was counted. */
static const struct section {
	const char *name;
	void (*pack)(const struct snapshot_parts *parts, struct pack *pack);
	int (*unpack)(const struct snapshot_parts *parts, struct unpack *unpack);
} sections[] = {
	{"epochs", epochs_pack, epochs_unpack},
	{"opening_rate", opening_rate_pack, opening_rate_unpack},
	{"addresses", addresses_pack, addresses_unpack},
	{"handshakes", handshakes_pack, handshakes_unpack},
	{"counts", counts_pack, counts_unpack},
	{"refusals", refusals_pack, refusals_unpack},
	{"ends", ends_pack, ends_unpack},
	{"registrar", events_pack, events_unpack},
	{"charts", charts_pack, charts_unpack},
	{"handovers", handovers_pack, handovers_unpack},
};

enum {
	SECTION_COUNT = sizeof(sections) / sizeof(sections[0]),
};

/* --- all of them -------------------------------------------------------------------------------
 */

void snapshot_node_pack(const struct snapshot_parts *parts, struct pack *pack)
{
	for (size_t i = 0; i < SECTION_COUNT; i++) {
		pack_slice(pack, slice_of(sections[i].name));
		size_t begin = pack_part_begin(pack);
		sections[i].pack(parts, pack);
		pack_part_end(pack, begin);
	}
}

/* An empty one is of something that the giver has not. */
static int take_section(
	const struct section *section, const struct snapshot_parts *parts, struct unpack *unpack)
{
	struct slice name = unpack_slice(unpack);
	struct unpack part = unpack_part(unpack);
	if (part.failed || !slice_equals(name, slice_of(section->name))) {
		return -EINVAL;
	}
	int err = unpack_is_over(&part) ? 0 : section->unpack(parts, &part);
	return err || unpack_is_over(&part) ? err : -EINVAL;
}

int snapshot_node_unpack(
	const struct snapshot_parts *parts, struct unpack *unpack, const char **ret_name)
{
	for (size_t i = 0; i < SECTION_COUNT; i++) {
		int err = take_section(&sections[i], parts, unpack);
		if (err) {
			*ret_name = sections[i].name;
			return err;
		}
	}
	if (!unpack_is_over(unpack)) {
		*ret_name = "what follows them";
		return -EINVAL;
	}
	return 0;
}
