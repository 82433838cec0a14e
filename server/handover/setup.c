#include "setup.h"

#include <errno.h>
#include <stdio.h>

void setup_pack(const struct config *config, struct pack *pack)
{
	pack_u8(pack, config->echo);
	pack_u8(pack, config->cluster[0] != '\0');
}

int setup_check(struct unpack *unpack, const struct config *config, char ret_why[HANDOVER_TEXT_MAX])
{
	const bool has_echo = unpack_bool(unpack);
	const bool is_in_cluster = unpack_bool(unpack);
	if (!unpack_is_over(unpack)) {
		snprintf(ret_why, HANDOVER_TEXT_MAX, "its options cannot be read");
		return -EINVAL;
	}
	if (has_echo != config->echo) {
		snprintf(ret_why, HANDOVER_TEXT_MAX,
			"the running gateway %s, and the configuration says %s: that takes a restart",
			has_echo ? "echoes" : "does not echo", has_echo ? "no echo" : "echo");
		return -EPERM;
	}
	if (is_in_cluster != (config->cluster[0] != '\0')) {
		snprintf(ret_why, HANDOVER_TEXT_MAX,
			"the running gateway is %s: that takes a restart",
			is_in_cluster ? "in a cluster, and the configuration names none"
				      : "in no cluster, and the configuration names one");
		return -EPERM;
	}
	return 0;
}
