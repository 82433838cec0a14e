/* What the end of a line means for the client. PROTOCOL section 5. */
#ifndef TIDEGATE_CLIENT_VERDICT_H
#define TIDEGATE_CLIENT_VERDICT_H

#include <stddef.h>
#include <stdint.h>

#include "../../proto/close_reason.h"
#include "tidegate-client.h"

enum verdict_action {
	VERDICT_STAY,    /* closed for good */
	VERDICT_RETRY,   /* back off, then dial */
	VERDICT_REFRESH, /* dial once with a new token, if there is one to be had */
};

struct verdict {
	enum tg_status status;
	enum verdict_action action;
	int32_t retry_ms; /* what the gateway asked for, or BACKOFF_NO_RETRY */
};

/* Judges a Close received; `code` is CLOSE_CODE_NONE where it has none. Thread: any. */
struct verdict verdict_of_close(uint16_t code, const char *reason, size_t reason_len);

#endif
