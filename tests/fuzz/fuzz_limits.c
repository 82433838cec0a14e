/* What one address may do, beside a plain model of it: connections of a few addresses come, stay
 * and go, limits change, time passes, memory is short, another process goes on with it. A dozen of
 * the addresses share one set of the rates, which has room for four; 256 /64s of one /48 share a
 * stripe.
 *
 * The model knows of each /64, /48 and IPv4 address how many there are, and of each bucket when it
 * will be full. Where more addresses share a set than it has room for, some may be forgotten: those
 * may do more than in the model and never less, and who has done most is not forgotten.
 *
 * The first byte says what is played: that, or the rates that are no table's; see play_rates.h. */
#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "../../server/base/address_limits_pack.h"
#include "play_rates.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Linked in the place of calloc; see meson.build. */
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

enum {
	CROWD = 12, /* IPv4 addresses in one set of the rates */
	V4S = 16,   /* with the crowd */
	NETS = 3,   /* /48s */
	SUBNETS = 256,
	WIDE_AT = V4S + NETS * SUBNETS,
	KEYS = WIDE_AT + NETS,
	NOWHERE = WIDE_AT, /* the number of what has no address */
	CONNS_MAX = 4096,
	ENTRIES_MAX = 6000, /* in a run, which would take seconds otherwise */
	KINDS = 2,          /* admitted, and refused */
};

#define BURST_NS    (2 * BUCKET_SECOND_NS) /* what may be opened in that time, at once */
#define SKEW_MAX_NS (BUCKET_SECOND_NS / 4) /* that one worker's clock is behind another's */

/* What is known of an address, a /64 or a /48. */
struct model_key {
	uint32_t counts[KINDS];
	struct model_bucket buckets[KINDS];
	bool may_be_forgotten; /* the buckets have done this at most */
};

struct model_conn {
	uint16_t number;
	enum address_hold hold;
};

static struct budget budget;
static unsigned char hash_key[ADDRESS_HASH_KEY];
static uint32_t v4s[V4S] = {
	[CROWD] = 0, 1, 0xc0000201, 0xffffffff}; /* in host order; the first are the crowd */
static int next_of_set[KEYS]; /* another of the same set of the rates, round and round */
static bool is_crowded[KEYS]; /* it has more of them than ways */

static struct address_limits limits;
static struct model_key keys[KEYS];
static struct model_conn conns[CONNS_MAX];
static uint32_t conn_count;
static uint32_t entries;
static uint32_t most_connections;
static uint32_t most_openings;
static uint64_t now_ns;     /* of the worker that is ahead */
static uint64_t skew_ns;    /* how much the one that comes next is behind it */
static bool has_been_short; /* of memory: a table may be larger than it would be */
static uint8_t host;        /* of the next address of a /64, of which it does not matter */

static int callocs_left = -1;    /* before there is no memory; -1: there always is */
static int callocs_of_next = -1; /* the same of the step that comes next */
static uint32_t calloc_failures;

void *__wrap_calloc(size_t count, size_t size)
{
	if (callocs_left == 0) {
		calloc_failures++;
		return NULL;
	}
	callocs_left -= callocs_left > 0;
	return __real_calloc(count, size);
}

/* --- addresses ---------------------------------------------------------------------------------
 */

static const uint64_t nets[NETS] = {0, UINT64_C(0x20010db800050000), UINT64_C(0xffffffffffff0000)};

static struct remote v4(uint32_t address)
{
	struct remote remote = {.is_inet = true, .address = {[10] = 0xff, [11] = 0xff}};
	store_be32(remote.address + 12, address);
	return remote;
}

/* Any host of a /64, another one each time. */
static struct remote remote_of(uint32_t number)
{
	struct remote remote = {.is_inet = true};
	if (number == NOWHERE) {
		return (struct remote){.is_inet = false};
	}
	if (number < V4S) {
		return v4(v4s[number]);
	}
	const uint32_t subnet = number - V4S;
	store_be64(remote.address, nets[subnet / SUBNETS] | (subnet % SUBNETS));
	remote.address[15] = host++;
	return remote;
}

static struct model_key *narrow_of(uint32_t number)
{
	return &keys[number];
}

static struct model_key *wide_of(uint32_t number)
{
	return number < V4S ? NULL : &keys[WIDE_AT + (number - V4S) / SUBNETS];
}

