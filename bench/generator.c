#include "generator.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	SPARE_SIZE = 1 << 17, /* the one size that is kept: holds a frame of 64 KiB */
};

uint8_t *generator_lend(struct generator *generator, uint32_t size, uint32_t *ret_size)
{
	if (size <= SPARE_SIZE && generator->spare_count > 0) {
		*ret_size = SPARE_SIZE;
		return generator->spares[--generator->spare_count];
	}
	*ret_size = size <= SPARE_SIZE ? SPARE_SIZE : size;
	uint8_t *buffer = malloc(*ret_size);
	if (!buffer) {
		abort();
	}
	return buffer;
}

void generator_return(struct generator *generator, uint8_t *buffer, uint32_t size)
{
	if (size == SPARE_SIZE && generator->spare_count < GENERATOR_SPARES) {
		generator->spares[generator->spare_count++] = buffer;
	} else {
		free(buffer);
	}
}

void generator_ring(struct generator *generator)
{
	const uint64_t one = 1;
	(void)!write(generator->bell, &one, sizeof(one));
}
