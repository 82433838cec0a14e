#include "user_pack.h"

#include <errno.h>

#include "user_table_inner.h"

static struct duel duel_of(struct user_table *table, const struct user_entry *entry)
{
	const struct user_key key = user_key_of(table, entry);
	struct cds_lfht_iter iter;
	user_table_read_begin();
	struct user_node *node = user_table_look_up(table, &key, entry->in_table.hash, &iter);
	const struct duel duel = node ? user_node_duel(node) : (struct duel){0};
	user_table_read_end();
	return duel;
}

void user_pack(struct user_table *table, const struct user_entry *entry, struct pack *pack)
{
	const struct duel duel = duel_of(table, entry);
	struct slice name;
	struct slice device;
	name.data = user_entry_name(entry, &name.len);
	device.data = user_entry_device(entry, &device.len);
	pack_slice(pack, name);
	pack_slice(pack, device);
	pack_u8(pack, user_entry_speaks_v1(entry));
	pack_u64(pack, user_entry_epoch(entry));
	pack_u32(pack, duel.tick);
	pack_u16(pack, duel.kicks);
	pack_u8(pack, duel.is_braked);
	pack_u8(pack, duel.is_told);
}

static struct duel unpack_duel(struct unpack *unpack)
{
	struct duel duel = {.tick = unpack_u32(unpack)};
	duel.kicks = unpack_u16(unpack);
	duel.is_braked = unpack_bool(unpack);
	duel.is_told = unpack_bool(unpack);
	return duel;
}

/* A device's name may be empty; else the rule is that of users. */
static bool are_valid(struct slice name, struct slice device)
{
	return user_name_is_valid(name.data, name.len) && device.len <= DEVICE_NAME_MAX &&
	       (device.len == 0 || user_name_is_valid(device.data, device.len));
}

int user_unpack(struct user_table *table, struct unpack *unpack, handle_t handle,
	struct user_entry **ret_entry)
{
	const struct slice name = unpack_slice(unpack);
	const struct slice device = unpack_slice(unpack);
	struct user_identity identity = {.name = name.data, .device = device.data};
	identity.speaks_v1 = unpack_bool(unpack);
	const uint64_t epoch = unpack_u64(unpack);
	const struct duel duel = unpack_duel(unpack);
	if (unpack->failed || !are_valid(name, device)) {
		unpack_fail(unpack);
		return -EINVAL;
	}
	identity.name_len = (uint8_t)name.len;
	identity.device_len = (uint8_t)device.len;
	struct user_entry *entry;
	int err = user_entry_create(table, &identity, handle, epoch, &entry);
	if (!err) {
		atomic_store_explicit(&entry->standing.duel, duel, memory_order_relaxed);
		entry->in_table.is_restored = true;
		*ret_entry = entry;
	}
	return err;
}
