/* A node among others that have the key and have lost their mind: whatever they say, in whatever
 * order, it goes on, and ends no session but for a login that somebody has claimed by its name.
 *
 * The input is a script: an operation, then its bytes; what is missing at its end is 0. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/cluster/cluster.h"
#include "../unit/cluster_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
	STRANGERS = 4,
	LIVES = 4, /* runs of each of them */
	PAYLOAD_MAX = 4096,
	STEPS_MAX = 400,
	TIME_MAX_MS = 40000, /* of one script */
};

enum operation {
	OP_TIME,
	OP_LOGIN,
	OP_ASK,
	OP_SAY,
	OP_LINK,
	OP_SESSION, /* of a stranger's: DELTAS or CLAIM that make sense */
	OP_ANSWER,  /* a stranger's, to an ask */
	OP_MESSAGE, /* anything at all */
	OPERATIONS,
};

/* What a message's flags say. */
enum {
	TO_ALL = 1 << 0,
	SKIP = 1 << 1,  /* some numbers */
	AGAIN = 1 << 2, /* the same number */
	OWN_ID = 1 << 3,
	LAST = 1 << 4, /* the highest number there is */
	LIFE_AT = 6,   /* the bits of which run it is */
};

struct stranger {
	char id[8];
	uint64_t all_number;
	uint64_t number;
};

struct script {
	struct rig *rig;
	struct rig_node *node;
	struct fields input;
	struct stranger strangers[STRANGERS][LIVES];
	struct cluster_call call;
	bool is_asking;
	uint64_t passed_ms;
	uint32_t
		claimed; /* a bit for each user whom a stranger has claimed, or said to have come */
};

/* --- what strangers say -------------------------------------------------------------------------
 */

static struct codec_to number_of(struct script *script, struct stranger *stranger, uint8_t flags)
{
	const bool is_to_all = flags & TO_ALL;
	uint64_t *number = is_to_all ? &stranger->all_number : &stranger->number;
	*number += flags & AGAIN ? 0 : flags & SKIP ? 5 : 1;
	if (flags & LAST) {
		*number = UINT64_MAX;
	}
	return (struct codec_to){
		.id = is_to_all ? SLICE("") : slice_of(script->node->id),
		.random = is_to_all ? 0 : script->node->incarnation.random,
		.all_number = stranger->all_number,
		.number = *number,
	};
}

static void send(struct script *script, uint8_t type, uint8_t who, uint8_t flags,
	const struct codec_writer *payload)
{
	static uint8_t buffer[PAYLOAD_MAX + CODEC_OVERHEAD_MAX];
	const unsigned life = flags >> LIFE_AT;
	struct stranger *stranger = &script->strangers[who % STRANGERS][life];
	const struct codec_self self = {
		.key = &script->rig->key,
		.id = flags & OWN_ID ? slice_of(script->node->id) : slice_of(stranger->id),
		/* Of the own id some are older than the node. */
		.incarnation = {script->node->incarnation.wall_ms - 2 + life, 1 + life},
		.speaks = CODEC_VERSION,
	};
	struct codec_writer writer;
	codec_begin(&writer, buffer, sizeof(buffer), &self, type);
	assert_int_equal(
		codec_put_bytes(&writer, (struct slice){(char *)payload->payload,
						 (size_t)(payload->at - payload->payload)}),
		0);
	const struct codec_to to = number_of(script, stranger, flags);
	const size_t len = codec_seal(&writer, &to);
	uint8_t *copy = malloc(len);
	assert_non_null(copy);
	memcpy(copy, buffer, len);
	cluster_on_message(script->node->cluster, flags & TO_ALL, copy, len);
	free(copy);
}

