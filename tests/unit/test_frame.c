#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>
#include <wslay/wslay.h>

#include "../../proto/frame.h"
#include "split.h"

static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

/* What a decoder made of a stream: for each whole frame a byte of FIN, RSV and opcode, a byte for
 * the mask, eight of length, and the payload; 'X' when it broke. */
struct record {
	uint8_t data[1 << 19];
	size_t len;
	size_t payload_len; /* bytes of the open frame's payload so far */
	bool broken;
};

static struct record expected;
static struct record actual;

static void record_reset(struct record *record)
{
	record->len = 0;
	record->payload_len = 0;
	record->broken = false;
}

static void record_bytes(struct record *record, const void *data, size_t len)
{
	assert_true(record->len + len <= sizeof record->data);
	memcpy(record->data + record->len, data, len);
	record->len += len;
}

static void record_begin(
	struct record *record, bool fin, uint8_t rsv, uint8_t opcode, bool masked, uint64_t len)
{
	const uint8_t head[2] = {(uint8_t)(fin << 7 | rsv << 4 | opcode), masked};
	record_bytes(record, head, sizeof head);
	record_bytes(record, &len, sizeof len);
	record->payload_len = 0;
}

static void record_broken(struct record *record)
{
	record_bytes(record, "X", 1);
	record->broken = true;
}

static void assert_same_records(void)
{
	assert_int_equal(actual.broken, expected.broken);
	assert_int_equal(actual.len, expected.len);
	assert_memory_equal(actual.data, expected.data, expected.len);
}

/* ---- The reader under test. */

/* Whether short frames are asked for first, as the message reader does: the same must come of it.
 */
static bool asks_short;

static enum frame_status next(struct frame_reader *reader, struct frame *ret_frame)
{
	struct short_frame whole;
	enum frame_status status =
		asks_short ? frame_reader_next_short(reader, &whole) : FRAME_MORE;
	if (status == FRAME_MORE) {
		return frame_reader_next(reader, ret_frame);
	}
	if (status == FRAME_READY) {
		assert_true(whole.len < 126);
		*ret_frame = (struct frame){
			.payload_len = whole.len,
			.data = whole.data,
			.data_len = whole.len,
			.opcode = whole.first & 0xf,
			.rsv = whole.first >> 4 & 7,
			.headroom = SHORT_FRAME_HEADROOM,
			.fin = whole.first >> 7,
			.masked = true,
			.begins = true,
			.ends = true,
		};
	}
	return status;
}

/* Takes what the reader makes of the bytes fed last, and sees to its promises about parts. */
static void take_frames(struct frame_reader *reader, const uint8_t *fed, size_t fed_len)
{
	struct frame frame;
	enum frame_status status;

	while ((status = next(reader, &frame)) == FRAME_READY) {
		if (frame.begins) {
			record_begin(&actual, frame.fin, frame.rsv, frame.opcode, frame.masked,
				frame.payload_len);
		} else {
			assert_true(frame.data_len > 0);
			assert_int_equal(frame.headroom, 0);
		}
		assert_true(frame.headroom <= FRAME_HEADER_MAX);
		assert_true(frame.data - frame.headroom >= fed);
		assert_true(frame.data + frame.data_len <= fed + fed_len);
		memset(frame.data - frame.headroom, 0xff, frame.headroom);

		record_bytes(&actual, frame.data, frame.data_len);
		actual.payload_len += frame.data_len;
		assert_int_equal(frame.ends, actual.payload_len == frame.payload_len);
	}
	if (status == FRAME_BROKEN) {
		record_broken(&actual);
	}
}

static void feed_piece(struct frame_reader *reader, const uint8_t *data, size_t len)
{
	uint8_t *piece = split_copy(data, len);
	frame_reader_feed(reader, piece, len);
	take_frames(reader, piece, len);
	free(piece);
}

/* Returns whether the reader stands at a boundary afterwards. */
static bool read_split(const uint8_t *stream, size_t len, size_t split)
{
	struct frame_reader *reader;
	assert_int_equal(frame_reader_create(&reader), 0);
	record_reset(&actual);

	for (size_t fed = 0; fed < len && !actual.broken;) {
		const size_t piece = split_piece(split, fed, len);
		feed_piece(reader, stream + fed, piece);
		fed += piece;
	}
	const bool at_boundary = frame_reader_at_boundary(reader);
	frame_reader_destroy(&reader);
	assert_null(reader);
	return at_boundary;
}

