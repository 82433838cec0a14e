#include "changes.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/config_reload.h"

static void note(struct changes *changes, const struct config_change *change)
{
	size_t at = strlen(changes->text);
	size_t room = sizeof(changes->text) - at;
	int len = snprintf(changes->text + at, room, "%s%s %s -> %s", at > 0 ? ", " : "",
		change->name, change->before, change->after);
	if ((size_t)len < room) {
		changes->told++;
	} else {
		changes->text[at] = '\0';
	}
}

static void on_change(void *user, const struct config_change *change)
{
	if (change->is_taken) {
		note(user, change);
	} else {
		log_warn(0, "reload: %s %s -> %s cannot change while running: restart for it",
			change->name, change->before, change->after);
	}
}

void changes_take(struct changes *ret_changes, struct config *config, const struct config *fresh)
{
	*ret_changes = (struct changes){.count = 0};
	ret_changes->count = config_reload(config, fresh, on_change, ret_changes);
}

void changes_log(const struct changes *changes)
{
	char rest[32] = "";
	if (changes->told < changes->count) {
		snprintf(rest, sizeof(rest), ", and %zu more", changes->count - changes->told);
	}
	log_info(0, "reloaded: %zu option%s changed%s%s%s", changes->count,
		changes->count == 1 ? "" : "s", changes->count > 0 ? ": " : "", changes->text,
		rest);
}
