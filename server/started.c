#include "started.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "build_config.h"

/* Who listens at one of these can be reached at the machine's every address of a kind. */
static const struct {
	const char *prefix;
	const char *host;
	const char *reach;
} wildcards[] = {
	{":", "localhost:", " (all addresses)"},
	{"0.0.0.0:", "127.0.0.1:", " (all IPv4 addresses)"},
	{"[::]:", "[::1]:", " (all IPv6 addresses)"},
};

const char *started_url(const char *listener, char ret_url[STARTED_URL_MAX])
{
	if (address_is_unix(listener)) {
		snprintf(ret_url, STARTED_URL_MAX, "%s", listener);
		return "";
	}
	for (size_t i = 0; i < sizeof(wildcards) / sizeof(wildcards[0]); i++) {
		size_t len = strlen(wildcards[i].prefix);
		if (strncmp(listener, wildcards[i].prefix, len) == 0) {
			snprintf(ret_url, STARTED_URL_MAX, "ws://%s%s/", wildcards[i].host,
				listener + len);
			return wildcards[i].reach;
		}
	}
	snprintf(ret_url, STARTED_URL_MAX, "ws://%s/", listener);
	return "";
}

/* Where clients find it.
 * Owner: the call of started_say. */
struct places_to_go {
	size_t count;
	char urls[CONFIG_LISTEN_MAX][STARTED_URL_MAX]; /* the first ones; a name may have more */
	struct log_field fields[CONFIG_LISTEN_MAX];
	char text[LOG_LINE_MAX]; /* all of those, for people */
};

static void find_places(const struct listeners *listeners, struct places_to_go *places)
{
	size_t len = 0;
	places->count = listeners->count < CONFIG_LISTEN_MAX ? listeners->count : CONFIG_LISTEN_MAX;
	places->text[0] = '\0';
	for (size_t i = 0; i < places->count; i++) {
		char name[ADDRESS_MAX + 8];
		listeners_name_row(listeners, i, name, sizeof(name));
		const char *reach = started_url(name, places->urls[i]);
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
