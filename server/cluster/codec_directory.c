#include "codec_directory.h"

#include <errno.h>

#include "../../proto/assert.h"
#include "codec_fit.h"

enum {
	DELTA_LEN_LEN = 2,
	SHARD_FIRST_AT = 8 + 1, /* where in a SHARD's payload its keys stand */
	SHARD_LAST_AT = SHARD_FIRST_AT + 8,
	SHARD_HEAD_LEN = SHARD_LAST_AT + 8 + 2 + 1,
	DIGESTS_HEAD_LEN = 8 + 1 + 1 + 2,
	IS_WATCHED = 1 << 0,
};

/* --- DELTAS -------------------------------------------------------------------------------------
 */

static size_t delta_len(const struct codec_delta *delta)
{
	switch (delta->kind) {
	case CODEC_CAME:
		return 1 + 8 + 4 + 8 + fields_str_len(delta->user) +
		       fields_str_len(delta->device_name);
	case CODEC_GONE:
		return 1 + 8 + 4 + 8;
	default:
		ASSERT(delta->kind == CODEC_ROOM);
		return 1 + 8 + 4 + 1;
	}
}

static uint8_t *write_session(uint8_t *to, const struct codec_delta *delta)
{
	to = fields_put_u32(to, delta->device);
	to = fields_put_u64(to, delta->epoch);
	if (delta->kind == CODEC_CAME) {
		to = fields_put_str(to, delta->user);
		to = fields_put_str(to, delta->device_name);
	}
	return to;
}

static uint8_t *write_room(uint8_t *to, const struct codec_delta *delta)
{
	to = fields_put_u32(to, delta->members);
	return fields_put_u8(to, delta->is_watched ? IS_WATCHED : 0);
}

int codec_put_delta(struct codec_writer *writer, const struct codec_delta *delta)
{
	const size_t len = delta_len(delta);
	if (codec_room(writer) < DELTA_LEN_LEN + len) {
		return -ENOSPC;
	}
	uint8_t *at = fields_put_u16(writer->at, (uint16_t)len);
	at = fields_put_u8(at, delta->kind);
	at = fields_put_u64(at, delta->key);
	writer->at = delta->kind == CODEC_ROOM ? write_room(at, delta) : write_session(at, delta);
	return 0;
}

/* Whether its names are such. */
static bool read_session(struct fields *fields, struct codec_delta *delta)
{
	delta->device = fields_u32(fields);
	delta->epoch = fields_u64(fields);
	if (delta->kind != CODEC_CAME) {
		return true;
	}
	delta->user = fields_str(fields);
	delta->device_name = fields_str(fields);
	return codec_name_is_valid(delta->user) && codec_device_is_valid(delta->device_name);
}

static bool read_room(struct fields *fields, struct codec_delta *delta)
{
	delta->members = fields_u32(fields);
	delta->is_watched = fields_u8(fields) & IS_WATCHED;
	return true;
}

/* 1, 0 for a kind of a later version. Errors: -EBADMSG. */
static int read_delta(struct fields *fields, struct codec_delta *ret_delta)
{
	struct codec_delta delta = {.kind = fields_u8(fields)};
	bool fits = false;
	if (delta.kind < CODEC_CAME || delta.kind > CODEC_ROOM) {
		return fields->is_short ? -EBADMSG : 0;
	}
	delta.key = fields_u64(fields);
	fits = delta.kind == CODEC_ROOM ? read_room(fields, &delta) : read_session(fields, &delta);
	if (!fits || !fields_fit_or_trail(fields)) {
		return -EBADMSG;
	}
	*ret_delta = delta;
	return 1;
}

int codec_next_delta(struct codec_message *message, struct codec_delta *ret_delta)
{
	struct fields *rest = &message->payload;
	int found = 0;
	while (found == 0 && rest->left > 0) {
		const struct slice bytes = fields_bytes(rest, fields_u16(rest));
		struct fields its = fields_of((const uint8_t *)bytes.data, bytes.len);
		found = rest->is_short ? -EBADMSG : read_delta(&its, ret_delta);
	}
	return found;
}

