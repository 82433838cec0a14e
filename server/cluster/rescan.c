#include "rescan.h"

#include <stdlib.h>

struct rescan_note {
	struct directory_entry entry;
	size_t number; /* in the order in which they were said */
	bool is_gone;
};

struct rescan *rescan_create(void)
{
	return calloc(1, sizeof(struct rescan));
}

void rescan_destroy(struct rescan **rescan)
{
	if (*rescan) {
		for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
			free((*rescan)->kinds[kind].notes);
		}
		free(*rescan);
		*rescan = NULL;
	}
}

static bool grow(struct rescan_notes *notes)
{
	const size_t capacity = notes->capacity ? notes->capacity * 2 : 1024;
	struct rescan_note *grown = realloc(notes->notes, capacity * sizeof(*grown));
	if (!grown) {
		return false;
	}
	notes->notes = grown;
	notes->capacity = capacity;
	return true;
}

void rescan_note(struct rescan *rescan, enum directory_kind kind,
	const struct directory_entry *entry, bool is_gone)
{
	if (!rescan) {
		return;
	}
	struct rescan_notes *notes = &rescan->kinds[kind];
	if (notes->count == notes->capacity && !grow(notes)) {
		rescan->is_short = true;
		return;
	}
	notes->notes[notes->count] = (struct rescan_note){*entry, notes->count, is_gone};
	notes->count++;
}

static int order_of(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* By what it is of, then in the order in which it was said. */
static int compare(const void *a, const void *b)
{
	const struct rescan_note *first = a;
	const struct rescan_note *second = b;
	int order = order_of(first->entry.key, second->entry.key);
	if (order == 0) {
		order = order_of(first->entry.device, second->entry.device);
	}
	return order != 0 ? order : order_of(first->number, second->number);
}

static bool is_of_same(const struct directory_entry *a, const struct directory_entry *b)
{
	return a->key == b->key && a->device == b->device;
}

/* What there is in the end, by all that was said of one session or room, of which *at is the first:
 * moves it behind the last. Returns whether it is there. */
static bool fold(const struct rescan_notes *notes, size_t *at, enum directory_kind kind,
	struct directory_entry *ret_entry)
{
	const struct directory_entry first = notes->notes[*at].entry;
	bool is_there = false;
	while (*at < notes->count && is_of_same(&notes->notes[*at].entry, &first)) {
		const struct rescan_note *note = &notes->notes[(*at)++];
		if (!note->is_gone) {
			*ret_entry = note->entry;
			is_there = true;
		} else if (kind == DIRECTORY_ROOMS || ret_entry->value == note->entry.value) {
			is_there = false;
		}
	}
	return is_there;
}

static void apply_kind(const struct rescan_notes *notes, enum directory_kind kind,
	struct directory *directory, directory_on_change gone, void *context)
{
	struct directory_entry *entries = malloc((notes->count + 1) * sizeof(*entries));
	size_t at = 0;
	if (!entries) {
		return; /* nothing has gone for sure */
	}
	if (notes->count > 0) {
		qsort(notes->notes, notes->count, sizeof(*notes->notes), compare);
	}
	for (int shard = 0; shard < DIRECTORY_SHARDS; shard++) {
		size_t count = 0;
		while (at < notes->count &&
			directory_shard_of(notes->notes[at].entry.key) == (uint8_t)shard) {
			entries[count] = (struct directory_entry){0};
			count += fold(notes, &at, kind, &entries[count]);
		}
		/* Without memory for a page nothing of it has been removed. */
		(void)directory_replace(directory, DIRECTORY_SELF, kind,
			directory_range_of((uint8_t)shard), entries, count, gone, context);
	}
	free(entries);
}

void rescan_apply(
	struct rescan *rescan, struct directory *directory, directory_on_change gone, void *context)
{
	for (int kind = 0; !rescan->is_short && kind < DIRECTORY_KINDS; kind++) {
		apply_kind(&rescan->kinds[kind], kind, directory, gone, context);
	}
}
