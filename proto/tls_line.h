/* A TLS 1.3 line whose handshake is over: what it keeps, what its records mean, and how ours are
 * made. RFC 8446 sections 4.6.3, 5 and 6. No sockets and no allocation: who owns the bytes is the
 * caller's business.
 *
 * The context of a direction is lent by the caller, who sets the line's key when it has served
 * another line in between; a KeyUpdate brings the context along, which stays right for the line.
 *
 * Thread: the line's owner. */
#ifndef TIDEGATE_TLS_LINE_H
#define TIDEGATE_TLS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/uio.h>

#include "assert.h"
#include "tls_aead.h"
#include "tls_record.h"
#include "tls_suite.h"

enum {
	TLS_LINE_SIZE_SHORT = 152,        /* bytes, with TLS_SUITE_AES_128_GCM */
	TLS_LINE_SIZE_LONG = 216,         /* bytes, with the others */
	TLS_LINE_RECORDS_A_KEY = 1 << 24, /* then it is replaced: RFC 8446 section 5.5 */
	TLS_LINE_QUIET_MAX = 32,          /* records without data in a row that a peer may send */
	TLS_LINE_UPDATE_LEN = 4,          /* bytes of a KeyUpdate in front of its last */
};

/* What the peer's record was. */
enum tls_event {
	TLS_EVENT_DATA,         /* the peer's bytes, maybe none */
	TLS_EVENT_NOTHING,      /* the line's own; tls_line_owes() may have changed */
	TLS_EVENT_CLOSE_NOTIFY, /* nothing follows that counts */
	TLS_EVENT_FATAL_ALERT,  /* the peer has given the line up: *ret_alert says why */
	TLS_EVENT_BROKEN, /* it breaks the rules: *ret_alert is to be sent, and that is the end */
};

/* Bits of tls_line.flags. */
enum {
	TLS_LINE_OWES = 1 << 0, /* a KeyUpdate in answer to the peer's */
	TLS_LINE_ASKS = 1 << 1, /* a KeyUpdate that asks for the peer's */
};

struct tls_hold;

/* Owner:  the connection, in a slot that is wiped when it is given back.
 * Shared: never. */
struct tls_line {
	uint64_t read_seq; /* of the next record; 0 behind each change of key */
	uint64_t write_seq;
	struct tls_hold *hold; /* the transport's own: parts of records; NULL at first */
	uint16_t fragment_len; /* bytes of content in one record, both ways: 512 to TLS_PLAIN_MAX */
	uint8_t suite;         /* enum tls_suite */
	uint8_t flags;
	uint8_t quiet;      /* records without data, in a row */
	uint8_t update_len; /* bytes of a KeyUpdate whose rest has not come */
	uint8_t reason;     /* the transport's own: why it is over; 0 at first */
	uint8_t alert;      /* the transport's own: what is to be sent at that end; 0: nothing */
	uint8_t read_iv[TLS_IV_LEN];
	uint8_t write_iv[TLS_IV_LEN];
	uint8_t material[]; /* read and write key, then read and write secret */
};

/* Bytes that a line of this suite takes: TLS_LINE_SIZE_SHORT or TLS_LINE_SIZE_LONG. Thread: any. */
size_t tls_line_size(enum tls_suite suite);

/* Begins where the handshake ended: both numbers are 0. The secrets are the application traffic
 * secrets, the peer's to read and ours to write; they have as many bytes as the suite says, are
 * copied, and stay the caller's to wipe. `fragment_len` is TLS_PLAIN_MAX, or what was negotiated
 * (RFC 6066 section 4). */
void tls_line_init(struct tls_line *line, enum tls_suite suite, const uint8_t *read_secret,
	const uint8_t *write_secret, uint16_t fragment_len);

/* Sets a context to the line's key as it is now, so that it reads or writes this line's records.
 * Errors: -ENOMEM. */
int tls_line_lend_read(const struct tls_line *line, struct tls_aead *aead);
int tls_line_lend_write(const struct tls_line *line, struct tls_aead *aead);

/* Opens one whole record of `len` bytes, which tls_record_len() has measured, exactly in place.
 * With TLS_EVENT_DATA *ret_len bytes, maybe none, lie at record + TLS_HEADER_LEN. With the last two
 * events *ret_alert is an enum tls_alert or, of the peer, any number; no more may be opened behind
 * these. */
enum tls_event tls_line_open(struct tls_line *line, struct tls_aead *aead, uint8_t *record,
	size_t len, size_t *ret_len, uint8_t *ret_alert);

/* Whether a KeyUpdate is to be sealed, with tls_line_seal_owed(), before the next data. */
static inline bool tls_line_owes(const struct tls_line *line)
{
	return line->flags != 0 || line->write_seq >= TLS_LINE_RECORDS_A_KEY;
}

/* Each of these writes one record to `ret_record` and returns its bytes. Once sealed it has to be
 * sent, whole and before the next, or the line is of no further use. */

/* Data: the pieces one behind the other, at most `fragment_len` bytes of them. `ret_record` has
 * room for TLS_OVERHEAD more. */
size_t tls_line_seal(struct tls_line *line, struct tls_aead *aead, const struct iovec *pieces,
	int count, uint8_t *ret_record);

/* The KeyUpdate that is owed. The next record is of the next key, which `aead` has. */
size_t tls_line_seal_owed(struct tls_line *line, struct tls_aead *aead,
	uint8_t ret_record[TLS_KEY_UPDATE_RECORD_LEN]);

/* An alert, after which nothing may be sealed. */
size_t tls_line_seal_alert(struct tls_line *line, struct tls_aead *aead, enum tls_alert alert,
	uint8_t ret_record[TLS_ALERT_RECORD_LEN]);

/* The last `count` records of data were not sealed: none of their bytes has left or ever will, and
 * their numbers go to what is sealed next. No KeyUpdate may be among them. */
static inline void tls_line_unseal(struct tls_line *line, uint64_t count)
{
	ASSERT(count <= line->write_seq);
	line->write_seq -= count;
}

_Static_assert(sizeof(struct tls_line) == 56, "a line's budget is by the byte");

#endif
