#include "link.h"

#include "../../proto/assert.h"

const char *link_lost_name(enum link_lost lost)
{
	static const char *const names[] = {
#define LINK_LOST(name, text) text,
#include "link_lost.def"
	};

	ASSERT(lost < LINK_LOST_COUNT);
	return names[lost];
}
