#include "chat_show.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLOUR_ERROR "\033[31m"
#define COLOUR_STATE "\033[33m"
#define COLOUR_FROM  "\033[36m"
#define COLOUR_OFF   "\033[0m"

/* The kernel shows what is typed; a message goes over it. What was typed is still to be sent. */
#define ERASE_LINE "\r\033[K"

int show_init(struct show *show)
{
	int err = output_init(&show->out, STDOUT_FILENO);

	if (err == 0) {
		err = output_init(&show->err, STDERR_FILENO);
	}
	show->over_typing = isatty(STDIN_FILENO);
	return err;
}

void show_finish(struct show *show)
{
	output_finish(&show->out);
	output_finish(&show->err);
}

/* --- escapes --------------------------------------------------------------------------------- */

/* Reads one character of valid UTF-8; returns its bytes. */
static size_t read_character(const char *text, size_t len, uint32_t *ret_code)
{
	const uint8_t first = (uint8_t)text[0];
	const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (size == 1 || size > len) {
		*ret_code = first;
		return 1;
	}
	uint32_t code = first & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		code = code << 6 | ((uint8_t)text[i] & 0x3f);
	}
	*ret_code = code;
	return size;
}

/* Controls (C0 but for the tab, DEL, C1), line and paragraph separators, and what turns the
 * direction of writing, with which a text could take the look of another. */
static bool is_harmful(uint32_t code)
{
	return (code < 0x20 && code != '\t') || (code >= 0x7f && code < 0xa0) || code == 0x61c ||
	       code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

static void put_escape(struct output *output, uint32_t code)
{
	if (code == '\n') {
		output_text(output, "\\n");
	} else if (code == '\r') {
		output_text(output, "\\r");
	} else if (code < 0x80) {
		output_format(output, "\\x%02x", (unsigned)code);
	} else {
		output_format(output, "\\u%04x", (unsigned)code);
	}
}

static void put_escaped(struct output *output, const char *text, size_t len)
{
	size_t clean = 0; /* bytes before `at` that go out as they are */

	for (size_t at = 0; at < len;) {
		uint32_t code;
		const size_t size = read_character(text + at, len - at, &code);
		if (is_harmful(code)) {
			output_put(output, text + at - clean, clean);
			put_escape(output, code);
			clean = 0;
		} else {
			clean += size;
		}
		at += size;
	}
	output_put(output, text + len - clean, clean);
}

/* --- lines ----------------------------------------------------------------------------------- */

/* Keeps the order of what goes to the same terminal by two ways. */
static struct output *begin_line(struct show *show, struct output *output)
{
	output_flush(output == &show->out ? &show->err : &show->out);
	if (show->over_typing && output->is_tty) {
		output_text(output, ERASE_LINE);
	}
	return output;
}

static void put_colour(struct output *output, const char *colour)
{
	if (output->is_coloured) {
		output_text(output, colour);
	}
}

void show_message(struct show *show, const struct tg_message *message)
{
	struct output *out = begin_line(show, &show->out);

	put_escaped(out, message->data, message->text_len);
	if (message->text_len < message->len) {
		put_colour(out, COLOUR_FROM);
		put_escaped(
			out, message->data + message->text_len, message->len - message->text_len);
		put_colour(out, COLOUR_OFF);
	}
	output_text(out, "\n");
}

static void put_line(struct show *show, const char *colour, const char *mark, const char *format,
	va_list arguments)
{
	struct output *err = begin_line(show, &show->err);
	char *text;
	const int len = vasprintf(&text, format, arguments);

	if (len < 0) {
		return;
	}
	put_colour(err, colour);
	output_text(err, mark);
	put_escaped(err, text, (size_t)len);
	put_colour(err, COLOUR_OFF);
	output_text(err, "\n");
	output_flush(err);
	free(text);
}

void show_state(struct show *show, const char *format, ...)
{
	va_list arguments;

	if (show->is_quiet) {
		return;
	}
	va_start(arguments, format);
	put_line(show, COLOUR_STATE, "* ", format, arguments);
	va_end(arguments);
}

void show_error(struct show *show, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	put_line(show, COLOUR_ERROR, "tidegate-chat: ", format, arguments);
	va_end(arguments);
}

void show_note(struct show *show, const char *text)
{
	struct output *err = begin_line(show, &show->err);

	output_text(err, text);
	output_text(err, "\n");
	output_flush(err);
}

void show_flush(struct show *show)
{
	output_flush(&show->out);
	output_flush(&show->err);
}
