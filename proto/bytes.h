/* Numbers as they are on the wire: big-endian, unaligned. */
#ifndef TIDEGATE_BYTES_H
#define TIDEGATE_BYTES_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t load_be16(const uint8_t *from)
{
	return (uint16_t)(from[0] << 8 | from[1]);
}

static inline uint32_t load_be32(const uint8_t *from)
{
	return (uint32_t)load_be16(from) << 16 | load_be16(from + 2);
}

static inline uint64_t load_be64(const uint8_t *from)
{
	return (uint64_t)load_be32(from) << 32 | load_be32(from + 4);
}

/* Each of these is one store: what is read back soon, as a whole, would wait for several. */

static inline void store_be16(uint8_t *to, uint16_t value)
{
	value = htobe16(value);
	memcpy(to, &value, sizeof value);
}

static inline void store_be32(uint8_t *to, uint32_t value)
{
	value = htobe32(value);
	memcpy(to, &value, sizeof value);
}

static inline void store_be64(uint8_t *to, uint64_t value)
{
	value = htobe64(value);
	memcpy(to, &value, sizeof value);
}

/* Copies what is nearly always a few bytes, without a call for them. The places must not overlap.
 */
static inline void copy_bytes(uint8_t *to, const uint8_t *from, size_t len)
{
	if (len > 16) {
		memcpy(to, from, len);
	} else if (len >= 8) {
		/* Two words that may overlap in the middle. */
		memcpy(to, from, 8);
		memcpy(to + len - 8, from + len - 8, 8);
	} else if (len >= 4) {
		memcpy(to, from, 4);
		memcpy(to + len - 4, from + len - 4, 4);
	} else {
		for (size_t i = 0; i < len; i++) {
			to[i] = from[i];
		}
	}
}

#endif