static struct address_key key_of(uint32_t number)
{
	struct address_keys its;
	if (number >= WIDE_AT) {
		return (struct address_key){nets[number - WIDE_AT], 48};
	}
	const struct remote remote = remote_of(number);
	assert(address_keys_of(&remote, &its) && its.has_wide == (number >= V4S));
	return its.narrow;
}

static uint32_t number_of(const struct address_key *key)
{
	uint32_t which = 0;
	if (key->rest != 48 && key->rest != 64) {
		while (v4s[which] != (uint32_t)key->rest) {
			which++;
			assert(which < V4S);
		}
		return which;
	}
	while (nets[which] != (key->prefix & ~UINT64_C(0xffff))) {
		which++;
		assert(which < NETS);
	}
	return key->rest == 48 ? WIDE_AT + which
			       : (uint32_t)(V4S + which * SUBNETS + (key->prefix & 0xffff));
}

static uint32_t take_number(struct script *script)
{
	const uint8_t which = script_take(script);
	if (which < 80) {
		return which % V4S;
	}
	return which < 84 ? NOWHERE : (uint32_t)V4S + which % NETS * SUBNETS + script_take(script);
}

/* --- openings, in the model --------------------------------------------------------------------
 */

static void forget(struct model_key *key)
{
	memset(key->buckets, 0, sizeof(key->buckets));
	key->may_be_forgotten = false;
}

static bool was_full_at(const struct model_key *key, uint64_t at_ns)
{
	return key->buckets[0].full_ns <= at_ns && key->buckets[1].full_ns <= at_ns;
}

/* `asked` may have taken the place of another of its set: of one than which no three others, beside
 * `asked`, have done as much or more. Nothing is lost of one that is full. */
static void crowd_out(int asked)
{
	for (int i = next_of_set[asked]; i != asked; i = next_of_set[i]) {
		uint32_t busier = 0;
		for (int j = next_of_set[i]; j != i; j = next_of_set[j]) {
			busier += j != asked &&
				  keys[j].buckets[0].full_ns >= keys[i].buckets[0].full_ns;
		}
		keys[i].may_be_forgotten |= busier >= ADDRESS_RATES_WAYS - 1;
	}
}

enum outcome {
	OUTCOME_NO,
	OUTCOME_YES,
	OUTCOME_UNKNOWN,
};

/* Whether the key gets a token. `seen` is what came of it, for where the model does not know. */
static bool ask(struct model_key *key, int kind, uint32_t per_s, uint64_t at_ns, enum outcome seen)
{
	struct model_bucket *bucket = &key->buckets[kind];
	const int number = (int)(key - keys);
	const uint64_t settled_ns = now_ns > SKEW_MAX_NS ? now_ns - SKEW_MAX_NS : 0;
	if (is_crowded[number]) {
		for (int i = next_of_set[number]; i != number; i = next_of_set[i]) {
			keys[i].may_be_forgotten &= !was_full_at(&keys[i], settled_ns);
		}
		key->may_be_forgotten &= !was_full_at(key, settled_ns);
		crowd_out(number);
	}
	const uint64_t cost_ns = BUCKET_SECOND_NS / per_s;
	if (model_bucket_may(bucket, cost_ns, BURST_NS, at_ns)) {
		/* Never too little, forgotten or not. */
		model_bucket_take(bucket, cost_ns, BURST_NS, at_ns);
		return true;
	}
	if (!key->may_be_forgotten || seen == OUTCOME_NO) {
		return false;
	}
	/* It may have been forgotten; then it has done this at most. */
	const uint64_t most_ns = at_ns + BURST_NS;
	if (seen == OUTCOME_YES || bucket->full_ns < most_ns) {
		bucket->full_ns = most_ns;
	}
	model_bucket_count_anew(bucket, at_ns);
	return seen == OUTCOME_YES;
}

static bool ask_both(uint32_t number, int kind, uint64_t at_ns, enum outcome seen)
{
	struct model_key *wide = wide_of(number);
	return ask(narrow_of(number), kind, most_openings, at_ns, seen) &&
	       (!wide || ask(wide, kind, most_openings * ADDRESS_WIDE_TIMES, at_ns, seen));
}

/* --- connections, in the model -----------------------------------------------------------------
 */

static int kind_of(enum address_hold hold)
{
	return hold == ADDRESS_HOLD_REFUSED;
}

static bool has_room(uint32_t number, enum address_hold hold)
{
	const struct model_key *wide = wide_of(number);
	return narrow_of(number)->counts[kind_of(hold)] < most_connections &&
	       (!wide || wide->counts[kind_of(hold)] <
				 (uint64_t)most_connections * ADDRESS_WIDE_TIMES);
}

