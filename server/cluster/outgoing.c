#include "outgoing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- subjects ----------------------------------------------------------------------------------
 */

/* Whether it is a subject, or part of one, that can be sent to: no blank that would end it, no
 * wildcard, no empty token. */
static bool is_subject(const char *text)
{
	char before = '.';

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if (c <= ' ' || c == 0x7f || c == '*' || c == '>' || (c == '.' && before == '.')) {
			return false;
		}
		before = *text;
	}
	return before != '.';
}

static bool is_header(const struct link_header *header)
{
	return header->name[0] != '\0' && !strpbrk(header->name, ": \r\n") &&
	       !strpbrk(header->value, "\r\n");
}

static int write_subject(const struct outgoing *outgoing, const struct link_parcel *parcel,
	char ret_subject[OUTGOING_SUBJECT_MAX])
{
	int len = -1;

	switch (parcel->to) {
	case LINK_TO_ALL:
		len = snprintf(ret_subject, OUTGOING_SUBJECT_MAX, "%s.n1.all", outgoing->prefix);
		break;
	case LINK_TO_NODE:
		len = snprintf(ret_subject, OUTGOING_SUBJECT_MAX, "%s.n1.node.%s", outgoing->prefix,
			parcel->name);
		break;
	case LINK_TO_EVENTS:
		len = snprintf(ret_subject, OUTGOING_SUBJECT_MAX, "%s.events.%s", outgoing->prefix,
			outgoing->id);
		break;
	case LINK_TO_UP:
		len = snprintf(ret_subject, OUTGOING_SUBJECT_MAX, "%s.up", outgoing->prefix);
		break;
	case LINK_TO_REPLY:
		len = snprintf(ret_subject, OUTGOING_SUBJECT_MAX, "%s", parcel->name);
		break;
	}
	return len > 0 && len < OUTGOING_SUBJECT_MAX && is_subject(ret_subject) ? 0 : -EINVAL;
}

/* Where the answer to what goes TO_UP comes back to; empty for others. */
static int write_reply(const struct outgoing *outgoing, const struct link_parcel *parcel,
	char ret_reply[OUTGOING_SUBJECT_MAX])
{
	ret_reply[0] = '\0';
	if (parcel->to != LINK_TO_UP) {
		return 0;
	}
	int len = snprintf(ret_reply, OUTGOING_SUBJECT_MAX, "%s.inbox.%s.%016" PRIx64,
		outgoing->prefix, outgoing->id, parcel->ask);
	return len < OUTGOING_SUBJECT_MAX ? 0 : -EINVAL;
}

/* --- parcels -----------------------------------------------------------------------------------
 */

/* Where the next copy goes. */
struct packing {
	char *at;
};

static const char *pack_text(struct packing *packing, const char *text)
{
	size_t size = strlen(text) + 1;
	char *start = memcpy(packing->at, text, size);

	packing->at += size;
	return start;
}

static size_t headers_size(const struct link_parcel *parcel)
{
	size_t size = parcel->header_count * sizeof(struct link_header);

	for (size_t i = 0; i < parcel->header_count; i++) {
		size += strlen(parcel->headers[i].name) + 1 + strlen(parcel->headers[i].value) + 1;
	}
	return size;
}

static struct parcel *pack(
	const struct link_parcel *given, const char *subject, const char *reply, size_t size)
{
	struct parcel *parcel = malloc(size);

	if (!parcel) {
		return NULL;
	}
	/* The headers first: they want to be aligned. */
	struct link_header *headers = (struct link_header *)(parcel + 1);
	struct packing packing = {(char *)(headers + given->header_count)};
	for (size_t i = 0; i < given->header_count; i++) {
		headers[i].name = pack_text(&packing, given->headers[i].name);
		headers[i].value = pack_text(&packing, given->headers[i].value);
	}
	*parcel = (struct parcel){
		.size = size,
		.subject = pack_text(&packing, subject),
		.reply = pack_text(&packing, reply),
		.headers = headers,
		.header_count = given->header_count,
		.data = packing.at,
		.len = given->len,
	};
	if (given->len > 0) {
		memcpy(packing.at, given->data, given->len);
	}
	return parcel;
}

/* --- the queue ---------------------------------------------------------------------------------
 */

int outgoing_init(struct outgoing *ret_outgoing, const char *prefix, const char *id, size_t limit)
{
	*ret_outgoing = (struct outgoing){.prefix = prefix, .id = id, .limit = limit};
	return mailbox_create(&ret_outgoing->mailbox);
}

void outgoing_finish(struct outgoing *outgoing)
{
	if (outgoing->mailbox) {
		outgoing_drop(outgoing);
	}
	mailbox_destroy(&outgoing->mailbox);
}

static bool charge(struct outgoing *outgoing, size_t size)
{
	if (atomic_fetch_add_explicit(&outgoing->bytes, size, memory_order_relaxed) + size <=
		outgoing->limit) {
		return true;
	}
	atomic_fetch_sub_explicit(&outgoing->bytes, size, memory_order_relaxed);
	return false;
}

int outgoing_put(struct outgoing *outgoing, const struct link_parcel *parcel)
{
	char subject[OUTGOING_SUBJECT_MAX];
	char reply[OUTGOING_SUBJECT_MAX];

	int err = write_subject(outgoing, parcel, subject);
	if (!err) {
		err = write_reply(outgoing, parcel, reply);
	}
	for (size_t i = 0; !err && i < parcel->header_count; i++) {
		err = is_header(&parcel->headers[i]) ? 0 : -EINVAL;
	}
	if (err) {
		return err;
	}

	size_t size = sizeof(struct parcel) + headers_size(parcel) + strlen(subject) + 1 +
		      strlen(reply) + 1 + parcel->len;
	if (!charge(outgoing, size)) {
		return -ENOBUFS;
	}
	struct parcel *packed = pack(parcel, subject, reply, size);
	if (!packed) {
		atomic_fetch_sub_explicit(&outgoing->bytes, size, memory_order_relaxed);
		return -ENOMEM;
	}
	mailbox_post(outgoing->mailbox, &packed->mail);
	return 0;
}

enum mailbox_status outgoing_take(struct outgoing *outgoing, struct parcel **ret_parcel)
{
	struct mail *mail;
	enum mailbox_status status = mailbox_take(outgoing->mailbox, &mail);

	if (status == MAILBOX_MAIL) {
		*ret_parcel = (struct parcel *)mail; /* its first member */
	}
	return status;
}

void outgoing_free(struct outgoing *outgoing, struct parcel **parcel)
{
	struct parcel *given = *parcel;

	*parcel = NULL;
	if (given) {
		atomic_fetch_sub_explicit(&outgoing->bytes, given->size, memory_order_relaxed);
		free(given);
	}
}

uint64_t outgoing_drop(struct outgoing *outgoing)
{
	struct parcel *parcel;
	uint64_t dropped = 0;

	while (outgoing_take(outgoing, &parcel) == MAILBOX_MAIL) {
		outgoing_free(outgoing, &parcel);
		dropped++;
	}
	return dropped;
}