/* ---- The plain way: wslay, copying and unmasking itself. */

struct source {
	const uint8_t *data;
	size_t left;
};

static ssize_t copy_out(uint8_t *buffer, size_t size, int flags, void *user_data)
{
	struct source *source = user_data;
	const size_t len = source->left < size ? source->left : size;
	memcpy(buffer, source->data, len);
	source->data += len;
	source->left -= len;
	return (ssize_t)len;
}

static void read_plainly(const uint8_t *stream, size_t len)
{
	struct source source = {stream, len};
	const struct wslay_frame_callbacks callbacks = {.recv_callback = copy_out};
	wslay_frame_context_ptr wslay;
	struct wslay_frame_iocb iocb;
	bool begins = true;
	ssize_t got;

	assert_int_equal(wslay_frame_context_init(&wslay, &callbacks, &source), 0);
	record_reset(&expected);
	while ((got = wslay_frame_recv(wslay, &iocb)) >= 0) {
		if (begins) {
			record_begin(&expected, iocb.fin, iocb.rsv, iocb.opcode, iocb.mask,
				iocb.payload_length);
		}
		record_bytes(&expected, iocb.data, iocb.data_length);
		expected.payload_len += iocb.data_length;
		begins = expected.payload_len == iocb.payload_length;
	}
	if (got != WSLAY_ERR_WANT_READ) {
		record_broken(&expected);
	}
	wslay_frame_context_free(wslay);
}

/* ---- Streams. */

struct stream {
	uint8_t data[1 << 19];
	size_t len;
};

static struct stream stream;

static void put_bytes(const void *data, size_t len)
{
	assert_true(stream.len + len <= sizeof stream.data);
	memcpy(stream.data + stream.len, data, len);
	stream.len += len;
}

/* Adds a frame with a payload of 0, 1, 2, ... `first` holds FIN, RSV and opcode. */
static void put_frame(uint8_t first, uint64_t len, bool masked)
{
	uint8_t header[FRAME_HEADER_MAX];
	const size_t header_len = frame_header_write(header, 0, len, masked ? mask : NULL);
	header[0] = first;
	put_bytes(header, header_len);

	uint8_t *payload = stream.data + stream.len;
	for (uint64_t i = 0; i < len; i++) {
		const uint8_t byte = (uint8_t)i;
		put_bytes(&byte, 1);
	}
	if (masked) {
		frame_mask(payload, len, mask, 0);
	}
}

static void replay(void)
{
	read_plainly(stream.data, stream.len);
	for (size_t split = 0; split <= stream.len; split++) {
		for (int i = 0; i < 2; i++) {
			asks_short = i;
			assert_true(read_split(stream.data, stream.len, split));
			assert_same_records();
		}
	}
}

/* ---- Reading. */

static void reads_the_examples_of_the_rfc(void **state)
{
	/* RFC 6455 section 5.7: the first five, one behind the other. */
	static const uint8_t examples[] = {/* a single-frame unmasked text message */
		0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f,
		/* a single-frame masked text message */
		0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
		/* a fragmented unmasked text message */
		0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f,
		/* unmasked Ping and masked Pong */
		0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f,
		0x9f, 0x4d, 0x51, 0x58};

	record_reset(&expected);
	record_begin(&expected, true, 0, FRAME_TEXT, false, 5);
	record_bytes(&expected, "Hello", 5);
	record_begin(&expected, true, 0, FRAME_TEXT, true, 5);
	record_bytes(&expected, "Hello", 5);
	record_begin(&expected, false, 0, FRAME_TEXT, false, 3);
	record_bytes(&expected, "Hel", 3);
	record_begin(&expected, true, 0, FRAME_CONTINUATION, false, 2);
	record_bytes(&expected, "lo", 2);
	record_begin(&expected, true, 0, FRAME_PING, false, 5);
	record_bytes(&expected, "Hello", 5);
	record_begin(&expected, true, 0, FRAME_PONG, true, 5);
	record_bytes(&expected, "Hello", 5);

	for (size_t split = 0; split <= sizeof examples; split++) {
		assert_true(read_split(examples, sizeof examples, split));
		assert_same_records();
	}
}

