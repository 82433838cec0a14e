/* Frames and messages as the gateway reads them: masked bytes in one buffer, as one recv brings
 * them, messages out. The bytes are unmasked where they lie, so each run needs them masked again:
 * that is done between the runs. */
#include <string.h>
#include <wslay/wslay.h>

#include "../../proto/frame.h"
#include "../../proto/message.h"
#include "../measure.h"

enum {
	READ_BYTES = 262144, /* as the gateway's read buffer */
	FRAGMENTS = 4,
};

struct stream {
	struct message_reader *reader;
	const uint8_t *payload;
	size_t payload_len;
	uint8_t *masked; /* as it came */
	uint8_t *buffer; /* to be used up */
	size_t len;
	size_t fed_at_once; /* `len`, or that of one message */
	uint64_t count;
	enum message_kind kind;
	uint64_t seen;
	uint64_t seen_bytes;
};

static void refill(void *context)
{
	struct stream *stream = context;
	memcpy(stream->buffer, stream->masked, stream->len);
}

static void read_all(void *context)
{
	struct stream *stream = context;
	struct message message;
	uint64_t seen = 0;
	uint64_t seen_bytes = 0;
	for (size_t at = 0; at < stream->len; at += stream->fed_at_once) {
		message_reader_feed(stream->reader, stream->buffer + at, stream->fed_at_once);
		while (message_reader_next(stream->reader, &message) == stream->kind) {
			seen++;
			seen_bytes += message.len;
		}
	}
	stream->seen = seen;
	stream->seen_bytes = seen_bytes;
}

static void check_read(void *context)
{
	struct stream *stream = context;
	CHECK(stream->seen == stream->count);
	CHECK(stream->seen_bytes == stream->count * stream->payload_len);
	CHECK(message_reader_is_idle(stream->reader));
	CHECK(message_reader_take_frames(stream->reader) >= stream->count);
}

/* That what is read is what was written; not timed. */
static void compare_all(struct stream *stream)
{
	struct message message;
	uint64_t seen = 0;
	refill(stream);
	message_reader_feed(stream->reader, stream->buffer, stream->len);
	while (message_reader_next(stream->reader, &message) != MESSAGE_MORE) {
		CHECK(message.kind == stream->kind && message.len == stream->payload_len);
		CHECK(memcmp(message.data, stream->payload, message.len) == 0);
		seen++;
	}
	CHECK(seen == stream->count);
	message_reader_take_frames(stream->reader);
}

/* A masked frame, its key different each time. */
static size_t put_frame(
	uint8_t *at, uint8_t opcode, bool fin, const uint8_t *payload, size_t len, uint64_t *state)
{
	uint64_t key = measure_random(state);
	uint8_t mask[4];
	memcpy(mask, &key, sizeof(mask));
	size_t header_len = frame_header_write(at, opcode, len, mask);
	if (!fin) {
		at[0] &= 0x7f;
	}
	if (len > 0) {
		memcpy(at + header_len, payload, len);
		frame_mask(at + header_len, len, mask, 0);
	}
	return header_len + len;
}

static size_t put_message(uint8_t *at, uint8_t opcode, const uint8_t *payload, size_t len,
	size_t fragments, uint64_t *state)
{
	size_t begin = 0;
	size_t used = 0;
	for (size_t i = 0; i < fragments; i++) {
		size_t end = len * (i + 1) / fragments;
		used += put_frame(at + used, i == 0 ? opcode : FRAME_CONTINUATION,
			i + 1 == fragments, payload + begin, end - begin, state);
		begin = end;
	}
	return used;
}

static void measure_stream(const char *name, enum message_kind kind, uint8_t opcode,
	const uint8_t *payload, size_t len, size_t fragments, bool one_each)
{
	static const struct message_rules rules = {.max_message = 1 << 20, .peer_masks = true};
	struct stream stream = {.payload = payload, .payload_len = len, .kind = kind};
	uint64_t state = len;
	size_t message_max = len + fragments * FRAME_HEADER_MAX;
	char line[80];
	stream.masked = malloc(READ_BYTES + message_max);
	stream.buffer = malloc(READ_BYTES + message_max);
	CHECK(stream.masked && stream.buffer);
	do {
		stream.len += put_message(
			stream.masked + stream.len, opcode, payload, len, fragments, &state);
		stream.count++;
	} while (stream.len + message_max <= READ_BYTES);
	stream.fed_at_once = one_each ? stream.len / stream.count : stream.len;
	CHECK(message_reader_create(&rules, &stream.reader) == 0);
	compare_all(&stream);
	snprintf(line, sizeof(line), "%s, %zu B%s%s", name, len,
		fragments > 1 ? ", 4 fragments" : "", one_each ? ", one a read" : "");
	measure_run(&(struct measure){.name = line,
		.ops = stream.count,
		.bytes = len,
		.prepare = refill,
		.run = read_all,
		.verify = check_read,
		.context = &stream});
	message_reader_destroy(&stream.reader);
	free(stream.masked);
	free(stream.buffer);
}

