/* Messages between nodes, written, sealed, opened and read: what a registrar pays for each, most of
 * it the MAC. */
#include <string.h>

#include "../../proto/frame.h"
#include "../../server/cluster/codec_directory.h"
#include "../../server/cluster/codec_node.h"
#include "../../server/cluster/codec_traffic.h"
#include "../measure.h"

enum {
	MESSAGE_MAX = 256 * 1024, /* as a batch is cut */
	SMALL_OPS = 1000,
	DELTAS = 4000,
	SAID = 1500,
	TEXT_LEN = 100,
};

static struct cluster_key key;
static uint8_t buffer[MESSAGE_MAX];
static size_t len;
static enum codec_verdict opened;
static uint64_t seen;

static const struct codec_self self = {
	.key = &key,
	.id = {"gw-1", 4},
	.incarnation = {1, 2},
	.speaks = CODEC_VERSION,
};

static const struct codec_to to_all = {.all_number = 1, .number = 1};

/* --- small ones ---------------------------------------------------------------------------------
 */

static void write_bye(void)
{
	struct codec_writer writer;
	codec_begin(&writer, buffer, sizeof(buffer), &self, CODEC_BYE);
	CHECK(codec_put_bye(&writer, CODEC_BYE_STOPS) == 0);
	len = codec_seal(&writer, &to_all);
}

static void seal_small(void *context)
{
	(void)context;
	for (int i = 0; i < SMALL_OPS; i++) {
		write_bye();
	}
}

static void open_small(void *context)
{
	struct codec_message message;
	(void)context;
	seen = 0;
	for (int i = 0; i < SMALL_OPS; i++) {
		opened = codec_open(&self, true, buffer, len, &message);
		seen += opened == CODEC_OK;
	}
}

static void check_small(void *context)
{
	(void)context;
	CHECK(seen == SMALL_OPS);
}

/* --- deltas -------------------------------------------------------------------------------------
 */

static void write_deltas(void *context)
{
	struct codec_writer writer;
	(void)context;
	codec_begin(&writer, buffer, sizeof(buffer), &self, CODEC_DELTAS);
	for (uint64_t i = 0; i < DELTAS; i++) {
		const struct codec_delta delta = {
			.kind = CODEC_CAME,
			.key = i,
			.device = (uint32_t)i,
			.epoch = i,
			.user = SLICE("user-12345"),
			.device_name = SLICE("phone"),
		};
		CHECK(codec_put_delta(&writer, &delta) == 0);
	}
	len = codec_seal(&writer, &to_all);
}

static void read_deltas(void *context)
{
	struct codec_message message;
	struct codec_delta delta;
	(void)context;
	opened = codec_open(&self, true, buffer, len, &message);
	seen = 0;
	while (opened == CODEC_OK && codec_next_delta(&message, &delta) > 0) {
		seen += delta.key == seen;
	}
}

static void check_deltas(void *context)
{
	(void)context;
	CHECK(seen == DELTAS);
}

/* --- a batch ------------------------------------------------------------------------------------
 */

static uint8_t frame[FRAME_HEADER_UNMASKED_MAX + TEXT_LEN];

static void write_batch(void *context)
{
	struct codec_writer writer;
	const size_t head_len = frame_header_len(TEXT_LEN);
	const struct codec_said said = {
		.aim = CODEC_TO_ALL,
		.frame = {(const char *)frame, head_len + TEXT_LEN},
		.sender_at = (uint32_t)(head_len + TEXT_LEN - 5),
		.sender_len = 5,
	};
	(void)context;
	codec_begin(&writer, buffer, sizeof(buffer), &self, CODEC_BATCH);
	for (int i = 0; i < SAID; i++) {
		CHECK(codec_put_said(&writer, &said) == 0);
	}
	len = codec_seal(&writer, &to_all);
}

static void read_batch(void *context)
{
	struct codec_message message;
	struct codec_said said;
	(void)context;
	opened = codec_open(&self, true, buffer, len, &message);
	seen = 0;
	while (opened == CODEC_OK && codec_next_said(&message, &said) > 0) {
		seen += said.sender_len == 5;
	}
}

static void check_batch(void *context)
{
	(void)context;
	CHECK(seen == SAID);
}

/* --- the MAC alone ------------------------------------------------------------------------------
 */

static void seal_full(void *context)
{
	struct codec_writer writer;
	(void)context;
	codec_begin(&writer, buffer, sizeof(buffer), &self, CODEC_BATCH);
	writer.at = writer.end;
	len = codec_seal(&writer, &to_all);
}

static void check_full(void *context)
{
	(void)context;
	CHECK(len == sizeof(buffer));
}

int main(void)
{
	const uint8_t secret[CLUSTER_KEY_LEN] = {1};
	cluster_key_derive(secret, &key);
	frame_header_write(frame, FRAME_TEXT, TEXT_LEN, NULL);
	measure_begin("cluster");
	measure_run(&(struct measure){
		.name = "write and seal the shortest", .ops = SMALL_OPS, .run = seal_small});
	measure_run(&(struct measure){
		.name = "open it", .ops = SMALL_OPS, .run = open_small, .verify = check_small});
	measure_run(&(struct measure){.name = "seal 256 KiB",
		.ops = 1,
		.bytes = MESSAGE_MAX,
		.run = seal_full,
		.verify = check_full});
	measure_run(&(struct measure){
		.name = "write a delta of 4,000, sealed", .ops = DELTAS, .run = write_deltas});
	measure_run(&(struct measure){.name = "open and read one",
		.ops = DELTAS,
		.run = read_deltas,
		.verify = check_deltas});
	measure_run(&(struct measure){.name = "write a text of 100 B of 1,500, sealed",
		.ops = SAID,
		.bytes = TEXT_LEN,
		.run = write_batch});
	measure_run(&(struct measure){.name = "open and read one",
		.ops = SAID,
		.bytes = TEXT_LEN,
		.run = read_batch,
		.verify = check_batch});
	return 0;
}
