/* What comes of tidegate.v1 on a login's line. PROTOCOL section 6. */
#ifndef TIDEGATE_CLIENT_TALK_H
#define TIDEGATE_CLIENT_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "login.h"

enum talk_finding {
	TALK_HEARD,
	TALK_PASSED_OVER, /* nothing that the line speaks, or nobody waits for it */
	TALK_BAD_PACKET,  /* the payload does not fit, or holds what is no UTF-8 */
};

/* A packet has come on the line. What is told of it may point into it. */
enum talk_finding talk_hear(
	struct login *login, uint16_t command, const uint8_t *payload, size_t len, uint64_t now_ms);

#endif
