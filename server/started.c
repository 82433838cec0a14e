#include "started.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "build_config.h"

/* Where clients find it.
 * Owner: the call of started_say. */
struct places_to_go {
	size_t count;
	char urls[CONFIG_LISTEN_MAX][ADDRESS_URL_MAX]; /* the first ones; a name may have more */
	struct log_field fields[CONFIG_LISTEN_MAX];
	char text[LOG_LINE_MAX]; /* all of those, for people */
};

static void find_places(const struct listeners *listeners, struct places_to_go *places)
{
	size_t len = 0;
	places->count = listeners->count < CONFIG_LISTEN_MAX ? listeners->count : CONFIG_LISTEN_MAX;
	places->text[0] = '\0';
	for (size_t i = 0; i < places->count; i++) {
		char name[LISTENERS_NAME_MAX];
		listeners_name_row(listeners, i, name, sizeof(name));
		const char *reach = address_url("ws", name, places->urls[i]);
		places->fields[i] = (struct log_field)LOG_FIELD_TEXT("", places->urls[i]);
		if (len < sizeof(places->text)) {
			len += (size_t)snprintf(places->text + len, sizeof(places->text) - len,
				", %s%s", places->urls[i], reach);
		}
	}
}

void started_say(const struct config *config, uint32_t workers, const struct listeners *listeners,
	const char *console)
{
	struct places_to_go places;
	find_places(listeners, &places);
	const struct log_field fields[] = {
		LOG_FIELD_TEXT("version", TIDEGATE_VERSION),
		LOG_FIELD_NUMBER("pid", (uint64_t)getpid()),
		LOG_FIELD_NUMBER("workers", workers),
		LOG_FIELD_TEXT("config", config->file),
		LOG_FIELD_TEXT("console", console),
		LOG_FIELD_ARRAY("urls", places.fields, places.count),
	};
	if (log_is_enabled(LOG_LEVEL_INFO)) {
		log_write_fields(LOG_LEVEL_INFO, 0, fields, sizeof(fields) / sizeof(fields[0]),
			"started: tidegate %s, pid %d, %u worker%s, %s%s%s%s%s", TIDEGATE_VERSION,
			(int)getpid(), workers, workers == 1 ? "" : "s",
			config->file ? "config " : "no config file",
			config->file ? config->file : "", places.text, console ? ", console " : "",
			console ? console : "");
	}
}
