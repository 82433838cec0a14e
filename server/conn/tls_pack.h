/* An open TLS line as it is passed to the process that takes the gateway over: its numbers, keys
 * and secrets, why it is over where it is, the half record that has come and the residue that has
 * not left. Thread: any. */
#ifndef TIDEGATE_TLS_PACK_H
#define TIDEGATE_TLS_PACK_H

#include "../../proto/tls_line.h"
#include "../base/pack.h"

/* What was read, borrowed from what it was read from. */
struct tls_packed {
	enum tls_suite suite; /* tells how many bytes the line takes */
	struct slice saved;
	struct slice half;
	struct slice residue;
	uint8_t reason; /* enum close_reason: why it is over; CLOSE_REASON_NONE: it is not */
	uint8_t alert;  /* that is to be sent at that end; 0: none */
};

/* Appends a line, which is as it was. */
void tls_pack(const struct tls_line *line, struct pack *pack);

/* Reads one as far as it can be judged without memory. Errors: -EINVAL, when no line of ours can be
 * so. */
int tls_pack_read(struct unpack *unpack, struct tls_packed *ret_packed);

/* Makes the line, of tls_line_size() bytes, which are the caller's to wipe; and the hold it has is
 * the caller's to destroy. Errors: -ENOMEM, with nothing in it. */
int tls_pack_restore(const struct tls_packed *packed, struct tls_line *ret_line);

#endif