/* --- CLAIM --------------------------------------------------------------------------------------
 */

int codec_put_claim(struct codec_writer *writer, const struct codec_claim *claim)
{
	if (codec_room(writer) < 8 + fields_str_len(claim->user) + fields_str_len(claim->device)) {
		return -ENOSPC;
	}
	uint8_t *at = fields_put_u64(writer->at, claim->epoch);
	at = fields_put_str(at, claim->user);
	writer->at = fields_put_str(at, claim->device);
	return 0;
}

int codec_read_claim(const struct codec_message *message, struct codec_claim *ret_claim)
{
	struct fields fields = message->payload;
	struct codec_claim claim;
	claim.epoch = fields_u64(&fields);
	claim.user = fields_str(&fields);
	claim.device = fields_str(&fields);
	if (!fields_fit_or_trail(&fields) || !codec_name_is_valid(claim.user) ||
		!codec_device_is_valid(claim.device)) {
		return -EBADMSG;
	}
	*ret_claim = claim;
	return 0;
}

/* --- DIGESTS_ASK, SHARD_ASK ---------------------------------------------------------------------
 */

static bool kind_is_known(uint8_t kind)
{
	return kind == CODEC_USERS || kind == CODEC_ROOMS;
}

int codec_put_digests_ask(struct codec_writer *writer, const struct codec_ask *ask)
{
	if (codec_room(writer) < 8 + 1) {
		return -ENOSPC;
	}
	writer->at = fields_put_u8(fields_put_u64(writer->at, ask->ask), ask->kind);
	return 0;
}

int codec_read_digests_ask(const struct codec_message *message, struct codec_ask *ret_ask)
{
	struct fields fields = message->payload;
	struct codec_ask ask = {.ask = fields_u64(&fields)};
	ask.kind = fields_u8(&fields);
	if (!fields_fit_or_trail(&fields) || !kind_is_known(ask.kind)) {
		return -EBADMSG;
	}
	*ret_ask = ask;
	return 0;
}

int codec_put_shard_ask(struct codec_writer *writer, const struct codec_ask *ask)
{
	if (codec_room(writer) < 8 + 1 + 8) {
		return -ENOSPC;
	}
	uint8_t *at = fields_put_u64(writer->at, ask->ask);
	at = fields_put_u8(at, ask->kind);
	writer->at = fields_put_u64(at, ask->first);
	return 0;
}

int codec_read_shard_ask(const struct codec_message *message, struct codec_ask *ret_ask)
{
	struct fields fields = message->payload;
	struct codec_ask ask;
	ask.ask = fields_u64(&fields);
	ask.kind = fields_u8(&fields);
	ask.first = fields_u64(&fields);
	if (!fields_fit_or_trail(&fields) || !kind_is_known(ask.kind)) {
		return -EBADMSG;
	}
	*ret_ask = ask;
	return 0;
}

/* --- DIGESTS ------------------------------------------------------------------------------------
 */

int codec_put_digests(struct codec_writer *writer, uint64_t ask, uint8_t kind, uint8_t first,
	const uint64_t digests[CODEC_SHARDS], uint16_t *ret_count)
{
	const size_t room = codec_room(writer);
	if (room < DIGESTS_HEAD_LEN + 8) {
		return -ENOSPC;
	}
	const size_t fits = (room - DIGESTS_HEAD_LEN) / 8;
	const size_t wanted = CODEC_SHARDS - (size_t)first;
	const uint16_t count = (uint16_t)(fits < wanted ? fits : wanted);
	uint8_t *at = fields_put_u64(writer->at, ask);
	at = fields_put_u8(at, kind);
	at = fields_put_u8(at, first);
	at = fields_put_u16(at, count);
	for (size_t i = 0; i < count; i++) {
		at = fields_put_u64(at, digests[first + i]);
	}
	writer->at = at;
	*ret_count = count;
	return 0;
}

