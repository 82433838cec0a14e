#include "api_body.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "../../proto/frame.h"
#include "../../proto/packet.h"
#include "../../proto/suffix.h"
#include "../../proto/user_name.h"
#include "../../proto/utf8.h"

enum {
	SHOWN_MAX = 64, /* bytes of what a stranger wrote that are told back */
	PARTS_MAX = 32, /* brackets, colons and commas of a document */
};

/* What a body says. Strings are the document's. */
struct wanted {
	bool is_packet;
	int command;
	const char *data; /* the text, or the packet's payload */
	size_t data_len;
	const char *from;
	size_t from_len;
	char *decoded; /* of base64; data points to it then */
};

/* The library cuts what it shows where it likes: half a character could not be told. */
static void make_utf8(char *text)
{
	if (!utf8_valid((const uint8_t *)text, strlen(text))) {
		for (char *at = text; *at; at++) {
			*at = (unsigned char)*at < 0x80 ? *at : '?';
		}
	}
}

int api_body_fail(char ret_fault[API_FAULT_MAX], const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(ret_fault, API_FAULT_MAX, format, args);
	va_end(args);
	make_utf8(ret_fault);
	return -EINVAL;
}

/* --- documents ---------------------------------------------------------------------------------
 */

/* Whether a document has no more parts than anything that is taken here. The library makes an
 * object of up to 300 bytes for each; a string costs a few times its size. */
static bool is_small(const uint8_t *body, size_t body_len)
{
	bool is_in_string = false;
	size_t parts = 0;
	for (size_t i = 0; i < body_len && parts <= PARTS_MAX; i++) {
		if (body[i] == '"') {
			is_in_string = !is_in_string;
		} else if (is_in_string) {
			i += body[i] == '\\';
		} else {
			parts += body[i] == '{' || body[i] == '[' || body[i] == ':' ||
				 body[i] == ',';
		}
	}
	return parts <= PARTS_MAX;
}

int api_body_load(
	const uint8_t *body, size_t body_len, json_t **ret_document, char ret_fault[API_FAULT_MAX])
{
	json_error_t error;
	if (!is_small(body, body_len)) {
		return api_body_fail(
			ret_fault, "an object of a few members is needed, not so many parts");
	}
	json_t *document = json_loadb(
		(const char *)body, body_len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (!document) {
		return api_body_fail(
			ret_fault, "not JSON, at byte %d: %s", error.position, error.text);
	}
	if (!json_is_object(document)) {
		json_decref(document);
		return api_body_fail(ret_fault, "an object is needed");
	}
	*ret_document = document;
	return 0;
}

/* How many bytes of a text may be shown: whole characters only, or the answer would be no UTF-8. */
static int shown_len(const char *text)
{
	size_t len = strnlen(text, SHOWN_MAX);
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) {
		len--;
	}
	return (int)len;
}

int api_body_check_members(json_t *object, const char *const *names, char ret_fault[API_FAULT_MAX])
{
	const char *name;
	json_t *value;
	json_object_foreach(object, name, value)
	{
		const char *const *known = names;
		while (*known && strcmp(*known, name) != 0) {
			known++;
		}
		if (!*known) {
			return api_body_fail(
				ret_fault, "the member \"%.*s\" is unknown", shown_len(name), name);
		}
	}
	return 0;
}

/* A string that may be left out: *ret_text is NULL then. */
static int take_string(const json_t *object, const char *name, const char **ret_text,
	size_t *ret_len, char ret_fault[API_FAULT_MAX])
{
	json_t *value = json_object_get(object, name);
	*ret_text = NULL;
	*ret_len = 0;
	if (!value) {
		return 0;
	}
	if (!json_is_string(value)) {
		return api_body_fail(ret_fault, "\"%s\" must be a string", name);
	}
	*ret_text = json_string_value(value);
	*ret_len = json_string_length(value);
	return 0;
}

int api_body_take_text(const json_t *document, const char *name, size_t most,
	struct slice *ret_text, char ret_fault[API_FAULT_MAX])
{
	int err = take_string(document, name, &ret_text->data, &ret_text->len, ret_fault);
	if (!err && ret_text->len > most) {
		err = api_body_fail(ret_fault, "\"%s\" may have %zu bytes", name, most);
	}
	return err;
}

#define MUST_BE_NUMBER "\"%s\" must be a number from %u to %u"

int api_body_take_number(const json_t *document, const char *name, uint32_t least, uint32_t most,
	uint32_t *number, char ret_fault[API_FAULT_MAX])
{
	const json_t *value = json_object_get(document, name);
	if (!value) {
		return 0;
	}
	const json_int_t its = json_is_integer(value) ? json_integer_value(value) : -1;
	if (its < least || its > most) {
		return api_body_fail(ret_fault, MUST_BE_NUMBER, name, least, most);
	}
	*number = (uint32_t)its;
	return 0;
}

/* --- packets -----------------------------------------------------------------------------------
 */

