#include "audience.h"

struct audience audience_of(struct slice written)
{
	if (written.len == 0) {
		return (struct audience){.kind = AUDIENCE_EVERYBODY};
	}
	struct audience audience = {.name = written};
	slice_drop(&audience.name, 1);
	if (!user_name_is_valid(audience.name.data, audience.name.len)) {
		audience.kind = AUDIENCE_INVALID;
	} else if (written.data[0] == '@') {
		audience.kind = AUDIENCE_USER;
	} else if (written.data[0] == '#') {
		audience.kind = AUDIENCE_ROOM;
	} else {
		audience.kind = AUDIENCE_INVALID;
	}
	return audience;
}
