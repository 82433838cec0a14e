#include "user_group.h"

#include <errno.h>
#include <stdlib.h>

#include "../../proto/assert.h"

static struct user_group *allocate(uint32_t members)
{
	return malloc(offsetof(struct user_group, members) + members * sizeof(struct user_member));
}

static void begin(struct user_group *group, uint32_t hash, struct duel duel)
{
	cds_lfht_node_init(&group->in_table.node);
	group->in_table = (struct user_node){.hash = hash};
	group->duel = duel;
}

static void add(struct user_group *group, struct user_member member)
{
	group->members[group->in_table.member_count++] = member;
}

/* What `before` has, with a spare for the one that had no need of it so far. */
static int add_those_of(struct user_group *group, struct user_node *before,
	const struct user_entry *without, uint32_t members_max)
{
	if (!user_node_is_group(before)) {
		struct user_member member = {.entry = user_node_entry(before, 0)};
		if (member.entry != without) {
			member.spare = allocate(members_max);
			add(group, member);
			return member.spare ? 0 : -ENOMEM;
		}
		return 0;
	}
	const struct user_group *old = user_group_of(before);
	for (uint32_t i = 0; i < old->in_table.member_count; i++) {
		if (old->members[i].entry != without) {
			add(group, old->members[i]);
		}
	}
	return 0;
}

int user_group_create(struct user_node *before, const struct user_entry *without,
	struct user_entry *newcomer, struct duel duel, uint32_t members_max,
	struct user_group **ret_group)
{
	struct user_group *group = allocate(user_node_count(before) + 1);
	struct user_member last = {.entry = newcomer, .spare = allocate(members_max)};
	if (!group || !last.spare) {
		free(group);
		free(last.spare);
		return -ENOMEM;
	}
	begin(group, newcomer->in_table.hash, duel);
	int err = add_those_of(group, before, without, members_max);
	add(group, last);
	if (err) {
		user_group_discard(&group, before);
		return err;
	}
	*ret_group = group;
	return 0;
}

void user_group_discard(struct user_group **group, const struct user_node *before)
{
	struct user_group *given = *group;
	*group = NULL;
	free(given->members[given->in_table.member_count - 1].spare);
	if (!user_node_is_group(before) && given->in_table.member_count > 1) {
		free(given->members[0].spare);
	}
	free(given);
}

struct user_group *user_group_without(
	const struct user_group *group, const struct user_entry *entry)
{
	struct user_group *left = user_group_find(group, entry)->spare;
	ASSERT(group->in_table.member_count > 1);
	begin(left, group->in_table.hash, group->duel);
	for (uint32_t i = 0; i < group->in_table.member_count; i++) {
		if (group->members[i].entry != entry) {
			add(left, group->members[i]);
		}
	}
	return left;
}

const struct user_member *user_group_find(
	const struct user_group *group, const struct user_entry *entry)
{
	for (uint32_t i = 0; i < group->in_table.member_count; i++) {
		if (group->members[i].entry == entry) {
			return &group->members[i];
		}
	}
	return NULL;
}
