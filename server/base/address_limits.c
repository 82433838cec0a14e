#include "address_limits.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* --- life --------------------------------------------------------------------------------------
 */

int address_limits_init(struct address_limits *limits, struct budget *budget)
{
	const size_t size = ADDRESS_STRIPES * sizeof(struct address_stripe);
	*limits = (struct address_limits){.budget = budget};
	crypto_shorthash_keygen(limits->hash_key);
	limits->stripes = aligned_alloc(_Alignof(struct address_stripe), size);
	if (!limits->stripes) {
		return -ENOMEM;
	}
	for (int i = 0; i < ADDRESS_STRIPES; i++) {
		limits->stripes[i] = (struct address_stripe){.table = {.size = 0}};
		pthread_mutex_init(&limits->stripes[i].lock, NULL);
	}
	return 0;
}

static void charge_rates(struct address_limits *limits, int sign)
{
	const ptrdiff_t size = ADDRESS_RATES_SETS * sizeof(struct address_rate_set);
	budget_change(limits->budget, BUDGET_ADDRESSES, sign * size);
}

/* Puts another table of rates in the place of the one there is. */
static void swap_rates(struct address_limits *limits, struct address_rate_set *rates)
{
	for (int i = 0; i < ADDRESS_STRIPES; i++) {
		pthread_mutex_lock(&limits->stripes[i].lock);
	}
	struct address_rate_set *before = limits->rates;
	limits->rates = rates;
	for (int i = 0; i < ADDRESS_STRIPES; i++) {
		pthread_mutex_unlock(&limits->stripes[i].lock);
	}
	charge_rates(limits, (rates ? 1 : 0) - (before ? 1 : 0));
	free(before);
}

void address_limits_finish(struct address_limits *limits)
{
	if (!limits->stripes) {
		return;
	}
	swap_rates(limits, NULL);
	for (int i = 0; i < ADDRESS_STRIPES; i++) {
		free(limits->stripes[i].table.slots);
		pthread_mutex_destroy(&limits->stripes[i].lock);
	}
	free(limits->stripes);
	limits->stripes = NULL;
}

int address_limits_set(struct address_limits *limits, uint32_t connections, uint32_t openings)
{
	if (openings > 0 && !limits->rates) {
		struct address_rate_set *rates = calloc(ADDRESS_RATES_SETS, sizeof(*rates));
		if (!rates) {
			return -ENOMEM;
		}
		swap_rates(limits, rates);
	}
	atomic_store_explicit(&limits->connections, connections, memory_order_relaxed);
	atomic_store_explicit(&limits->openings, openings, memory_order_relaxed);
	if (openings == 0 && limits->rates) {
		swap_rates(limits, NULL);
	}
	return 0;
}

static uint64_t hash_of(const struct address_limits *limits, const struct address_key *key)
{
	uint64_t hash;
	_Static_assert(ADDRESS_HASH_KEY == crypto_shorthash_KEYBYTES, "the key is of its size");
	_Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "the whole hash fits");
	crypto_shorthash(
		(unsigned char *)&hash, (const unsigned char *)key, sizeof(*key), limits->hash_key);
	return hash;
}

/* --- openings ----------------------------------------------------------------------------------
 */

/* Takes a token from the bucket of one key, if there is one; a limit that has gone meanwhile lets
 * everybody pass. */
static bool take_token(struct address_limits *limits, const struct address_key *key, uint32_t per_s,
	uint64_t now_ns, bool is_refused)
{
	const uint64_t hash = hash_of(limits, key);
	const uint32_t set = (uint32_t)(hash >> 32) % ADDRESS_RATES_SETS;
	struct address_stripe *stripe = &limits->stripes[set % ADDRESS_STRIPES];
	bool may = true;
	pthread_mutex_lock(&stripe->lock);
	if (limits->rates) {
		struct address_rate *rate = address_rates_find(&limits->rates[set], hash);
		uint64_t *full_ns = is_refused ? &rate->refused_ns : &rate->admitted_ns;
		may = address_rates_may(*full_ns, per_s, now_ns);
		if (may) {
			address_rates_take(full_ns, per_s, now_ns);
		}
	}
	pthread_mutex_unlock(&stripe->lock);
	return may;
}

/* Of an address, the /64 first: who is refused there takes nothing from his neighbours. */
static bool take_tokens(struct address_limits *limits, const struct address_keys *keys,
	uint32_t per_s, uint64_t now_ns, bool is_refused)
{
	return take_token(limits, &keys->narrow, per_s, now_ns, is_refused) &&
	       (!keys->has_wide || take_token(limits, &keys->wide, per_s * ADDRESS_WIDE_TIMES,
					   now_ns, is_refused));
}

/* --- connections -------------------------------------------------------------------------------
 */

/* Whether the counts of one slot admit another of a kind. */
static bool has_room(const struct address_slot *slot, uint32_t most, enum address_hold hold)
{
	return (hold == ADDRESS_HOLD_ADMITTED ? slot->admitted : slot->refused) < most;
}

static void change(struct address_slot *slot, enum address_hold hold, uint32_t by)
{
	*(hold == ADDRESS_HOLD_ADMITTED ? &slot->admitted : &slot->refused) += by;
}

/* Both keys of an address are in one stripe, which the wider one chooses. */
struct place {
	struct address_stripe *stripe;
	const struct address_keys *keys;
	uint32_t narrow_hash;
	uint32_t wide_hash;
};