static void reads_each_form_of_length(void **state)
{
	static const uint64_t lens[] = {0, 1, 2, 125, 126, 127, 255, 256, 1000};

	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		stream.len = 0;
		put_frame(0x82, lens[i], true);
		put_frame(0x82, lens[i], false);
		replay();
	}
}

static void reads_lengths_of_64_bits(void **state)
{
	static const uint64_t lens[] = {4082, 4096, 65535, 65536, 65537, 200000};

	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		stream.len = 0;
		put_frame(0x82, lens[i], true);
		put_frame(0x89, 5, true);
		read_plainly(stream.data, stream.len);
		for (size_t split = 0; split < 20; split++) {
			assert_true(read_split(stream.data, stream.len, split));
			assert_same_records();
			assert_true(read_split(stream.data, stream.len, stream.len - split));
			assert_same_records();
		}
	}
}

static void reads_every_first_byte(void **state)
{
	for (unsigned first = 0; first <= 0xff; first++) {
		stream.len = 0;
		put_frame((uint8_t)first, 3, first % 2);
		read_plainly(stream.data, stream.len);
		for (size_t split = 0; split <= stream.len; split++) {
			read_split(stream.data, stream.len, split);
			assert_same_records();
		}
		/* Control frames must be final; all else is judged by `message`. */
		assert_int_equal(actual.broken, (first & 0x88) == 0x08);
	}
}

static void reads_streams_as_wslay_does(void **state)
{
	static const uint64_t lens[] = {
		0, 1, 6, 32, 124, 125, 126, 127, 1000, 4095, 5000, 65535, 65536};
	uint32_t random = 6455;

	for (unsigned round = 0; round < 300; round++) {
		struct frame_reader *reader;
		assert_int_equal(frame_reader_create(&reader), 0);
		record_reset(&actual);
		stream.len = 0;
		for (unsigned i = 0; i < 6; i++) {
			const uint32_t choice = split_random(&random);
			const uint8_t first = choice % 4 ? (uint8_t)(choice >> 8 & 0xf7) : 0x89;
			const uint64_t len = choice % 4 ? lens[choice / 4 % 13] : choice / 4 % 126;
			put_frame(first, len, choice >> 31);
		}
		read_plainly(stream.data, stream.len);

		for (size_t fed = 0; fed < stream.len;) {
			static const size_t most[] = {1, 3, 20, 600, 70000};
			const size_t left = stream.len - fed;
			size_t piece = 1 + split_random(&random) % most[split_random(&random) % 5];
			piece = piece < left ? piece : left;
			feed_piece(reader, stream.data + fed, piece);
			fed += piece;
		}
		assert_same_records();
		assert_true(frame_reader_at_boundary(reader));
		frame_reader_destroy(&reader);
	}
}

