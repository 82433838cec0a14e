#include "repeats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

enum {
	FIRST = 64, /* places at first; three quarters of them are taken at most */
};

void repeats_init(struct repeats *repeats)
{
	*repeats = (struct repeats){.since_ms = 0};
	randombytes_buf(repeats->hash_key, sizeof(repeats->hash_key));
}

void repeats_finish(struct repeats *repeats)
{
	free(repeats->now.places);
	free(repeats->before.places);
	*repeats = (struct repeats){.since_ms = 0};
}

uint64_t repeats_key(const struct repeats *repeats, char kind, struct slice to, struct slice id)
{
	unsigned char hash[crypto_generichash_BYTES_MIN];
	const unsigned char head[2] = {(unsigned char)kind, (unsigned char)to.len};
	crypto_generichash_state state;
	uint64_t key;
	crypto_generichash_init(&state, repeats->hash_key, sizeof(repeats->hash_key), sizeof(hash));
	crypto_generichash_update(&state, head, sizeof(head));
	crypto_generichash_update(&state, (const unsigned char *)to.data, to.len);
	crypto_generichash_update(&state, (const unsigned char *)id.data, id.len);
	crypto_generichash_final(&state, hash, sizeof(hash));
	memcpy(&key, hash, sizeof(key));
	return key ? key : 1;
}

/* --- tables ------------------------------------------------------------------------------------
 */

/* Where it stands, or the free place where it would; there must be one. */
static struct repeat *place_of(const struct repeats_table *table, uint64_t key)
{
	uint32_t at = (uint32_t)key & (table->capacity - 1);
	while (table->places[at].key != 0 && table->places[at].key != key) {
		at = (at + 1) & (table->capacity - 1);
	}
	return &table->places[at];
}

static const struct repeat *find(const struct repeats_table *table, uint64_t key)
{
	const struct repeat *place = table->capacity > 0 ? place_of(table, key) : NULL;
	return place && place->key == key ? place : NULL;
}

static int grow(struct repeats_table *table)
{
	struct repeats_table grown = {
		.capacity = table->capacity ? table->capacity * 2 : FIRST,
		.count = table->count,
	};
	grown.places = calloc(grown.capacity, sizeof(*grown.places));
	if (!grown.places) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < table->capacity; i++) {
		if (table->places[i].key != 0) {
			*place_of(&grown, table->places[i].key) = table->places[i];
		}
	}
	free(table->places);
	*table = grown;
	return 0;
}

/* --- generations -------------------------------------------------------------------------------
 */

static void begin_generation(struct repeats *repeats, uint64_t now_ms)
{
	free(repeats->before.places);
	repeats->before = repeats->now;
	repeats->now = (struct repeats_table){.places = NULL};
	repeats->since_ms = now_ms;
}

/* After a long silence both are old. */
static void forget_old(struct repeats *repeats, uint64_t now_ms)
{
	const uint64_t age_ms = now_ms - repeats->since_ms;
	if (age_ms > REPEATS_MS) {
		begin_generation(repeats, now_ms);
	}
	if (age_ms > 2 * (uint64_t)REPEATS_MS) {
		begin_generation(repeats, now_ms);
	}
}

const struct repeat *repeats_find(struct repeats *repeats, uint64_t key, uint64_t now_ms)
{
	forget_old(repeats, now_ms);
	const struct repeat *found = find(&repeats->now, key);
	return found ? found : find(&repeats->before, key);
}

void repeats_put(struct repeats *repeats, const struct repeat *repeat, uint64_t now_ms)
{
	forget_old(repeats, now_ms);
	if (repeats->now.count == REPEATS_MAX) {
		begin_generation(repeats, now_ms);
	}
	struct repeats_table *table = &repeats->now;
	if (table->count >= table->capacity / 4 * 3 && grow(table) < 0) {
		return;
	}
	struct repeat *place = place_of(table, repeat->key);
	table->count += place->key == 0;
	*place = *repeat;
}
