/* Who is where: the payloads of DELTAS, CLAIM, DIGESTS_ASK, DIGESTS, SHARD_ASK and SHARD. codec.h.
 *
 * Writers: -ENOSPC when it does not fit; nothing of it is written then. Decoders: -EBADMSG when the
 * payload does not hold what it says; outputs stay as they were. Thread: any. */
#ifndef TIDEGATE_CODEC_DIRECTORY_H
#define TIDEGATE_CODEC_DIRECTORY_H

#include "codec.h"

enum codec_delta_kind {
	CODEC_CAME = 1,
	CODEC_GONE = 2,
	CODEC_ROOM = 3,
};

/* What has changed at its sender. */
struct codec_delta {
	uint8_t kind;             /* enum codec_delta_kind */
	uint64_t key;             /* hash of the user or room */
	uint32_t device;          /* CAME, GONE: hash of the device */
	uint64_t epoch;           /* CAME, GONE */
	struct slice user;        /* CAME: at most USER_NAME_MAX bytes, not empty */
	struct slice device_name; /* CAME: at most DEVICE_NAME_MAX bytes */
	uint32_t members;         /* ROOM: users that are in it there; 0: it is gone */
	bool is_watched;          /* ROOM: some want to be told who comes and goes */
};

/* Appends one to a DELTAS. */
int codec_put_delta(struct codec_writer *writer, const struct codec_delta *delta);

/* Takes the next one off a DELTAS' payload; kinds of a later version are passed over.
 * Returns 1, 0 behind the last. Errors: -EBADMSG. */
int codec_next_delta(struct codec_message *message, struct codec_delta *ret_delta);

/* CLAIM: "that session is with me". */
struct codec_claim {
	uint64_t epoch;
	struct slice user;   /* at most USER_NAME_MAX bytes, not empty */
	struct slice device; /* at most DEVICE_NAME_MAX bytes */
};

int codec_put_claim(struct codec_writer *writer, const struct codec_claim *claim);
int codec_read_claim(const struct codec_message *message, struct codec_claim *ret_claim);

/* Of what there are digests and shards. */
enum codec_kind {
	CODEC_USERS = 1,
	CODEC_ROOMS = 2,
};

enum {
	CODEC_SHARDS = 256, /* by the high 8 bits of a key */
	CODEC_ENTRY_LEN = 21,
};

/* DIGESTS_ASK and SHARD_ASK. Kinds that are not known are -EBADMSG. */
struct codec_ask {
	uint64_t ask;   /* the asker's, given back in each page of the answer */
	uint8_t kind;   /* enum codec_kind */
	uint64_t first; /* SHARD_ASK: the key from which on a page is wanted, in the shard of it */
};

int codec_put_digests_ask(struct codec_writer *writer, const struct codec_ask *ask);
int codec_read_digests_ask(const struct codec_message *message, struct codec_ask *ret_ask);
int codec_put_shard_ask(struct codec_writer *writer, const struct codec_ask *ask);
int codec_read_shard_ask(const struct codec_message *message, struct codec_ask *ret_ask);

/* DIGESTS: a page of them, from that of shard `first` on. */
struct codec_digests {
	uint64_t ask;
	uint8_t kind;
	uint8_t first;         /* shard */
	uint16_t count;        /* 1 to CODEC_SHARDS - first, with which it is the last page */
	const uint8_t *values; /* codec_digest() */
};

/* Writes what fits of digests[first] to [CODEC_SHARDS - 1] and sets *ret_count to how many: when
 * these are not all, the next page is another message. Errors: -ENOSPC when not one fits. */
int codec_put_digests(struct codec_writer *writer, uint64_t ask, uint8_t kind, uint8_t first,
	const uint64_t digests[CODEC_SHARDS], uint16_t *ret_count);

int codec_read_digests(const struct codec_message *message, struct codec_digests *ret_digests);

/* That of shard first + index. */
static inline uint64_t codec_digest(const struct codec_digests *digests, uint16_t index)
{
	return load_be64(digests->values + 8 * (size_t)index);
}

/* SHARD: a page of what its owner has, all of what he has between two keys of one shard. It is the
 * shard's last page when `last` is the last key that the shard can have. */
struct codec_shard {
	uint64_t ask;
	uint8_t kind;
	uint64_t first; /* key */
	uint64_t last;  /* key, the page includes it; in the same shard, not below first */
	/* Read: */
	uint16_t count;    /* entries; may be 0 */
	uint8_t entry_len; /* bytes of each, at least CODEC_ENTRY_LEN */
	const uint8_t *entries;
};

/* What is in it. */
struct codec_entry {
	uint64_t key;
	uint64_t value;  /* USERS: epoch; ROOMS: members */
	uint32_t device; /* USERS: hash */
	bool is_watched; /* ROOMS */
};

/* Begins a page without entries. */
int codec_put_shard(struct codec_writer *writer, const struct codec_shard *shard);

/* Appends an entry to the page. Errors: -ENOSPC. */
int codec_put_entry(struct codec_writer *writer, const struct codec_entry *entry);

/* How many entries a page may have in what room is left, before codec_put_shard. */
uint32_t codec_entries_that_fit(const struct codec_writer *writer);

/* Where a page ends is known when its entries are. */
void codec_set_last(struct codec_writer *writer, uint64_t last);

int codec_read_shard(const struct codec_message *message, struct codec_shard *ret_shard);

/* That at `index`, below count. Its key may lie outside of the page's. */
struct codec_entry codec_entry(const struct codec_shard *shard, uint16_t index);

#endif
