/* Requests to the admin port, one behind the other: pieces lead to what the whole leads to, all
 * that is said of a head lies in it, and where a body ends is told, or that nobody can tell. */
#include <stdbool.h>

#include "../../server/admin/chunks.h"
#include "../../server/admin/head.h"
#include "heads.h"

enum {
	HEAD_MAX = 8192,   /* bytes that a head may have here */
	REQUESTS_MAX = 16, /* of one input */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What was made of one input. */
struct outcome {
	size_t requests;
	size_t bodies; /* that have ended */
	size_t body_len;
	uint64_t digest; /* of methods, paths and bodies */
	size_t taken;    /* bytes */
	int64_t error;   /* of chunks */
};

static void note(struct outcome *outcome, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		outcome->digest = (outcome->digest ^ (uint8_t)data[i]) * 1099511628211u;
	}
}

/* A string of the head itself, of one line. */
static void check_text(const char *text, const char *head, size_t head_len)
{
	assert(text >= head && text < head + head_len);
	size_t len = strnlen(text, head_len);
	assert(text + len < head + head_len);
	assert(text[strcspn(text, "\r\n")] == '\0');
}

static void check_fields(const struct admin_head *head, const char *data, size_t len)
{
	unsigned lengths = 0;
	unsigned encodings = 0;
	for (unsigned i = 0; i < head->field_count; i++) {
		const struct admin_field *field = &head->fields[i];
		check_text(field->name, data, len);
		check_text(field->value, data, len);
		assert(field->name[0] && !strpbrk(field->name, " \t:"));
		size_t value_len = strlen(field->value);
		assert(!value_len || (!strchr(" \t", field->value[0]) &&
					     !strchr(" \t", field->value[value_len - 1])));
	}
	lengths = admin_head_count(head, "content-length");
	encodings = admin_head_count(head, "transfer-encoding");
	if (!head->is_ambiguous) {
		assert(lengths + encodings <= 1);
		assert(head->is_chunked == (encodings == 1));
		assert(head->content_len == 0 || lengths == 1);
	}
}

static void check_head(const struct admin_head *head, const char *data, size_t len)
{
	check_text(head->method, data, len);
	if (head->authority) {
		check_text(head->authority, data, len);
		assert(head->authority[0] && !strpbrk(head->authority, "/?"));
	}
	assert(head->path[0] == '/' && !strchr(head->path, '?'));
	assert(!strpbrk(head->query, "\r\n "));
	check_fields(head, data, len);
	(void)admin_head_keeps_alive(head);
}

/* Returns how many bytes of a body of chunks there are. */
static size_t take_chunks(
	struct outcome *outcome, struct pieces *pieces, const uint8_t *data, size_t len)
{
	struct admin_chunks chunks = {0};
	size_t taken = 0;
	while (taken < len && !admin_chunks_has_ended(&chunks)) {
		size_t size = pieces_next(pieces, len - taken);
		char *copy = heads_copy(data + taken, size);
		size_t at = 0;
		while (at < size && !outcome->error && !admin_chunks_has_ended(&chunks)) {
			const char *piece;
			size_t piece_len;
			int64_t step = admin_chunks_take(
				&chunks, copy + at, size - at, &piece, &piece_len);
			outcome->error = step < 0 ? step : 0;
			if (step >= 0) {
				assert(step > 0 && (size_t)step <= size - at);
				assert(piece >= copy + at && piece + piece_len <= copy + at + step);
				note(outcome, piece, piece_len);
				outcome->body_len += piece_len;
				at += (size_t)step;
			}
		}
		free(copy);
		taken += at;
		if (outcome->error) {
			/* Where it broke is told by the byte, not by the piece. */
			return 0;
		}
	}
	outcome->bodies += admin_chunks_has_ended(&chunks);
	return taken;
}

static size_t take_plain(
	struct outcome *outcome, uint64_t body_len, const uint8_t *data, size_t len)
{
	size_t taken = len < body_len ? len : (size_t)body_len;
	note(outcome, (const char *)data, taken);
	outcome->body_len += taken;
	outcome->bodies += taken == body_len;
	return taken;
}

/* Returns whether another request may follow. */
static bool take_request(
	struct outcome *outcome, struct pieces *pieces, const uint8_t *data, size_t len)
{
	enum http_head_progress progress;
	struct admin_head head;
	size_t head_len = heads_scan(HTTP_HEAD_REQUEST, HEAD_MAX, *pieces, data, len, &progress);
	if (progress != HTTP_HEAD_COMPLETE) {
		return false;
	}
	char *copy = heads_copy(data, head_len);
	enum admin_head_verdict verdict = admin_head_read(copy, head_len, &head);
	bool goes_on = verdict == ADMIN_HEAD_SOUND && !head.is_ambiguous;
	outcome->requests++;
	outcome->taken += head_len;
	if (verdict == ADMIN_HEAD_SOUND) {
		check_head(&head, copy, head_len);
		note(outcome, head.method, strlen(head.method));
		note(outcome, head.path, strlen(head.path));
	}
	if (goes_on) {
		data += head_len;
		len -= head_len;
		outcome->taken += head.is_chunked
					  ? take_chunks(outcome, pieces, data, len)
					  : take_plain(outcome, head.content_len, data, len);
		goes_on = outcome->bodies == outcome->requests;
	}
	free(copy);
	return goes_on;
}

static struct outcome take_all(struct pieces pieces, const uint8_t *data, size_t len)
{
	struct outcome outcome = {.digest = 14695981039346656037u};
	while (outcome.requests < REQUESTS_MAX && outcome.taken < len &&
		take_request(&outcome, &pieces, data + outcome.taken, len - outcome.taken)) {
	}
	assert(outcome.taken <= len && outcome.body_len <= len);
	return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct pieces pieces = pieces_take(&data, &len);
	struct outcome whole = take_all((struct pieces){0}, data, len);
	struct outcome cut = take_all(pieces, data, len);
	assert(whole.requests == cut.requests && whole.bodies == cut.bodies);
	assert(whole.taken == cut.taken && whole.error == cut.error);
	assert(whole.digest == cut.digest && whole.body_len == cut.body_len);
	return 0;
}
