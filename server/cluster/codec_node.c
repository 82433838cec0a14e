#include "codec_node.h"

#include <errno.h>

#include "../../proto/assert.h"
#include "codec_fit.h"

enum {
	HEARTBEAT_NUMBERS_LEN = 8 + 4 + 4 + 1 + 1 + 1 + 8 + 8,
	SENT_LEN = 16,
	PROBE_LEN = 8,
	PROBE_ANSWER_LEN = 8 + 8,
};

/* --- HEARTBEAT ----------------------------------------------------------------------------------
 */

static struct slice cut(struct slice text)
{
	text.len = text.len < FIELDS_STR_MAX ? text.len : FIELDS_STR_MAX;
	return text;
}

int codec_put_heartbeat(struct codec_writer *writer, const struct codec_heartbeat *heartbeat)
{
	const struct slice address = cut(heartbeat->address);
	const struct slice version = cut(heartbeat->version);
	if (codec_room(writer) <
		HEARTBEAT_NUMBERS_LEN + fields_str_len(address) + fields_str_len(version) + 2 + 2) {
		return -ENOSPC;
	}
	uint8_t *at = fields_put_u64(writer->at, heartbeat->wall_ms);
	at = fields_put_u32(at, heartbeat->sessions);
	at = fields_put_u32(at, heartbeat->rooms);
	at = fields_put_u8(at, heartbeat->max_devices);
	at = fields_put_u8(at, heartbeat->pressure);
	at = fields_put_u8(at, heartbeat->flags);
	at = fields_put_u64(at, heartbeat->users_root);
	at = fields_put_u64(at, heartbeat->rooms_root);
	at = fields_put_str(at, address);
	at = fields_put_str(at, version);
	at = fields_put_u16(at, heartbeat->ws_port);
	writer->count = at;
	writer->at = fields_put_u16(at, 0);
	return 0;
}

int codec_put_sent(struct codec_writer *writer, const struct codec_sent *sent)
{
	ASSERT(writer->count);
	const uint16_t count = load_be16(writer->count);
	if (codec_room(writer) < SENT_LEN || count == UINT16_MAX) {
		return -ENOSPC;
	}
	writer->at = fields_put_u64(fields_put_u64(writer->at, sent->random), sent->number);
	store_be16(writer->count, (uint16_t)(count + 1));
	return 0;
}

/* What is shown to people; what is not printable is as if it had not been said. */
static struct slice printable(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < ' ' || text.data[i] > '~') {
			return SLICE("");
		}
	}
	return text;
}

int codec_read_heartbeat(const struct codec_message *message, struct codec_heartbeat *ret_heartbeat)
{
	struct fields fields = message->payload;
	struct codec_heartbeat heartbeat;
	heartbeat.wall_ms = fields_u64(&fields);
	heartbeat.sessions = fields_u32(&fields);
	heartbeat.rooms = fields_u32(&fields);
	heartbeat.max_devices = fields_u8(&fields);
	heartbeat.pressure = fields_u8(&fields);
	heartbeat.flags = fields_u8(&fields);
	heartbeat.users_root = fields_u64(&fields);
	heartbeat.rooms_root = fields_u64(&fields);
	heartbeat.address = printable(fields_str(&fields));
	heartbeat.version = printable(fields_str(&fields));
	heartbeat.ws_port = fields_u16(&fields);
	const struct slice sent = fields_bytes(&fields, SENT_LEN * (size_t)fields_u16(&fields));
	if (!fields_fit_or_trail(&fields)) {
		return -EBADMSG;
	}
	heartbeat.sent = fields_of((const uint8_t *)sent.data, sent.len);
	if (heartbeat.pressure > CODEC_PRESSURE_MAX) {
		heartbeat.pressure = CODEC_PRESSURE_MAX;
	}
	*ret_heartbeat = heartbeat;
	return 0;
}

bool codec_next_sent(struct codec_heartbeat *heartbeat, struct codec_sent *ret_sent)
{
	if (heartbeat->sent.left < SENT_LEN) {
		return false;
	}
	ret_sent->random = fields_u64(&heartbeat->sent);
	ret_sent->number = fields_u64(&heartbeat->sent);
	return true;
}

/* --- PROBE, PROBE_ANSWER, BYE -------------------------------------------------------------------
 */

int codec_put_probe(struct codec_writer *writer, const struct codec_probe *probe)
{
	if (codec_room(writer) < PROBE_LEN) {
		return -ENOSPC;
	}
	writer->at = fields_put_u64(writer->at, probe->us);
	return 0;
}

int codec_read_probe(const struct codec_message *message, struct codec_probe *ret_probe)
{
	struct fields fields = message->payload;
	const struct codec_probe probe = {.us = fields_u64(&fields)};
	if (!fields_fit_or_trail(&fields)) {
		return -EBADMSG;
	}
	*ret_probe = probe;
	return 0;
}

int codec_put_probe_answer(struct codec_writer *writer, const struct codec_probe *probe)
{
	if (codec_room(writer) < PROBE_ANSWER_LEN) {
		return -ENOSPC;
	}
	writer->at = fields_put_u64(fields_put_u64(writer->at, probe->us), probe->wall_ms);
	return 0;
}

int codec_read_probe_answer(const struct codec_message *message, struct codec_probe *ret_probe)
{
	struct fields fields = message->payload;
	struct codec_probe probe;
	probe.us = fields_u64(&fields);
	probe.wall_ms = fields_u64(&fields);
	if (!fields_fit_or_trail(&fields)) {
		return -EBADMSG;
	}
	*ret_probe = probe;
	return 0;
}

int codec_put_bye(struct codec_writer *writer, uint8_t reason)
{
	if (codec_room(writer) < 1) {
		return -ENOSPC;
	}
	writer->at = fields_put_u8(writer->at, reason);
	return 0;
}

int codec_read_bye(const struct codec_message *message, uint8_t *ret_reason)
{
	struct fields fields = message->payload;
	const uint8_t reason = fields_u8(&fields);
	if (!fields_fit_or_trail(&fields)) {
		return -EBADMSG;
	}
	*ret_reason = reason;
	return 0;
}
