/* How many handshakes the node works on at once, and how many for those whom it will refuse.
 *
 * A half handshake takes 80 KiB until its client has answered, if it ever does. So there are only
 * so many of them; whoever comes beyond that waits unread in the kernel. Who finds no place here is
 * refused by an alert, which costs nothing; a few a second get a handshake all the same, so that
 * they can be told why. */
#ifndef TIDEGATE_TLS_QUOTA_H
#define TIDEGATE_TLS_QUOTA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/budget.h"
#include "../base/pack.h"

enum {
	TLS_QUOTA_HALVES_MAX = 1024,   /* half handshakes, however much memory there is */
	TLS_QUOTA_REFUSALS_PER_S = 50, /* handshakes of those who are refused behind it */
};

/* With nothing but its budget it allows nothing.
 * Owner:  the node.
 * Shared: all workers. */
struct tls_quota {
	struct budget *budget; /* that seats are charged to */
	_Atomic uint32_t halves_max;
	_Atomic uint32_t halves;           /* half handshakes that there are */
	_Atomic uint32_t waiting;          /* lines that wait for a seat, of all workers */
	_Atomic uint64_t refusals_full_ns; /* when the reserve for the refused is full */
};

/* All below may be called at once by different threads: what they return is true for one only. */

/* Sets how many half handshakes there may be: an eighth of the node's memory limit, in bytes, at
 * least one. May change while running. Thread: any. */
void tls_quota_set_memory(struct tls_quota *quota, uint64_t memory_limit);

/* Takes a seat for a handshake, and charges what one costs: among the pools, as it has its cap
 * here, and nobody is to go for it. False: there is none. Thread: any. */
bool tls_quota_take(struct tls_quota *quota);

/* Gives it back. Thread: any. */
void tls_quota_give(struct tls_quota *quota);

/* How many are taken. Thread: any. */
uint32_t tls_quota_halves(const struct tls_quota *quota);

/* Whether there is none left. Thread: any. */
bool tls_quota_is_used_up(const struct tls_quota *quota);

/* Notes that so many more wait for a seat, or fewer. Thread: any. */
void tls_quota_note_waiting(struct tls_quota *quota, int32_t more);

/* How many wait. Thread: any. */
uint32_t tls_quota_waiting(const struct tls_quota *quota);

/* Takes one of the handshakes for those who are refused. False: there is none. Thread: any;
 * `now_us` is the loop's. */
bool tls_quota_take_refusal(struct tls_quota *quota, uint64_t now_us);

/* What of it goes on in another process: how much of the reserve for the refused is left. Seats are
 * not passed on. Thread: one that is alone with it. Errors: -EINVAL. */
void tls_quota_pack(const struct tls_quota *quota, struct pack *pack);
int tls_quota_unpack(struct tls_quota *quota, struct unpack *unpack);

#endif
