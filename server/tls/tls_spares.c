#include "tls_spares.h"

enum {
	UNIT = 16, /* bytes; sizes are told apart by no less */
	UNITS_MAX = TLS_SPARES_SIZE_MAX / UNIT,
};

/* By the units that a block is to have: jemalloc's sizes, of which it has four between a power of
 * two and the next. */
static const uint8_t class_for[UNITS_MAX + 1] = {0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 9, 10, 10, 11,
	11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15};

static const uint16_t size_of[TLS_SPARES_CLASSES] = {
	16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512};

static void *take(struct tls_spares *spares, size_t size_class)
{
	return spares->counts[size_class] > 0
		       ? spares->blocks[size_class][--spares->counts[size_class]]
		       : NULL;
}

void *tls_spares_take(struct tls_spares *spares, size_t size)
{
	return size <= TLS_SPARES_SIZE_MAX ? take(spares, class_for[(size + UNIT - 1) / UNIT])
					   : NULL;
}

bool tls_spares_put(struct tls_spares *spares, void *block, size_t size)
{
	if (size < TLS_SPARES_SIZE_MIN || size > TLS_SPARES_SIZE_MAX) {
		return false;
	}
	const size_t size_class = class_for[size / UNIT];
	if (size_of[size_class] > size || spares->counts[size_class] == TLS_SPARES_MOST) {
		return false;
	}
	spares->blocks[size_class][spares->counts[size_class]++] = block;
	return true;
}

void *tls_spares_take_any(struct tls_spares *spares)
{
	for (size_t size_class = 0; size_class < TLS_SPARES_CLASSES; size_class++) {
		void *block = take(spares, size_class);
		if (block) {
			return block;
		}
	}
	return NULL;
}
