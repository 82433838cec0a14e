/* How a node's part in a cluster gets into the process that takes the node's place.
 * registrar_pack.h says in which order; thread: main, while the registrar's is parked or has not
 * been started.
 *
 * What the line brings while the one has ceased to take it and the other has not begun is left
 * lying, in the order in which it came: the giver takes it up again when the hand-over fails, and
 * the taker begins with it. Both have all of it, so the numbers of each source say what the giver
 * has acted on. */
#ifndef TIDEGATE_MEMBER_PACK_H
#define TIDEGATE_MEMBER_PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/pack.h"
#include "member.h"

enum {
	MEMBER_BUSY_MAX = 128, /* bytes of what is not at rest, NUL included */
};

/* --- the giver --- */

/* Whether the line is up, and by which server. */
void member_hello_pack(const struct member *member, struct pack *pack);

/* Before a turn that waits for nothing. With `is_late` what is asked of others is answered as
 * unknown. */
void member_last_turn(struct member *member, bool is_late);

/* Behind it: whether nothing of its is on the way anywhere; else ret_busy says what is. */
bool member_is_at_rest(struct member *member, char ret_busy[MEMBER_BUSY_MAX]);

void member_pack(struct member *member, struct pack *pack);

/* Closes the line without farewell: the node goes on in another process. */
void member_quit(struct member *member);

/* --- the taker --- */

/* Reads what member_hello_pack has written: the server goes to ret_url, cut off nowhere. Returns
 * whether the giver's line is up. */
bool member_hello_unpack(struct unpack *unpack, char *ret_url, size_t size);

/* Whether the line is up by now and the server has all that is subscribed to. Leaves lying what it
 * has brought. */
bool member_has_settled_in(struct member *member);

/* Why it is not up, for people. */
const char *member_why_down(const struct member *member);

/* Goes on with what member_pack has written. Errors: -EINVAL, -ENOMEM: it cannot be used any more.
 */
int member_unpack(struct member *member, struct unpack *unpack);

/* Whether all is here that the line has brought. Errors: -ENOBUFS; ret_why says what to do. */
int member_has_all(struct member *member, char ret_why[CONFIG_ERROR_MAX]);

/* The giver goes on: requests of backends are refused from here on, and those that lie here. */
void member_begin_end(struct member *member);

/* Refuses what has come meanwhile. Returns whether that was the last: then member_quit. */
bool member_may_end(struct member *member);

#endif
