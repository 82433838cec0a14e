#include "intake.h"

#include "body.h"

void admin_intake_begin(struct admin_intake *intake, const struct admin_head *head)
{
	*intake = (struct admin_intake){.is_chunked = head->is_chunked, .left = head->content_len};
}

bool admin_intake_has_ended(const struct admin_intake *intake)
{
	return intake->is_chunked ? admin_chunks_has_ended(&intake->chunks) : intake->left == 0;
}

static int64_t take_plain(
	struct admin_intake *intake, struct admin_request *request, const char *data, size_t len)
{
	size_t taken = len < intake->left ? len : (size_t)intake->left;
	intake->left -= taken;
	admin_body_take(request, data, taken);
	return (int64_t)taken;
}

static int64_t take_chunk(
	struct admin_intake *intake, struct admin_request *request, const char *data, size_t len)
{
	const char *piece;
	size_t piece_len;
	int64_t taken = admin_chunks_take(&intake->chunks, data, len, &piece, &piece_len);
	if (taken >= 0 && piece_len > 0) {
		admin_body_take(request, piece, piece_len);
	}
	return taken;
}

int64_t admin_intake_take(
	struct admin_intake *intake, struct admin_request *request, const char *data, size_t len)
{
	size_t at = 0;
	while (at < len && !admin_intake_has_ended(intake)) {
		int64_t taken = intake->is_chunked
					? take_chunk(intake, request, data + at, len - at)
					: take_plain(intake, request, data + at, len - at);
		if (taken < 0) {
			return taken;
		}
		at += (size_t)taken;
	}
	return (int64_t)at;
}
