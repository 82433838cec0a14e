/* Two nodes with one key, for tests of what they say to each other. */
#ifndef TIDEGATE_TESTS_CODEC_RIG_H
#define TIDEGATE_TESTS_CODEC_RIG_H

#include <errno.h>

#include "../../server/cluster/codec.h"
#include "split.h"

enum {
	RIG_MESSAGE_MAX = 4096, /* bytes */
};

static struct cluster_key rig_key;
static uint8_t rig_buffer[RIG_MESSAGE_MAX];

static const struct codec_self rig_writer = {
	.key = &rig_key,
	.id = {"gw-1", 4},
	.incarnation = {1700000000000, 0x1122334455667788},
	.speaks = 1,
};

static const struct codec_self rig_reader = {
	.key = &rig_key,
	.id = {"gw-2", 4},
	.incarnation = {1700000000001, 0x99aabbccddeeff00},
	.speaks = 1,
};

static const struct codec_to rig_to_reader = {
	.id = {"gw-2", 4},
	.random = 0x99aabbccddeeff00,
	.all_number = 4,
	.number = 7,
};

static inline int rig_setup(void **state)
{
	const uint8_t secret[CLUSTER_KEY_LEN] = {1, 2, 3};
	cluster_key_derive(secret, &rig_key);
	return 0;
}

static inline void rig_begin(struct codec_writer *writer, enum codec_type type)
{
	codec_begin(writer, rig_buffer, sizeof(rig_buffer), &rig_writer, type);
}

/* A payload as it was written, as a reader has it, in memory of its very size: end it with
 * free((void *)message.payload.at). */
static inline struct codec_message rig_payload(const void *payload, size_t len)
{
	return (struct codec_message){
		.version = 1,
		.least = 1,
		.payload = fields_of(split_copy(payload, len), len),
	};
}

/* Whether `read` (a decoder of a whole payload) refuses what `writer` holds at each length under
 * `known`, takes it whole, and takes it with anything behind it. Decodes into `got`. */
#define ASSERT_READS_WHOLE_ONLY(read, writer, got)                                                 \
	do {                                                                                       \
		const size_t known = (size_t)((writer)->at - (writer)->payload);                   \
		memset((writer)->at, 0xff, 40);                                                    \
		for (size_t len = 0; len <= known + 40; len++) {                                   \
			struct codec_message cut = rig_payload((writer)->payload, len);            \
			void *memory = (void *)(uintptr_t)cut.payload.at;                          \
			assert_int_equal(read(&cut, got), len < known ? -EBADMSG : 0);             \
			free(memory);                                                              \
		}                                                                                  \
	} while (0)

/* Whether `put` (an expression that appends to `writer`) fits into exactly the bytes it takes, and
 * into none less, of which it then writes nothing. */
#define ASSERT_FITS_WHOLLY_OR_NOT(writer, put)                                                     \
	do {                                                                                       \
		const struct codec_writer before = *(writer);                                      \
		uint8_t kept[RIG_MESSAGE_MAX];                                                     \
		memcpy(kept, rig_buffer, sizeof(kept));                                            \
		assert_int_equal(put, 0);                                                          \
		const size_t taken = (size_t)((writer)->at - before.at);                           \
		for (size_t given = 0; given < taken; given++) {                                   \
			memcpy(rig_buffer, kept, sizeof(kept));                                    \
			*(writer) = before;                                                        \
			(writer)->end = before.at + given;                                         \
			assert_int_equal(put, -ENOSPC);                                            \
			assert_ptr_equal((writer)->at, before.at);                                 \
			assert_memory_equal(rig_buffer, kept, sizeof(kept));                       \
		}                                                                                  \
		*(writer) = before;                                                                \
		(writer)->end = before.at + taken;                                                 \
		assert_int_equal(put, 0);                                                          \
		assert_ptr_equal((writer)->at, (writer)->end);                                     \
		(writer)->end = before.end;                                                        \
	} while (0)

#endif
