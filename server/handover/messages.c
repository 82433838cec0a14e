#include "messages.h"

#include <errno.h>
#include <string.h>

void handover_hello_pack(const struct handover_hello *hello, struct pack *pack)
{
	pack_u32(pack, hello->version);
	pack_slice(pack, hello->binary);
	pack_u64(pack, hello->files);
	pack_u64(pack, hello->lines);
	pack_u64(pack, hello->memory);
	pack_u64(pack, hello->skip_us);
}

int handover_hello_unpack(struct unpack *unpack, struct handover_hello *ret_hello)
{
	struct handover_hello hello = {0};
	hello.version = unpack_u32(unpack);
	hello.binary = unpack_slice(unpack);
	if (hello.version == HANDOVER_VERSION) {
		hello.files = unpack_u64(unpack);
		hello.lines = unpack_u64(unpack);
		hello.memory = unpack_u64(unpack);
		hello.skip_us = unpack_u64(unpack);
	}
	if (unpack->failed) {
		return -EINVAL;
	}
	*ret_hello = hello;
	return 0;
}

void handover_text_pack(const char *text, struct pack *pack)
{
	size_t len = strnlen(text, HANDOVER_TEXT_MAX - 1);
	pack_slice(pack, (struct slice){text, len});
}

int handover_text_unpack(struct unpack *unpack, char ret_text[HANDOVER_TEXT_MAX])
{
	struct slice text = unpack_slice(unpack);
	if (!unpack_is_over(unpack) || text.len >= HANDOVER_TEXT_MAX ||
		memchr(text.data, '\0', text.len)) {
		strcpy(ret_text, "it does not say why");
		return -EINVAL;
	}
	memcpy(ret_text, text.data, text.len);
	ret_text[text.len] = '\0';
	return 0;
}

const char *handover_message_name(enum handover_message message)
{
	switch (message) {
	case HANDOVER_HELLO:
		return "HELLO";
	case HANDOVER_LISTENERS:
		return "LISTENERS";
	case HANDOVER_READY:
		return "READY";
	case HANDOVER_NOT_NOW:
		return "NOT_NOW";
	case HANDOVER_NODE:
		return "NODE";
	case HANDOVER_BUFFERS:
		return "BUFFERS";
	case HANDOVER_LINES:
		return "LINES";
	case HANDOVER_ACK:
		return "ACK";
	case HANDOVER_END:
		return "END";
	case HANDOVER_HAVE_ALL:
		return "HAVE_ALL";
	case HANDOVER_GO:
		return "GO";
	case HANDOVER_ABORT:
		return "ABORT";
	case HANDOVER_MESSAGES:
		break;
	}
	return "nothing";
}