static void tells_broken_headers(void **state)
{
	static const struct {
		uint8_t data[14];
		size_t len;
	} headers[] = {
		{{0x82, 0x7e, 0x00, 0x7d}, 4},                             /* 125 in 16 bits */
		{{0x82, 0xfe, 0x00, 0x00, 1, 2, 3, 4}, 8},                 /* 0 in 16 bits */
		{{0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 10},          /* 65535 in 64 bits */
		{{0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4}, 14},    /* 5 in 64 bits */
		{{0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0}, 10},             /* 2^63 */
		{{0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, 14}, /* negative */
		{{0x89, 0x7e, 0x00, 0x7e}, 4},                             /* a long Ping */
		{{0x88, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4}, 14},    /* a long Close */
		{{0x09, 0x00}, 2},                                         /* a fragmented Ping */
		{{0x08, 0x82, 1, 2, 3, 4}, 6},                             /* a fragmented Close */
	};

	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
		for (size_t split = 0; split <= headers[i].len; split++) {
			read_split(headers[i].data, headers[i].len, split);
			assert_true(actual.broken);
			assert_int_equal(actual.len, 1);
		}
	}
}

static void tells_a_broken_header_behind_a_good_frame(void **state)
{
	stream.len = 0;
	put_frame(0x82, 6, true);
	put_frame(0x09, 3, true);
	read_plainly(stream.data, stream.len);
	assert_true(expected.broken);
	for (size_t split = 0; split <= stream.len; split++) {
		read_split(stream.data, stream.len, split);
		assert_same_records();
	}
}

/* ---- Parts. */

static void reports_a_frame_when_its_header_is_whole(void **state)
{
	static const uint8_t header[] = {
		0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4};

	for (size_t split = 0; split <= sizeof header; split++) {
		struct frame_reader *reader;
		struct frame frame = {0};
		assert_int_equal(frame_reader_create(&reader), 0);

		for (size_t fed = 0; fed < sizeof header;) {
			const size_t len = split_piece(split, fed, sizeof header);
			uint8_t *piece = split_copy(header + fed, len);
			fed += len;
			frame_reader_feed(reader, piece, len);
			if (fed == sizeof header) {
				assert_int_equal(frame_reader_next(reader, &frame), FRAME_READY);
			}
			assert_int_equal(frame_reader_next(reader, &frame), FRAME_MORE);
			free(piece);
		}
		assert_true(frame.begins);
		assert_false(frame.ends);
		assert_true(frame.masked);
		assert_int_equal(frame.data_len, 0);
		assert_true(frame.payload_len == INT64_MAX);
		assert_false(frame_reader_at_boundary(reader));
		frame_reader_destroy(&reader);
	}
}

static void reports_parts_as_they_come(void **state)
{
	uint8_t bytes[] = {
		0x82, 0x86, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2, 'c' ^ 3, 'd' ^ 4, 'e' ^ 1, 'f' ^ 2};
	struct frame_reader *reader;
	struct frame frame;
	assert_int_equal(frame_reader_create(&reader), 0);

	frame_reader_feed(reader, bytes, 7);
	assert_int_equal(frame_reader_next(reader, &frame), FRAME_READY);
	assert_true(frame.begins && !frame.ends && frame.fin);
	assert_int_equal(frame.payload_len, 6);
	assert_int_equal(frame.data_len, 1);
	assert_memory_equal(frame.data, "a", 1);
	assert_int_equal(frame_reader_next(reader, &frame), FRAME_MORE);

	frame_reader_feed(reader, bytes + 7, 0);
	assert_int_equal(frame_reader_next(reader, &frame), FRAME_MORE);

	frame_reader_feed(reader, bytes + 7, 3);
	assert_int_equal(frame_reader_next(reader, &frame), FRAME_READY);
	assert_true(!frame.begins && !frame.ends && frame.fin && frame.masked);
	assert_int_equal(frame.opcode, FRAME_BINARY);
	assert_int_equal(frame.payload_len, 6);
	assert_int_equal(frame.data_len, 3);
	assert_memory_equal(frame.data, "bcd", 3);
	assert_int_equal(frame_reader_next(reader, &frame), FRAME_MORE);
	assert_false(frame_reader_at_boundary(reader));

	frame_reader_feed(reader, bytes + 10, 2);
	assert_int_equal(frame_reader_next(reader, &frame), FRAME_READY);
	assert_true(!frame.begins && frame.ends);
	assert_memory_equal(frame.data, "ef", 2);
	assert_int_equal(frame_reader_next(reader, &frame), FRAME_MORE);
	assert_true(frame_reader_at_boundary(reader));
	frame_reader_destroy(&reader);
}

static void stands_at_a_boundary_between_frames_only(void **state)
{
	struct frame_reader *reader;
	struct frame frame;
	uint8_t bytes[] = {0x82, 0x01, 'a', 0x82, 0x01, 'b'};
	assert_int_equal(frame_reader_create(&reader), 0);
	assert_true(frame_reader_at_boundary(reader));

	frame_reader_feed(reader, bytes, sizeof bytes);
	assert_false(frame_reader_at_boundary(reader));
	assert_int_equal(frame_reader_next(reader, &frame), FRAME_READY);
	assert_false(frame_reader_at_boundary(reader));
	assert_int_equal(frame_reader_next(reader, &frame), FRAME_READY);
	assert_true(frame_reader_at_boundary(reader));
	assert_int_equal(frame_reader_next(reader, &frame), FRAME_MORE);

	frame_reader_feed(reader, bytes, 1);
	assert_int_equal(frame_reader_next(reader, &frame), FRAME_MORE);
	assert_false(frame_reader_at_boundary(reader));
	frame_reader_destroy(&reader);
}

/* ---- Headroom. */

static void headroom_is_the_header(void **state)
{
	static const uint64_t lens[] = {0, 125, 126, 65536};

	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		struct frame_reader *reader;
		struct frame frame;
		stream.len = 0;
		put_frame(0x82, lens[i], true);
		assert_int_equal(frame_reader_create(&reader), 0);
		frame_reader_feed(reader, stream.data, stream.len);
		assert_int_equal(frame_reader_next(reader, &frame), FRAME_READY);
		assert_int_equal(frame.headroom, frame_header_len(lens[i]) + 4);
		assert_ptr_equal(frame.data - frame.headroom, stream.data);
		frame_reader_destroy(&reader);
	}
}

