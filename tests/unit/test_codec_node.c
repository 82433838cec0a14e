#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/cluster/codec_node.h"
#include "codec_rig.h"
#include "payloads.h"

static const struct codec_heartbeat beat = {
	.wall_ms = 1,
	.sessions = 2,
	.rooms = 3,
	.max_devices = 4,
	.pressure = 1,
	.flags = CODEC_NODE_FENCED,
	.users_root = 5,
	.rooms_root = 6,
	.address = {"http://a", 8},
	.version = {"1.0", 3},
	.ws_port = 8000,
};

static const struct codec_sent sent = {.random = 7, .number = 8};

static void a_heartbeat_both_ways(void **state)
{
	struct codec_writer writer;
	struct codec_heartbeat read;
	struct codec_sent got;

	rig_begin(&writer, CODEC_HEARTBEAT);
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_heartbeat(&writer, &beat));
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_sent(&writer, &sent));
	assert_int_equal(codec_put_sent(&writer, &sent), 0);
	ASSERT_READS_WHOLE_ONLY(codec_read_heartbeat, &writer, &read);

	const struct codec_message message =
		rig_payload(writer.payload, (size_t)(writer.at - writer.payload));
	assert_int_equal(codec_read_heartbeat(&message, &read), 0);
	assert_int_equal(read.wall_ms, beat.wall_ms);
	assert_int_equal(read.sessions, beat.sessions);
	assert_int_equal(read.rooms, beat.rooms);
	assert_int_equal(read.max_devices, beat.max_devices);
	assert_int_equal(read.pressure, beat.pressure);
	assert_int_equal(read.flags, beat.flags);
	assert_int_equal(read.users_root, beat.users_root);
	assert_int_equal(read.rooms_root, beat.rooms_root);
	assert_slice(read.address, "http://a");
	assert_slice(read.version, "1.0");
	assert_int_equal(read.ws_port, 8000);
	for (int i = 0; i < 2; i++) {
		assert_true(codec_next_sent(&read, &got));
		assert_int_equal(got.random, sent.random);
		assert_int_equal(got.number, sent.number);
	}
	assert_false(codec_next_sent(&read, &got));
	free((void *)(uintptr_t)message.payload.at);
}

static void a_list_without_end_is_full(void **state)
{
	static uint8_t buffer[CODEC_OVERHEAD_MAX + 64 + 16 * (UINT16_MAX + 1)];
	struct codec_writer writer;

	codec_begin(&writer, buffer, sizeof(buffer), &rig_writer, CODEC_HEARTBEAT);
	assert_int_equal(codec_put_heartbeat(&writer, &beat), 0);
	for (uint32_t i = 0; i < UINT16_MAX; i++) {
		assert_int_equal(codec_put_sent(&writer, &sent), 0);
	}
	assert_int_equal(codec_put_sent(&writer, &sent), -ENOSPC);
}

static void what_people_are_shown_is_cut_and_printable(void **state)
{
	char longer[300];
	struct codec_heartbeat said = beat;
	struct codec_heartbeat read;
	struct codec_writer writer;

	memset(longer, 'x', sizeof(longer));
	said.address = (struct slice){longer, sizeof(longer)};
	said.version = SLICE("1.0\x1b[31m");
	said.pressure = 200;
	rig_begin(&writer, CODEC_HEARTBEAT);
	assert_int_equal(codec_put_heartbeat(&writer, &said), 0);
	const struct codec_message message =
		rig_payload(writer.payload, (size_t)(writer.at - writer.payload));
	assert_int_equal(codec_read_heartbeat(&message, &read), 0);
	assert_int_equal(read.address.len, 255);
	assert_slice(read.version, "");
	assert_int_equal(read.pressure, CODEC_PRESSURE_MAX);
	free((void *)(uintptr_t)message.payload.at);
}

static void probes_both_ways(void **state)
{
	const struct codec_probe probe = {.us = 9, .wall_ms = 10};
	struct codec_probe read;
	struct codec_writer writer;

	rig_begin(&writer, CODEC_PROBE);
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_probe(&writer, &probe));
	ASSERT_READS_WHOLE_ONLY(codec_read_probe, &writer, &read);
	assert_int_equal(read.us, 9);
	assert_int_equal(read.wall_ms, 0);

	rig_begin(&writer, CODEC_PROBE_ANSWER);
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_probe_answer(&writer, &probe));
	ASSERT_READS_WHOLE_ONLY(codec_read_probe_answer, &writer, &read);
	assert_int_equal(read.us, 9);
	assert_int_equal(read.wall_ms, 10);
}

static void a_bye_both_ways(void **state)
{
	uint8_t reason;
	struct codec_writer writer;

	rig_begin(&writer, CODEC_BYE);
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_bye(&writer, CODEC_BYE_HANDS_OVER));
	ASSERT_READS_WHOLE_ONLY(codec_read_bye, &writer, &reason);
	assert_int_equal(reason, CODEC_BYE_HANDS_OVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_heartbeat_both_ways),
		cmocka_unit_test(a_list_without_end_is_full),
		cmocka_unit_test(what_people_are_shown_is_cut_and_printable),
		cmocka_unit_test(probes_both_ways),
		cmocka_unit_test(a_bye_both_ways),
	};
	return cmocka_run_group_tests(tests, rig_setup, NULL);
}
