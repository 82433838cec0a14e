#include "tls_line.h"

#include <string.h>

#include "assert.h"
#include "tls_schedule.h"

enum {
	VERSION = 0x0303, /* what a header says, whatever is spoken: RFC 8446 section 5.2 */
	KEY_UPDATE_NOT_REQUESTED = 0,
	KEY_UPDATE_REQUESTED = 1,
	ALERT_LEN = 2,
	ALERT_WARNING = 1,
	ALERT_FATAL = 2,
	PIECE_LARGE = 1024, /* bytes: to copy them costs more than another call of the cipher */
};

/* A KeyUpdate but for its last byte: its type, and the length of what follows. RFC 8446 section 4.
 */
static const uint8_t key_update[TLS_LINE_UPDATE_LEN] = {24, 0, 0, 1};

/* --- what it keeps -----------------------------------------------------------------------------
 */

/* The two directions. What is written to lies behind what is read from. */
enum side {
	SIDE_READ,
	SIDE_WRITE,
};

static size_t key_at(const struct tls_line *line, enum side side)
{
	return side * (size_t)tls_suite_facts(line->suite)->key_len;
}

static size_t secret_at(const struct tls_line *line, enum side side)
{
	const struct tls_suite_facts *facts = tls_suite_facts(line->suite);
	return 2 * (size_t)facts->key_len + side * (size_t)facts->secret_len;
}

size_t tls_line_size(enum tls_suite suite)
{
	return suite == TLS_SUITE_AES_128_GCM ? TLS_LINE_SIZE_SHORT : TLS_LINE_SIZE_LONG;
}

/* The key, the IV and the number that a secret begins with. */
static void begin(struct tls_line *line, enum side side)
{
	const bool reads = side == SIDE_READ;
	tls_schedule_key(line->suite, line->material + secret_at(line, side),
		line->material + key_at(line, side), reads ? line->read_iv : line->write_iv);
	*(reads ? &line->read_seq : &line->write_seq) = 0;
}

void tls_line_init(struct tls_line *line, enum tls_suite suite, const uint8_t *read_secret,
	const uint8_t *write_secret, uint16_t fragment_len)
{
	const struct tls_suite_facts *facts = tls_suite_facts(suite);
	*line = (struct tls_line){.suite = (uint8_t)suite, .fragment_len = fragment_len};
	memcpy(line->material + secret_at(line, SIDE_READ), read_secret, facts->secret_len);
	memcpy(line->material + secret_at(line, SIDE_WRITE), write_secret, facts->secret_len);
	begin(line, SIDE_READ);
	begin(line, SIDE_WRITE);
}

int tls_line_lend_read(const struct tls_line *line, struct tls_aead *aead)
{
	return tls_aead_set(aead, line->suite, line->material + key_at(line, SIDE_READ), false);
}

int tls_line_lend_write(const struct tls_line *line, struct tls_aead *aead)
{
	return tls_aead_set(aead, line->suite, line->material + key_at(line, SIDE_WRITE), true);
}

/* The next secret of a direction, and all that follows from it. RFC 8446 section 7.2. */
static void step(struct tls_line *line, struct tls_aead *aead, enum side side)
{
	tls_schedule_update(line->suite, line->material + secret_at(line, side));
	begin(line, side);
	/* A context of the same suite, for which nothing is allocated. */
	ASSERT((side == SIDE_READ ? tls_line_lend_read : tls_line_lend_write)(line, aead) == 0);
}

/* RFC 8446 section 5.3. */
static void make_nonce(const uint8_t *iv, uint64_t seq, uint8_t ret_nonce[TLS_IV_LEN])
{
	memcpy(ret_nonce, iv, TLS_IV_LEN - sizeof(seq));
	store_be64(ret_nonce + TLS_IV_LEN - sizeof(seq),
		load_be64(iv + TLS_IV_LEN - sizeof(seq)) ^ seq);
}

/* --- opening -----------------------------------------------------------------------------------
 */

static enum tls_event broken(enum tls_alert alert, uint8_t *ret_alert)
{
	*ret_alert = (uint8_t)alert;
	return TLS_EVENT_BROKEN;
}

/* What is legal and says nothing may not go on for ever. */
static enum tls_event note_quiet(struct tls_line *line, enum tls_event event, uint8_t *ret_alert)
{
	return line->quiet++ < TLS_LINE_QUIET_MAX ? event
						  : broken(TLS_ALERT_UNEXPECTED_MESSAGE, ret_alert);
}