static void send_anything(struct script *script)
{
	static uint8_t bytes[PAYLOAD_MAX];
	struct codec_writer payload;
	const uint8_t type = fields_u8(&script->input);
	const uint8_t who = fields_u8(&script->input);
	const uint8_t flags = fields_u8(&script->input);
	size_t len = fields_u16(&script->input) % PAYLOAD_MAX;
	len = len < script->input.left ? len : script->input.left;
	codec_begin_payload(&payload, bytes, sizeof(bytes));
	assert_int_equal(codec_put_bytes(&payload, fields_bytes(&script->input, len)), 0);
	send(script, type, who, flags, &payload);
	/* It may have hit a name. */
	script->claimed = UINT32_MAX;
}

static const char *user_called(uint8_t number)
{
	static const char *const users[] = {"a", "b", "c", "d"};
	return users[number % 4];
}

/* Two bytes that are an epoch near to now, or far from it. */
static uint64_t take_epoch(struct script *script)
{
	const uint16_t number = fields_u16(&script->input);
	const uint64_t now = rig_wall_ms(script->node) << EPOCH_PER_MS_BITS;
	const uint64_t step = number & 0x8000 ? UINT64_C(1) << 40 : UINT64_C(1) << 24;
	return now + (uint64_t)((int64_t)(number & 0x3fff) - 0x2000) * step;
}

static void send_session(struct script *script)
{
	static uint8_t bytes[PAYLOAD_MAX];
	struct codec_writer payload;
	const uint8_t kind = fields_u8(&script->input) % 4;
	const uint8_t who = fields_u8(&script->input);
	const uint8_t flags = fields_u8(&script->input);
	const uint8_t number = fields_u8(&script->input);
	const struct slice user = slice_of(user_called(number));
	const struct slice device = number & 0x80 ? SLICE("phone") : SLICE("");
	const struct codec_delta delta = {
		.kind = kind + 1,
		.key = rig_hash_of(script->rig, number & 0x40 ? SLICE("other") : user),
		.device = rig_device_hash(script->rig, device),
		.epoch = take_epoch(script),
		.user = user,
		.device_name = device,
		.members = number,
		.is_watched = number & 1,
	};
	const struct codec_claim claim = {delta.epoch, user, device};
	codec_begin_payload(&payload, bytes, sizeof(bytes));
	script->claimed |= 1U << number % 4;
	if (kind == 3) {
		assert_int_equal(codec_put_claim(&payload, &claim), 0);
		send(script, CODEC_CLAIM, who, (uint8_t)(flags & ~TO_ALL), &payload);
	} else {
		assert_int_equal(codec_put_delta(&payload, &delta), 0);
		send(script, CODEC_DELTAS, who, flags | TO_ALL, &payload);
	}
}

static void send_answer(struct script *script)
{
	static uint8_t bytes[PAYLOAD_MAX];
	struct codec_writer payload;
	uint32_t at = 0;
	const uint8_t who = fields_u8(&script->input);
	const uint8_t flags = fields_u8(&script->input);
	const uint8_t place = fields_u8(&script->input);
	const uint64_t ask = place < script->node->cluster->asks.used
				     ? script->node->cluster->asks.places[place].id
				     : place;
	codec_begin_payload(&payload, bytes, sizeof(bytes));
	assert_int_equal(
		codec_put_answer(&payload, ask, fields_u8(&script->input), place, SLICE("[]"), &at),
		0);
	send(script, CODEC_ANSWER, who, (uint8_t)(flags & ~TO_ALL), &payload);
}

/* --- what the node itself does ------------------------------------------------------------------
 */

static void on_answered(struct cluster_call *call, struct slice node, uint8_t result,
	uint32_t count, struct slice body)
{
	(void)call;
	(void)node;
	(void)result;
	(void)count;
	(void)body;
}

static void on_done(struct cluster_call *call)
{
	struct script *script = (struct script *)((uint8_t *)call - offsetof(struct script, call));
	assert_true(script->is_asking);
	script->is_asking = false;
}

