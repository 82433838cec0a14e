/* What arrives: one read per visit into the worker's one big buffer, cut into messages, acted upon.
 *
 * Edge-triggered: a short read is the end of what was there, a full one puts the connection on the
 * ready list, after the FIN it is read to the end. Connections that feed a congested fan-out are
 * paused: not read from until it has caught up. So are those that say more than their rate allows,
 * until some of it is left again: pace.h.
 *
 * What was read cannot be put back, so that a read bounds a visit: it begins at 16 KiB and follows
 * what it costs, some 100 us. */
#ifndef TIDEGATE_READER_H
#define TIDEGATE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "conns.h"

enum {
	READER_VISITS = 8, /* between two looks at the clock, unless much was read */
};

/* What epoll has said of a handle; stale ones are dropped. Thread: the owner. */
void reader_on_events(struct conns *conns, handle_t handle, uint32_t events);

/* The next visit is to be to that handle, whose record is near already: has fetched what it points
 * at. Stale ones are fine. Thread: the owner. */
void reader_expect(const struct conns *conns, handle_t handle);

/* Whether so much has been read since the last answer of true that it is time to look at the clock.
 * Thread: the owner. */
bool reader_has_worked(struct conns *conns);

/* Something else than reading has taken long: it is time to look at the clock. Thread: the owner.
 */
void reader_note_work(struct conns *conns);

/* Reads on where there may be more, once from each, until `until_us` of the loop's clock. Returns
 * whether some are left. Thread: the owner. */
bool reader_read_ready(struct conns *conns, uint64_t until_us);

/* No read takes more than `most` bytes until told otherwise. Thread: the owner. */
void reader_limit(struct conns *conns, size_t most);

/* Goes back to reading from all paused connections. Thread: the owner. */
void reader_unpause(struct conns *conns);

/* There may be more to read from a connection, which no event will tell. Thread: the owner. */
void reader_note_more(struct conns *conns, struct conn *conn);

/* Goes back to reading from one that was held back by its rate. Thread: the owner. */
void reader_go_on(struct conns *conns, struct conn *conn);

/* Begins a visit to a connection whose request was postponed, and gives the request once more, for
 * conn_accept or conn_refuse; it is borrowed until reader_answer_end. NULL: the connection is gone,
 * or was refused; there is no visit then. Thread: the owner. */
struct conn *reader_answer_begin(
	struct conns *conns, handle_t handle, struct handshake_request *ret_request);

/* Ends that visit. What lay behind the head is read, what came meanwhile will be. Without an answer
 * the request stays postponed. */
void reader_answer_end(struct conns *conns, struct conn *conn);

/* Whether there are connections that may have more to read, or that are paused. Thread: the owner.
 */
bool reader_has_ready(const struct conns *conns);
bool reader_has_paused(const struct conns *conns);

#endif
