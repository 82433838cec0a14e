#include "stats_pack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../proto/assert.h"

enum {
	NAME_MAX_LEN = 64, /* bytes of a name, NUL included */
	VALUES_MAX = 255,  /* of one name */
};

/* How many names there are. */
enum {
	ROWS = 0
#define COUNT_COUNTER +1
#define COUNT_GAUGE
#define WORKER(field, kind, metric, json, help)    COUNT_##kind
#define PART(field, kind, help)                    COUNT_##kind
#define ENDS(field, metric, json, help)            +CLOSE_REASON_COUNT
#define ENDS_PART(field, help)                     +CLOSE_REASON_COUNT
#define HISTOGRAM(field, metric, json, unit, help) +2
#include "stats.def"
};

/* One name, and where its values are. */
struct row {
	char name[NAME_MAX_LEN];
	_Atomic uint64_t *values;
	uint32_t count;
};

/* All that rises in a struct stats, in the order of stats.def.
 * Owner: a call. */
struct rows {
	uint32_t count;
	struct row all[ROWS];
};

/* --- names -------------------------------------------------------------------------------------
 */

static void add(struct rows *rows, const char *family, const char *name, _Atomic uint64_t *values,
	uint32_t count)
{
	ASSERT(rows->count < ROWS && count <= VALUES_MAX);
	struct row *row = &rows->all[rows->count++];
	int len = snprintf(row->name, sizeof(row->name), "%s%s", family, name);
	ASSERT(len > 0 && len < NAME_MAX_LEN);
	row->values = values;
	row->count = count;
}

static void add_ends(struct rows *rows, const char *family, _Atomic uint64_t *ends)
{
	for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
		add(rows, family, close_reason_counter((enum close_reason)i), &ends[i], 1);
	}
}

static void list(struct stats *stats, struct rows *ret_rows)
{
	ret_rows->count = 0;
#define LIST_COUNTER(field) add(ret_rows, "", #field, &stats->field, 1);
#define LIST_GAUGE(field)
#define WORKER(field, kind, metric, json, help) LIST_##kind(field)
#define PART(field, kind, help)                 LIST_##kind(field)
#define ENDS(field, metric, json, help)         add_ends(ret_rows, #field ".", stats->field);
#define ENDS_PART(field, help)                  add_ends(ret_rows, #field ".", stats->field);
#define HISTOGRAM(field, metric, json, unit, help)                                                 \
	add(ret_rows, #field, ".sum", &stats->field.sum, 1);                                       \
	add(ret_rows, #field, ".counts", stats->field.counts, STATS_BUCKETS);
#include "stats.def"
}

/* Most come in the order in which they stand here: so the search begins behind the last one. */
static struct row *find(struct rows *rows, struct slice name, uint32_t *at)
{
	for (uint32_t tried = 0; tried < rows->count; tried++) {
		struct row *row = &rows->all[*at];
		*at = (*at + 1) % rows->count;
		if (slice_equals(name, slice_of(row->name))) {
			return row;
		}
	}
	return NULL;
}

/* --- writing -----------------------------------------------------------------------------------
 */

static void sum_up(const struct rows *sums, const struct stats *stats)
{
	struct rows rows;
	list((struct stats *)stats, &rows); /* it is only read */
	for (uint32_t i = 0; i < rows.count; i++) {
		for (uint32_t k = 0; k < rows.all[i].count; k++) {
			stats_add(&sums->all[i].values[k], stats_read(&rows.all[i].values[k]));
		}
	}
}

void stats_pack(const struct stats *const *of, uint32_t count, struct pack *pack)
{
	struct stats total = {0};
	struct rows rows;
	list(&total, &rows);
	for (uint32_t i = 0; i < count; i++) {
		sum_up(&rows, of[i]);
	}
	pack_u16(pack, (uint16_t)rows.count);
	for (uint32_t i = 0; i < rows.count; i++) {
		pack_slice(pack, slice_of(rows.all[i].name));
		pack_u8(pack, (uint8_t)rows.all[i].count);
		for (uint32_t k = 0; k < rows.all[i].count; k++) {
			pack_u64(pack, stats_read(&rows.all[i].values[k]));
		}
	}
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* Reads a row into the one of that name, if there is one of that size. */
static void read_row(struct rows *rows, uint32_t *at, struct unpack *unpack)
{
	const struct row *row = find(rows, unpack_slice(unpack), at);
	const uint32_t count = unpack_u8(unpack);
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t value = unpack_u64(unpack);
		if (row && row->count == count) {
			stats_add(&row->values[i], value);
		}
	}
}

int stats_unpack(struct stats *stats, struct unpack *unpack)
{
	struct stats come = {0};
	struct rows rows;
	uint32_t at = 0;
	list(&come, &rows);
	const uint16_t count = unpack_u16(unpack);
	for (uint32_t i = 0; i < count && !unpack->failed; i++) {
		read_row(&rows, &at, unpack);
	}
	if (unpack->failed) {
		return -EINVAL;
	}
	list(stats, &rows);
	sum_up(&rows, &come);
	return 0;
}
