#include "sender.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

int sender_init(
	struct sender *sender, struct link *link, const struct codec_self *self, size_t capacity)
{
	*sender = (struct sender){
		.self = *self,
		.link = link,
		.message_max = capacity,
		.capacity = capacity,
		.buffer = malloc(capacity),
	};
	return sender->buffer ? 0 : -ENOMEM;
}

void sender_finish(struct sender *sender)
{
	free(sender->buffer);
	sender->buffer = NULL;
}

void sender_set_message_max(struct sender *sender, size_t message_max)
{
	if (message_max > CODEC_OVERHEAD_MAX) {
		sender->message_max =
			message_max < sender->capacity ? message_max : sender->capacity;
	}
}

void sender_begin(
	struct sender *sender, struct codec_writer *writer, enum codec_type type, uint8_t *buffer)
{
	codec_begin(
		writer, buffer ? buffer : sender->buffer, sender->message_max, &sender->self, type);
}

static int give(struct sender *sender, const struct link_parcel *parcel)
{
	int err = link_send(sender->link, parcel);
	if (err < 0) {
		sender->failed++;
	}
	return err;
}

int sender_to_all(struct sender *sender, struct codec_writer *writer)
{
	const struct codec_to to = codec_to_all(++sender->all_number);
	struct link_parcel parcel = {.to = LINK_TO_ALL, .data = writer->begin};
	parcel.len = codec_seal(writer, &to);
	return give(sender, &parcel);
}

int sender_to_node(struct sender *sender, struct sender_line *line, struct codec_writer *writer)
{
	const struct codec_to to = {
		.id = slice_of(line->id),
		.random = line->random,
		.all_number = sender->all_number,
		.number = ++line->number,
	};
	struct link_parcel parcel = {.to = LINK_TO_NODE, .name = line->id, .data = writer->begin};
	parcel.len = codec_seal(writer, &to);
	return give(sender, &parcel);
}

int sender_payload(struct sender *sender, struct sender_line *line, enum codec_type type,
	const uint8_t *payload, size_t len)
{
	struct codec_writer writer;
	sender_begin(sender, &writer, type, NULL);
	if (len > codec_room(&writer)) {
		/* The link takes less than when it was written. */
		*(line ? &line->number : &sender->all_number) += 1;
		sender->failed++;
		return -EMSGSIZE;
	}
	memcpy(writer.at, payload, len);
	writer.at += len;
	return line ? sender_to_node(sender, line, &writer) : sender_to_all(sender, &writer);
}
