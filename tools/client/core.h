/* The client without I/O and without a clock: orders, bytes and the time in; bytes, callbacks and
 * what is wanted of a transport out. PROTOCOL sections 3, 4 and 5.
 *
 * Whoever drives it brings the transport in line with core_wanted_line() after each call:
 *
 *	0                       close what there is
 *	the number it serves    go on: core_feed(), core_peek(), core_advance()
 *	another number          close what there is, connect anew
 *
 * and calls core_tick() at core_next_deadline(). Whatever concerns a line carries the line's
 * number: what comes late of an older one is passed over. Times are milliseconds of one clock that
 * never goes back and goes on while the machine sleeps. */
#ifndef TIDEGATE_CLIENT_CORE_H
#define TIDEGATE_CLIENT_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core_options.h"
#include "entropy.h"
#include "notices.h"
#include "tidegate-client.h"

struct core;

/* In state INIT. `listener` is borrowed for the core's life. Errors: -ENOMEM. */
int core_create(const struct listener *listener, struct core **ret_core);

/* Frees a core and nulls the giver's pointer; not from inside a callback. *core may be NULL. */
void core_destroy(struct core **core);

/* Calls nobody any more; for a client destroyed inside a callback. */
void core_halt(struct core *core);

/* Where its random bytes come from, for tests. */
struct entropy *core_entropy(struct core *core);

/* ---- Orders: see the functions of the same names in tidegate-client.h. ---- */

/* `target` and `authority` are those of the request; copied. */
enum tg_status core_login(struct core *core, const struct core_options *options, const char *target,
	const char *authority, uint64_t now_ms);
void core_logout(struct core *core, uint64_t now_ms);
void core_probe(struct core *core, uint64_t now_ms);
enum tg_status core_send_text(struct core *core, const char *text, size_t len);
enum tg_status core_send_packet(
	struct core *core, uint16_t command, const void *payload, size_t len);

/* Replaces the target for the next dial, while `auth` is called. Errors: TG_ERR_NO_MEMORY. */
enum tg_status core_set_target(struct core *core, const char *target);

/* ---- The transport. ---- */

/* The number of the line there is to be; 0: none. */
uint32_t core_wanted_line(const struct core *core);

/* Whether the address being tried has had its time. Answered by core_transport_trying() or
 * core_transport_failed(). */
bool core_wants_next_address(const struct core *core);

/* Another address is being tried: its time begins. */
void core_transport_trying(struct core *core, uint32_t line, uint64_t now_ms);

/* It is connected. */
void core_transport_opened(struct core *core, uint32_t line, uint64_t now_ms);

/* It could not be connected, or broke. `status` says which of TG_ERR_RESOLVE, _UNREACHABLE,
 * _CONNECT_TIMEOUT or _LOST, `error` is an errno or 0. */
void core_transport_failed(
	struct core *core, uint32_t line, enum tg_status status, int error, uint64_t now_ms);

/* The end of file. */
void core_transport_ended(struct core *core, uint32_t line, uint64_t now_ms);

/* Bytes have come; they are changed in place. */
void core_feed(struct core *core, uint32_t line, uint8_t *data, size_t len, uint64_t now_ms);

/* What is to be sent on an open transport; returns bytes, 0 for nothing. Borrowed until the next
 * call. */
size_t core_peek(struct core *core, const uint8_t **ret_data);

/* The transport has taken so much of it. */
void core_advance(struct core *core, uint32_t line, size_t len);

/* ---- Time. ---- */

/* When core_tick() has something to do; CORE_NEVER. */
uint64_t core_next_deadline(const struct core *core);

/* Does what is due. To be called after what the transport holds has been fed, so that a line is not
 * given up with its answer unread. */
void core_tick(struct core *core, uint64_t now_ms);

/* ---- Looking. ---- */

enum tg_state core_state(const struct core *core);
enum tg_status core_status(const struct core *core);
const char *core_detail(const struct core *core);
size_t core_queued_len(const struct core *core);
const struct tg_stats *core_stats(const struct core *core);

#endif