static void headroom_is_what_arrived_with_the_payload(void **state)
{
	for (size_t split = 1; split < FRAME_HEADER_MAX; split++) {
		struct frame_reader *reader;
		struct frame frame;
		stream.len = 0;
		put_frame(0x82, 65536, true);
		assert_int_equal(frame_reader_create(&reader), 0);
		frame_reader_feed(reader, stream.data, split);
		assert_int_equal(frame_reader_next(reader, &frame), FRAME_MORE);
		frame_reader_feed(reader, stream.data + split, stream.len - split);
		assert_int_equal(frame_reader_next(reader, &frame), FRAME_READY);
		assert_int_equal(frame.headroom, FRAME_HEADER_MAX - split);
		assert_int_equal(frame.data_len, 65536);
		frame_reader_destroy(&reader);
	}
}

/* ---- Writing. */

struct sink {
	uint8_t data[FRAME_HEADER_MAX];
	size_t len;
};

static ssize_t keep_sent(const uint8_t *data, size_t len, int flags, void *user_data)
{
	struct sink *sink = user_data;
	assert_true(sink->len + len <= sizeof sink->data);
	memcpy(sink->data + sink->len, data, len);
	sink->len += len;
	return (ssize_t)len;
}

static int give_mask(uint8_t *buffer, size_t len, void *user_data)
{
	assert_int_equal(len, sizeof mask);
	memcpy(buffer, mask, len);
	return 0;
}

static void check_header(uint8_t opcode, uint64_t len, bool masked)
{
	const struct wslay_frame_callbacks callbacks = {
		.send_callback = keep_sent, .genmask_callback = give_mask};
	struct sink sink = {.len = 0};
	wslay_frame_context_ptr wslay;
	struct wslay_frame_iocb iocb = {
		.fin = 1, .opcode = opcode, .payload_length = len, .mask = masked};
	assert_int_equal(wslay_frame_context_init(&wslay, &callbacks, &sink), 0);
	assert_int_equal(wslay_frame_send(wslay, &iocb), 0);

	uint8_t header[FRAME_HEADER_MAX];
	assert_int_equal(frame_header_write(header, opcode, len, masked ? mask : NULL), sink.len);
	assert_memory_equal(header, sink.data, sink.len);
	assert_int_equal(frame_header_len(len) + (masked ? 4 : 0), sink.len);
	wslay_frame_context_free(wslay);
}

static void writes_headers_as_wslay_does(void **state)
{
	static const uint64_t lens[] = {0, 1, 124, 125, 126, 127, 255, 256, 65534, 65535, 65536,
		65537, 0x123456789a, INT64_MAX};

	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		check_header(FRAME_TEXT, lens[i], false);
		check_header(FRAME_TEXT, lens[i], true);
		check_header(FRAME_BINARY, lens[i], false);
	}
	check_header(FRAME_CLOSE, 2, false);
	check_header(FRAME_PING, 125, true);
	check_header(FRAME_PONG, 0, false);
}

