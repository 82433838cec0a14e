#include "codec.h"

#include <errno.h>

#include <sodium.h>

#include "../../proto/ascii.h"
#include "../../proto/assert.h"

enum {
	LEN_END = 8,         /* bytes in front of what `length` counts */
	NUMBERS_LEN = 3 * 8, /* to, all number, number: in front of the payload */
	DESTINATION_MAX = 1 + 5 + CODEC_ID_MAX, /* a string: "all", "node.ID" */
};

/* By which subjects a type comes, as bits. */
enum {
	ON_ALL = 1 << 0,
	ON_NODE = 1 << 1,
	ON_BOTH = ON_ALL | ON_NODE,
};

static const struct type {
	const char *name;
	uint8_t on;
} types[] = {
#define CLUSTER_MESSAGE(name, number, on, payload, meaning) [number] = {#name, ON_##on},
#include "message.def"
};

static const struct type *find_type(uint8_t type)
{
	return type < sizeof(types) / sizeof(types[0]) && types[type].name ? &types[type] : NULL;
}

const char *codec_type_name(uint8_t type)
{
	const struct type *found = find_type(type);
	return found ? found->name : NULL;
}

bool codec_id_is_valid(struct slice id)
{
	for (size_t i = 0; i < id.len; i++) {
		if (!ascii_is_alnum(id.data[i]) && id.data[i] != '_' && id.data[i] != '-') {
			return false;
		}
	}
	return id.len >= 1 && id.len <= CODEC_ID_MAX;
}

uint8_t codec_common_version(const uint8_t *versions, size_t count)
{
	uint8_t common = CODEC_VERSION;
	for (size_t i = 0; i < count; i++) {
		common = versions[i] < common ? versions[i] : common;
	}
	return common;
}

/* --- MAC ----------------------------------------------------------------------------------------
 */

/* `id` is empty for all. */
static void make_mac(const struct cluster_key *key, struct slice id, const uint8_t *data,
	size_t len, uint8_t ret_mac[CODEC_MAC_LEN])
{
	crypto_generichash_state state;
	uint8_t destination[DESTINATION_MAX];
	const struct slice front = id.len ? SLICE("node.") : SLICE("all");
	uint8_t *end = fields_put_u8(destination, (uint8_t)(front.len + id.len));

	end = fields_put_bytes(fields_put_bytes(end, front), id);
	crypto_generichash_init(&state, key->mac, sizeof(key->mac), CODEC_MAC_LEN);
	crypto_generichash_update(&state, destination, (size_t)(end - destination));
	crypto_generichash_update(&state, data, len);
	crypto_generichash_final(&state, ret_mac, CODEC_MAC_LEN);
	sodium_memzero(&state, sizeof(state));
}

/* --- writing ------------------------------------------------------------------------------------
 */

void codec_begin(struct codec_writer *writer, uint8_t *buffer, size_t capacity,
	const struct codec_self *self, enum codec_type type)
{
	ASSERT(capacity >= CODEC_OVERHEAD_MAX && capacity <= UINT32_MAX);
	ASSERT(self->id.len <= CODEC_ID_MAX);
	uint8_t *at = fields_put_u8(buffer, CODEC_VERSION);
	at = fields_put_u8(at, self->speaks);
	at = fields_put_u8(at, (uint8_t)type);
	at = fields_put_u8(at, 0);
	at += 4; /* the length, when it is known */
	at = fields_put_str(at, self->id);
	at = fields_put_u64(at, self->incarnation.wall_ms);
	at = fields_put_u64(at, self->incarnation.random);
	at += NUMBERS_LEN;
	*writer = (struct codec_writer){
		.self = self,
		.begin = buffer,
		.payload = at,
		.at = at,
		.end = buffer + capacity - CODEC_MAC_LEN,
	};
}

void codec_begin_payload(struct codec_writer *writer, uint8_t *buffer, size_t capacity)
{
	*writer = (struct codec_writer){
		.begin = buffer,
		.payload = buffer,
		.at = buffer,
		.end = buffer + capacity,
	};
}

size_t codec_seal(struct codec_writer *writer, const struct codec_to *to)
{
	ASSERT(writer->self);
	const size_t signed_len = (size_t)(writer->at - writer->begin);
	uint8_t *numbers = writer->payload - NUMBERS_LEN;

	store_be32(writer->begin + 4, (uint32_t)(signed_len + CODEC_MAC_LEN - LEN_END));
	numbers = fields_put_u64(numbers, to->random);
	numbers = fields_put_u64(numbers, to->all_number);
	fields_put_u64(numbers, to->number);
	make_mac(writer->self->key, to->id, writer->begin, signed_len, writer->at);
	return signed_len + CODEC_MAC_LEN;
}

int codec_put_bytes(struct codec_writer *writer, struct slice bytes)
{
	if (codec_room(writer) < bytes.len) {
		return -ENOSPC;
	}
	writer->at = fields_put_bytes(writer->at, bytes);
	return 0;
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* What is the same in all versions, up to the source. Whether it is there. */
static bool read_front(struct fields *fields, struct codec_message *message)
{
	message->version = fields_u8(fields);
	message->least = fields_u8(fields);
	message->type = fields_u8(fields);
	fields_u8(fields); /* flags: none is known */
	const uint32_t len = fields_u32(fields);
	if (len != fields->left || len < CODEC_MAC_LEN) {
		return false;
	}
	fields->left -= CODEC_MAC_LEN;
	message->source = fields_str(fields);
	return !fields->is_short && codec_id_is_valid(message->source) && message->least > 0 &&
	       message->least <= message->version;
}

static bool mac_fits(
	const struct codec_self *self, bool is_to_all, const uint8_t *data, size_t signed_len)
{
	uint8_t mac[CODEC_MAC_LEN];
	make_mac(self->key, is_to_all ? SLICE("") : self->id, data, signed_len, mac);
	return sodium_memcmp(mac, data + signed_len, CODEC_MAC_LEN) == 0;
}

/* Behind the front, what version 1 has. */
static enum codec_verdict read_rest(
	const struct codec_self *self, struct fields *fields, struct codec_message *message)
{
	const struct type *type = find_type(message->type);

	message->incarnation.wall_ms = fields_u64(fields);
	message->incarnation.random = fields_u64(fields);
	const uint64_t to = fields_u64(fields);
	message->all_number = fields_u64(fields);
	message->number = fields_u64(fields);
	message->payload = *fields;
	if (fields->is_short || message->incarnation.random == 0 ||
		(type && !(type->on & (message->is_to_all ? ON_ALL : ON_NODE)))) {
		return CODEC_BROKEN;
	}
	if (!message->is_to_all && to != self->incarnation.random) {
		return CODEC_STALE;
	}
	return type ? CODEC_OK : CODEC_UNKNOWN;
}

enum codec_verdict codec_open(const struct codec_self *self, bool is_to_all, const uint8_t *data,
	size_t len, struct codec_message *ret_message)
{
	struct fields fields = fields_of(data, len);
	struct codec_message message = {.is_to_all = is_to_all};

	if (!read_front(&fields, &message)) {
		return CODEC_BROKEN;
	}
	if (!mac_fits(self, is_to_all, data, len - CODEC_MAC_LEN)) {
		return CODEC_FOREIGN;
	}
	const enum codec_verdict verdict =
		message.least > CODEC_VERSION ? CODEC_TOO_NEW : read_rest(self, &fields, &message);
	if (verdict != CODEC_BROKEN) {
		*ret_message = message;
	}
	return verdict;
}