static void count(uint32_t number, enum address_hold hold, int by)
{
	if (hold != ADDRESS_HOLD_NONE) {
		narrow_of(number)->counts[kind_of(hold)] += (uint32_t)by;
		if (wide_of(number)) {
			wide_of(number)->counts[kind_of(hold)] += (uint32_t)by;
		}
	}
}

static void keep(uint32_t number, enum address_hold hold)
{
	count(number, hold, 1);
	conns[conn_count++] = (struct model_conn){(uint16_t)number, hold};
}

/* --- what is there -----------------------------------------------------------------------------
 */

static size_t look_at_table(const struct address_table *table)
{
	uint32_t used = 0;
	for (uint32_t i = 0; i < table->size; i++) {
		const struct address_slot *slot = &table->slots[i];
		if (slot->admitted > 0 || slot->refused > 0) {
			const struct model_key *key = &keys[number_of(&slot->key)];
			assert(slot->admitted == key->counts[0]);
			assert(slot->refused == key->counts[1]);
			used++;
		}
	}
	assert(table->used == used);
	assert(used <= table->size / 4 * 3);
	assert((used == 0) == (table->size == 0));
	/* As many slots as there are keys, within a factor; whatever has been. */
	assert(has_been_short || table->size <= 16 || table->size <= used * 8);
	return table->size * sizeof(struct address_slot);
}

static void look(void)
{
	size_t size = limits.rates ? ADDRESS_RATES_SETS * sizeof(*limits.rates) : 0;
	uint32_t used = 0;
	for (int i = 0; i < ADDRESS_STRIPES; i++) {
		size += look_at_table(&limits.stripes[i].table);
		used += limits.stripes[i].table.used;
	}
	for (int i = 0; i < KEYS; i++) {
		used -= keys[i].counts[0] > 0 || keys[i].counts[1] > 0;
	}
	assert(used == 0);
	assert(budget_held(&budget, BUDGET_ADDRESSES) == size);
	assert(!limits.rates == (most_openings == 0));
	assert(address_limits_are_on(&limits) == (most_connections > 0 || most_openings > 0));
}

/* --- what is done ------------------------------------------------------------------------------
 */

static bool is_same_entry(struct address_entry a, struct address_entry b)
{
	return a.verdict == b.verdict && a.hold == b.hold && a.is_flood == b.is_flood;
}

/* As it should be with memory enough. `seen` is what came of it. */
static struct address_entry expected_entry(
	uint32_t number, uint64_t at_ns, const struct address_entry *seen)
{
	struct address_entry entry = {.verdict = ADDRESS_WELCOME};
	if (number == NOWHERE) {
		return entry;
	}
	if (most_openings > 0 &&
		!ask_both(number, 0, at_ns,
			seen->verdict == ADDRESS_TOO_OFTEN ? OUTCOME_NO : OUTCOME_YES)) {
		const enum outcome is_told = !seen->is_flood         ? OUTCOME_YES
					     : most_connections == 0 ? OUTCOME_NO
								     : OUTCOME_UNKNOWN;
		entry.verdict = ADDRESS_TOO_OFTEN;
		if (!ask_both(number, 1, at_ns, is_told)) {
			entry.is_flood = true;
			return entry;
		}
	}
	if (most_connections == 0) {
		return entry;
	}
	if (entry.verdict == ADDRESS_WELCOME && has_room(number, ADDRESS_HOLD_ADMITTED)) {
		entry.hold = ADDRESS_HOLD_ADMITTED;
		return entry;
	}
	entry.verdict = entry.verdict == ADDRESS_WELCOME ? ADDRESS_TOO_MANY : entry.verdict;
	entry.is_flood = !has_room(number, ADDRESS_HOLD_REFUSED);
	entry.hold = entry.is_flood ? ADDRESS_HOLD_NONE : ADDRESS_HOLD_REFUSED;
	return entry;
}

static void enter(uint32_t number)
{
	const struct remote remote = remote_of(number);
	const uint64_t at_ns = now_ns > skew_ns ? now_ns - skew_ns : 0;
	if (conn_count == CONNS_MAX || entries == ENTRIES_MAX) {
		return;
	}
	entries++;
	calloc_failures = 0;
	const struct address_entry entry = address_limits_enter(&limits, &remote, at_ns);
	const struct address_entry expected = expected_entry(number, at_ns, &entry);
	if (calloc_failures > 0 && !is_same_entry(entry, expected)) {
		/* Nothing is counted, and it was too often in any case. */
		assert(entry.hold == ADDRESS_HOLD_NONE);
		assert(expected.verdict == ADDRESS_TOO_OFTEN
				? entry.verdict == ADDRESS_TOO_OFTEN && entry.is_flood
				: entry.verdict == ADDRESS_NO_MEMORY);
	} else {
		assert(entry.verdict == expected.verdict);
		assert(entry.is_flood == expected.is_flood);
		assert(entry.hold == expected.hold);
	}
	has_been_short |= calloc_failures > 0;
	keep(number, entry.hold);
}

