/* Who is logged in, for all threads: a lock-free hash table under RCU (liburcu's lfht; Shalev and
 * Shavit, 2006).
 *
 * A user has one session for each of his devices, up to a number. The newest login of a device
 * wins, beyond that number the oldest session goes, and newest is what was accepted last: one
 * atomic step puts its entry where an older one was, so that there is never a moment with none or
 * with one too many. The entry that was replaced carries the kick to its owner, which is why a kick
 * cannot fail for memory; nor can a logout. Only the owning worker frees an entry. */
#ifndef TIDEGATE_USER_TABLE_H
#define TIDEGATE_USER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/user_name.h"
#include "../base/handle.h"
#include "../base/mailbox.h"

enum {
	USER_SESSIONS_MAX = 16, /* of a user */
	USER_TABLE_KEY_BYTES = 16,
};

struct user_table;
struct user_entry;

/* Who logs in, from what. Borrowed for a call. */
struct user_identity {
	const char *name;
	const char *device; /* maybe NULL with device_len 0 */
	uint8_t name_len;   /* bytes, 1 to 64 */
	uint8_t device_len; /* bytes, up to 32; 0: the device without a name */
	bool speaks_v1;     /* the subprotocol tidegate.v1, else classic */
};

struct user_session {
	handle_t handle;
	bool speaks_v1;
};

/* A session by its device. Plain data. */
struct user_device {
	handle_t handle;
	uint64_t epoch; /* its place in the order of acceptance */
	uint8_t len;    /* bytes of the name; 0: the device without one */
	char name[DEVICE_NAME_MAX];
};

/* `expected` users are provided for at once; more need user_table_housekeep. `devices_max`:
 * sessions that a user may have, 1 to USER_SESSIONS_MAX. `hash_key`: USER_TABLE_KEY_BYTES that the
 * nodes of a cluster have in common; NULL: random ones. Errors: -ENOMEM. */
int user_table_create(size_t expected, uint32_t devices_max, const uint8_t *hash_key,
	struct user_table **ret_table);

/* Frees the table and nulls the giver's pointer; it must be empty and all threads but the caller's
 * done with it. Waits for entries on their way out. *table may be NULL. Thread: registered. */
void user_table_destroy(struct user_table **table);

/* To be called by each thread before and after its use of any user table. */
void user_table_thread_begin(void);
void user_table_thread_end(void);

/* How many kicks of one user within 10 s are the last ones for a while; 0, as at first: there is no
 * limit. Thread: any. */
void user_table_set_kick_limit(struct user_table *table, uint32_t limit);

/* Makes an entry for a login, not yet in the table. `epoch` is its connection's place in the order
 * of acceptance. Thread: any. Errors: -ENOMEM. */
int user_entry_create(struct user_table *table, const struct user_identity *identity,
	handle_t handle, uint64_t epoch, struct user_entry **ret_entry);

/* Frees an entry that never was in the table and nulls the giver's pointer. */
void user_entry_discard(struct user_entry **entry);

enum user_login_result {
	USER_LOGIN_IN,         /* it is in the table, alone or in the place of `replaced` */
	USER_LOGIN_OCCUPIED,   /* it would have replaced one, and may not */
	USER_LOGIN_SUPERSEDED, /* the one in the table was accepted later */
	USER_LOGIN_BRAKED,     /* the user's sessions replace each other too often */
	USER_LOGIN_NO_MEMORY,  /* for one more session of a user */
};

/* What came of a login. */
struct user_login {
	enum user_login_result result;
	struct user_entry *replaced; /* with USER_LOGIN_IN; its kick is the caller's to post to the
					worker of its handle. NULL: nobody was in its way */
	bool is_duel;                /* with it, the user's sessions have begun to replace each
					other too often: to be logged */
	uint32_t wait_ticks;         /* with USER_LOGIN_BRAKED: until newcomers may come */
};

/* Puts an entry into the table, in one step with the decision whether it may go there: when nobody
 * is in its way, or with `may_replace` in the place of an older one. Otherwise it is still the
 * caller's. Thread: registered. */
