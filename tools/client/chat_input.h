/* The lines that are to be said, as they come from a terminal, a pipe or a file. */
#ifndef TIDEGATE_CHAT_INPUT_H
#define TIDEGATE_CHAT_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INPUT_SIZE = 1 << 17, /* bytes read ahead at most */
};

/* Owner:  the chat.
 * Shared: never. Zero-initialised but for `fd` and `line_max` is the start. */
struct input {
	int fd;           /* borrowed */
	size_t line_max;  /* bytes of a line, its end not counted; less than INPUT_SIZE */
	bool is_tty;      /* a terminal */
	bool is_fed;      /* its lines are put in, `fd` is not read here */
	bool is_at_end;   /* nothing more will come */
	int error;        /* that of the read that failed, negative; 0: none */
	bool is_too_long; /* the beginning of the first line was thrown away */
	uint64_t dropped; /* lines that are done with */
	size_t begin;     /* [begin, end) is there */
	size_t end;
	size_t scanned; /* no end of a line before this */
	char data[INPUT_SIZE];
};

struct input_line {
	const char *data; /* borrowed until the next call */
	size_t len;       /* bytes, without the end of the line */
	uint64_t number;  /* from 1 */
	bool is_too_long; /* over line_max: `data` is not all of it */
};

/* Reads once. To be called when poll(2) says so and there is no line. */
void input_read(struct input *input);

/* A read has ended with 0 or with `error`, an errno: nothing more will come, or nothing now. */
void input_note_end(struct input *input, int error);

/* Bytes that can be put in. */
static inline size_t input_space(const struct input *input)
{
	return INPUT_SIZE - (input->end - input->begin);
}

/* Puts a line behind the others, for which there has to be space, with its end. */
void input_put_line(struct input *input, const char *line, size_t len);

/* The first line, which stays there; the last one need not have an end. False: there is none yet,
 * or, at the end, none any more. */
bool input_peek(struct input *input, struct input_line *ret_line);

/* Takes off the line that input_peek() has shown. */
void input_drop(struct input *input);

#endif
