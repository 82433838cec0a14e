#include "deltas.h"

#include <errno.h>
#include <stdlib.h>

#include "../../proto/assert.h"

int deltas_init(struct deltas *deltas, struct sender *sender)
{
	*deltas = (struct deltas){.sender = sender, .buffer = malloc(sender->capacity)};
	return deltas->buffer ? 0 : -ENOMEM;
}

void deltas_finish(struct deltas *deltas)
{
	free(deltas->buffer);
	deltas->buffer = NULL;
}

static void begin(struct deltas *deltas)
{
	if (!deltas->is_begun) {
		sender_begin(deltas->sender, &deltas->writer, CODEC_DELTAS, deltas->buffer);
		deltas->is_begun = true;
	}
}

void deltas_put(struct deltas *deltas, const struct codec_delta *delta)
{
	begin(deltas);
	if (codec_put_delta(&deltas->writer, delta) < 0) {
		deltas_flush(deltas);
		begin(deltas);
		ASSERT(codec_put_delta(&deltas->writer, delta) == 0);
	}
	deltas->sent++;
}

void deltas_flush(struct deltas *deltas)
{
	if (deltas->is_begun) {
		deltas->is_begun = false;
		/* What is lost here shows by its number, and a resync makes good for it. */
		(void)sender_to_all(deltas->sender, &deltas->writer);
	}
}

void deltas_drop(struct deltas *deltas)
{
	deltas->is_begun = false;
}
