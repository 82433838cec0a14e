#include "verdict.h"

#include "backoff.h"

struct verdict verdict_of_close(uint16_t code, const char *reason, size_t reason_len)
{
	struct verdict verdict = {TG_ERR_SERVER, VERDICT_RETRY, BACKOFF_NO_RETRY};

	switch (code) {
	case 1000:
		verdict.status = TG_ERR_CLOSED;
		verdict.action = VERDICT_STAY;
		break;
	case 1002:
	case 1007:
	case 1009:
	case 4002:
		verdict.status = TG_ERR_BLAMED;
		verdict.action = VERDICT_STAY;
		break;
	case 1008:
		verdict.status = TG_ERR_POLICY;
		verdict.action = VERDICT_STAY;
		break;
	case 4000:
		verdict.status = TG_ERR_BAD_LOGIN;
		verdict.action = VERDICT_STAY;
		break;
	case 4001:
		verdict.status = TG_ERR_KICKED;
		verdict.action = VERDICT_STAY;
		break;
	case 3000:
		verdict.status = TG_ERR_AUTH;
		verdict.action = VERDICT_REFRESH;
		break;
	case 3008:
		verdict.status = TG_ERR_IO_TIMEOUT;
		break;
	case 1001:
		verdict.status = TG_ERR_RESTART;
		break;
	case 1012:
		verdict.status = TG_ERR_RESTART;
		verdict.retry_ms = backoff_read_retry_ms(reason, reason_len);
		break;
	case 1013:
		verdict.status = TG_ERR_OVERLOADED;
		verdict.retry_ms = backoff_read_retry_ms(reason, reason_len);
		break;
	}
	return verdict;
}
