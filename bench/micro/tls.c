/* TLS records of established lines, sealed and opened: by a context that has the line's key (hot),
 * and by one that is set to it first, as of a line that has been silent (cold). */
#include <string.h>

#include "../../proto/tls_line.h"
#include "../measure.h"

enum {
	LINES = 4096,    /* that share a context */
	BYTES = 4 << 20, /* of content in one run, at most */
};

/* One row of the table.
 * Owner: main. */
struct work {
	enum tls_suite suite;
	bool is_cold;
	size_t len;   /* bytes of content in a record */
	int pieces;   /* that it is sealed from */
	size_t count; /* records of one run, each of a line of its own where the key is cold */
	uint8_t *lines;
	uint8_t *sealed; /* by the peer, one behind the other */
	uint8_t *records;
	struct tls_aead aead;
	uint64_t good;
};

static const char *const names[TLS_SUITE_COUNT] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20"};
static uint8_t content[TLS_PLAIN_MAX];

static struct tls_line *line_of(const struct work *work, size_t i)
{
	return (struct tls_line *)(work->lines +
				   (work->is_cold ? i : 0) * tls_line_size(work->suite));
}

static size_t record_len(const struct work *work)
{
	return work->len + TLS_OVERHEAD;
}

/* A line and its peer have the same two secrets, the other way round. */
static void begin_lines(struct work *work, bool is_peer)
{
	static const uint8_t secrets[2][TLS_SECRET_MAX] = {{1}, {2}};
	for (size_t i = 0; i < (work->is_cold ? work->count : 1); i++) {
		tls_line_init(line_of(work, i), work->suite, secrets[is_peer], secrets[!is_peer],
			TLS_PLAIN_MAX);
	}
}

static void seal_all(void *context)
{
	struct work *work = context;
	const size_t cut = work->pieces > 1 ? 4 : work->len;
	const struct iovec pieces[] = {{content, cut}, {content + cut, work->len - cut}};
	work->good = 0;
	for (size_t i = 0; i < work->count; i++) {
		struct tls_line *line = line_of(work, i);
		if (work->is_cold) {
			tls_line_lend_write(line, &work->aead);
		}
		work->good += tls_line_seal(line, &work->aead, pieces, work->pieces,
				      work->records + i * record_len(work)) == record_len(work);
	}
}

static void open_all(void *context)
{
	struct work *work = context;
	work->good = 0;
	for (size_t i = 0; i < work->count; i++) {
		struct tls_line *line = line_of(work, i);
		size_t len;
		uint8_t alert;
		if (work->is_cold) {
			tls_line_lend_read(line, &work->aead);
		}
		work->good += tls_line_open(line, &work->aead, work->records + i * record_len(work),
				      record_len(work), &len, &alert) == TLS_EVENT_DATA &&
			      len == work->len;
	}
}

static void set_keys(void *context)
{
	struct work *work = context;
	work->good = 0;
	for (size_t i = 0; i < work->count; i++) {
		work->good += tls_line_lend_write(line_of(work, i), &work->aead) == 0;
	}
}

static void make_contexts(void *context)
{
	struct work *work = context;
	work->good = 0;
	for (size_t i = 0; i < work->count; i++) {
		struct tls_aead aead = {.context = NULL};
		work->good += tls_line_lend_write(line_of(work, i), &aead) == 0;
		tls_aead_finish(&aead);
	}
}

static void prepare_to_seal(void *context)
{
	struct work *work = context;
	begin_lines(work, false);
	CHECK(tls_line_lend_write(line_of(work, 0), &work->aead) == 0);
}

static void prepare_to_open(void *context)
{
	struct work *work = context;
	begin_lines(work, false);
	memcpy(work->records, work->sealed, work->count * record_len(work));
	CHECK(tls_line_lend_read(line_of(work, 0), &work->aead) == 0);
}

static void all_good(void *context)
{
	const struct work *work = context;
	CHECK(work->good == work->count);
}

static void measure_row(struct work *work, const char *verb, void (*prepare)(void *context),
	void (*run)(void *context))
{
	char name[64];
	snprintf(name, sizeof(name), "%s, %s %zu B%s, %s", names[work->suite], verb, work->len,
		work->pieces > 1 ? " in two pieces" : "", work->is_cold ? "cold" : "hot");
	measure_run(&(struct measure){.name = name,
		.ops = work->count,
		.bytes = work->len,
		.prepare = prepare,
		.run = run,
		.verify = all_good,
		.context = work});
}

/* What being cold costs: a key, or a whole context. */
static void measure_keys(enum tls_suite suite)
{
	struct work work = {.suite = suite, .is_cold = true, .count = LINES};
	char name[64];
	struct measure measure = {.name = name, .ops = LINES, .verify = all_good, .context = &work};
	work.lines = malloc(LINES * tls_line_size(suite));
	CHECK(work.lines);
	begin_lines(&work, false);
	snprintf(name, sizeof(name), "%s, set a key", names[suite]);
	measure.run = set_keys;
	measure_run(&measure);
	snprintf(name, sizeof(name), "%s, make a context and free it", names[suite]);
	measure.run = make_contexts;
	measure_run(&measure);
	tls_aead_finish(&work.aead);
	free(work.lines);
}

static void measure_lines(enum tls_suite suite, size_t len, int pieces, bool is_cold)
{
	struct work work = {.suite = suite, .is_cold = is_cold, .len = len, .pieces = pieces};
	work.count = BYTES / len < LINES ? BYTES / len : LINES;
	work.lines = malloc((is_cold ? work.count : 1) * tls_line_size(suite));
	work.sealed = malloc(work.count * record_len(&work));
	work.records = malloc(work.count * record_len(&work));
	CHECK(work.lines && work.sealed && work.records);
	begin_lines(&work, true);
	CHECK(tls_line_lend_write(line_of(&work, 0), &work.aead) == 0);
	seal_all(&work);
	memcpy(work.sealed, work.records, work.count * record_len(&work));
	measure_row(&work, "seal", prepare_to_seal, seal_all);
	if (pieces == 1) {
		measure_row(&work, "open", prepare_to_open, open_all);
	}
	tls_aead_finish(&work.aead);
	free(work.lines);
	free(work.sealed);
	free(work.records);
}

int main(void)
{
	measure_begin("TLS records");
	for (enum tls_suite suite = 0; suite < TLS_SUITE_COUNT; suite++) {
		measure_keys(suite);
		measure_lines(suite, 12, 1, false);
		measure_lines(suite, 12, 2, false);
		measure_lines(suite, 12, 1, true);
		measure_lines(suite, 1024, 1, false);
		measure_lines(suite, TLS_PLAIN_MAX, 1, false);
		measure_lines(suite, TLS_PLAIN_MAX, 2, false);
		measure_lines(suite, TLS_PLAIN_MAX, 1, true);
	}
	return 0;
}
