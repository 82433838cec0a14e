#include "close_reason.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "assert.h"
#include "bytes.h"

struct row {
	uint16_t code; /* 0: no Close is sent */
	const char *counter;
	const char *text; /* NULL: none; RETRY_MS: known by its address, formatted with a number */
	const char *log;
};

static const char RETRY_MS[] = "retry_ms=%" PRIu32;

static const struct row rows[CLOSE_REASON_COUNT] = {
	[CLOSE_REASON_NONE] = {0, "none", NULL, "open"},
#define CLOSE_REASON(name, code, counter, text, log, words)                                        \
	[CLOSE_REASON_##name] = {CLOSE_CODE_##code, counter, text, log},
#include "close_reason.def"
};

static const struct row *row_of(enum close_reason reason)
{
	ASSERT(reason < CLOSE_REASON_COUNT);
	return &rows[reason];
}

uint16_t close_reason_code(enum close_reason reason)
{
	return row_of(reason)->code;
}

const char *close_reason_counter(enum close_reason reason)
{
	return row_of(reason)->counter;
}

const char *close_reason_log(enum close_reason reason)
{
	return row_of(reason)->log;
}

static size_t write_text(const struct row *row, uint32_t retry_ms, char *ret_text, size_t size)
{
	if (!row->text) {
		return 0;
	}
	if (row->text == RETRY_MS) {
		return (size_t)snprintf(ret_text, size, RETRY_MS, retry_ms);
	}
	const size_t len = strlen(row->text);
	ASSERT(len <= size);
	memcpy(ret_text, row->text, len);
	return len;
}

size_t close_reason_payload(
	enum close_reason reason, uint32_t retry_ms, uint8_t ret_payload[CLOSE_PAYLOAD_MAX])
{
	const struct row *row = row_of(reason);
	if (!row->code) {
		return 0;
	}
	store_be16(ret_payload, row->code);
	return 2 + write_text(row, retry_ms, (char *)ret_payload + 2, CLOSE_PAYLOAD_MAX - 2);
}

bool close_code_is_valid(uint16_t code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
	       (code >= 3000 && code <= 4999);
}
