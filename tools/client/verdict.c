#include "verdict.h"

#include "backoff.h"

struct verdict verdict_of_close(uint16_t code, const char *reason, size_t reason_len)
{
#define STAY        VERDICT_STAY, BACKOFF_NO_RETRY
#define RETRY       VERDICT_RETRY, BACKOFF_NO_RETRY
#define RETRY_AFTER VERDICT_RETRY, backoff_read_retry_ms(reason, reason_len)
#define REFRESH     VERDICT_REFRESH, BACKOFF_NO_RETRY
#define CLOSE_CODE(name, number, action, fault, error, words)                                      \
	if (code == (number)) {                                                                    \
		return (struct verdict){TG_ERR_##fault, action};                                   \
	}
#define CLOSE_RANGE(first, last, action, fault, error, words)                                      \
	if (code >= (first) && code <= (last)) {                                                   \
		return (struct verdict){TG_ERR_##fault, action};                                   \
	}
#include "../../proto/close_reason.def"
	return (struct verdict){TG_ERR_SERVER, RETRY};
}
