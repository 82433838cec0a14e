#include "pack.h"

#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"
#include "../../proto/bytes.h"

enum {
	FIRST_CAPACITY = 256, /* bytes */
};

/* --- writing -----------------------------------------------------------------------------------
 */

/* Not realloc, which would leave a copy of what may be secret behind. */
static void grow(struct pack *pack, size_t capacity)
{
	uint8_t *bytes = malloc(capacity);
	if (!bytes) {
		pack->failed = true;
		return;
	}
	if (pack->bytes) {
		memcpy(bytes, pack->bytes, pack->len);
		explicit_bzero(pack->bytes, pack->len);
		free(pack->bytes);
	}
	pack->bytes = bytes;
	pack->capacity = capacity;
}

uint8_t *pack_room(struct pack *pack, size_t len)
{
	size_t capacity = pack->capacity ? pack->capacity : FIRST_CAPACITY;
	if (pack->failed) {
		return NULL;
	}
	while (capacity - pack->len < len) {
		if (capacity > SIZE_MAX / 2) {
			pack->failed = true;
			return NULL;
		}
		capacity *= 2;
	}
	if (capacity > pack->capacity) {
		grow(pack, capacity);
		if (pack->failed) {
			return NULL;
		}
	}
	uint8_t *at = pack->bytes + pack->len;
	pack->len += len;
	return at;
}

void pack_u8(struct pack *pack, uint8_t value)
{
	pack_bytes(pack, &value, sizeof(value));
}

void pack_u16(struct pack *pack, uint16_t value)
{
	uint8_t *at = pack_room(pack, sizeof(value));
	if (at) {
		store_be16(at, value);
	}
}

void pack_u32(struct pack *pack, uint32_t value)
{
	uint8_t *at = pack_room(pack, sizeof(value));
	if (at) {
		store_be32(at, value);
	}
}

void pack_u64(struct pack *pack, uint64_t value)
{
	uint8_t *at = pack_room(pack, sizeof(value));
	if (at) {
		store_be64(at, value);
	}
}

void pack_bytes(struct pack *pack, const void *bytes, size_t len)
{
	uint8_t *at = pack_room(pack, len);
	if (at && len > 0) {
		memcpy(at, bytes, len);
	}
}

void pack_slice(struct pack *pack, struct slice slice)
{
	ASSERT(slice.len <= UINT32_MAX);
	pack_u32(pack, (uint32_t)slice.len);
	pack_bytes(pack, slice.data, slice.len);
}

size_t pack_part_begin(struct pack *pack)
{
	size_t begin = pack->len;
	pack_u32(pack, 0);
	return begin;
}

void pack_part_end(struct pack *pack, size_t begin)
{
	if (!pack->failed) {
		size_t len = pack->len - begin - sizeof(uint32_t);
		ASSERT(len <= UINT32_MAX);
		pack_u32_at(pack, begin, (uint32_t)len);
	}
}

void pack_u32_at(struct pack *pack, size_t at, uint32_t value)
{
	if (!pack->failed) {
		ASSERT(at <= pack->len && pack->len - at >= sizeof(value));
		store_be32(pack->bytes + at, value);
	}
}

void pack_cut(struct pack *pack, size_t len)
{
	ASSERT(len <= pack->len);
	if (pack->bytes) {
		explicit_bzero(pack->bytes + len, pack->len - len);
	}
	pack->len = len;
}

void pack_finish(struct pack *pack)
{
	pack_cut(pack, 0);
	free(pack->bytes);
	*pack = PACK_EMPTY;
}

/* --- reading -----------------------------------------------------------------------------------
 */

void unpack_fail(struct unpack *unpack)
{
	unpack->failed = true;
	unpack->at = unpack->end;
}

const uint8_t *unpack_bytes(struct unpack *unpack, size_t len)
{
	if (unpack->failed || unpack_left(unpack) < len) {
		unpack_fail(unpack);
		return NULL;
	}
	const uint8_t *at = unpack->at;
	unpack->at += len;
	return at;
}

uint8_t unpack_u8(struct unpack *unpack)
{
	const uint8_t *at = unpack_bytes(unpack, sizeof(uint8_t));
	return at ? *at : 0;
}

uint16_t unpack_u16(struct unpack *unpack)
{
	const uint8_t *at = unpack_bytes(unpack, sizeof(uint16_t));
	return at ? load_be16(at) : 0;
}

uint32_t unpack_u32(struct unpack *unpack)
{
	const uint8_t *at = unpack_bytes(unpack, sizeof(uint32_t));
	return at ? load_be32(at) : 0;
}

uint64_t unpack_u64(struct unpack *unpack)
{
	const uint8_t *at = unpack_bytes(unpack, sizeof(uint64_t));
	return at ? load_be64(at) : 0;
}

uint8_t unpack_below(struct unpack *unpack, uint8_t bound)
{
	uint8_t value = unpack_u8(unpack);
	if (value >= bound) {
		unpack_fail(unpack);
		return 0;
	}
	return value;
}

bool unpack_bool(struct unpack *unpack)
{
	return unpack_below(unpack, 2) == 1;
}

void unpack_copy(struct unpack *unpack, void *ret_bytes, size_t len)
{
	const uint8_t *at = unpack_bytes(unpack, len);
	if (at && len > 0) {
		memcpy(ret_bytes, at, len);
	} else if (len > 0) {
		memset(ret_bytes, 0, len);
	}
}

struct slice unpack_slice(struct unpack *unpack)
{
	uint32_t len = unpack_u32(unpack);
	const uint8_t *at = unpack_bytes(unpack, len);
	return at ? (struct slice){(const char *)at, len} : (struct slice){"", 0};
}

struct unpack unpack_part(struct unpack *unpack)
{
	uint32_t len = unpack_u32(unpack);
	const uint8_t *at = unpack_bytes(unpack, len);
	if (!at) {
		return (struct unpack){.at = unpack->end, .end = unpack->end, .failed = true};
	}
	return unpack_of(at, len);
}
