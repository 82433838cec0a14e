#include "namesake.h"

#include <stdio.h>
#include <string.h>

#include "codec_node.h"

static void send(struct namesake *namesake, const struct incarnation *incarnation,
	enum codec_type type, const struct codec_probe *probe)
{
	struct sender *sender = namesake->sender;
	struct sender_line line = {.random = incarnation->random};
	struct codec_writer writer;
	snprintf(line.id, sizeof(line.id), "%.*s", (int)sender->self.id.len, sender->self.id.data);
	sender_begin(sender, &writer, type, NULL);
	if (type == CODEC_PROBE) {
		(void)codec_put_probe(&writer, probe);
	} else {
		(void)codec_put_probe_answer(&writer, probe);
	}
	(void)sender_to_node(sender, &line, &writer);
}

/* It was there first, by what may be recorded: it is asked whether it is there. */
static enum namesake_verdict ask(
	struct namesake *namesake, const struct codec_message *message, uint64_t now_us)
{
	const struct codec_probe probe = {.us = now_us};
	const bool is_known = incarnation_is_same(&namesake->incarnation, &message->incarnation);
	struct codec_heartbeat its;
	if (codec_read_heartbeat(message, &its) < 0) {
		return NAMESAKE_NOTHING;
	}
	snprintf(namesake->address, sizeof(namesake->address), "%.*s", (int)its.address.len,
		its.address.data);
	namesake->incarnation = message->incarnation;
	send(namesake, &message->incarnation, CODEC_PROBE, &probe);
	/* Once: what is recorded may come again and again. */
	return is_known ? NAMESAKE_NOTHING : NAMESAKE_MAY_BE_OLDER;
}

enum namesake_verdict namesake_on_message(
	struct namesake *namesake, const struct codec_message *message, uint64_t now_us)
{
	struct codec_probe probe;
	const bool was_first =
		incarnation_is_older(&message->incarnation, &namesake->sender->self.incarnation);
	if (message->type == CODEC_HEARTBEAT && was_first) {
		return ask(namesake, message, now_us);
	}
	if (message->type == CODEC_PROBE && codec_read_probe(message, &probe) == 0) {
		send(namesake, &message->incarnation, CODEC_PROBE_ANSWER, &probe);
		return NAMESAKE_NOTHING;
	}
	if (message->type == CODEC_PROBE_ANSWER && was_first) {
		return NAMESAKE_IS_OLDER; /* what is to this run alone, was said since it began */
	}
	return was_first ? NAMESAKE_NOTHING : NAMESAKE_IS_YOUNGER;
}