static void leave(uint32_t which)
{
	const struct model_conn conn = conns[which];
	const struct remote remote = remote_of(conn.number);
	calloc_failures = 0;
	address_limits_leave(&limits, &remote, conn.hold);
	has_been_short |= calloc_failures > 0;
	count(conn.number, conn.hold, -1);
	conns[which] = conns[--conn_count];
}

/* However many there are: they are there. */
static enum address_hold adopt(uint32_t number, enum address_hold hold)
{
	const struct remote remote = remote_of(number);
	calloc_failures = 0;
	const enum address_hold now = address_limits_adopt(&limits, &remote, hold);
	has_been_short |= calloc_failures > 0;
	assert(now == hold || now == ADDRESS_HOLD_NONE);
	const bool is_counted = most_connections > 0 && number != NOWHERE;
	assert(calloc_failures > 0 || (now == hold) == is_counted);
	return now;
}

static void come_many(struct script *script)
{
	const uint32_t first = take_number(script);
	for (uint32_t i = script_take(script); i > 0; i--) {
		enter(first < V4S ? (first + i) % V4S
				  : (uint32_t)V4S + (first - V4S + i) % (NETS * SUBNETS));
	}
}

static void go_many(struct script *script)
{
	const uint32_t first = script_take(script);
	for (uint32_t i = script_take(script); i > 0 && conn_count > 0; i--) {
		leave(first * 16 % conn_count);
	}
}

static void set_limits(uint8_t how)
{
	static const uint32_t connections[] = {0, 1, 2, 3, 17, 300, 1000000, UINT32_MAX};
	static const uint32_t openings[] = {0, 1, 2, 3, 7, 50, 999, 1000000};
	const uint32_t wanted = openings[how >> 3 & 7];
	calloc_failures = 0;
	const int err = address_limits_set(&limits, connections[how & 7], wanted);
	assert(err == (calloc_failures > 0 ? -ENOMEM : 0));
	if (err == 0) {
		most_connections = connections[how & 7];
		most_openings = wanted;
	}
	if (most_openings == 0) {
		for (int i = 0; i < KEYS; i++) {
			forget(&keys[i]);
		}
	}
	look();
}

/* Another process goes on: the rates as they were, the connections counted anew. */
static void hand_over(void)
{
	struct address_limits taker;
	struct pack pack = PACK_EMPTY;
	callocs_left = -1;
	address_limits_pack(&limits, now_ns, &pack);
	assert(address_limits_init(&taker, &budget) == 0);
	assert(address_limits_set(&taker, most_connections, most_openings) == 0);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert(address_limits_unpack(&taker, &unpack) == 0 && unpack_left(&unpack) == 0);
	assert(memcmp(taker.hash_key, hash_key, sizeof(hash_key)) == 0);
	pack_finish(&pack);
	for (uint32_t i = 0; i < conn_count; i++) {
		const struct remote remote = remote_of(conns[i].number);
		address_limits_leave(&limits, &remote, conns[i].hold);
		count(conns[i].number, conns[i].hold, -1);
	}
	address_limits_finish(&limits);
	limits = taker;
	for (uint32_t i = 0; i < conn_count; i++) {
		if (conns[i].hold != ADDRESS_HOLD_NONE) {
			conns[i].hold = adopt(conns[i].number, conns[i].hold);
			count(conns[i].number, conns[i].hold, 1);
		}
	}
	/* What is full is left out, be it not yet for a worker that is behind. */
	for (int i = 0; i < KEYS; i++) {
		if (was_full_at(&keys[i], now_ns)) {
			forget(&keys[i]);
		}
	}
	look();
}

/* --- the game ----------------------------------------------------------------------------------
 */

