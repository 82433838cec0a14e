/* Text for a terminal, a pipe or a file that never keeps the line waiting: what its reader does not
 * take now stays in memory. */
#ifndef TIDEGATE_CHAT_OUTPUT_H
#define TIDEGATE_CHAT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

enum {
	OUTPUT_FULL = 1 << 20, /* bytes; with more than that waiting nothing should be added */
};

/* Owner:  the chat.
 * Shared: never. */
struct output {
	int fd;        /* one of its own; -1: none */
	bool is_ours;  /* nobody else uses its open file: it is non-blocking */
	bool is_tty;   /* a terminal */
	bool is_smart; /* one that moves its cursor when told to */
	bool is_coloured;
	int error; /* of the write that failed, negative; 0: none. What comes later is dropped */
	char *data;
	size_t size;  /* bytes allocated */
	size_t begin; /* [begin, end) waits */
	size_t end;
};

#define OUTPUT_EMPTY {.fd = -1}

/* Errors: of dup(2). */
int output_init(struct output *output, int fd);
void output_finish(struct output *output);

/* Appends `len` bytes. */
void output_put(struct output *output, const char *data, size_t len);
void output_text(struct output *output, const char *text);
void output_format(struct output *output, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Writes what can be written without waiting. */
void output_flush(struct output *output);

/* Bytes that wait. */
static inline size_t output_len(const struct output *output)
{
	return output->end - output->begin;
}

#endif
