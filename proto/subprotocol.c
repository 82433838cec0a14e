#include "subprotocol.h"

struct slice subprotocol_name(enum subprotocol subprotocol)
{
	switch (subprotocol) {
	case SUBPROTOCOL_V0:
		return SLICE("tidegate.v0");
	case SUBPROTOCOL_V1:
		return SLICE("tidegate.v1");
	case SUBPROTOCOL_NONE:
		break;
	}
	return SLICE("");
}

enum subprotocol subprotocol_best(struct slice offered)
{
	enum subprotocol best = SUBPROTOCOL_NONE;
	while (offered.len > 0) {
		const struct slice name = slice_trim(slice_cut(&offered, ','));
		if (slice_equals(name, subprotocol_name(SUBPROTOCOL_V1))) {
			best = SUBPROTOCOL_V1;
		} else if (best == SUBPROTOCOL_NONE &&
			   slice_equals(name, subprotocol_name(SUBPROTOCOL_V0))) {
			best = SUBPROTOCOL_V0;
		}
	}
	return best;
}
