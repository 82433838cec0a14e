#include "room_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLICE_ROOMS = 256, /* that are looked at before others have their turn */
};

/* --- a walk ------------------------------------------------------------------------------------
 */

/* By bytes; what is the beginning of another comes first. */
static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	const int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_rows(const void *a, const void *b)
{
	const struct room_names_row *left = a;
	const struct room_names_row *right = b;
	return compare_names(left->name, left->name_len, right->name, right->name_len);
}

void room_names_begin(struct room_names *names, struct slice after, uint32_t most)
{
	*names = (struct room_names){.after_len = (uint8_t)after.len, .most = most};
	if (after.len > 0) {
		memcpy(names->after, after.data, after.len);
	}
}

static void settle(struct room_names *names)
{
	qsort(names->rows, names->count, sizeof(names->rows[0]), compare_rows);
	if (names->count > names->most) {
		names->count = names->most;
		names->has_more = true;
	}
}

static bool take_room(void *context, struct room *room)
{
	struct room_names *names = context;
	const struct slice name = room_name(room);
	struct room_names_row row = {
		.users = room_users(room),
		.sessions = room_sessions(room),
		.name_len = (uint8_t)name.len,
	};
	/* One whose last member is just leaving is none. */
	if (row.sessions == 0 ||
		compare_names(name.data, name.len, names->after, names->after_len) <= 0) {
		return true;
	}
	memcpy(row.name, name.data, name.len);
	names->rows[names->count++] = row;
	if (names->count == 2 * names->most) {
		settle(names);
	}
	return true;
}

int room_names_walk(struct room_names *names, struct rooms *rooms)
{
	return rooms_walk(rooms, &names->walk, SLICE_ROOMS, take_room, names);
}

json_t *room_names_to_json(struct room_names *names)
{
	json_t *rooms = json_array();
	settle(names);
	for (uint32_t i = 0; i < names->count; i++) {
		const struct room_names_row *row = &names->rows[i];
		json_array_append_new(
			rooms, json_pack("{s:s%, s:I, s:I}", "room", row->name,
				       (size_t)row->name_len, "users", (json_int_t)row->users,
				       "sessions", (json_int_t)row->sessions));
	}
	return json_pack("{s:o*, s:i}", "rooms", rooms, "more", names->has_more);
}

/* --- merging -----------------------------------------------------------------------------------
 */

/* The name that an item goes by. */
static struct slice name_of(const json_t *item)
{
	const json_t *name = json_is_object(item) ? json_object_get(item, "room") : item;
	return json_is_string(name)
		       ? (struct slice){json_string_value(name), json_string_length(name)}
		       : SLICE("");
}

static int compare_items(const void *a, const void *b)
{
	const struct slice left = name_of(*(json_t *const *)a);
	const struct slice right = name_of(*(json_t *const *)b);
	return compare_names(left.data, left.len, right.data, right.len);
}

/* The numbers of a room that is on another node too. */
static void add_numbers(json_t *to, const json_t *item)
{
	static const char *const numbers[] = {"users", "sessions"};
	for (size_t i = 0; json_is_object(to) && i < 2; i++) {
		const json_int_t more = json_integer_value(json_object_get(item, numbers[i]));
		json_t *number = json_object_get(to, numbers[i]);
		const json_int_t so_far = json_integer_value(number);
		if (more > 0 && more <= UINT32_MAX && so_far >= 0 && so_far <= UINT32_MAX) {
			json_integer_set(number, so_far + more);
		}
	}
}

/* Fills `merged`. Returns whether something had no place in it. */
static bool take_items(json_t *merged, json_t *const *items, size_t count, uint32_t most)
{
	json_t *last = NULL;
	for (size_t i = 0; i < count; i++) {
		if (name_of(items[i]).len == 0) {
			continue;
		}
		if (last && compare_items(&last, &items[i]) == 0) {
			add_numbers(last, items[i]);
			continue;
		}
		if (json_array_size(merged) == most) {
			return true;
		}
		json_array_append(merged, items[i]);
		last = items[i];
	}
	return false;
}

static int merge(json_t *sum, const char *member, uint32_t most)
{
	json_t *all = json_object_get(sum, member);
	const size_t count = json_array_size(all);
	json_t **items = malloc((count + 1) * sizeof(*items));
	json_t *merged = json_array();
	if (!items || !merged) {
		free(items);
		json_decref(merged);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		items[i] = json_array_get(all, i);
	}
	qsort(items, count, sizeof(*items), compare_items);
	const bool is_cut = take_items(merged, items, count, most);
	const bool has_more = is_cut || json_integer_value(json_object_get(sum, "more")) > 0;
	const size_t kept = json_array_size(merged);
	const struct slice last = kept > 0 ? name_of(json_array_get(merged, kept - 1)) : SLICE("");
	json_object_del(sum, "more");
	int err = json_object_set_new(sum, "after",
		has_more && kept > 0 ? json_stringn(last.data, last.len) : json_null());
	err |= json_object_set_new(sum, member, merged);
	free(items);
	return err ? -ENOMEM : 0;
}

int room_names_merge(json_t *sum, uint32_t most)
{
	return merge(sum, "rooms", most);
}

int room_names_merge_members(json_t *sum, uint32_t most)
{
	return merge(sum, "members", most);
}
