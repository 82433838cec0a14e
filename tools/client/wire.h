/* What comes from the other end of a login's line, and what goes there. Whoever has the transport
 * brings it in line with wire_wanted_line() after each call of any unit:
 *
 *	0                       close what there is
 *	the number it serves    go on: wire_feed(), wire_peek(), wire_advance()
 *	another number          close what there is, connect anew
 *
 * Whatever concerns a line carries the line's number, and is passed over when that is an older one.
 * PROTOCOL sections 2 and 5. */
#ifndef TIDEGATE_CLIENT_WIRE_H
#define TIDEGATE_CLIENT_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "login.h"

/* The number of the line there is to be; 0: none. */
uint32_t wire_wanted_line(const struct login *login);

/* Another address is being tried: its time begins. The answer to login->wants_next_address, as is
 * wire_failed(). */
void wire_trying(struct login *login, uint32_t line, uint64_t now_ms);

/* It is connected. */
void wire_opened(struct login *login, uint32_t line, uint64_t now_ms);

/* It could not be connected, or broke. `status` says which of TG_ERR_RESOLVE, _UNREACHABLE,
 * _CONNECT_TIMEOUT or _LOST, `error` is an errno or 0. `detail` says to whom and why; it is copied;
 * NULL: what `error` says. */
void wire_failed(struct login *login, uint32_t line, enum tg_status status, int error,
	const char *detail, uint64_t now_ms);

/* The end of file. */
void wire_ended(struct login *login, uint32_t line, uint64_t now_ms);

/* Bytes have come; they are changed in place. What is told of them may point into them: it is told
 * before this returns. */
void wire_feed(struct login *login, uint32_t line, uint8_t *data, size_t len, uint64_t now_ms);

/* What is to be sent on an open transport; returns bytes, 0 for nothing. Borrowed until the next
 * call. */
size_t wire_peek(struct login *login, const uint8_t **ret_data);

/* The transport has taken so much of it. */
void wire_advance(struct login *login, uint32_t line, size_t len);

#endif
