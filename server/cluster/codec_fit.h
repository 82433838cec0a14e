/* What the units of the codec share: whether something fits, both ways. */
#ifndef TIDEGATE_CODEC_FIT_H
#define TIDEGATE_CODEC_FIT_H

#include "../../proto/user_name.h"
#include "codec.h"

/* The names of users, rooms (under the same rule) and devices, as others have written them. */
static inline bool codec_name_is_valid(struct slice name)
{
	return user_name_is_valid(name.data, name.len);
}

static inline bool codec_device_is_valid(struct slice device)
{
	return device.len == 0 ||
	       (device.len <= DEVICE_NAME_MAX && user_name_is_valid(device.data, device.len));
}

/* Bytes behind their own number: what fields_rest() is to a packet, with room for what may trail.
 */
static inline size_t codec_bytes_len(struct slice bytes)
{
	return 4 + bytes.len;
}

static inline uint8_t *codec_write_bytes(uint8_t *to, struct slice bytes)
{
	return fields_put_bytes(fields_put_u32(to, (uint32_t)bytes.len), bytes);
}

static inline struct slice codec_take_bytes(struct fields *fields)
{
	return fields_bytes(fields, fields_u32(fields));
}

#endif
