/* A request to the admin port: a head that was found can be taken apart, and what lies behind it,
 * taken as a body in chunks, is the same in pieces and as a whole. */
#include "../../server/admin/chunks.h"
#include "../../server/admin/head.h"
#include "heads.h"

enum {
	HEAD_MAX = 32768, /* bytes that a head may have */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_text(const char *text, const char *data, size_t len)
{
	assert(text >= data && text + strlen(text) < data + len);
}

static void check_head(char *data, size_t len)
{
	struct admin_head head;
	if (admin_head_read(data, len, &head) != ADMIN_HEAD_SOUND) {
		return;
	}
	assert(head.field_count <= ADMIN_FIELDS_MAX);
	check_text(head.method, data, len);
	assert(head.path[0] == '/');
	assert(!strchr(head.path, '?'));
	if (head.authority) {
		check_text(head.authority, data, len);
		assert(strlen(head.authority) > 0);
	}
	for (unsigned i = 0; i < head.field_count; i++) {
		check_text(head.fields[i].name, data, len);
		check_text(head.fields[i].value, data, len);
		assert(admin_head_field(&head, head.fields[i].name));
	}
	admin_head_keeps_alive(&head);
}

/* What a body says, and where it has led. */
struct told {
	int64_t err;
	size_t taken;
	size_t said;
	uint32_t sum;
	bool has_ended;
};

static void take(struct admin_chunks *chunks, const char *data, size_t len, struct told *told)
{
	while (len > 0 && !told->err && !admin_chunks_has_ended(chunks)) {
		const char *piece;
		size_t piece_len;
		const int64_t taken = admin_chunks_take(chunks, data, len, &piece, &piece_len);
		if (taken < 0) {
			told->err = taken;
			return;
		}
		assert(taken > 0 && (size_t)taken <= len && piece_len <= (size_t)taken);
		for (size_t i = 0; i < piece_len; i++) {
			told->sum = told->sum * 31 + (uint8_t)piece[i];
		}
		told->said += piece_len;
		told->taken += (size_t)taken;
		data += taken;
		len -= (size_t)taken;
	}
	told->has_ended = admin_chunks_has_ended(chunks);
}

static struct told take_in(struct pieces pieces, const uint8_t *data, size_t len)
{
	struct admin_chunks chunks = {0};
	struct told told = {0};
	for (size_t at = 0; at < len && !told.err && !told.has_ended;) {
		const size_t size = pieces_next(&pieces, len - at);
		char *copy = heads_copy(data + at, size);
		take(&chunks, copy, size, &told);
		free(copy);
		at += size;
	}
	return told;
}

static void check_chunks(const uint8_t *data, size_t len)
{
	const struct pieces pieces = pieces_take(&data, &len);
	const struct told whole = take_in((struct pieces){0}, data, len);
	const struct told cut = take_in(pieces, data, len);
	assert(cut.err == whole.err && cut.has_ended == whole.has_ended);
	if (!whole.err) {
		assert(cut.taken == whole.taken && cut.said == whole.said && cut.sum == whole.sum);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice head = heads_take(HTTP_HEAD_REQUEST, HEAD_MAX, data, len);
	if (head.data) {
		check_head((char *)(uintptr_t)head.data, head.len);
		free((char *)(uintptr_t)head.data);
	}
	check_chunks(data, len);
	return 0;
}
