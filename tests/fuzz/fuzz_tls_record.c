/* Records of an established TLS 1.3 line: sealed as they should be, whatever they say, and then
 * maybe altered. The input is a script of steps; what comes of each is told beforehand by the rules
 * of RFC 8446, written down once more on whole messages. What the line seals in between is opened.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/tls_line.h"
#include "../unit/tls_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
	BAD_MAC = 20,
	OVERFLOW = 22,
	ILLEGAL = 47,
	UNDECODABLE = 50,
	UNEXPECTED = 10,
	INNER_MAX = (1 << 14) + 300, /* bytes: more than is legal */
	RECORDS_A_KEY = 1 << 24,
	UPDATE_LEN = 5,
};

/* How a record is altered, by the lower bits of a step's second byte. */
enum alteration {
	ALTERED_BYTE,    /* one of it, by the third and fourth */
	ALTERED_KIND,    /* of its header */
	ALTERED_LEN,     /* of its header */
	ALTERED_REPLAY,  /* it has come before */
	ALTERED_SKIPPED, /* one is missing before it */
	ALTERED_KEY,     /* sealed with the next one */
	ALTERATIONS,
};

struct verdict {
	enum tls_event event;
	int alert; /* of BROKEN and FATAL_ALERT */
};

/* A line, its peer, and what is to be expected of the line. */
struct play {
	struct tls_line *line;
	struct tls_aead read;
	struct tls_aead write;
	struct rig_end theirs;
	struct rig_end ours;
	uint8_t update[UPDATE_LEN]; /* what has come of a KeyUpdate */
	size_t update_len;
	unsigned quiet; /* records without data in a row */
	bool owes;
	bool asks;
};

static const struct verdict nothing = {TLS_EVENT_NOTHING, 0};

static struct verdict broken(int alert)
{
	return (struct verdict){TLS_EVENT_BROKEN, alert};
}

/* --- what is to be expected --- */

static struct verdict quiet(struct play *play, enum tls_event event)
{
	return ++play->quiet > 32 ? broken(UNEXPECTED) : (struct verdict){event, 0};
}

static struct verdict expect_handshake(struct play *play, const uint8_t *content, size_t len)
{
	static const uint8_t start[] = {24, 0, 0, 1};
	const size_t room = UPDATE_LEN - play->update_len;
	memcpy(play->update + play->update_len, content, len < room ? len : room);
	play->update_len += len < room ? len : room;
	for (size_t i = 0; i < sizeof(start) && i < play->update_len; i++) {
		if (play->update[i] != start[i]) {
			return broken(i == 0 ? UNEXPECTED : UNDECODABLE);
		}
	}
	if (play->update_len < UPDATE_LEN) {
		return len == 0 ? broken(UNEXPECTED) : nothing;
	}
	if (play->update[UPDATE_LEN - 1] > 1) {
		return broken(ILLEGAL);
	}
	if (len > room) {
		return broken(UNEXPECTED);
	}
	play->update_len = 0;
	play->asks = false;
	play->owes |= play->update[UPDATE_LEN - 1] == 1;
	rig_end_update(&play->theirs);
	return quiet(play, TLS_EVENT_NOTHING);
}

static struct verdict expect_alert(struct play *play, const uint8_t *content, size_t len)
{
	if (len != 2) {
		return broken(len == 0 ? UNEXPECTED : UNDECODABLE);
	}
	if (content[1] == 90) {
		return quiet(play, TLS_EVENT_NOTHING);
	}
	return content[1] == 0 ? (struct verdict){TLS_EVENT_CLOSE_NOTIFY, 0}
			       : (struct verdict){TLS_EVENT_FATAL_ALERT, content[1]};
}

/* Of a record that was not altered. */
static struct verdict expect(struct play *play, const uint8_t *inner, size_t len, size_t *ret_len)
{
	if (play->theirs.seq == RECORDS_A_KEY) {
		play->asks = true;
	}
	if (len > (1 << 14) + 1) {
		return broken(OVERFLOW);
	}
	while (len > 0 && inner[len - 1] == 0) {
		len--;
	}
	if (len == 0) {
		return broken(UNEXPECTED);
	}
	const uint8_t kind = inner[--len];
	if (len > play->line->fragment_len) {
		return broken(OVERFLOW);
	}
	if (kind == 22) {
		return expect_handshake(play, inner, len);
	}
	if (play->update_len > 0) {
		return broken(UNEXPECTED);
	}
	if (kind == 21) {
		return expect_alert(play, inner, len);
	}
	if (kind != 23) {
		return broken(UNEXPECTED);
	}
	*ret_len = len;
	if (len == 0) {
		return quiet(play, TLS_EVENT_DATA);
	}
	play->quiet = 0;
	return (struct verdict){TLS_EVENT_DATA, 0};
}

