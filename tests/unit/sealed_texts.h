/* Texts that are said over sealed lines, with numbers in front where order counts. */
#ifndef TIDEGATE_SEALED_TEXTS_H
#define TIDEGATE_SEALED_TEXTS_H

#include "sealed_rig.h"

static const struct tls_sort USUAL = {.login_as = "sealed"};

static inline char *text_of(size_t len)
{
	char *text = malloc(len + 1);
	assert_non_null(text);
	for (size_t i = 0; i < len; i++) {
		text[i] = (char)('a' + (i + len) % 26);
	}
	text[len] = '\0';
	return text;
}

/* What others hear of a text. */
static inline char *said_by(const char *text, const char *user)
{
	const size_t size = strlen(text) + 64;
	char *said = malloc(size);
	assert_non_null(said);
	snprintf(said, size, "%s -- FROM %s", text, user);
	return said;
}

static inline void expect_said(struct client *client, const char *text, const char *user)
{
	char *said = said_by(text, user);
	expect_text(client, said);
	free(said);
}

static const struct tls_sort NARROW = {.login_as = "sealed", .send_buffer = 4096};

/* Writes six digits and a space in front of a text. */
static inline void put_number(char *text, int number)
{
	for (int i = 5; i >= 0; i--, number /= 10) {
		text[i] = (char)('0' + number % 10);
	}
	text[6] = ' ';
}

/* What one said to another, in texts of some length with a number in front. */
static inline void say_many(
	struct tls_rig *rig, struct client *client, int first, int count, size_t len)
{
	char *text = text_of(len);
	for (int i = 0; i < count; i++) {
		put_number(text, first + i);
		client_text(client, text);
		rig_run(&rig->rig);
	}
	free(text);
}

static inline void expect_many(struct client *client, int count, size_t len, const char *user)
{
	char *text = text_of(len);
	for (int i = 0; i < count; i++) {
		put_number(text, i);
		expect_said(client, text, user);
	}
	free(text);
}

#endif
