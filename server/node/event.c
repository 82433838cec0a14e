#include "event.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "../base/log_span.h"

enum {
	NAME_MAX_LEN = (int)USER_NAME_MAX > (int)CONFIG_ID_MAX ? (int)USER_NAME_MAX
							       : (int)CONFIG_ID_MAX,
};

static const char *const names[] = {
	[EVENT_ONLINE] = "online",
	[EVENT_MOVED] = "moved",
	[EVENT_OFFLINE] = "offline",
	[EVENT_NODE_UP] = "node_up",
	[EVENT_NODE_DOWN] = "node_down",
	[EVENT_RESYNC] = "resync",
};

/* --- members -----------------------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 3))) static void put(
	struct log_span *span, const char *format, ...)
{
	char text[128];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_span_put_string(span, text);
}

/* The first member of an object. */
static void put_first_text(struct log_span *span, const char *name, struct slice value)
{
	char text[NAME_MAX_LEN + 1];
	size_t len = value.len < NAME_MAX_LEN ? value.len : NAME_MAX_LEN;
	snprintf(text, sizeof(text), "%.*s", (int)len, len ? value.data : "");
	put(span, "\"%s\":\"", name);
	log_span_put_escaped(span, text, LOG_PLACE_JSON, 0);
	log_span_put_string(span, "\"");
}

static void put_text(struct log_span *span, const char *name, struct slice value)
{
	log_span_put_string(span, ",");
	put_first_text(span, name, value);
}

static void put_time(struct log_span *span, uint64_t wall_ms)
{
	const time_t seconds = (time_t)(wall_ms / 1000);
	struct tm day;
	char text[32];
	gmtime_r(&seconds, &day);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &day);
	put(span, ",\"time\":\"%s.%03uZ\"", text, (unsigned)(wall_ms % 1000));
}

static void put_incarnation(struct log_span *span, const struct incarnation *incarnation)
{
	char text[INCARNATION_TEXT_MAX];
	incarnation_text(incarnation, text);
	put(span, ",\"incarnation\":\"%s\"", text);
}

/* --- what it is about --------------------------------------------------------------------------
 */

static void put_session(struct log_span *span, const struct event *event)
{
	char address[REMOTE_NAME_MAX];
	put_text(span, "user", event->name);
	put_text(span, "device", event->device);
	put(span, ",\"epoch\":\"%" PRIu64 "\"", event->epoch);
	if (event->kind != EVENT_OFFLINE || event->remote.is_inet) {
		remote_name(&event->remote, address);
		put_text(span, "address", slice_of(address));
	}
}

static void put_peer(struct log_span *span, const struct event *event)
{
	log_span_put_string(span, ",\"peer\":{");
	put_first_text(span, "node", event->name);
	put_incarnation(span, &event->peer);
	log_span_put_string(span, "}");
}

size_t event_write(const struct event *event, const struct event_source *source, uint64_t seq,
	char ret_text[EVENT_JSON_MAX])
{
	struct log_span span = {ret_text, ret_text + EVENT_JSON_MAX};
	log_span_put_string(&span, "{");
	put_first_text(&span, "node", slice_of(source->node));
	put_incarnation(&span, &source->incarnation);
	put(&span, ",\"seq\":%" PRIu64, seq);
	put_time(&span, event->wall_ms);
	put(&span, ",\"event\":\"%s\"", names[event->kind]);
	if (event->kind <= EVENT_OFFLINE) {
		put_session(&span, event);
	} else if (event->kind <= EVENT_NODE_DOWN) {
		put_peer(&span, event);
	}
	if (event->reason) {
		put(&span, ",\"reason\":\"%s\"", event->reason);
	}
	log_span_put_string(&span, "}");
	return (size_t)(span.at - ret_text);
}
