#include "elsewhere.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool elsewhere_reserve(struct elsewhere *elsewhere, size_t bytes)
{
	const size_t limit = atomic_load_explicit(&elsewhere->egress_limit, memory_order_relaxed);
	const size_t before =
		atomic_fetch_add_explicit(&elsewhere->egress, bytes, memory_order_relaxed);
	const bool is_over = before > limit || bytes > limit - before;
	if (is_over) {
		elsewhere_release(elsewhere, bytes);
	}
	return !is_over;
}

void elsewhere_release(struct elsewhere *elsewhere, size_t bytes)
{
	atomic_fetch_sub_explicit(&elsewhere->egress, bytes, memory_order_relaxed);
}

static size_t bytes_of(size_t from_len, size_t to_len, size_t text_len)
{
	return sizeof(struct elsewhere_say) + from_len + to_len + text_len;
}

static void append(char **at, struct slice part)
{
	if (part.len > 0) {
		memcpy(*at, part.data, part.len);
	}
	*at += part.len;
}

int elsewhere_say_create(struct elsewhere *elsewhere, const struct elsewhere_said *said,
	struct elsewhere_say **ret_say)
{
	const size_t bytes = bytes_of(said->from.len, said->to.len, said->text.len);
	if (!elsewhere_reserve(elsewhere, bytes)) {
		return -ENOBUFS;
	}
	struct elsewhere_say *say = malloc(bytes);
	if (!say) {
		elsewhere_release(elsewhere, bytes);
		return -ENOMEM;
	}
	*say = (struct elsewhere_say){
		.mail.kind = elsewhere->say_kind,
		.sender = said->sender,
		.id = said->id,
		.wants_answer = said->wants_answer,
		.local_sessions = said->local_sessions,
		.from_device = said->from_device,
		.sent_ms = said->sent_ms,
		.from_len = (uint8_t)said->from.len,
		.to_len = (uint8_t)said->to.len,
		.text_len = (uint32_t)said->text.len,
	};
	char *at = say->data;
	append(&at, said->from);
	append(&at, said->to);
	append(&at, said->text);
	*ret_say = say;
	return 0;
}

void elsewhere_say_post(struct elsewhere *elsewhere, struct elsewhere_say **say)
{
	struct elsewhere_say *given = *say;
	*say = NULL;
	mailbox_post(elsewhere->mailbox, &given->mail);
}

struct elsewhere_say *elsewhere_say_of(struct mail *mail)
{
	return (struct elsewhere_say *)mail;
}

void elsewhere_say_free(struct elsewhere *elsewhere, struct elsewhere_say **say)
{
	struct elsewhere_say *given = *say;
	*say = NULL;
	if (!given) {
		return;
	}
	elsewhere_release(elsewhere, bytes_of(given->from_len, given->to_len, given->text_len));
	free(given);
}