/* libsodium 1.0.18 takes bytes beyond ASCII for characters of the alphabet. */
static bool is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] >= 0x80) {
			return false;
		}
	}
	return true;
}

static int decode_base64(
	struct wanted *wanted, const char *text, size_t len, char ret_fault[API_FAULT_MAX])
{
	size_t decoded_len;
	wanted->decoded = malloc(len + 1);
	if (!wanted->decoded) {
		return -ENOMEM;
	}
	if (!is_ascii(text, len) ||
		sodium_base642bin((unsigned char *)wanted->decoded, len + 1, text, len, NULL,
			&decoded_len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
		return api_body_fail(ret_fault, "\"payload_base64\" is not base64");
	}
	wanted->data = wanted->decoded;
	wanted->data_len = decoded_len;
	return 0;
}

static int read_packet(json_t *packet, struct wanted *wanted, char ret_fault[API_FAULT_MAX])
{
	static const char *const names[] = {"command", "payload", "payload_base64", NULL};
	const char *payload;
	const char *base64;
	size_t payload_len;
	size_t base64_len;
	if (!json_is_object(packet)) {
		return api_body_fail(ret_fault, "\"packet\" must be an object");
	}
	json_t *command = json_object_get(packet, "command");
	if (api_body_check_members(packet, names, ret_fault) < 0 ||
		take_string(packet, "payload", &payload, &payload_len, ret_fault) < 0 ||
		take_string(packet, "payload_base64", &base64, &base64_len, ret_fault) < 0) {
		return -EINVAL;
	}
	if (!json_is_integer(command) || json_integer_value(command) < 0 ||
		json_integer_value(command) > UINT16_MAX) {
		return api_body_fail(ret_fault, "\"command\" must be an integer from 0 to 65535");
	}
	if (payload && base64) {
		return api_body_fail(
			ret_fault, "either \"payload\" or \"payload_base64\", not both");
	}
	wanted->is_packet = true;
	wanted->command = (int)json_integer_value(command);
	wanted->data = payload ? payload : "";
	wanted->data_len = payload_len;
	int err = base64 ? decode_base64(wanted, base64, base64_len, ret_fault) : 0;
	if (!err && wanted->command == PACKET_TEXT &&
		!utf8_valid((const uint8_t *)wanted->data, wanted->data_len)) {
		return api_body_fail(ret_fault, "the payload of a packet 102 must be UTF-8");
	}
	return err;
}

/* --- messages ----------------------------------------------------------------------------------
 */

/* Names that nobody may have could be taken for somebody else's. */
static int check_from(const struct wanted *wanted, char ret_fault[API_FAULT_MAX])
{
	if (wanted->from && !user_name_is_valid(wanted->from, wanted->from_len)) {
		return api_body_fail(ret_fault,
			"\"from\" is not a name that a user may have: 1 to 64 bytes of UTF-8 " USER_NAME_RULE);
	}
	return 0;
}

static int read_members(json_t *document, struct wanted *wanted, char ret_fault[API_FAULT_MAX])
{
	static const char *const names[] = {"text", "packet", "from", NULL};
	json_t *packet = json_object_get(document, "packet");
	if (api_body_check_members(document, names, ret_fault) < 0 ||
		take_string(document, "text", &wanted->data, &wanted->data_len, ret_fault) < 0 ||
		take_string(document, "from", &wanted->from, &wanted->from_len, ret_fault) < 0) {
		return -EINVAL;
	}
	if (!wanted->data == !packet) {
		return api_body_fail(ret_fault, "either \"text\" or \"packet\" is needed");
	}
	int err = check_from(wanted, ret_fault);
	if (!err && packet) {
		err = read_packet(packet, wanted, ret_fault);
	}
	if (!err && wanted->from && wanted->is_packet && wanted->command != PACKET_TEXT) {
		return api_body_fail(ret_fault, "\"from\" goes with a text or a packet 102");
	}
	return err;
}

static int encode(const struct wanted *wanted, size_t message_max, struct api_message *ret_message)
{
	size_t header_len = wanted->is_packet ? PACKET_HEADER_LEN : 0;
	size_t from_len = wanted->from ? suffix_len(wanted->from_len) : 0;
	size_t len = header_len + wanted->data_len;
	if (len > message_max) {
		return -EMSGSIZE;
	}
	len += from_len;
	uint8_t *payload = malloc(len + 1);
	if (!payload) {
		return -ENOMEM;
	}
	uint8_t *at = payload;
	if (wanted->is_packet) {
		packet_header_write(
			at, (uint16_t)wanted->command, (uint32_t)(wanted->data_len + from_len));
		at += PACKET_HEADER_LEN;
	}
	at = mempcpy(at, wanted->data, wanted->data_len);
	if (wanted->from) {
		suffix_write(at, wanted->from, wanted->from_len);
	}
	*ret_message = (struct api_message){
		.opcode = wanted->is_packet ? FRAME_BINARY : FRAME_TEXT,
		.payload = payload,
		.len = len,
	};
	if (wanted->from && !wanted->is_packet) {
		ret_message->text = (struct slice){(const char *)payload, wanted->data_len};
		ret_message->from = (struct slice){
			(const char *)payload + len - wanted->from_len, wanted->from_len};
	}
	return 0;
}

int api_body_take_message(json_t *document, size_t message_max, struct api_message *ret_message,
	char ret_fault[API_FAULT_MAX])
{
	struct wanted wanted = {.data = NULL};
	int err = read_members(document, &wanted, ret_fault);
	if (!err) {
		err = encode(&wanted, message_max, ret_message);
	}
	free(wanted.decoded);
	return err;
}

int api_body_read_message(const uint8_t *body, size_t body_len, size_t message_max,
	struct api_message *ret_message, char ret_fault[API_FAULT_MAX])
{
	json_t *document;
	int err = api_body_load(body, body_len, &document, ret_fault);
	if (err) {
		return err;
	}
	err = api_body_take_message(document, message_max, ret_message, ret_fault);
	json_decref(document);
	return err;
}

/* --- words -------------------------------------------------------------------------------------
 */

static int read_words(json_t *document, struct wanted *wanted, char ret_fault[API_FAULT_MAX])
{
	static const char *const names[] = {"text", "from", NULL};
	if (json_object_get(document, "packet")) {
		return api_body_fail(
			ret_fault, "what is said in a room is a \"text\", not a \"packet\"");
	}
	if (api_body_check_members(document, names, ret_fault) < 0 ||
		take_string(document, "text", &wanted->data, &wanted->data_len, ret_fault) < 0 ||
		take_string(document, "from", &wanted->from, &wanted->from_len, ret_fault) < 0) {
		return -EINVAL;
	}
	return wanted->data ? check_from(wanted, ret_fault)
			    : api_body_fail(ret_fault, "\"text\" is needed");
}

static int copy_words(const struct wanted *wanted, size_t message_max, struct api_words *ret_words)
{
	if (wanted->data_len > message_max) {
		return -EMSGSIZE;
	}
	uint8_t *text = malloc(wanted->data_len + wanted->from_len + 1);
	if (!text) {
		return -ENOMEM;
	}
	uint8_t *from = mempcpy(text, wanted->data, wanted->data_len);
	if (wanted->from) {
		memcpy(from, wanted->from, wanted->from_len);
	}
	*ret_words = (struct api_words){
		.text = text,
		.text_len = wanted->data_len,
		.from = {(const char *)from, wanted->from_len},
	};
	return 0;
}

int api_body_take_words(json_t *document, size_t message_max, struct api_words *ret_words,
	char ret_fault[API_FAULT_MAX])
{
	struct wanted wanted = {.data = NULL};
	const int err = read_words(document, &wanted, ret_fault);
	return err ? err : copy_words(&wanted, message_max, ret_words);
}

int api_body_read_words(const uint8_t *body, size_t body_len, size_t message_max,
	struct api_words *ret_words, char ret_fault[API_FAULT_MAX])
{
	json_t *document;
	int err = api_body_load(body, body_len, &document, ret_fault);
	if (err) {
		return err;
	}
	err = api_body_take_words(document, message_max, ret_words, ret_fault);
	json_decref(document);
	return err;
}

/* --- flags -------------------------------------------------------------------------------------
 */

/* The only member of an object. *ret_value is the document's, which is the caller's. */
static int load_member(const uint8_t *body, size_t body_len, const char *name,
	json_t **ret_document, json_t **ret_value, char ret_fault[API_FAULT_MAX])
{
	const char *const names[] = {name, NULL};
	json_t *document;
	int err = api_body_load(body, body_len, &document, ret_fault);
	if (err) {
		return err;
	}
	err = api_body_check_members(document, names, ret_fault);
	if (err) {
		json_decref(document);
		return err;
	}
	*ret_document = document;
	*ret_value = json_object_get(document, name);
	return 0;
}

int api_body_read_number(const uint8_t *body, size_t body_len, const char *name, uint32_t least,
	uint32_t most, uint32_t *ret_number, char ret_fault[API_FAULT_MAX])
{
	json_t *document;
	json_t *value;
	int err = load_member(body, body_len, name, &document, &value, ret_fault);
	if (err) {
		return err;
	}
	err = value ? 0 : api_body_fail(ret_fault, MUST_BE_NUMBER, name, least, most);
	if (!err) {
		err = api_body_take_number(document, name, least, most, ret_number, ret_fault);
	}
	json_decref(document);
	return err;
}

int api_body_read_flag(const uint8_t *body, size_t body_len, const char *name, int *ret_flag,
	char ret_fault[API_FAULT_MAX])
{
	json_t *document;
	json_t *value;
	int err = load_member(body, body_len, name, &document, &value, ret_fault);
	if (err) {
		return err;
	}
	if (json_is_boolean(value)) {
		*ret_flag = json_is_true(value);
	} else {
		err = api_body_fail(ret_fault, "\"%s\" must be true or false", name);
	}
	json_decref(document);
	return err;
}
