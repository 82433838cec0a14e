/* Who is where: the sessions and rooms of all nodes of the cluster, by keyed hashes of their names.
 * Each node owns the entries of its own sessions and rooms; what it holds of others is what they
 * have said.
 *
 * A user's entries are one for each node and device; names are not kept, so that two names may
 * share a key: whoever acts on one by name compares the names himself. An entry of the own node is
 * no different from those of others but in two points: its table is one of its own, so that shards
 * of it are read without a look at the others', and has_user and room_users do not count it.
 *
 * Per node and shard (the high 8 bits of a key) there is a digest: two nodes that hold the same of
 * a third one have the same digests of it, in whatever order and how often they heard it.
 *
 * Nothing here takes longer with the number of entries but the growth of one of 4,096 parts (see
 * slots.h), and directory_step, which is told how much. */
#ifndef TIDEGATE_DIRECTORY_H
#define TIDEGATE_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "directory_types.h"

struct directory;

/* Makes an empty one. The key is that of the digests, the same on all nodes. Errors: -ENOMEM;
 * -ENOSYS: libsodium does not start. */
int directory_create(
	const uint8_t digest_key[DIRECTORY_DIGEST_KEY_BYTES], struct directory **ret_directory);

/* Frees it and nulls the giver's pointer; no other thread may be using it. Waits for what is on its
 * way out. *directory may be NULL. Thread: registered. */
void directory_destroy(struct directory **directory);

/* How many bytes it may hold; at first there is no limit. Beyond it, what needs more is refused
 * with -ENOMEM, as when there is no memory: everything stays as it was. */
void directory_set_limit(struct directory *directory, size_t bytes);

/* --- any registered thread, lock-free ----------------------------------------------------------
 */

/* Whether a user has sessions on other nodes. `hash` is the high half of his key, so that for one
 * of some hundred strangers (at ten million) the answer is yes too. `directory` is a struct
 * directory: this is for struct elsewhere. */
bool directory_has_user(const void *directory, uint32_t hash);

/* Members that a room has on other nodes; likewise. */
uint32_t directory_room_users(const void *directory, uint32_t hash);

/* Whether some of them are told who comes and goes, so that names are worth sending; likewise. */
bool directory_room_is_watched(const void *directory, uint32_t hash);

/* --- the writer's thread, registered -----------------------------------------------------------
 * There is one writer. Numbers of nodes are the caller's: they are right, or that is a bug. */

/* Finds a number for a node (rather: an incarnation of one). It is taken until directory_drop_node,
 * and free again when directory_step has dropped all. Errors: -ENOMEM; -ENOSPC: all are taken. */
int directory_take_node(struct directory *directory, uint16_t *ret_node);

/* Takes that number, as of a directory that this one goes on with. Errors: -ENOMEM; -EINVAL: it is
 * taken, or none. */
int directory_take_this(struct directory *directory, uint16_t node);

/* Forgets a node at once: from now on none of its entries are found, and its digests and counts are
 * gone with its number. The entries go by directory_step. Not for DIRECTORY_SELF. */
void directory_drop_node(struct directory *directory, uint16_t node);

/* Goes on dropping, by about so many slots (of 24 bytes; a thousand are some microseconds). Returns
 * whether there is more to do. */
bool directory_step(struct directory *directory, size_t slots);

/* A session has come. Returns a directory_change (SAME, ADDED, RAISED, LOWER). Errors: -ENOMEM. */
int directory_put_user(
	struct directory *directory, uint16_t node, uint64_t key, uint32_t device, uint64_t epoch);

/* A session has gone: counts only at the epoch that is known. Returns SAME or REMOVED. */
enum directory_change directory_remove_user(
	struct directory *directory, uint16_t node, uint64_t key, uint32_t device, uint64_t epoch);

/* A room has so many members on that node; without any it is removed. `is_watched`: some of them
 * are told who comes and goes. Returns SAME, ADDED, RAISED or REMOVED. Errors: -ENOMEM. */
int directory_put_room(struct directory *directory, uint16_t node, uint64_t key, uint32_t members,
	bool is_watched);

/* All sessions of a user, those of the own node included, at most `most`. Returns their number,
 * which may be higher than `most`. */
uint32_t directory_find_user(const struct directory *directory, uint64_t key,
	struct directory_user *ret_users, uint32_t most);

/* All nodes that have members of a room; likewise. */
uint32_t directory_find_room(const struct directory *directory, uint64_t key,
	struct directory_room *ret_rooms, uint32_t most);

/* Entries of a node. */
uint64_t directory_count(
	const struct directory *directory, uint16_t node, enum directory_kind kind);

/* Entries in all: the own ones and those of others, without those of dropped nodes. */
uint64_t directory_total(const struct directory *directory, enum directory_kind kind);

/* Memory that it holds. Thread: any. */
size_t directory_bytes(const struct directory *directory);

/* --- digests and shards ------------------------------------------------------------------------
 */

/* The sum of a node's digests. 0: it has no entries (or, once in 2^64, some). */
uint64_t directory_root(const struct directory *directory, uint16_t node, enum directory_kind kind);

/* A node's digests, DIRECTORY_SHARDS numbers. Valid until the node is dropped. */
const uint64_t *directory_digests(
	const struct directory *directory, uint16_t node, enum directory_kind kind);

/* Hands out a page of the own node's entries: those with keys from `first` on, up to the end of
 * that shard or to what makes about `most` entries (more only when they share 32 bits of their
 * keys). Returns the range that the page is of: nothing but those entries has keys in it. The next
 * page begins behind its last key, and is the next shard's when that is the end of the shard. */
struct directory_range directory_page(const struct directory *directory, enum directory_kind kind,
	uint64_t first, uint32_t most,
	void (*take)(void *context, const struct directory_entry *entry), void *context);

/* What is told of each change that a page makes, after it was made. `entry` is what was said; of a
 * removed one what was known. */
typedef void (*directory_on_change)(void *context, uint16_t node, enum directory_kind kind,
	enum directory_change change, const struct directory_entry *entry);

/* Makes what is held of a node in a range of keys (within a shard) what its owner has said that it
 * is, `entries` in any order; those with keys outside of the range are skipped, and of several of
 * one user and device the last counts. The owner is believed: a higher epoch that was known comes
 * down. `on_change` may be NULL; it must not change the directory. Errors: -EINVAL: the range is
 * none within a shard; -ENOMEM: some of them have been put, and nothing that is not among them has
 * been removed. */
int directory_replace(struct directory *directory, uint16_t node, enum directory_kind kind,
	struct directory_range range, const struct directory_entry *entries, size_t count,
	directory_on_change on_change, void *context);

#endif
