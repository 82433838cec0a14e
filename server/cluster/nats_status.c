#include "nats_status.h"

#include <errno.h>
#include <string.h>

/* Without the place in libnats's source. */
const char *nats_status_text(natsStatus status)
{
	const char *text = nats_GetLastError(NULL);
	const char *behind = text ? strstr(text, "): ") : NULL;

	if (behind) {
		return behind + strlen("): ");
	}
	return text && text[0] != '\0' ? text : natsStatus_GetText(status);
}

int nats_status_errno(natsStatus status)
{
	switch (status) {
	case NATS_OK:
		return 0;
	case NATS_NO_MEMORY:
		return -ENOMEM;
	case NATS_MAX_PAYLOAD:
		return -EMSGSIZE;
	case NATS_INVALID_ARG:
	case NATS_INVALID_SUBJECT:
	case NATS_NO_SERVER_SUPPORT:
		return -EINVAL;
	default:
		return -EPIPE;
	}
}
