/* What is told to, and asked of, who takes in what others say: ingress.h. */
#ifndef TIDEGATE_INGRESS_TYPES_H
#define TIDEGATE_INGRESS_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "../fanout/fanout_node.h"
#include "directory.h"

enum {
	INGRESS_HELD_DEFAULT = 4 << 20, /* bytes */
};

/* Borrowed, but for the struct itself. */
struct ingress_setup {
	struct fanout_node *node; /* in a cluster */
	const struct directory *directory;
	size_t held_limit; /* bytes that may be held back */
	uint32_t now_tick;
};

struct ingress_figures {
	uint64_t messages;  /* taken in, to everybody and to rooms */
	uint64_t says;      /* taken in, to users */
	uint64_t lost;      /* batches dropped for want of room */
	uint64_t malformed; /* batches, of which what stood before that has been taken in */
	size_t held;        /* bytes now */
};

#endif