static void step(struct script *script, bool *may_hand_over)
{
	const uint8_t what = script_take(script);
	switch (what & 15) {
	case 0:
	case 1:
	case 2:
	case 3:
		enter(take_number(script));
		break;
	case 4:
		come_many(script);
		break;
	case 5:
	case 6:
		if (conn_count > 0) {
			leave((script_take(script) * 256U + (what >> 4) * 16U) % conn_count);
		}
		break;
	case 7:
		go_many(script);
		break;
	case 8:
		if (conn_count < CONNS_MAX) {
			const enum address_hold hold =
				what & 16 ? ADDRESS_HOLD_REFUSED : ADDRESS_HOLD_ADMITTED;
			const uint32_t number = take_number(script);
			keep(number, adopt(number, hold));
		}
		break;
	case 9:
		set_limits(script_take(script));
		break;
	case 10:
	case 11:
		now_ns = script_later(script, now_ns);
		break;
	case 12:
		skew_ns = SKEW_MAX_NS / 15 * (what >> 4);
		break;
	case 13:
		callocs_of_next = what >> 4 & 3;
		break;
	case 14:
		look();
		break;
	case 15:
		if (*may_hand_over) {
			hand_over();
		}
		*may_hand_over = false; /* it takes as long as a thousand of the others */
		break;
	}
}

static void play_addresses(struct script *script)
{
	bool may_hand_over = true;
	memset(keys, 0, sizeof(keys));
	conn_count = 0;
	entries = 0;
	now_ns = script_later(script, 0);
	skew_ns = 0;
	host = 0;
	has_been_short = false;
	most_connections = 0;
	most_openings = 0;
	assert(address_limits_init(&limits, &budget) == 0);
	memcpy(limits.hash_key, hash_key, sizeof(hash_key));
	set_limits(script_take(script));
	while (script->left > 0) {
		callocs_left = callocs_of_next;
		callocs_of_next = -1;
		step(script, &may_hand_over);
	}
	callocs_left = -1;
	callocs_of_next = -1;
	look();
	while (conn_count > 0) {
		leave(conn_count - 1);
	}
	look();
	set_limits(0);
	assert(budget_held(&budget, BUDGET_ADDRESSES) == 0);
	address_limits_finish(&limits);
}

/* --- before it begins --------------------------------------------------------------------------
 */

static uint32_t set_of(const struct address_key *key)
{
	uint64_t hash;
	crypto_shorthash(
		(unsigned char *)&hash, (const unsigned char *)key, sizeof(*key), hash_key);
	return (uint32_t)(hash >> 32) % ADDRESS_RATES_SETS;
}

static void find_crowd(void)
{
	uint32_t found = 0;
	for (uint32_t address = 0x0a000000; found < CROWD; address++) {
		const struct remote remote = v4(address);
		struct address_keys its;
		assert(address_keys_of(&remote, &its));
		if (set_of(&its.narrow) == 0) {
			v4s[found++] = address;
		}
	}
}

static void link_sets(void)
{
	static uint32_t sets[KEYS];
	for (int i = 0; i < KEYS; i++) {
		const struct address_key key = key_of((uint32_t)i);
		sets[i] = set_of(&key);
		next_of_set[i] = i;
		for (int j = 0; j < i; j++) {
			if (sets[j] == sets[i]) {
				next_of_set[i] = next_of_set[j];
				next_of_set[j] = i;
				break;
			}
		}
	}
	for (int i = 0; i < KEYS; i++) {
		int size = 1;
		for (int j = next_of_set[i]; j != i; j = next_of_set[j]) {
			size++;
		}
		is_crowded[i] = size > ADDRESS_RATES_WAYS;
		/* Where one key of two is forgotten, nobody could say which. */
		assert(!is_crowded[i] || i < V4S);
	}
}

/* The unit has the crowd in one set, too. */
static void look_at_crowd(void)
{
	assert(address_limits_init(&limits, &budget) == 0);
	memcpy(limits.hash_key, hash_key, sizeof(hash_key));
	assert(address_limits_set(&limits, 0, 1) == 0);
	for (uint32_t i = 0; i < CROWD; i++) {
		const struct remote remote = remote_of(i);
		(void)address_limits_enter(&limits, &remote, BUCKET_SECOND_NS);
	}
	for (int i = 0; i < ADDRESS_RATES_WAYS; i++) {
		assert(limits.rates[0].ways[i].hash != 0);
	}
	address_limits_finish(&limits);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	assert(sodium_init() >= 0);
	assert(budget_init(&budget, 1) == 0);
	find_crowd();
	link_sets();
	look_at_crowd();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct script script = {data, len};
	if (script_take(&script) & 1) {
		play_rates(&script);
	} else {
		play_addresses(&script);
	}
	return 0;
}