int codec_read_digests(const struct codec_message *message, struct codec_digests *ret_digests)
{
	struct fields fields = message->payload;
	struct codec_digests digests;
	digests.ask = fields_u64(&fields);
	digests.kind = fields_u8(&fields);
	digests.first = fields_u8(&fields);
	digests.count = fields_u16(&fields);
	digests.values = fields_take(&fields, 8 * (size_t)digests.count);
	if (!fields_fit_or_trail(&fields) || !kind_is_known(digests.kind) || digests.count == 0 ||
		digests.first + digests.count > CODEC_SHARDS) {
		return -EBADMSG;
	}
	*ret_digests = digests;
	return 0;
}

/* --- SHARD --------------------------------------------------------------------------------------
 */

int codec_put_shard(struct codec_writer *writer, const struct codec_shard *shard)
{
	if (codec_room(writer) < SHARD_HEAD_LEN) {
		return -ENOSPC;
	}
	uint8_t *at = fields_put_u64(writer->at, shard->ask);
	at = fields_put_u8(at, shard->kind);
	at = fields_put_u64(at, shard->first);
	at = fields_put_u64(at, shard->last);
	writer->count = at;
	at = fields_put_u16(at, 0);
	writer->at = fields_put_u8(at, CODEC_ENTRY_LEN);
	return 0;
}

int codec_put_entry(struct codec_writer *writer, const struct codec_entry *entry)
{
	ASSERT(writer->count);
	const uint16_t count = load_be16(writer->count);
	if (codec_room(writer) < CODEC_ENTRY_LEN || count == UINT16_MAX) {
		return -ENOSPC;
	}
	uint8_t *at = fields_put_u64(writer->at, entry->key);
	at = fields_put_u64(at, entry->value);
	at = fields_put_u32(at, entry->device);
	writer->at = fields_put_u8(at, entry->is_watched ? IS_WATCHED : 0);
	store_be16(writer->count, (uint16_t)(count + 1));
	return 0;
}

uint32_t codec_entries_that_fit(const struct codec_writer *writer)
{
	const size_t room = codec_room(writer);
	const size_t fits = room < SHARD_HEAD_LEN ? 0 : (room - SHARD_HEAD_LEN) / CODEC_ENTRY_LEN;
	return (uint32_t)(fits < UINT16_MAX ? fits : UINT16_MAX);
}

void codec_set_last(struct codec_writer *writer, uint64_t last)
{
	store_be64(writer->payload + SHARD_LAST_AT, last);
}

static bool is_range(const struct codec_shard *shard)
{
	return shard->first <= shard->last && shard->first >> 56 == shard->last >> 56;
}

int codec_read_shard(const struct codec_message *message, struct codec_shard *ret_shard)
{
	struct fields fields = message->payload;
	struct codec_shard shard;
	shard.ask = fields_u64(&fields);
	shard.kind = fields_u8(&fields);
	shard.first = fields_u64(&fields);
	shard.last = fields_u64(&fields);
	shard.count = fields_u16(&fields);
	shard.entry_len = fields_u8(&fields);
	shard.entries = fields_take(&fields, (size_t)shard.count * shard.entry_len);
	if (!fields_fit_or_trail(&fields) || !kind_is_known(shard.kind) || !is_range(&shard) ||
		shard.entry_len < CODEC_ENTRY_LEN) {
		return -EBADMSG;
	}
	*ret_shard = shard;
	return 0;
}

struct codec_entry codec_entry(const struct codec_shard *shard, uint16_t index)
{
	ASSERT(index < shard->count);
	struct fields fields =
		fields_of(shard->entries + (size_t)index * shard->entry_len, shard->entry_len);
	struct codec_entry entry;
	entry.key = fields_u64(&fields);
	entry.value = fields_u64(&fields);
	entry.device = fields_u32(&fields);
	entry.is_watched = fields_u8(&fields) & IS_WATCHED;
	return entry;
}
