/* Frames and messages: pieces lead to what the whole leads to, frames are what wslay makes of them
 * without any help, and memory follows what arrived. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "../../proto/frame.h"
#include "../../proto/message.h"
#include "../../proto/utf8.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What came out of a stream, in a form that can be compared. */
struct record {
	uint8_t *data;
	size_t len;
	size_t size;
};

static void record_add(struct record *record, const void *data, size_t len)
{
	if (record->len + len > record->size) {
		record->size = 2 * (record->len + len);
		record->data = realloc(record->data, record->size);
		assert(record->data);
	}
	if (len > 0) {
		memcpy(record->data + record->len, data, len);
		record->len += len;
	}
}

static bool record_equals(const struct record *a, const struct record *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static uint8_t *copy_of(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	assert(copy);
	return memcpy(copy, data, len);
}

/* ---- Messages. */

static void record_message(struct record *record, const struct message *message)
{
	const uint8_t head[] = {(uint8_t)message->kind, (uint8_t)message->broken};
	record_add(record, head, sizeof head);
	if (message->kind == MESSAGE_BROKEN) {
		return;
	}
	record_add(record, &message->len, sizeof message->len);
	record_add(record, message->data, message->len);
	assert(message->kind != MESSAGE_TEXT || utf8_valid(message->data, message->len));
	assert(message->headroom <= FRAME_HEADER_MAX);
	memset(message->data - message->headroom, 0xff, message->headroom + message->len);
}

/* Returns whether the stream broke a rule. */
static bool read_messages(const struct message_rules *rules, struct pieces pieces,
	const uint8_t *data, size_t len, struct record *record, uint32_t *ret_frames)
{
	struct message_reader *reader;
	struct message message = {.kind = MESSAGE_MORE};
	const int ret = message_reader_create(rules, &reader);
	assert(ret == 0);
	const size_t empty = message_reader_footprint(reader);

	for (size_t fed = 0; fed < len && message.kind != MESSAGE_BROKEN;) {
		const size_t size = pieces_next(&pieces, len - fed);
		uint8_t *piece = copy_of(data + fed, size);
		fed += size;
		message_reader_feed(reader, piece, size);
		while (message_reader_next(reader, &message) != MESSAGE_MORE) {
			record_message(record, &message);
			if (message.kind == MESSAGE_BROKEN) {
				break;
			}
		}
		const size_t footprint = message_reader_footprint(reader);
		assert(footprint <= empty + 2 * fed + 1024);
		assert(!message_reader_is_idle(reader) || footprint == empty);
		free(piece);
	}
	*ret_frames = message_reader_take_frames(reader);
	message_reader_destroy(&reader);
	return message.kind == MESSAGE_BROKEN;
}

static void compare_messages(
	const struct message_rules *rules, struct pieces pieces, const uint8_t *data, size_t len)
{
	const struct pieces all = {0};
	struct record whole = {0};
	struct record cut = {0};
	uint32_t whole_frames;
	uint32_t cut_frames;

	const bool whole_broke = read_messages(rules, all, data, len, &whole, &whole_frames);
	const bool cut_broke = read_messages(rules, pieces, data, len, &cut, &cut_frames);
	assert(whole_broke == cut_broke);
	assert(record_equals(&whole, &cut));
	/* In pieces a frame may be refused before it has ended. */
	assert(whole_broke ? cut_frames <= whole_frames : cut_frames == whole_frames);
	free(whole.data);
	free(cut.data);
}

/* ---- Frames. Only whole ones are recorded: of others wslay tells later than we do. */

struct open_frame {
	struct record payload;
	uint8_t head[4];
};

static void open_frame_add(
	struct open_frame *open, const uint8_t *data, size_t len, bool ends, struct record *record)
{
	record_add(&open->payload, data, len);
	if (ends) {
		record_add(record, open->head, sizeof open->head);
		record_add(record, &open->payload.len, sizeof open->payload.len);
		record_add(record, open->payload.data, open->payload.len);
		open->payload.len = 0;
	}
}

/* Returns whether the stream broke a rule; *ret_inside is whether it ended inside a frame. */
static bool read_frames(struct pieces pieces, const uint8_t *data, size_t len,
	struct record *record, bool *ret_inside)
{
	struct frame_reader *reader;
	struct open_frame open = {0};
	enum frame_status status = FRAME_MORE;
	const int ret = frame_reader_create(&reader);
	assert(ret == 0);

	for (size_t fed = 0; fed < len && status != FRAME_BROKEN;) {
		const size_t size = pieces_next(&pieces, len - fed);
		uint8_t *piece = copy_of(data + fed, size);
		struct frame frame;
		fed += size;
		frame_reader_feed(reader, piece, size);
		while ((status = frame_reader_next(reader, &frame)) == FRAME_READY) {
			const uint8_t head[4] = {frame.fin, frame.rsv, frame.opcode, frame.masked};
			assert(frame.begins || frame.data_len > 0);
			memcpy(open.head, head, sizeof head);
			open_frame_add(&open, frame.data, frame.data_len, frame.ends, record);
		}
		free(piece);
	}
	*ret_inside = !frame_reader_at_boundary(reader);
	frame_reader_destroy(&reader);
	free(open.payload.data);
	return status == FRAME_BROKEN;
}

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

/* wslay doing all the work. */
static bool read_plainly(const uint8_t *data, size_t len, struct record *record)
{
	struct source source = {data, len};
	const struct wslay_frame_callbacks callbacks = {.recv_callback = copy_out};
	struct open_frame open = {0};
	wslay_frame_context_ptr wslay;
	struct wslay_frame_iocb iocb;
	ssize_t got;
	const int ret = wslay_frame_context_init(&wslay, &callbacks, &source);
	assert(ret == 0);

	while ((got = wslay_frame_recv(wslay, &iocb)) >= 0) {
		const uint8_t head[4] = {iocb.fin, iocb.rsv, iocb.opcode, iocb.mask};
		memcpy(open.head, head, sizeof head);
		const bool ends = open.payload.len + iocb.data_length == iocb.payload_length;
		open_frame_add(&open, iocb.data, iocb.data_length, ends, record);
	}
	wslay_frame_context_free(wslay);
	free(open.payload.data);
	return got != WSLAY_ERR_WANT_READ;
}

static void compare_frames(struct pieces pieces, const uint8_t *data, size_t len)
{
	struct record ours = {0};
	struct record plain = {0};
	bool inside;

	const bool ours_broke = read_frames(pieces, data, len, &ours, &inside);
	const bool plain_broke = read_plainly(data, len, &plain);
	/* wslay may refuse a header before it is whole. */
	assert(ours_broke == plain_broke || (plain_broke && inside));
	assert(record_equals(&ours, &plain));
	free(ours.data);
	free(plain.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint32_t limits[] = {125, 1000, 65536, UINT32_MAX};
	if (len == 0) {
		return 0;
	}
	const struct message_rules rules = {
		.peer_masks = data[0] & 1,
		.max_message = limits[data[0] >> 1 & 3],
	};
	data++;
	len--;
	const struct pieces pieces = pieces_take(&data, &len);

	compare_frames(pieces, data, len);
	compare_messages(&rules, pieces, data, len);
	return 0;
}