static struct place place_of(struct address_limits *limits, const struct address_keys *keys)
{
	const uint64_t narrow = hash_of(limits, &keys->narrow);
	const uint64_t wide = keys->has_wide ? hash_of(limits, &keys->wide) : narrow;
	return (struct place){
		.stripe = &limits->stripes[(wide >> 32) % ADDRESS_STRIPES],
		.keys = keys,
		.narrow_hash = (uint32_t)narrow,
		.wide_hash = (uint32_t)wide,
	};
}

/* Counts at one key, if there are fewer than `most`. Under the lock. Returns whether it has, or
 * -ENOMEM. */
static int count_at(struct address_limits *limits, const struct place *place, bool is_wide,
	uint32_t most, enum address_hold hold)
{
	struct address_slot *slot;
	int err = address_table_take(&place->stripe->table, limits->budget,
		is_wide ? &place->keys->wide : &place->keys->narrow,
		is_wide ? place->wide_hash : place->narrow_hash, &slot);
	if (err) {
		return err;
	}
	if (!has_room(slot, most, hold)) {
		/* Of a fresh slot there is room. */
		return false;
	}
	change(slot, hold, 1);
	return true;
}

static void discount_at(struct address_limits *limits, const struct place *place, bool is_wide,
	enum address_hold hold)
{
	struct address_slot *slot = address_table_find(&place->stripe->table,
		is_wide ? &place->keys->wide : &place->keys->narrow,
		is_wide ? place->wide_hash : place->narrow_hash);
	change(slot, hold, UINT32_MAX); /* one less */
	address_table_give(&place->stripe->table, limits->budget, slot);
}

/* The same of an address: at both of its keys, or at none. */
static int count(struct address_limits *limits, const struct address_keys *keys, uint32_t most,
	enum address_hold hold)
{
	const struct place place = place_of(limits, keys);
	const uint32_t most_wide =
		most < UINT32_MAX / ADDRESS_WIDE_TIMES ? most * ADDRESS_WIDE_TIMES : UINT32_MAX;
	pthread_mutex_lock(&place.stripe->lock);
	int counted = count_at(limits, &place, false, most, hold);
	if (counted > 0 && keys->has_wide) {
		counted = count_at(limits, &place, true, most_wide, hold);
		if (counted <= 0) {
			discount_at(limits, &place, false, hold);
		}
	}
	pthread_mutex_unlock(&place.stripe->lock);
	return counted;
}

/* --- coming and going --------------------------------------------------------------------------
 */

/* It is refused, and may stay to be told if not too many do. */
static struct address_entry refuse(struct address_limits *limits, const struct address_keys *keys,
	uint32_t connections, enum address_verdict verdict)
{
	struct address_entry entry = {.verdict = verdict};
	if (connections > 0) {
		const int counted = count(limits, keys, connections, ADDRESS_HOLD_REFUSED);
		entry.hold = counted > 0 ? ADDRESS_HOLD_REFUSED : ADDRESS_HOLD_NONE;
		entry.is_flood = counted <= 0;
	}
	return entry;
}

struct address_entry address_limits_enter(
	struct address_limits *limits, const struct remote *remote, uint64_t now_ns)
{
	const uint32_t connections =
		atomic_load_explicit(&limits->connections, memory_order_relaxed);
	const uint32_t openings = atomic_load_explicit(&limits->openings, memory_order_relaxed);
	struct address_entry entry = {.verdict = ADDRESS_WELCOME};
	struct address_keys keys;
	if (!address_keys_of(remote, &keys)) {
		return entry;
	}
	if (openings > 0 && !take_tokens(limits, &keys, openings, now_ns, false)) {
		if (!take_tokens(limits, &keys, openings, now_ns, true)) {
			return (struct address_entry){
				.verdict = ADDRESS_TOO_OFTEN, .is_flood = true};
		}
		return refuse(limits, &keys, connections, ADDRESS_TOO_OFTEN);
	}
	if (connections > 0) {
		const int counted = count(limits, &keys, connections, ADDRESS_HOLD_ADMITTED);
		if (counted < 0) {
			entry.verdict = ADDRESS_NO_MEMORY;
		} else if (counted == 0) {
			return refuse(limits, &keys, connections, ADDRESS_TOO_MANY);
		} else {
			entry.hold = ADDRESS_HOLD_ADMITTED;
		}
	}
	return entry;
}

enum address_hold address_limits_adopt(
	struct address_limits *limits, const struct remote *remote, enum address_hold hold)
{
	struct address_keys keys;
	if (atomic_load_explicit(&limits->connections, memory_order_relaxed) == 0 ||
		!address_keys_of(remote, &keys) || count(limits, &keys, UINT32_MAX, hold) <= 0) {
		return ADDRESS_HOLD_NONE;
	}
	return hold;
}

void address_limits_leave(
	struct address_limits *limits, const struct remote *remote, enum address_hold hold)
{
	struct address_keys keys;
	if (hold == ADDRESS_HOLD_NONE || !address_keys_of(remote, &keys)) {
		return;
	}
	const struct place place = place_of(limits, &keys);
	pthread_mutex_lock(&place.stripe->lock);
	discount_at(limits, &place, false, hold);
	if (keys.has_wide) {
		discount_at(limits, &place, true, hold);
	}
	pthread_mutex_unlock(&place.stripe->lock);
}
