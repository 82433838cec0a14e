/* Who means harm, a row each: how far its opening goes, what it says from then on, whether it
 * reads. */
#ifndef TIDEGATE_BENCH_ATTACK_KINDS_H
#define TIDEGATE_BENCH_ATTACK_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ATTACK_BLOCK = 16384, /* bytes of one send, of whole frames where a kind repeats them */
};

enum attack_opening {
	ATTACK_OPENING_NONE,
	ATTACK_OPENING_HALF, /* a head without its end */
	ATTACK_OPENING_WHOLE,
};

enum attack_hello {
	ATTACK_HELLO_NONE,
	ATTACK_HELLO_USUAL,
	ATTACK_HELLO_EACH_GROUP, /* one group each, all of them in turn */
};

/* Owner: nobody, constant. */
struct attack_kind {
	const char *name;
	const char *help;
	enum attack_opening opening;
	enum attack_hello hello; /* said instead of an opening: this one is for wss */
	/* Writes what is said behind the opening; returns its length. NULL: nothing. */
	size_t (*say)(uint8_t ret_block[ATTACK_BLOCK]);
	bool repeats; /* says it over and over, as fast as the server takes it */
	bool reads;
	bool drops;    /* hangs up as soon as it is connected */
	bool leaves;   /* hangs up as soon as it has an answer, whatever it is */
	double back_s; /* until it hangs up and comes back; 0: it stays */
};

/* The last one has no name. */
extern const struct attack_kind attack_kinds[];

#endif