/* --- what comes --- */

/* Whether the line goes on. */
static bool take(struct play *play, const uint8_t *record, size_t len, struct verdict expected,
	const uint8_t *inner, size_t data_len)
{
	size_t opened_len = 0;
	uint8_t alert = 0;
	uint8_t *copy = malloc(len); /* of its very size */
	assert(copy);
	memcpy(copy, record, len);
	const enum tls_event event =
		tls_line_open(play->line, &play->read, copy, len, &opened_len, &alert);
	assert(event == expected.event);
	assert(event == TLS_EVENT_DATA ? opened_len == data_len : opened_len == 0);
	assert(memcmp(copy + TLS_HEADER_LEN, inner, opened_len) == 0);
	assert(event < TLS_EVENT_FATAL_ALERT || alert == expected.alert);
	free(copy);
	return event < TLS_EVENT_CLOSE_NOTIFY;
}

/* A record that is not what the peer sealed ends the line. */
static void take_altered(struct play *play, enum alteration alteration, const uint8_t *step,
	const uint8_t *inner, size_t inner_len)
{
	uint8_t record[RIG_HEADER_LEN + INNER_MAX + RIG_TAG_LEN];
	const size_t at = (size_t)(step[2] << 8 | step[3]);
	const uint8_t change = step[4] ? step[4] : 1;
	if (alteration == ALTERED_SKIPPED) {
		play->theirs.seq++;
	} else if (alteration == ALTERED_KEY) {
		rig_end_update(&play->theirs);
	} else if (alteration == ALTERED_REPLAY) {
		play->theirs.seq--; /* UINT64_MAX at first: not what is expected either */
	}
	size_t len = rig_seal(&play->theirs, inner, inner_len, record);
	if (alteration == ALTERED_BYTE) {
		record[at % len] ^= change;
	} else if (alteration == ALTERED_KIND) {
		record[0] ^= change;
	} else if (alteration == ALTERED_LEN) {
		record[3 + at % 2] ^= change;
	}
	const size_t told = (size_t)(record[3] << 8 | record[4]);
	const int whole = tls_record_len(record);
	if (record[0] != 23) {
		assert(whole == -UNEXPECTED);
	} else if (told > (1 << 14) + 256) {
		assert(whole == -OVERFLOW);
	} else if (told < RIG_TAG_LEN) {
		assert(whole == -BAD_MAC);
	} else {
		assert((size_t)whole == told + RIG_HEADER_LEN);
		if ((size_t)whole <= len) { /* else the rest would have to come */
			take(play, record, (size_t)whole, broken(BAD_MAC), inner, 0);
		}
	}
}

static bool take_sealed(struct play *play, const uint8_t *inner, size_t inner_len)
{
	uint8_t record[RIG_HEADER_LEN + INNER_MAX + RIG_TAG_LEN];
	size_t data_len = 0;
	const size_t len = rig_seal(&play->theirs, inner, inner_len, record);
	const int whole = tls_record_len(record);
	if (len > TLS_RECORD_MAX) {
		assert(whole == -OVERFLOW);
		return false;
	}
	assert((size_t)whole == len);
	const struct verdict expected = expect(play, inner, inner_len, &data_len);
	return take(play, record, len, expected, inner, data_len);
}

/* --- what goes --- */

static void check_sealed(struct play *play, const uint8_t *record, size_t len, uint8_t kind,
	const uint8_t *content, size_t content_len)
{
	uint8_t inner[TLS_RECORD_MAX];
	size_t inner_len;
	assert(tls_record_len(record) == (int)len);
	assert(rig_open(&play->ours, record, len, inner, &inner_len));
	assert(inner_len == content_len + 1 && inner[content_len] == kind);
	assert(memcmp(inner, content, content_len) == 0);
}