/* --- wslay alone ---------------------------------------------------------------------------------
 */

/* Frames without a mask that wslay cuts while somebody copies them to it: what it takes at least,
 * and so what no gateway that runs on it can do without. */
struct plain_stream {
	wslay_frame_context_ptr wslay;
	uint8_t *data;
	size_t len;
	size_t given;
	uint64_t count;
	uint64_t seen;
};

static ssize_t give(uint8_t *ret_data, size_t size, int flags, void *user_data)
{
	struct plain_stream *stream = user_data;
	size_t left = stream->len - stream->given;
	size_t step = left < size ? left : size;
	(void)flags;
	memcpy(ret_data, stream->data + stream->given, step);
	stream->given += step;
	return (ssize_t)step;
}

static void cut_all(void *context)
{
	struct plain_stream *stream = context;
	struct wslay_frame_iocb iocb;
	stream->given = 0;
	stream->seen = 0;
	/* A payload at the end of wslay's buffer comes in two parts. */
	uint64_t left = 0;
	while (wslay_frame_recv(stream->wslay, &iocb) >= 0) {
		left = left > 0 ? left : iocb.payload_length;
		left -= iocb.data_length;
		stream->seen += left == 0;
	}
}

static void check_cut(void *context)
{
	struct plain_stream *stream = context;
	CHECK(stream->seen == stream->count);
}

static void measure_wslay(const uint8_t *payload, size_t len)
{
	static const struct wslay_frame_callbacks callbacks = {.recv_callback = give};
	struct plain_stream stream = {.data = malloc(READ_BYTES)};
	char line[80];
	CHECK(stream.data);
	while (stream.len + FRAME_HEADER_MAX + len <= READ_BYTES) {
		uint8_t *at = stream.data + stream.len;
		size_t header_len = frame_header_write(at, FRAME_BINARY, len, NULL);
		memcpy(at + header_len, payload, len);
		stream.len += header_len + len;
		stream.count++;
	}
	CHECK(wslay_frame_context_init(&stream.wslay, &callbacks, &stream) == 0);
	snprintf(line, sizeof(line), "wslay alone, %zu B", len);
	measure_run(&(struct measure){.name = line,
		.ops = stream.count,
		.bytes = len,
		.run = cut_all,
		.verify = check_cut,
		.context = &stream});
	wslay_frame_context_free(stream.wslay);
	free(stream.data);
}

/* Whole characters of three bytes, then full stops. */
static void fill_chinese(uint8_t *text, size_t len)
{
	size_t at = 0;
	memset(text, '.', len);
	for (uint32_t letter = 0; at + 3 <= len; at += 3, letter = (letter + 7) % 0x4000) {
		uint32_t code = 0x4e00 + letter;
		text[at] = (uint8_t)(0xe0 | code >> 12);
		text[at + 1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
		text[at + 2] = (uint8_t)(0x80 | (code & 0x3f));
	}
}

int main(void)
{
	static const size_t lengths[] = {6, 32, 125, 1024, 65536};
	static uint8_t payload[65536];
	uint64_t state = 3;
	measure_begin("frame and message decode, masked");
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t len = lengths[i];
		for (size_t n = 0; n < len; n++) {
			payload[n] = (uint8_t)measure_random(&state);
		}
		if (len <= FRAME_CONTROL_PAYLOAD_MAX) {
			measure_wslay(payload, len);
		}
		measure_stream("binary", MESSAGE_BINARY, FRAME_BINARY, payload, len, 1, false);
		measure_stream("binary", MESSAGE_BINARY, FRAME_BINARY, payload, len, 1, true);
		if (len == 1024) {
			measure_stream("binary", MESSAGE_BINARY, FRAME_BINARY, payload, len,
				FRAGMENTS, false);
		}
		if (len <= FRAME_CONTROL_PAYLOAD_MAX) {
			measure_stream("ping", MESSAGE_PING, FRAME_PING, payload, len, 1, false);
		}
		memset(payload, 'x', len);
		measure_stream("ASCII text", MESSAGE_TEXT, FRAME_TEXT, payload, len, 1, false);
		fill_chinese(payload, len);
		measure_stream("Chinese text", MESSAGE_TEXT, FRAME_TEXT, payload, len, 1, false);
	}
	return 0;
}
