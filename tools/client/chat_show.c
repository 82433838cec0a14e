#include "chat_show.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../proto/slice.h"
#include "../../proto/suffix.h"
#include "chat_glyph.h"

#define COLOUR_ERROR "\033[31m"
#define COLOUR_STATE "\033[33m"
#define COLOUR_FROM  "\033[36m"
#define COLOUR_OFF   "\033[0m"

int show_init(struct show *show)
{
	int err = output_init(&show->out, STDOUT_FILENO);

	if (err == 0) {
		err = output_init(&show->err, STDERR_FILENO);
	}
	return err;
}

void show_finish(struct show *show)
{
	output_finish(&show->out);
	output_finish(&show->err);
}

/* --- escapes --------------------------------------------------------------------------------- */

static void put_escape(struct output *output, const struct glyph *glyph)
{
	const unsigned code = glyph->code;

	if (code == '\n') {
		output_text(output, "\\n");
	} else if (code == '\r') {
		output_text(output, "\\r");
	} else if (glyph->len == 1) {
		output_format(output, "\\x%02x", code);
	} else {
		output_format(output, "\\u%04x", code);
	}
}

static void put_escaped(struct output *output, const char *text, size_t len)
{
	size_t clean = 0; /* bytes before `at` that go out as they are */

	for (size_t at = 0; at < len;) {
		const struct glyph glyph = glyph_at(text + at, len - at);
		if (glyph.is_harmful) {
			output_put(output, text + at - clean, clean);
			put_escape(output, &glyph);
			clean = 0;
		} else {
			clean += glyph.len;
		}
		at += glyph.len;
	}
	output_put(output, text + len - clean, clean);
}

/* --- lines ----------------------------------------------------------------------------------- */

/* Keeps the order of what goes to the same terminal by two ways. */
static struct output *begin_line(struct show *show, struct output *output)
{
	if (output->is_tty) {
		prompt_hide(&show->prompt);
	}
	output_flush(output == &show->out ? &show->err : &show->out);
	return output;
}

static void put_colour(struct output *output, const char *colour)
{
	if (output->is_coloured) {
		output_text(output, colour);
	}
}

/* A name may have the bracket that ends it here. */
static void put_audience(struct output *out, const struct tg_message *message)
{
	struct slice rest = {message->audience, message->audience_len};

	put_colour(out, COLOUR_FROM);
	output_text(out, "[");
	while (rest.len > 0) {
		const struct slice part = slice_cut(&rest, ']');
		const bool has_bracket =
			part.data + part.len < message->audience + message->audience_len;
		put_escaped(out, part.data, part.len);
		output_text(out, has_bracket ? "\\x5d" : "");
	}
	output_text(out, "]");
	put_colour(out, COLOUR_OFF);
	output_text(out, " ");
}

/* Returns how much of a text for everybody was written: its first letter, where it would begin like
 * one that is not. */
static size_t put_unmarked(struct output *out, const struct tg_message *message)
{
	const struct slice text = {message->data, message->text_len};

	if (!slice_begins(text, SLICE("[#")) && !slice_begins(text, SLICE("[@"))) {
		return 0;
	}
	output_text(out, "\\x5b");
	return 1;
}

static void put_from(struct output *out, const struct tg_message *message)
{
	put_colour(out, COLOUR_FROM);
	if (message->audience) {
		output_text(out, SUFFIX_MARK);
		put_escaped(out, message->from, message->from_len);
	} else {
		put_escaped(
			out, message->data + message->text_len, message->len - message->text_len);
	}
	put_colour(out, COLOUR_OFF);
}

void show_message(struct show *show, const struct tg_message *message)
{
	struct output *out = begin_line(show, &show->out);
	size_t written = 0;

	if (message->audience) {
		put_audience(out, message);
	} else if (show->marks_audiences) {
		written = put_unmarked(out, message);
	}
	put_escaped(out, message->data + written, message->text_len - written);
	if (message->from) {
		put_from(out, message);
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

void show_reply(struct show *show, const char *format, ...)
{
	va_list arguments;

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

void show_typed(struct show *show, const char *text, size_t len)
{
	struct output *screen = begin_line(show, show->prompt.output);

	output_text(screen, PROMPT_MARK);
	put_escaped(screen, text, len);
	output_text(screen, "\n");
}

/* Not behind what is held up: it would be old when it came. */
void show_flush(struct show *show)
{
	output_flush(&show->out);
	output_flush(&show->err);
	if (show->prompt.is_on && output_len(&show->out) == 0 && output_len(&show->err) == 0) {
		prompt_show(&show->prompt);
		output_flush(show->prompt.output);
	}
}
