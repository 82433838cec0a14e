/* The token that a login shows: whether one is asked for, when the next one is due, and which one
 * the gateway did not take. Knows texts and times only; the login asks, shows and draws the
 * consequences. PROTOCOL sections 1 and 6. */
#ifndef TIDEGATE_CLIENT_TOKENS_H
#define TIDEGATE_CLIENT_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "moment.h"

enum {
	TOKENS_ANSWER_MS = 10000, /* that whoever is asked has */
	TOKENS_APART_MS = 5500,   /* between two that a session shows: 5 s are asked for */
};

/* Owner:  a login.
 * Shared: never. Begun by tokens_init. */
struct tokens {
	char *token;         /* what the next dial shows; NULL: nothing */
	char *refused;       /* what the gateway did not take last; NULL */
	bool is_unshown;     /* the line there is has not shown `token` */
	bool is_asked;       /* an answer is awaited, until `answer_by` */
	bool dial_waits;     /* for that answer */
	uint32_t failures;   /* to get or show another one, since the session last took one */
	uint64_t answer_by;  /* MOMENT_NEVER */
	uint64_t due_at;     /* of a session: when another is to be shown; MOMENT_NEVER */
	uint64_t not_before; /* of a session: none is shown until then */
};

void tokens_init(struct tokens *tokens);
void tokens_finish(struct tokens *tokens);

/* Takes a copy of `token`; NULL: there is none. Errors: -EALREADY: it is what was refused; -ENOMEM;
 * what there was stays then. */
int tokens_take(struct tokens *tokens, const char *token);

/* Somebody is asked. Returns whether he had not been yet. */
bool tokens_ask(struct tokens *tokens, uint64_t now_ms);

/* Nothing is awaited any more. Returns whether a dial had waited for it. */
bool tokens_end_asking(struct tokens *tokens);

/* The gateway did not take what it was shown. Without memory that is forgotten. */
void tokens_refuse(struct tokens *tokens);

/* The session has it by now. */
void tokens_accept(struct tokens *tokens);

/* A line stands, or is being opened, with `token`: nothing is due. */
void tokens_show(struct tokens *tokens, uint64_t now_ms);

/* The session lasts for so many seconds more, with its newest token: another is due at 80 %, or 10
 * less or more. `random` is a number of 32 random bits. */
void tokens_plan(struct tokens *tokens, uint32_t seconds_left, uint32_t random, uint64_t now_ms);

/* Another one is due in `delay_ms`, or when one may be shown. */
void tokens_put_off(struct tokens *tokens, uint32_t delay_ms, uint64_t now_ms);

#endif