static void ask(struct script *script)
{
	const uint8_t how = fields_u8(&script->input);
	const char *user = user_called(how >> 4);
	const struct cluster_target target = {
		.aim = how % 4,
		.id = slice_of(script->strangers[how % STRANGERS][0].id),
		.key = rig_hash_of(script->rig, slice_of(user)),
	};
	if (script->is_asking) {
		cluster_forget(script->node->cluster, &script->call);
		script->is_asking = false;
	}
	script->call = (struct cluster_call){.answered = on_answered, .done = on_done};
	if (cluster_ask(script->node->cluster, &target, how, SLICE("{}"), 500, &script->call) ==
		0) {
		script->is_asking = true;
	}
}

static void say(struct script *script)
{
	const uint8_t how = fields_u8(&script->input);
	const struct elsewhere_said said = {
		.sender = 1,
		.id = 1,
		.wants_answer = how & 1,
		.from = slice_of(user_called(how >> 2)),
		.to = slice_of(user_called(how >> 4)),
		.text = SLICE("hi"),
	};
	struct elsewhere_say *made;
	script->node->answer_count = 0;
	if (elsewhere_say_create(&script->node->elsewhere, &said, &made) == 0) {
		cluster_say(script->node->cluster, made);
	}
}

static void log_in(struct script *script)
{
	const uint8_t how = fields_u8(&script->input);
	if (script->rig->session_count < RIG_SESSIONS_MAX) {
		rig_login(script->node, user_called(how), how & 0x80 ? "phone" : "");
	}
}

static void let_pass(struct script *script, uint64_t ms)
{
	script->node->answer_count = 0;
	if (script->passed_ms + ms <= TIME_MAX_MS) {
		script->passed_ms += ms;
		rig_run(script->rig, ms);
	}
}

static void do_next(struct script *script)
{
	switch (fields_u8(&script->input) % OPERATIONS) {
	case OP_TIME:
		let_pass(script, 10 * (1 + (uint64_t)fields_u8(&script->input)));
		break;
	case OP_LOGIN:
		log_in(script);
		break;
	case OP_ASK:
		ask(script);
		break;
	case OP_SAY:
		say(script);
		break;
	case OP_LINK:
		rig_set_link(script->node, fields_u8(&script->input) % 4 != 0);
		break;
	case OP_SESSION:
		send_session(script);
		break;
	case OP_ANSWER:
		send_answer(script);
		break;
	case OP_MESSAGE:
		send_anything(script);
		break;
	}
}

/* Who was not claimed by anybody is still in, unless a login here has replaced him. */
static void check_sessions(const struct script *script)
{
	for (uint32_t i = 0; i < script->rig->session_count; i++) {
		const struct rig_session *session = &script->rig->sessions[i];
		bool is_beaten;
		if (session->was_kicked && !(script->claimed >> (session->user[0] - 'a') & 1)) {
			assert(rig_higher(script->rig, session, &is_beaten) >=
					script->rig->max_devices ||
				is_beaten);
		}
	}
}

static void end(struct script *script)
{
	if (script->is_asking) {
		/* Whoever does not answer is late by now. */
		script->node->answer_count = 0;
		rig_run(script->rig, 1000);
		assert(!script->is_asking);
	}
	script->node->answer_count = 0;
	rig_run(script->rig, 3000);
	assert(script->node->elsewhere.egress == 0);
	assert(script->node->cluster->asks.count == 0);
	check_sessions(script);
	rig_destroy(script->rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct script script;
	script = (struct script){.rig = rig_create(1, 1), .input = fields_of(data, len)};
	script.node = &script.rig->nodes[0];
	for (unsigned i = 0; i < STRANGERS * LIVES; i++) {
		snprintf(script.strangers[i / LIVES][i % LIVES].id,
			sizeof(script.strangers[0][0].id), "gw-x%u", i / LIVES);
	}
	user_table_thread_begin();
	rig_run(script.rig, 2000); /* it has listened, and takes part */
	for (unsigned step = 0; script.input.left > 0 && step < STEPS_MAX; step++) {
		do_next(&script);
	}
	end(&script);
	user_table_thread_end();
	return 0;
}
