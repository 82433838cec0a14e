#include "verdict.h"

#include "backoff.h"

struct verdict verdict_of_close(uint16_t code, const char *reason, size_t reason_len)
{
	switch (code) {
#define STAY        VERDICT_STAY, BACKOFF_NO_RETRY
#define RETRY       VERDICT_RETRY, BACKOFF_NO_RETRY
#define RETRY_AFTER VERDICT_RETRY, backoff_read_retry_ms(reason, reason_len)
#define REFRESH     VERDICT_REFRESH, BACKOFF_NO_RETRY
#define CLOSE_CODE(name, code, action, fault, error, words)                                        \
	case CLOSE_CODE_##name:                                                                    \
		return (struct verdict){TG_ERR_##fault, action};
#include "../../proto/close_reason.def"
	default:
		return (struct verdict){TG_ERR_SERVER, RETRY};
	}
}
