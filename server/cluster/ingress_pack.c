#include "ingress_pack.h"

#include <errno.h>

#include "ingress_inner.h"

void ingress_pack(const struct ingress *ingress, struct pack *pack)
{
	const struct ingress_figures *figures = &ingress->figures;
	pack_u64(pack, figures->messages);
	pack_u64(pack, figures->says);
	pack_u64(pack, figures->lost);
	pack_u64(pack, figures->malformed);
	pack_u32(pack, ingress->gap);
	for (const struct held *held = ingress->first; held; held = held->next) {
		pack_u8(pack, true);
		pack_u16(pack, held->node);
		pack_slice(pack, (struct slice){(const char *)held->payload, held->len});
	}
	pack_u8(pack, false);
}

static void unpack_held(struct ingress *ingress, struct unpack *unpack)
{
	const uint16_t node = unpack_u16(unpack);
	const struct slice payload = unpack_slice(unpack);
	if (node == DIRECTORY_SELF || node >= DIRECTORY_NODES_MAX) {
		unpack_fail(unpack);
	}
	if (!unpack->failed) {
		const struct fields fields = fields_of((const uint8_t *)payload.data, payload.len);
		ingress_hold(ingress, node, &fields);
	}
}

int ingress_unpack(struct ingress *ingress, struct unpack *unpack)
{
	struct ingress_figures *figures = &ingress->figures;
	figures->messages += unpack_u64(unpack);
	figures->says += unpack_u64(unpack);
	figures->lost += unpack_u64(unpack);
	figures->malformed += unpack_u64(unpack);
	ingress_gap(ingress, unpack_u32(unpack));
	while (!unpack->failed && unpack_bool(unpack)) {
		unpack_held(ingress, unpack);
	}
	return unpack->failed ? -EINVAL : 0;
}
