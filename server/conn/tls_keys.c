#include "tls_keys.h"

#include <stddef.h>

enum {
	CONTEXT_COST = 1152, /* bytes, by OpenSSL 3.0; a little less with ChaCha20 */
};

static struct tls_place *place_of(struct tls_keys *keys, uint32_t index)
{
	return &keys->places[index % TLS_KEYS_PLACES];
}

static bool is_taken(const struct tls_place *place)
{
	return place->line || place->reads.line || place->writes.line;
}

/* --- contexts ----------------------------------------------------------------------------------
 */

typedef int lend_function(const struct tls_line *line, struct tls_aead *aead);

/* Sets a context to a line's key; makes it where it is none yet, or one of another suite. NULL:
 * there is no memory. */
static struct tls_aead *make_ready(struct tls_keys *keys, struct tls_lent *lent,
	const struct tls_line *line, lend_function *lend)
{
	keys->context_count -= lent->aead.context != NULL;
	const int err = lend(line, &lent->aead);
	keys->context_count += lent->aead.context != NULL;
	lent->line = err ? NULL : line;
	lent->is_current = !err;
	return err ? NULL : &lent->aead;
}

static void drop(struct tls_keys *keys, struct tls_lent *lent)
{
	keys->context_count -= lent->aead.context != NULL;
	tls_aead_finish(&lent->aead);
	lent->line = NULL;
	lent->is_current = false;
}

static void drop_if_of(struct tls_keys *keys, struct tls_lent *lent, const struct tls_line *line)
{
	if (lent->line == line) {
		drop(keys, lent);
	}
}

static struct tls_aead *lend_spare(
	struct tls_keys *keys, const struct tls_line *line, lend_function *lend)
{
	return make_ready(keys, &keys->spares[line->suite], line, lend);
}

/* --- places ------------------------------------------------------------------------------------
 */

static void leave(struct tls_keys *keys, struct tls_place *place)
{
	drop(keys, &place->reads);
	drop(keys, &place->writes);
	*place = (struct tls_place){.line = NULL};
	keys->taken_count--;
}

/* With the contexts of who was there before, which have other keys; or its own, if it was that, but
 * of before a KeyUpdate. */
static void move_in(struct tls_keys *keys, struct tls_place *place, const struct tls_line *line)
{
	keys->taken_count += !is_taken(place);
	place->line = line;
	place->reads.is_current = false;
	place->writes.is_current = false;
	place->comes_often = false;
}

/* Whether a context of its own costs nothing more, or is worth it. */
static bool is_entitled(
	const struct tls_place *place, const struct tls_lent *own, const struct tls_line *line)
{
	return place->comes_often || (own->aead.context && own->aead.suite == line->suite);
}

/* Its own context, as it is or made ready, or the spare one. It has the place. */
static struct tls_aead *lend_own(struct tls_keys *keys, const struct tls_place *place,
	struct tls_lent *own, const struct tls_line *line, lend_function *lend)
{
	if (own->is_current) {
		return &own->aead;
	}
	struct tls_aead *aead =
		is_entitled(place, own, line) ? make_ready(keys, own, line, lend) : NULL;
	return aead ? aead : lend_spare(keys, line, lend);
}

struct tls_aead *tls_keys_to_read(
	struct tls_keys *keys, uint32_t index, const struct tls_line *line)
{
	struct tls_place *place = place_of(keys, index);
	place->is_silent = false;
	if (place->line != line) {
		move_in(keys, place, line);
	} else {
		place->comes_often = true;
	}
	return lend_own(keys, place, &place->reads, line, tls_line_lend_read);
}

struct tls_aead *tls_keys_to_write(
	struct tls_keys *keys, uint32_t index, const struct tls_line *line)
{
	struct tls_place *place = place_of(keys, index);
	return place->line == line
		       ? lend_own(keys, place, &place->writes, line, tls_line_lend_write)
		       : lend_spare(keys, line, tls_line_lend_write);
}

/* --- the end -----------------------------------------------------------------------------------
 */

void tls_keys_forget(struct tls_keys *keys, uint32_t index, const struct tls_line *line)
{
	struct tls_place *place = place_of(keys, index);
	if (place->line == line) {
		leave(keys, place);
	} else {
		/* Who has come to the place since need not have had its key set. */
		drop_if_of(keys, &place->reads, line);
		drop_if_of(keys, &place->writes, line);
	}
	drop_if_of(keys, &keys->spares[line->suite], line);
}

void tls_keys_sweep(struct tls_keys *keys)
{
	for (uint32_t i = 0; i < TLS_KEYS_SWEEP && keys->taken_count > 0; i++) {
		struct tls_place *place = place_of(keys, keys->sweep_at++);
		if (!is_taken(place)) {
			continue;
		}
		if (place->is_silent) {
			leave(keys, place);
		} else {
			place->is_silent = true;
		}
	}
}

void tls_keys_empty(struct tls_keys *keys)
{
	for (uint32_t i = 0; i < TLS_KEYS_PLACES && keys->taken_count > 0; i++) {
		if (is_taken(&keys->places[i])) {
			leave(keys, &keys->places[i]);
		}
	}
	for (int suite = 0; suite < TLS_SUITE_COUNT; suite++) {
		drop(keys, &keys->spares[suite]);
	}
}

void tls_keys_charge(struct tls_keys *keys, struct budget *budget)
{
	if (keys->context_count != keys->charged_count) {
		const ptrdiff_t more =
			(ptrdiff_t)keys->context_count - (ptrdiff_t)keys->charged_count;
		budget_change(budget, BUDGET_POOLS, more * CONTEXT_COST);
		keys->charged_count = keys->context_count;
	}
}
