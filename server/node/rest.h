/* The last turns: with all threads at the gate, main brings to its end what they have in hand,
 * until nothing is anywhere but in connections and tables. Then everything there is can be written
 * down, or all go on as if nothing had been.
 *
 * Nothing is read from clients, no deadline acts, nobody is taken in. What was read and not seen to
 * is: mail, batches on their way to their receivers, logins whose tokens are to be judged, rooms
 * whose number is to be told, who came and went, steps of TLS handshakes that threads have. Answers
 * that others owe to sessions are waited for, and then given up, as if they were late. */
#ifndef TIDEGATE_REST_H
#define TIDEGATE_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node.h"

struct registrar;
struct serving;

enum {
	REST_ANSWER_MS = 300, /* for answers of others, which are given up then */
	REST_BUSY_MAX = 256,  /* bytes of what is said, NUL included */
};

/* Whose turns they are, and by which clock: filled in by rest_init, or by a test. */
struct rest {
	struct node *node;
	struct registrar *registrar; /* NULL: there is none */
	struct serving *servings[HANDLE_WORKERS_MAX];
	uint64_t (*now_us)(void *context);
	void (*pause)(void *context); /* for a moment, until others have done something */
	void *context;
};

/* Of a node whose workers are made. `registrar` may be NULL. */
void rest_init(struct rest *rest, struct node *node, struct registrar *registrar);

/* Takes turns until two rounds in a row find nothing, for at most `ms`. Returns whether nothing is
 * left; else ret_busy is who still had what in hand, for people: "worker-1: messages on their way
 * to receivers". Thread: main, registered with the user table; all others stand. */
bool rest_reach(const struct rest *rest, uint32_t ms, char ret_busy[REST_BUSY_MAX]);

#endif
