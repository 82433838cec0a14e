#include "suffix.h"

bool suffix_split(struct slice line, struct slice *ret_text, struct slice *ret_user)
{
	for (size_t at = line.len; at-- > SUFFIX_MARK_LEN;) {
		const char *user = line.data + at;
		if (memcmp(user - SUFFIX_MARK_LEN, SUFFIX_MARK, SUFFIX_MARK_LEN) == 0) {
			*ret_text = (struct slice){line.data, at - SUFFIX_MARK_LEN};
			*ret_user = (struct slice){user, line.len - at};
			return true;
		}
	}
	return false;
}