static void masks_every_length_offset_and_place(void **state)
{
	enum {
		MOST = 150
	};
	uint8_t plain[MOST + 8];
	uint8_t masked[MOST + 8];

	for (size_t i = 0; i < sizeof plain; i++) {
		plain[i] = (uint8_t)(i * 31);
	}
	for (size_t place = 0; place < 8; place++) {
		for (size_t len = 0; len < MOST; len++) {
			for (uint64_t offset = 0; offset < 9; offset++) {
				memcpy(masked, plain, sizeof plain);
				frame_mask(masked + place, len, mask, offset);
				for (size_t i = 0; i < len; i++) {
					masked[place + i] ^= mask[(offset + i) % 4];
				}
				assert_memory_equal(masked, plain, sizeof plain);
			}
		}
	}
}

static void masking_follows_large_offsets(void **state)
{
	for (uint64_t offset = UINT32_MAX - 4ULL; offset < UINT32_MAX + 4ULL; offset++) {
		uint8_t data[5] = {0};
		frame_mask(data, sizeof data, mask, offset);
		for (size_t i = 0; i < sizeof data; i++) {
			assert_int_equal(data[i], mask[(offset + i) % 4]);
		}
	}
}

/* ---- Memory. */

static void counts_what_wslay_takes(void **state)
{
	const struct wslay_frame_callbacks callbacks = {0};
	wslay_frame_context_ptr wslay;
	assert_int_equal(wslay_frame_context_init(&wslay, &callbacks, NULL), 0);
	const size_t taken = malloc_usable_size(wslay);
	wslay_frame_context_free(wslay);
	assert_in_range(frame_reader_footprint(), taken, taken + 256);
}

/* A stream of whole short frames is read without the general way; of nothing else is that so. */
static void finds_short_frames_only(void **state)
{
	static const struct {
		uint64_t len;
		bool masked;
		bool is_short;
	} cases[] = {{0, true, true}, {1, true, true}, {8, true, true}, {9, true, true},
		{125, true, true}, {126, true, false}, {0, false, false}, {125, false, false}};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct frame_reader *reader;
		struct short_frame frame;
		stream.len = 0;
		put_frame(0x82, cases[i].len, cases[i].masked);
		const uint8_t last = stream.data[stream.len - 1] ^ mask[(cases[i].len - 1) & 3];
		assert_int_equal(frame_reader_create(&reader), 0);
		uint8_t *piece = split_copy(stream.data, stream.len);
		frame_reader_feed(reader, piece, stream.len);
		assert_int_equal(frame_reader_next_short(reader, &frame),
			cases[i].is_short ? FRAME_READY : FRAME_MORE);
		if (cases[i].is_short) {
			assert_int_equal(frame.first, 0x82);
			assert_int_equal(frame.len, cases[i].len);
			assert_ptr_equal(frame.data, piece + SHORT_FRAME_HEADROOM);
			assert_true(cases[i].len == 0 || frame.data[frame.len - 1] == last);
			assert_true(frame_reader_at_boundary(reader));
		}
		free(piece);
		frame_reader_destroy(&reader);
	}
}

static void destroys_nothing(void **state)
{
	struct frame_reader *reader = NULL;
	frame_reader_destroy(&reader);
	assert_null(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_examples_of_the_rfc),
		cmocka_unit_test(reads_each_form_of_length),
		cmocka_unit_test(reads_lengths_of_64_bits),
		cmocka_unit_test(reads_every_first_byte),
		cmocka_unit_test(reads_streams_as_wslay_does),
		cmocka_unit_test(tells_broken_headers),
		cmocka_unit_test(tells_a_broken_header_behind_a_good_frame),
		cmocka_unit_test(reports_a_frame_when_its_header_is_whole),
		cmocka_unit_test(reports_parts_as_they_come),
		cmocka_unit_test(stands_at_a_boundary_between_frames_only),
		cmocka_unit_test(headroom_is_the_header),
		cmocka_unit_test(headroom_is_what_arrived_with_the_payload),
		cmocka_unit_test(writes_headers_as_wslay_does),
		cmocka_unit_test(masks_every_length_offset_and_place),
		cmocka_unit_test(masking_follows_large_offsets),
		cmocka_unit_test(counts_what_wslay_takes),
		cmocka_unit_test(finds_short_frames_only),
		cmocka_unit_test(destroys_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
