/* Why a connection ended. PROTOCOL section 5; RFC 6455 section 7.4. */
#ifndef TIDEGATE_CLOSE_REASON_H
#define TIDEGATE_CLOSE_REASON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum close_code {
	CLOSE_CODE_SILENT = 0, /* no Close is sent */
#define CLOSE_CODE(name, code, action, fault, error, words) CLOSE_CODE_##name = (code),
#include "close_reason.def"
};

enum close_reason {
	CLOSE_REASON_NONE = 0,
#define CLOSE_REASON(name, code, counter, text, log, words) CLOSE_REASON_##name,
#include "close_reason.def"
	CLOSE_REASON_COUNT
};

enum {
	CLOSE_CODE_PRIVATE_FIRST = 4000, /* from here on codes are an application's own */
	CLOSE_CODE_LAST = 4999,
	CLOSE_CODE_LEN = 2, /* bytes */
	/* The payload of a control frame: two bytes of code, then text. RFC 6455 section 5.5. */
	CLOSE_PAYLOAD_MAX = 125,
};

/* The close code a reason is sent with; 0 when no Close is sent. Thread: any. */
uint16_t close_reason_code(enum close_reason reason);

/* The name under which ends of this reason are counted. Thread: any. */
const char *close_reason_counter(enum close_reason reason);

/* What the log says of it. Thread: any. */
const char *close_reason_log(enum close_reason reason);

/* Writes the payload of the Close frame for a reason: code, then text. `retry_ms` is used by the
 * reasons that carry one and ignored by the others.
 * Thread: any. Returns the length, 0 to CLOSE_PAYLOAD_MAX; 0 when no Close is sent. */
size_t close_reason_payload(
	enum close_reason reason, uint32_t retry_ms, uint8_t ret_payload[CLOSE_PAYLOAD_MAX]);

/* Whether a peer may put this code into a Close frame: 1000 to 1003, 1007 to 1014, 3000 to 4999.
 * RFC 6455 section 7.4.1 and the IANA registry. Thread: any. */
bool close_code_is_valid(uint16_t code);

#endif
