/* A line under test, and both directions of its peer. */
#ifndef TIDEGATE_TESTS_TLS_LINE_RIG_H
#define TIDEGATE_TESTS_TLS_LINE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../proto/tls_line.h"
#include "split.h"
#include "tls_rig.h"

enum {
	RIG_RECORD_MAX = RIG_HEADER_LEN + (1 << 16), /* bytes: more than is legal */
};

struct rig {
	struct tls_line *line; /* in memory of its very size */
	struct tls_aead read;
	struct tls_aead write;
	struct rig_end theirs; /* what the peer seals */
	struct rig_end ours;   /* what the peer opens */
	uint8_t record[RIG_RECORD_MAX];
	uint8_t *opened; /* the last record, in memory of its very size */
	size_t len;      /* bytes of data in it */
	uint8_t alert;   /* of the last event that has one */
};

static inline void rig_init(struct rig *rig, enum tls_suite suite, uint16_t fragment_len)
{
	uint8_t secrets[2][RIG_SECRET_MAX];
	uint32_t random = 1 + (uint32_t)suite;
	for (size_t i = 0; i < RIG_SECRET_MAX; i++) {
		secrets[0][i] = (uint8_t)split_random(&random);
		secrets[1][i] = (uint8_t)split_random(&random);
	}
	*rig = (struct rig){.line = malloc(tls_line_size(suite))};
	rig_check(rig->line != NULL);
	tls_line_init(rig->line, suite, secrets[0], secrets[1], fragment_len);
	rig_end_init(&rig->theirs, suite, secrets[0]);
	rig_end_init(&rig->ours, suite, secrets[1]);
	assert_int_equal(tls_line_lend_read(rig->line, &rig->read), 0);
	assert_int_equal(tls_line_lend_write(rig->line, &rig->write), 0);
}

static inline void rig_finish(struct rig *rig)
{
	tls_aead_finish(&rig->read);
	tls_aead_finish(&rig->write);
	rig_end_finish(&rig->theirs);
	rig_end_finish(&rig->ours);
	free(rig->opened);
	free(rig->line);
}

/* Runs a test with each suite. */
static inline void rig_with_each(void (*test)(struct rig *rig))
{
	for (enum tls_suite suite = 0; suite < TLS_SUITE_COUNT; suite++) {
		struct rig *rig = malloc(sizeof(*rig));
		rig_check(rig != NULL);
		rig_init(rig, suite, TLS_PLAIN_MAX);
		test(rig);
		rig_finish(rig);
		free(rig);
	}
}

/* --- what comes --- */

/* Opens a record of any making. */
static inline enum tls_event rig_take(struct rig *rig, const uint8_t *record, size_t len)
{
	free(rig->opened);
	rig->opened = split_copy(record, len);
	rig->len = 0;
	const int whole = tls_record_len(rig->opened);
	if (whole < 0) {
		rig->alert = (uint8_t)-whole;
		return TLS_EVENT_BROKEN;
	}
	rig_check((size_t)whole == len);
	return tls_line_open(rig->line, &rig->read, rig->opened, len, &rig->len, &rig->alert);
}

/* The peer seals a whole inner plaintext. */
static inline enum tls_event rig_take_inner(struct rig *rig, const void *inner, size_t len)
{
	return rig_take(rig, rig->record, rig_seal(&rig->theirs, inner, len, rig->record));
}

/* The peer seals content of a kind. */
static inline enum tls_event rig_take_content(
	struct rig *rig, uint8_t kind, const void *content, size_t len)
{
	return rig_take(
		rig, rig->record, rig_seal_content(&rig->theirs, kind, content, len, rig->record));
}

#define assert_broken(rig, event, number)                                                          \
	do {                                                                                       \
		assert_int_equal(event, TLS_EVENT_BROKEN);                                         \
		assert_int_equal((rig)->alert, number);                                            \
	} while (0)

/* Data goes through, and is what was sealed. */
static inline void rig_expect_data(struct rig *rig, const void *data, size_t len)
{
	assert_int_equal(rig_take_content(rig, 23, data, len), TLS_EVENT_DATA);
	assert_int_equal(rig->len, len);
	assert_memory_equal(rig->opened + RIG_HEADER_LEN, data, len);
}

/* --- what goes --- */

/* The peer opens what the line has sealed: content of this kind, and nothing else. */
static inline void rig_expect_sealed(struct rig *rig, const uint8_t *record, size_t len,
	uint8_t kind, const void *content, size_t content_len)
{
	uint8_t *inner = malloc(len);
	size_t inner_len;
	rig_check(inner != NULL);
	assert_int_equal(len, RIG_HEADER_LEN + content_len + 1 + RIG_TAG_LEN);
	assert_int_equal(record[0], 23);
	assert_int_equal(record[1] << 8 | record[2], 0x0303);
	assert_int_equal(record[3] << 8 | record[4], len - RIG_HEADER_LEN);
	assert_true(rig_open(&rig->ours, record, len, inner, &inner_len));
	assert_int_equal(inner_len, content_len + 1);
	assert_int_equal(inner[content_len], kind);
	assert_memory_equal(inner, content, content_len);
	free(inner);
}

/* The line seals data, and the peer has it. */
static inline void rig_expect_sent(struct rig *rig, void *data, size_t len)
{
	const struct iovec piece = {.iov_base = data, .iov_len = len};
	uint8_t *record = malloc(len + TLS_OVERHEAD);
	rig_check(record != NULL);
	rig_expect_sealed(rig, record, tls_line_seal(rig->line, &rig->write, &piece, 1, record), 23,
		data, len);
	free(record);
}

/* The line seals what it owes, and the peer reads on with the next key. */
static inline void rig_expect_update(struct rig *rig, uint8_t requests)
{
	const uint8_t message[] = {24, 0, 0, 1, requests};
	uint8_t record[TLS_KEY_UPDATE_RECORD_LEN];
	assert_true(tls_line_owes(rig->line));
	rig_expect_sealed(rig, record, tls_line_seal_owed(rig->line, &rig->write, record), 22,
		message, sizeof(message));
	assert_false(tls_line_owes(rig->line));
	rig_end_update(&rig->ours);
}

#endif