/* A KeyUpdate or a piece of one. Nothing else comes behind a handshake, and nothing stands behind
 * it in its record, since the next is of another key. RFC 8446 sections 4.6.3 and 5.1. */
static enum tls_event take_handshake(struct tls_line *line, struct tls_aead *aead,
	const uint8_t *data, size_t len, uint8_t *ret_alert)
{
	if (len == 0) {
		return broken(TLS_ALERT_UNEXPECTED_MESSAGE, ret_alert);
	}
	for (; len > 0 && line->update_len < sizeof(key_update); data++, len--) {
		if (*data != key_update[line->update_len]) {
			return broken(line->update_len == 0 ? TLS_ALERT_UNEXPECTED_MESSAGE
							    : TLS_ALERT_DECODE_ERROR,
				ret_alert);
		}
		line->update_len++;
	}
	if (len == 0) {
		return TLS_EVENT_NOTHING; /* four times at most */
	}
	if (*data > KEY_UPDATE_REQUESTED) {
		return broken(TLS_ALERT_ILLEGAL_PARAMETER, ret_alert);
	}
	if (len > 1) {
		return broken(TLS_ALERT_UNEXPECTED_MESSAGE, ret_alert);
	}
	line->update_len = 0;
	line->flags &= (uint8_t)~TLS_LINE_ASKS; /* it is here before it was asked for */
	if (*data == KEY_UPDATE_REQUESTED) {
		line->flags |= TLS_LINE_OWES;
	}
	step(line, aead, SIDE_READ);
	return note_quiet(line, TLS_EVENT_NOTHING, ret_alert);
}

/* What an alert means is told by its number alone; its level is of older versions. RFC 8446
 * section 6. */
static enum tls_event take_alert(
	struct tls_line *line, const uint8_t *data, size_t len, uint8_t *ret_alert)
{
	if (len != ALERT_LEN) {
		return broken(len == 0 ? TLS_ALERT_UNEXPECTED_MESSAGE : TLS_ALERT_DECODE_ERROR,
			ret_alert);
	}
	switch (data[1]) {
	case TLS_ALERT_CLOSE_NOTIFY:
		return TLS_EVENT_CLOSE_NOTIFY;
	case TLS_ALERT_USER_CANCELED: /* a close_notify follows */
		return note_quiet(line, TLS_EVENT_NOTHING, ret_alert);
	default:
		*ret_alert = data[1];
		return TLS_EVENT_FATAL_ALERT;
	}
}

/* The content of a record that was opened, by its kind. */
static enum tls_event take(struct tls_line *line, struct tls_aead *aead, uint8_t content,
	const uint8_t *data, size_t len, uint8_t *ret_alert)
{
	if (len > line->fragment_len) {
		return broken(TLS_ALERT_RECORD_OVERFLOW, ret_alert);
	}
	if (content == TLS_CONTENT_HANDSHAKE) {
		return take_handshake(line, aead, data, len, ret_alert);
	}
	if (line->update_len > 0) {
		return broken(TLS_ALERT_UNEXPECTED_MESSAGE, ret_alert); /* in between */
	}
	switch (content) {
	case TLS_CONTENT_DATA:
		if (len == 0) {
			return note_quiet(line, TLS_EVENT_DATA, ret_alert);
		}
		line->quiet = 0;
		return TLS_EVENT_DATA;
	case TLS_CONTENT_ALERT:
		return take_alert(line, data, len, ret_alert);
	default:
		return broken(TLS_ALERT_UNEXPECTED_MESSAGE, ret_alert);
	}
}

