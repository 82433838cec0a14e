/* What a user of tidegate.v1 says and asks: packets 110, 120, 121, 123 and 130, and the greeting
 * 104. PROTOCOL section 6. */
#ifndef TIDEGATE_TALK_H
#define TIDEGATE_TALK_H

#include "../../proto/message.h"
#include "../../proto/packet.h"
#include "../../proto/say_packets.h"
#include "sessions.h"

/* Tells a session who it is and how long, behind its 101 and whenever it has sent a token; `result`
 * is what came of that. Inside a visit. */
void talk_greet(struct sessions *sessions, struct conn *conn, enum packet_result result);

/* A text or packet 102 that its session may not say to everybody: nothing is sent. */
void talk_refuse_text(struct sessions *sessions, struct conn *conn);

/* One for each of those rows of packet.def. Inside a visit. */
void talk_on_say(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet);
void talk_on_join(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet);
void talk_on_leave(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet);
void talk_on_list(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet);
void talk_on_request(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet);

#endif
