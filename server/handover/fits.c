#include "fits.h"

#include <errno.h>
#include <stdio.h>

#include "../base/machine.h"

enum {
	/* Bytes that a line takes in a process beside what it has unread or unsent: its record, its
	 * session, its TLS, its rooms, and what the kernel has to watch it by once more. */
	LINE_BYTES = 2048,
	FILES_SPARE = 64, /* for newcomers until the other process has gone */
	KIB = 1024,
};

void fits_look(const char *root, uint64_t memory, struct fits_room *ret_room)
{
	struct machine_group_limit group;
	machine_group_limit(root, "memory", &group);
	*ret_room = (struct fits_room){
		.files = machine_raise_files(),
		.files_used = machine_used_files() + FILES_SPARE,
		.memory = memory,
		.group = UINT64_MAX,
	};
	if (group.limit < UINT64_MAX) {
		const uint64_t cache = machine_group_cache(root, group.group);
		const uint64_t used = group.current > cache ? group.current - cache : 0;
		ret_room->group = group.limit > used ? group.limit - used : 0;
	}
}

int fits_check(const struct handover_hello *hello, const struct fits_room *room,
	char ret_why[HANDOVER_TEXT_MAX])
{
	const uint64_t files = room->files_used + hello->lines;
	const uint64_t bytes = hello->memory + hello->lines * LINE_BYTES;
	if (files > room->files) {
		snprintf(ret_why, HANDOVER_TEXT_MAX,
			"the file limit of %llu is too low for %llu connections: raise it to %llu at "
			"least (ulimit -n, or LimitNOFILE= of the unit) and restart",
			(unsigned long long)room->files, (unsigned long long)hello->lines,
			(unsigned long long)files);
		return -EMFILE;
	}
	if (hello->memory > room->memory) {
		snprintf(ret_why, HANDOVER_TEXT_MAX,
			"%llu KiB are unread or unsent, and the new memory_limit is %llu KiB: some "
			"would be closed; wait until less is, or raise it",
			(unsigned long long)hello->memory / KIB,
			(unsigned long long)room->memory / KIB);
		return -ENOMEM;
	}
	if (bytes > room->group) {
		snprintf(ret_why, HANDOVER_TEXT_MAX,
			"all is held twice for a moment, which takes about %llu KiB, and the control "
			"group has %llu KiB left: raise MemoryMax= of the unit, or wait",
			(unsigned long long)bytes / KIB, (unsigned long long)room->group / KIB);
		return -ENOMEM;
	}
	return 0;
}
