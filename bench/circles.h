/* Who hears whom. Connections are dealt to circles like cards: number n sits in circle n mod
 * `circles`, the first circles x circle_size of them in one at all. The first `senders` connections
 * speak, and each is heard by the others of its circle.
 *
 * A fan-out is one circle of everybody, a room is a circle, and so are two who talk to each other.
 */
#ifndef TIDEGATE_BENCH_CIRCLES_H
#define TIDEGATE_BENCH_CIRCLES_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

static inline uint32_t circle_of(const struct options *options, uint32_t number)
{
	return number % options->circles;
}

/* Whether a connection sits in a circle. */
static inline bool circles_have(const struct options *options, uint32_t number)
{
	return number < (uint64_t)options->circles * options->circle_size;
}

/* Whether `number` is to get what `sender` says. */
static inline bool circle_hears(const struct options *options, uint32_t number, uint32_t sender)
{
	return number != sender && circles_have(options, number) &&
	       circle_of(options, number) == circle_of(options, sender);
}

/* How many get what a sender says. */
static inline uint32_t circle_hearers(const struct options *options)
{
	return options->circle_size - 1;
}

/* The other one, in circles of two. */
static inline uint32_t circle_partner(const struct options *options, uint32_t number)
{
	return (number + options->circles) % (2 * options->circles);
}

/* Whether whatever is heard is known by where it is: nobody hears two. */
static inline bool circles_have_one_sender(const struct options *options)
{
	return options->senders <= options->circles;
}

/* Senders of one circle at most; the n-th of them is number n x circles + circle. */
static inline uint32_t circle_senders_max(const struct options *options)
{
	return (options->senders + options->circles - 1) / options->circles;
}

#endif
