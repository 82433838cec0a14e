#include "tls_hold.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/tls_record.h"
#include "../base/least.h"

enum {
	/* Bytes; then twice as many whenever they are too few, up to those of the longest record.
	 */
	SIZE_MIN = 512,
};

static int make(struct tls_hold **hold)
{
	if (!*hold) {
		*hold = calloc(1, sizeof(**hold));
	}
	return *hold ? 0 : -ENOMEM;
}

static void free_kept(struct tls_kept *kept)
{
	free(kept->bytes);
	*kept = (struct tls_kept){0};
}

static void free_if_empty(struct tls_hold **hold)
{
	if (!(*hold)->half.bytes && !(*hold)->residue.bytes) {
		free(*hold);
		*hold = NULL;
	}
}

static int grow(struct tls_kept *kept, size_t len)
{
	uint32_t size = kept->size ? kept->size : SIZE_MIN;
	while (size - kept->end < len) {
		size *= 2;
	}
	size = (uint32_t)least(size, TLS_RECORD_MAX);
	if (size == kept->size) {
		return 0;
	}
	uint8_t *grown = realloc(kept->bytes, size);
	if (!grown) {
		return -ENOMEM;
	}
	kept->bytes = grown;
	kept->size = size;
	return 0;
}

static int add(struct tls_kept *kept, const uint8_t *data, size_t len)
{
	int err = grow(kept, len);
	if (!err) {
		memcpy(kept->bytes + kept->end, data, len);
		kept->end += (uint32_t)len;
	}
	return err;
}

int tls_hold_add_half(struct tls_hold **hold, const uint8_t *data, size_t len)
{
	int err = make(hold);
	if (!err) {
		err = add(&(*hold)->half, data, len);
		free_if_empty(hold);
	}
	return err;
}

int tls_hold_add_residue(struct tls_hold **hold, const uint8_t *data, size_t len)
{
	int err = make(hold);
	if (!err) {
		err = add(&(*hold)->residue, data, len);
		free_if_empty(hold);
	}
	return err;
}

void tls_hold_take_half(struct tls_hold **hold, uint8_t *ret_half)
{
	struct tls_kept *half = &(*hold)->half;
	memcpy(ret_half, half->bytes, half->end);
	free_kept(half);
	free_if_empty(hold);
}

void tls_hold_pass_residue(struct tls_hold **hold, size_t len)
{
	struct tls_kept *residue = &(*hold)->residue;
	residue->begin += (uint32_t)len;
	if (residue->begin == residue->end) {
		free_kept(residue);
		free_if_empty(hold);
	}
}

void tls_hold_add_held(const struct tls_hold *hold, struct holding *holding)
{
	if (!hold) {
		return;
	}
	if (hold->half.bytes) {
		holding->held[BUDGET_MESSAGES] += malloc_usable_size(hold->half.bytes);
	}
	if (hold->residue.bytes) {
		holding->held[BUDGET_QUEUES] += malloc_usable_size(hold->residue.bytes);
	}
}

void tls_hold_destroy(struct tls_hold **hold)
{
	if (*hold) {
		free_kept(&(*hold)->half);
		free_kept(&(*hold)->residue);
		free_if_empty(hold);
	}
}
