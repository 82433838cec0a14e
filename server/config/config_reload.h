/* What SIGHUP changes. */
#ifndef TIDEGATE_CONFIG_RELOAD_H
#define TIDEGATE_CONFIG_RELOAD_H

#include "config.h"

enum {
	CONFIG_CHANGE_TEXT_MAX =
		128, /* bytes of a value for people, NUL included; cut at its end */
};

/* An option that a reload finds changed. */
struct config_change {
	const char *name;
	char before[CONFIG_CHANGE_TEXT_MAX]; /* as `120 s`, `64K` */
	char after[CONFIG_CHANGE_TEXT_MAX];
	bool is_taken; /* else it needs a restart, and stays as it was */
};

/* Takes over from `fresh` what may change while running. Calls `tell` with each option that
 * differs. Returns how many were changed. Thread: any. */
size_t config_reload(struct config *config, const struct config *fresh,
	void (*tell)(void *user, const struct config_change *change), void *user);

#endif
