#include "rights_pack.h"

#include <errno.h>

#include "rights_inner.h"

/* What a session has. */
enum rights_kind {
	KIND_NONE,    /* no token: it may do everything */
	KIND_DEFAULT, /* of a token that says nothing of them */
	KIND_OWN,
	KINDS,
};

static void pack_own(const struct rights *rights, struct pack *pack)
{
	const struct rights_head *head = &rights->head;
	pack_u8(pack, head->may_broadcast);
	pack_u8(pack, head->may_request);
	pack_u8(pack, head->say_count);
	pack_u8(pack, head->join_count);
	pack_bytes(pack, rights->stored, head->stored_len);
}

void rights_pack(const struct rights *rights, struct pack *pack)
{
	if (!rights) {
		pack_u8(pack, KIND_NONE);
	} else if (rights == rights_default()) {
		pack_u8(pack, KIND_DEFAULT);
	} else {
		pack_u8(pack, KIND_OWN);
		pack_own(rights, pack);
	}
}

/* As many as were packed, of a byte of length and the bytes each. */
static int unpack_patterns(struct unpack *unpack, struct rights_draft *draft, uint8_t count,
	bool (*can_fit)(struct slice pattern), uint8_t *ret_count)
{
	struct slice patterns[RIGHTS_PATTERNS_MAX];
	for (uint8_t i = 0; i < count; i++) {
		patterns[i].len = unpack_u8(unpack);
		patterns[i].data = (const char *)unpack_bytes(unpack, patterns[i].len);
	}
	return unpack->failed ? -EINVAL
			      : rights_draft_store(draft, patterns, count, can_fit, ret_count);
}

static int unpack_own(struct rights_table *table, struct unpack *unpack, struct rights **ret_rights)
{
	struct rights_draft draft = {.patterns = 0};
	draft.head.may_broadcast = unpack_bool(unpack);
	draft.head.may_request = unpack_bool(unpack);
	const uint8_t say_count = unpack_below(unpack, RIGHTS_PATTERNS_MAX + 1);
	const uint8_t join_count = unpack_below(unpack, RIGHTS_PATTERNS_MAX + 1);
	int err = unpack_patterns(
		unpack, &draft, say_count, rights_can_fit_audience, &draft.head.say_count);
	if (!err) {
		err = unpack_patterns(
			unpack, &draft, join_count, rights_can_fit_name, &draft.head.join_count);
	}
	if (err) {
		unpack_fail(unpack);
		return err;
	}
	struct rights *rights = rights_intern(table, &draft);
	if (!rights) {
		return -ENOMEM;
	}
	*ret_rights = rights;
	return 0;
}

int rights_unpack(struct rights_table *table, struct unpack *unpack, struct rights **ret_rights)
{
	switch (unpack_below(unpack, KINDS)) {
	case KIND_OWN:
		return unpack_own(table, unpack, ret_rights);
	case KIND_DEFAULT:
		*ret_rights = rights_default();
		return 0;
	default:
		if (unpack->failed) {
			return -EINVAL;
		}
		*ret_rights = NULL;
		return 0;
	}
}
