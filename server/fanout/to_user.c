#include "to_user.h"

#include <errno.h>

#include "put_message.h"

/* Filled in place: it is large. */
static void find(const struct fanout_node *node, handle_t but, struct slice name, uint32_t hash,
	struct to_user_sessions *ret_sessions)
{
	struct user_session *found = ret_sessions->found;
	const uint32_t count =
		user_table_find_hashed(node->users, name.data, name.len, hash, found);
	ret_sessions->count = 0;
	ret_sessions->classic = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (found[i].handle != but) {
			found[ret_sessions->count++] = found[i];
			ret_sessions->classic += !found[i].speaks_v1;
		}
	}
}

void to_user_look(
	const struct fanout_node *node, const struct to_user *said, struct to_user_reach *ret_reach)
{
	const struct slice from = {said->from.name, said->from.name_len};
	ret_reach->hash = user_table_hash(node->users, said->name.data, said->name.len);
	find(node, said->sender, said->name, ret_reach->hash, &ret_reach->theirs);
	if (said->is_alone) {
		ret_reach->own.count = 0;
		ret_reach->own.classic = 0;
	} else {
		find(node, said->sender, from, said->from.hash, &ret_reach->own);
	}
}

static void mark(struct batch *batch, const struct to_user_sessions *sessions, bool is_classic)
{
	for (uint32_t i = 0; i < sessions->count; i++) {
		uint8_t worker = handle_worker(sessions->found[i].handle);
		if (sessions->found[i].speaks_v1 != is_classic) {
			batch->workers[worker / 64] |= UINT64_C(1) << worker % 64;
		}
	}
}

/* To those that speak v1. */
static int put_packet(struct posting *posting, const struct to_user *said,
	const struct to_user_reach *reach, const struct batch_target *target, size_t *bytes)
{
	char audience[AUDIENCE_MAX];
	const struct message_packet message = {
		.sent_ms = said->sent_ms,
		.from = {said->from.name, said->from.name_len},
		.audience = put_message_audience('@', said->name, audience),
		.text = said->text,
	};
	struct batch *batch = put_message(posting, &said->from, target, &message);
	if (!batch) {
		return -ENOMEM;
	}
	mark(batch, &reach->theirs, false);
	if (target->is_shown) {
		mark(batch, &reach->own, false);
	}
	*bytes += put_message_len(&message);
	return 0;
}

/* To the other's classic ones. */
static int put_text(struct posting *posting, const struct to_user *said,
	const struct to_user_reach *reach, struct batch_target target, size_t *bytes)
{
	const size_t frame_len =
		batch_text_frame_len(0, said->text.len, said->from.name_len) + said->name.len;
	struct batch *batch;
	int err = posting_take(posting, frame_len, &batch);
	if (err) {
		return err;
	}
	target.is_classic = true;
	target.is_shown = false;
	batch_put_text(batch, 0, &said->from, (const uint8_t *)said->text.data, said->text.len);
	batch_aim(batch, &target, said->name);
	mark(batch, &reach->theirs, true);
	*bytes += frame_len;
	return 0;
}

int to_user_put(struct posting *posting, const struct to_user *said,
	const struct to_user_reach *reach, bool is_shown, size_t *ret_bytes)
{
	struct batch_target target = {
		.aim = BATCH_TO_USER,
		.hash = reach->hash,
		.device = said->device,
		.is_only_shown = said->is_only_shown,
		.is_shown = is_shown && reach->own.count > reach->own.classic,
	};
	if (reach->theirs.count == 1 && !target.is_shown) {
		target.is_to_one = true;
		target.session = reach->theirs.found[0].handle;
	}
	size_t bytes = 0;
	int err = 0;
	if (reach->theirs.count > reach->theirs.classic || target.is_shown) {
		err = put_packet(posting, said, reach, &target, &bytes);
	}
	if (!err && reach->theirs.classic > 0) {
		err = put_text(posting, said, reach, target, &bytes);
	}
	*ret_bytes = bytes;
	return err;
}

bool to_user_some_lag(const struct fanout_node *node, const struct to_user *said,
	const struct to_user_reach *reach, bool is_shown)
{
	return fanout_node_user_lags(node, reach->hash) ||
	       (is_shown && reach->own.count > reach->own.classic &&
		       fanout_node_user_lags(node, said->from.hash));
}
