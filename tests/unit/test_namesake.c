/* Two processes that bear one name, and what each makes of what the other one says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/cluster/codec_node.h"
#include "../../server/cluster/link.h"
#include "../../server/cluster/namesake.h"

static const char ID[] = "gw-1";

struct process {
	struct link link; /* first */
	struct sender sender;
	struct namesake namesake;
	uint32_t sent;
	uint8_t last[1024]; /* what was sent last, to its own name */
	size_t last_len;
};

static struct cluster_key key;

static int take(struct link *link, const struct link_parcel *parcel)
{
	struct process *process = (struct process *)link;
	assert_int_equal(parcel->to, LINK_TO_NODE);
	assert_string_equal(parcel->name, ID);
	assert_in_range(parcel->len, 1, sizeof(process->last));
	memcpy(process->last, parcel->data, parcel->len);
	process->last_len = parcel->len;
	process->sent++;
	return 0;
}

static const struct link_ops link_ops = {.send = take};

static void begin(struct process *process, uint64_t wall_ms, uint64_t random)
{
	const struct codec_self self = {
		.key = &key,
		.id = slice_of(ID),
		.incarnation = {wall_ms, random},
		.speaks = CODEC_VERSION,
	};
	*process = (struct process){.link.ops = &link_ops};
	assert_int_equal(sender_init(&process->sender, &process->link, &self, 4096), 0);
	sender_set_message_max(&process->sender, 4096);
	process->namesake.sender = &process->sender;
}

/* What one says, as the other one hears it. */
static enum namesake_verdict hear(
	struct process *process, bool is_to_all, const uint8_t *data, size_t len)
{
	struct codec_message message;
	assert_int_equal(
		codec_open(&process->sender.self, is_to_all, data, len, &message), CODEC_OK);
	return namesake_on_message(&process->namesake, &message, 5000000);
}

static enum namesake_verdict beat(const struct process *from, struct process *to)
{
	const struct codec_heartbeat heartbeat = {.address = slice_of("http://10.0.0.1:8000/")};
	const struct codec_to all = codec_to_all(1);
	struct codec_writer writer;
	uint8_t buffer[1024];
	codec_begin(&writer, buffer, sizeof(buffer), &from->sender.self, CODEC_HEARTBEAT);
	assert_int_equal(codec_put_heartbeat(&writer, &heartbeat), 0);
	return hear(to, true, buffer, codec_seal(&writer, &all));
}

static enum namesake_verdict pass_on(const struct process *from, struct process *to)
{
	return hear(to, false, from->last, from->last_len);
}

/* --- cases --- */

struct both {
	struct process first;
	struct process second;
};

static int setup(void **state)
{
	static struct both both;
	const uint8_t secret[CLUSTER_KEY_LEN] = {1, 2, 3};
	cluster_key_derive(secret, &key);
	begin(&both.first, 1700000000000, 7);
	begin(&both.second, 1700000000001, 5);
	*state = &both;
	return 0;
}

static int teardown(void **state)
{
	struct both *both = *state;
	sender_finish(&both->first.sender);
	sender_finish(&both->second.sender);
	return 0;
}

static void test_the_younger_ends(void **state)
{
	struct both *both = *state;
	assert_int_equal(beat(&both->second, &both->first), NAMESAKE_IS_YOUNGER);
	assert_int_equal(both->first.sent, 0);
	assert_int_equal(beat(&both->first, &both->second), NAMESAKE_MAY_BE_OLDER);
	assert_int_equal(both->second.sent, 1);
	assert_int_equal(pass_on(&both->second, &both->first), NAMESAKE_NOTHING);
	assert_int_equal(both->first.sent, 1);
	assert_int_equal(pass_on(&both->first, &both->second), NAMESAKE_IS_OLDER);
	assert_string_equal(both->second.namesake.address, "http://10.0.0.1:8000/");
}

/* Nobody is there to answer: it is asked each time, but waited for once. */
static void test_what_was_recorded_frightens_nobody(void **state)
{
	struct both *both = *state;
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(beat(&both->first, &both->second),
			i == 0 ? NAMESAKE_MAY_BE_OLDER : NAMESAKE_NOTHING);
		assert_int_equal(both->second.sent, i + 1);
	}
}

/* An answer that the younger one gives to what it was asked is none to end for. */
static void test_an_answer_of_the_younger_ends_nobody(void **state)
{
	struct both *both = *state;
	struct codec_writer writer;
	const struct codec_probe probe = {.us = 1};
	const struct codec_to to = {.id = slice_of(ID), .random = 7, .all_number = 1, .number = 1};
	uint8_t buffer[1024];
	codec_begin(&writer, buffer, sizeof(buffer), &both->second.sender.self, CODEC_PROBE_ANSWER);
	assert_int_equal(codec_put_probe_answer(&writer, &probe), 0);
	assert_int_equal(
		hear(&both->first, false, buffer, codec_seal(&writer, &to)), NAMESAKE_IS_YOUNGER);
}

static void test_a_heartbeat_that_is_cut_short_is_none(void **state)
{
	struct both *both = *state;
	struct codec_writer writer;
	const struct codec_to all = codec_to_all(1);
	uint8_t buffer[1024];
	codec_begin(&writer, buffer, sizeof(buffer), &both->first.sender.self, CODEC_HEARTBEAT);
	assert_int_equal(codec_put_bytes(&writer, slice_of("short")), 0);
	assert_int_equal(
		hear(&both->second, true, buffer, codec_seal(&writer, &all)), NAMESAKE_NOTHING);
	assert_int_equal(both->second.sent, 0);
}

/* Of two that began in the same millisecond, the lower random bits were there first. */
static void test_of_one_moment_the_bits_decide(void **state)
{
	struct both *both = *state;
	struct process twin;
	begin(&twin, 1700000000000, 6);
	assert_int_equal(beat(&twin, &both->first), NAMESAKE_MAY_BE_OLDER);
	assert_int_equal(beat(&both->first, &twin), NAMESAKE_IS_YOUNGER);
	sender_finish(&twin.sender);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_the_younger_ends),
		CASE(test_what_was_recorded_frightens_nobody),
		CASE(test_an_answer_of_the_younger_ends_nobody),
		CASE(test_a_heartbeat_that_is_cut_short_is_none),
		CASE(test_of_one_moment_the_bits_decide),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