struct user_login user_table_login(
	struct user_table *table, struct user_entry *entry, uint32_t now_tick, bool may_replace);

/* Takes an entry out again, unless a newer login has replaced it, and nulls the giver's pointer.
 * Removed entries are freed after a grace period; a replaced one belongs to its kick.
 * Thread: registered, the owner of the entry. Returns whether the entry was still the user's. */
bool user_table_logout(struct user_table *table, struct user_entry **entry);

/* Where a user is logged in: his sessions, in the order in which they came. Thread: registered.
 * Returns their number; 0: he is not. */
uint32_t user_table_find(struct user_table *table, const char *name, size_t name_len,
	struct user_session ret_sessions[USER_SESSIONS_MAX]);

/* The same, where user_table_hash of the name is known. */
uint32_t user_table_find_hashed(struct user_table *table, const char *name, size_t name_len,
	uint32_t hash, struct user_session ret_sessions[USER_SESSIONS_MAX]);

/* The same, with the names of his devices: for those who tell them apart. */
uint32_t user_table_devices(struct user_table *table, const char *name, size_t name_len,
	struct user_device ret_devices[USER_SESSIONS_MAX]);

/* Whether an entry is still in the table, not replaced. Thread: registered, the owner of the entry.
 */
bool user_table_has(struct user_table *table, const struct user_entry *entry);

/* Whether it stands in the table by itself, so that user_table_find would find this session and no
 * other: without a look into the table. False does not mean that there are others. Thread: the
 * owner of the entry. */
bool user_entry_is_alone(const struct user_entry *entry);

/* Users in the table, whatever their sessions, counted by logins and logouts. Thread: any. */
size_t user_table_count(const struct user_table *table);

/* Lets the table grow with the users. From time to time. Thread: registered, one at a time. */
void user_table_housekeep(struct user_table *table);

/* The name; not NUL-terminated. Thread: the owner of the entry, or the holder of its kick. */
const char *user_entry_name(const struct user_entry *entry, size_t *ret_len);

/* Likewise; empty for the device without a name. */
const char *user_entry_device(const struct user_entry *entry, size_t *ret_len);

/* A keyed hash of the device: tells a user's devices apart. With a key in common it is the same on
 * all nodes. Thread: any. */
uint32_t user_entry_device_hash(const struct user_table *table, const struct user_entry *entry);

/* Its connection's place in the order of acceptance. It counts if the entry proves to have been in
 * the table after the look at it, or if its kick is still to be made. Thread: registered. */
uint64_t user_entry_epoch(const struct user_entry *entry);

/* Whether both are of the same device, which counts for two of one user. */
bool user_entry_is_same_device(const struct user_entry *a, const struct user_entry *b);

bool user_entry_speaks_v1(const struct user_entry *entry);

handle_t user_entry_handle(const struct user_entry *entry);

/* That of a user by his name, as user_entry_hash. Thread: any. */
uint32_t user_table_hash(const struct user_table *table, const char *name, size_t name_len);

/* The whole of it, whose high half user_table_hash is: what nodes of a cluster know a user by.
 * Thread: any. */
uint64_t user_table_hash64(const struct user_table *table, const char *name, size_t name_len);

/* That of a device by its name, as user_entry_device_hash. Thread: any. */
uint32_t user_table_device_hash(const struct user_table *table, const char *device, size_t len);

/* A keyed hash of the name: the same for all logins of a user, not to be guessed by strangers. */
uint32_t user_entry_hash(const struct user_entry *entry);

/* The kick of a replaced entry, to be posted; and the way back at its receiver. */
struct mail *user_entry_kick(struct user_entry *entry, uint32_t kind);
struct user_entry *user_entry_of_kick(struct mail *mail);

/* Frees a replaced entry whose kick has arrived, after a grace period, and nulls the giver's
 * pointer. Thread: registered, the receiver of the kick. */
void user_entry_retire(struct user_table *table, struct user_entry **entry);

#endif