static void seal_owed(struct play *play)
{
	uint8_t record[TLS_KEY_UPDATE_RECORD_LEN];
	const uint8_t message[] = {24, 0, 0, 1, play->asks};
	const bool is_due = play->ours.seq >= RECORDS_A_KEY;
	assert(tls_line_owes(play->line) == (play->owes || play->asks || is_due));
	if (tls_line_owes(play->line)) {
		const size_t len = tls_line_seal_owed(play->line, &play->write, record);
		check_sealed(play, record, len, 22, message, sizeof(message));
		rig_end_update(&play->ours);
		play->owes = false;
		play->asks = false;
		assert(!tls_line_owes(play->line));
	}
}

static void seal(struct play *play, uint8_t *content, size_t len)
{
	uint8_t record[TLS_RECORD_MAX];
	const size_t most = play->line->fragment_len;
	len = len < most ? len : most;
	const struct iovec pieces[] = {{content, len / 3}, {content + len / 3, len - len / 3}};
	check_sealed(play, record, tls_line_seal(play->line, &play->write, pieces, 2, record), 23,
		content, len);
}

/* --- the script --- */

enum {
	STEP_LEN = 6, /* bytes, in front of those of its content */
};

/* The inner plaintext of a step: its bytes as often as they are asked for, a kind, zeros. */
static size_t make_inner(const uint8_t *step, const uint8_t *content, size_t content_len,
	uint8_t ret_inner[INNER_MAX])
{
	static const uint8_t kinds[] = {23, 22, 21, 20};
	const size_t shape = step[5];
	const size_t repeats = shape & 0x80 ? 1 + (shape & 0x7f) * 8 : 1;
	const size_t zeros = shape & 0x80 ? 0 : (shape & 0x70) << 4;
	size_t len = 0;
	for (size_t i = 0; i < repeats && len + content_len < INNER_MAX - 1; i++) {
		memcpy(ret_inner + len, content, content_len);
		len += content_len;
	}
	ret_inner[len++] = kinds[step[0] & 3];
	for (size_t i = 0; i < zeros && len < INNER_MAX; i++) {
		ret_inner[len++] = 0;
	}
	return len;
}

/* Whether the line goes on. */
static bool play_step(
	struct play *play, const uint8_t *step, const uint8_t *content, size_t content_len)
{
	uint8_t inner[INNER_MAX];
	const size_t len = make_inner(step, content, content_len, inner);
	if (step[0] & 0x80) { /* as if a key had nearly done its work */
		play->line->read_seq = play->theirs.seq = RECORDS_A_KEY - 2;
	}
	if (step[0] & 0x40) {
		play->line->write_seq = play->ours.seq = RECORDS_A_KEY - 2;
	}
	if (step[1] & 0x80) {
		take_altered(play, step[1] % ALTERATIONS, step, inner, len);
		return false;
	}
	const bool goes_on = take_sealed(play, inner, len);
	if (goes_on && step[0] & 0x20) {
		seal_owed(play);
	}
	if (goes_on && step[0] & 0x10) {
		seal(play, inner, len);
	}
	return goes_on;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint16_t fragments[] = {TLS_PLAIN_MAX, 512, 4096};
	uint8_t secrets[2][RIG_SECRET_MAX];
	struct play play = {.line = NULL};
	if (len < 1) {
		return 0;
	}
	const enum tls_suite suite = data[0] % TLS_SUITE_COUNT;
	memset(secrets, data[0], sizeof(secrets));
	secrets[1][0] ^= 1;
	play.line = malloc(tls_line_size(suite));
	assert(play.line);
	tls_line_init(play.line, suite, secrets[0], secrets[1], fragments[data[0] / 64 % 3]);
	rig_end_init(&play.theirs, suite, secrets[0]);
	rig_end_init(&play.ours, suite, secrets[1]);
	assert(tls_line_lend_read(play.line, &play.read) == 0);
	assert(tls_line_lend_write(play.line, &play.write) == 0);
	for (data++, len--; len >= STEP_LEN;) {
		const uint8_t *step = data;
		const size_t left = len - STEP_LEN;
		const size_t content_len = step[5] & 0x80 ? (left < 64 ? left : 64)
					   : (size_t)(step[5] & 0xf) < left ? step[5] & 0xf
									    : left;
		data += STEP_LEN + content_len;
		len -= STEP_LEN + content_len;
		if (!play_step(&play, step, step + STEP_LEN, content_len)) {
			break;
		}
	}
	tls_aead_finish(&play.read);
	tls_aead_finish(&play.write);
	rig_end_finish(&play.theirs);
	rig_end_finish(&play.ours);
	free(play.line);
	return 0;
}
