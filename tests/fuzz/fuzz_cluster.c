/* Messages between nodes, from whoever can publish and from a node that has lost its mind.
 *
 * The first byte says how the rest comes: bit 0 by the subject of all, else of this node; bit 1 as
 * it stands, else as if a node had said it: with a length and a MAC that fit, and to this
 * incarnation. What is read of a payload lies inside, and written again is never longer; and what
 * was written so is read as the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "../unit/codec_again.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
	TO_ALL = 1 << 0,
	AS_IT_STANDS = 1 << 1,
};

static struct cluster_key key;

static const struct codec_self self = {
	.key = &key,
	.id = {"gw-2", 4},
	.incarnation = {1, 0x99aabbccddeeff00},
	.speaks = CODEC_VERSION,
};

/* Of its very size: a sanitizer sees what is read and written beside it. */
static uint8_t *memory_of(size_t len)
{
	uint8_t *memory = malloc(len ? len : 1);
	if (!memory) {
		abort();
	}
	return memory;
}

static void sign(uint8_t *message, size_t len, const char *destination)
{
	crypto_generichash_state state;
	const uint8_t destination_len = (uint8_t)strlen(destination);
	const size_t source_end = 8 + 1 + (len > 8 ? message[8] : 0);
	store_be32(message + 4, (uint32_t)(len - 8));
	if (len >= source_end + 24 + CODEC_MAC_LEN) {
		store_be64(message + source_end + 16, self.incarnation.random);
	}
	crypto_generichash_init(&state, key.mac, sizeof(key.mac), CODEC_MAC_LEN);
	crypto_generichash_update(&state, &destination_len, 1);
	crypto_generichash_update(&state, (const uint8_t *)destination, destination_len);
	crypto_generichash_update(&state, message, len - CODEC_MAC_LEN);
	crypto_generichash_final(&state, message + len - CODEC_MAC_LEN, CODEC_MAC_LEN);
}

/* Writes what it reads of `payload`. Returns the bytes, whose number is *ret_len, or NULL when it
 * is no such payload. */
static uint8_t *write_again(
	const struct codec_message *opened, struct fields payload, size_t *ret_len)
{
	struct codec_message message = *opened;
	struct codec_writer writer;
	uint8_t *memory = memory_of(payload.left);
	message.payload = payload;
	codec_begin_payload(&writer, memory, payload.left);
	const int err = codec_again(&message, &writer);
	if (err) {
		assert(err == -EBADMSG);
		free(memory);
		return NULL;
	}
	*ret_len = (size_t)(writer.at - writer.payload);
	return memory;
}

static void check_payload(const struct codec_message *message)
{
	size_t len;
	size_t len_again;
	uint8_t *once = write_again(message, message->payload, &len);
	if (once) {
		uint8_t *twice = write_again(message, fields_of(once, len), &len_again);
		assert(twice && len_again == len && memcmp(once, twice, len) == 0);
		free(twice);
	}
	free(once);
}

static void check_message(bool is_to_all, const uint8_t *bytes, size_t len, bool is_signed)
{
	struct codec_message message;
	const enum codec_verdict verdict = codec_open(&self, is_to_all, bytes, len, &message);
	assert(verdict != (is_signed ? CODEC_FOREIGN : CODEC_OK));
	if (verdict == CODEC_BROKEN || verdict == CODEC_FOREIGN) {
		return;
	}
	assert(codec_id_is_valid(message.source));
	if (verdict == CODEC_OK) {
		check_payload(&message);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t secret[CLUSTER_KEY_LEN] = {1};
	if (len < 1 + 8) {
		return 0;
	}
	const bool is_to_all = data[0] & TO_ALL;
	const bool is_signed = !(data[0] & AS_IT_STANDS);
	const size_t message_len = len - 1 + (is_signed ? CODEC_MAC_LEN : 0);
	uint8_t *message = memory_of(message_len);
	cluster_key_derive(secret, &key);
	memcpy(message, data + 1, len - 1);
	if (is_signed) {
		sign(message, message_len, is_to_all ? "all" : "node.gw-2");
	}
	check_message(is_to_all, message, message_len, is_signed);
	free(message);
	return 0;
}
