/* A fresh token inside a session: packet 103. PROTOCOL section 6. */
#ifndef TIDEGATE_REFRESH_H
#define TIDEGATE_REFRESH_H

#include "../../proto/message.h"
#include "../../proto/packet.h"
#include "sessions.h"

enum {
	REFRESH_EVERY_S = 5, /* a session's tokens are judged no more often */
};

/* With a good token of the same user end and rights are the token's from here on, and the session
 * leaves rooms that only its old token let it join. It stays after a bad one, but not after one of
 * somebody else. Answered by a 104, unless it ends. Inside a visit. */
void refresh_on_token(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet);

#endif
