#include "chat_input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../../proto/assert.h"

static void make_space(struct input *input)
{
	if (input->begin > 0) {
		memmove(input->data, input->data + input->begin, input->end - input->begin);
		input->end -= input->begin;
		input->scanned -= input->begin;
		input->begin = 0;
	}
}

void input_note_end(struct input *input, int error)
{
	if (error == EAGAIN || error == EINTR) {
		return;
	}
	/* EIO: a terminal that was hung up. */
	input->error = error == EIO ? 0 : -error;
	input->is_at_end = true;
}

void input_put_line(struct input *input, const char *line, size_t len)
{
	ASSERT(len < input_space(input));
	make_space(input);
	memcpy(input->data + input->end, line, len);
	input->end += len;
	input->data[input->end++] = '\n';
}

void input_read(struct input *input)
{
	make_space(input);
	const ssize_t len = read(input->fd, input->data + input->end, INPUT_SIZE - input->end);
	if (len > 0) {
		input->end += (size_t)len;
	} else {
		input_note_end(input, len < 0 ? errno : 0);
	}
}

bool input_peek(struct input *input, struct input_line *ret_line)
{
	const char *end = memchr(input->data + input->scanned, '\n', input->end - input->scanned);

	input->scanned = end ? (size_t)(end - input->data) : input->end;
	const size_t len = input->scanned - input->begin;
	if (len > input->line_max) {
		input->is_too_long = true;
		input->begin = input->scanned;
	}
	if (!end && !(input->is_at_end && (len > 0 || input->is_too_long))) {
		return false;
	}
	*ret_line = (struct input_line){
		.data = input->data + input->begin,
		.len = input->scanned - input->begin,
		.number = input->dropped + 1,
		.is_too_long = input->is_too_long,
	};
	return true;
}

void input_drop(struct input *input)
{
	const bool has_end = input->scanned < input->end;

	input->begin = input->scanned + (has_end ? 1 : 0);
	input->scanned = input->begin;
	input->is_too_long = false;
	input->dropped++;
}