enum tls_event tls_line_open(struct tls_line *line, struct tls_aead *aead, uint8_t *record,
	size_t len, size_t *ret_len, uint8_t *ret_alert)
{
	uint8_t *inner = record + TLS_HEADER_LEN;
	size_t inner_len = len - TLS_HEADER_LEN - TLS_TAG_LEN;
	uint8_t nonce[TLS_IV_LEN];
	if (line->read_seq == UINT64_MAX) {
		/* The next number would be one that the key has had. RFC 8446 section 5.3. */
		return broken(TLS_ALERT_UNEXPECTED_MESSAGE, ret_alert);
	}
	make_nonce(line->read_iv, line->read_seq, nonce);
	if (!tls_aead_open(aead, nonce, record, TLS_HEADER_LEN, inner, inner_len)) {
		return broken(TLS_ALERT_BAD_RECORD_MAC, ret_alert);
	}
	line->read_seq++;
	if (line->read_seq == TLS_LINE_RECORDS_A_KEY) {
		line->flags |= TLS_LINE_ASKS;
	}
	if (inner_len > TLS_PLAIN_MAX + 1) {
		return broken(TLS_ALERT_RECORD_OVERFLOW, ret_alert);
	}
	/* The kind is the last byte that is not padding. RFC 8446 section 5.4. */
	while (inner_len > 0 && inner[inner_len - 1] == 0) {
		inner_len--;
	}
	if (inner_len == 0) {
		return broken(TLS_ALERT_UNEXPECTED_MESSAGE, ret_alert);
	}
	inner_len--;
	const enum tls_event event =
		take(line, aead, inner[inner_len], inner, inner_len, ret_alert);
	if (event == TLS_EVENT_DATA) {
		*ret_len = inner_len;
	}
	return event;
}

/* --- sealing -----------------------------------------------------------------------------------
 */

static size_t measure(const struct iovec *pieces, int count)
{
	size_t len = 0;
	for (int i = 0; i < count; i++) {
		len += pieces[i].iov_len;
	}
	return len;
}

/* Seals one record. Small pieces are gathered and sealed where they come to lie, a large one on its
 * way there. */
static size_t seal(struct tls_line *line, struct tls_aead *aead, enum tls_content content,
	const struct iovec *pieces, int count, uint8_t *record)
{
	uint8_t *to = record + TLS_HEADER_LEN;
	uint8_t *gathered = to; /* from here on nothing is sealed */
	uint8_t nonce[TLS_IV_LEN];
	const size_t len = measure(pieces, count);
	ASSERT(len <= line->fragment_len && line->write_seq < UINT64_MAX);
	record[0] = TLS_CONTENT_DATA;
	store_be16(record + 1, VERSION);
	store_be16(record + 3, (uint16_t)(len + 1 + TLS_TAG_LEN));
	make_nonce(line->write_iv, line->write_seq++, nonce);
	tls_aead_begin(aead, nonce, record, TLS_HEADER_LEN);
	for (int i = 0; i < count; i++) {
		const uint8_t *piece = pieces[i].iov_base;
		const size_t piece_len = pieces[i].iov_len;
		if (piece_len < PIECE_LARGE) {
			copy_bytes(to, piece, piece_len);
		} else {
			tls_aead_add(aead, gathered, gathered, (size_t)(to - gathered));
			tls_aead_add(aead, piece, to, piece_len);
			gathered = to + piece_len;
		}
		to += piece_len;
	}
	*to++ = (uint8_t)content;
	tls_aead_add(aead, gathered, gathered, (size_t)(to - gathered));
	tls_aead_end(aead, to);
	return len + TLS_OVERHEAD;
}

size_t tls_line_seal(struct tls_line *line, struct tls_aead *aead, const struct iovec *pieces,
	int count, uint8_t *ret_record)
{
	return seal(line, aead, TLS_CONTENT_DATA, pieces, count, ret_record);
}

size_t tls_line_seal_owed(
	struct tls_line *line, struct tls_aead *aead, uint8_t ret_record[TLS_KEY_UPDATE_RECORD_LEN])
{
	uint8_t last =
		line->flags & TLS_LINE_ASKS ? KEY_UPDATE_REQUESTED : KEY_UPDATE_NOT_REQUESTED;
	const struct iovec message[] = {
		{(uint8_t *)key_update, sizeof(key_update)}, {&last, sizeof(last)}};
	const size_t len = seal(line, aead, TLS_CONTENT_HANDSHAKE, message, 2, ret_record);
	line->flags = 0;
	step(line, aead, SIDE_WRITE);
	return len;
}

size_t tls_line_seal_alert(struct tls_line *line, struct tls_aead *aead, enum tls_alert alert,
	uint8_t ret_record[TLS_ALERT_RECORD_LEN])
{
	const bool is_fatal = alert != TLS_ALERT_CLOSE_NOTIFY;
	uint8_t message[ALERT_LEN] = {is_fatal ? ALERT_FATAL : ALERT_WARNING, (uint8_t)alert};
	const struct iovec piece = {message, sizeof(message)};
	return seal(line, aead, TLS_CONTENT_ALERT, &piece, 1, ret_record);
}
