/* The sessions of one worker: what login, messages and ends work with. */
#ifndef TIDEGATE_SESSIONS_H
#define TIDEGATE_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/frame.h"
#include "../../proto/packet.h"
#include "../base/mailbox.h"
#include "../conn/conns.h"
#include "../conn/send.h"
#include "../fanout/fanout.h"
#include "../fanout/say.h"
#include "../user/user_table.h"
#include "ended.h"
#include "identity/identity.h"
#include "presence.h"
#include "unanswered.h"
#include "waiting.h"

struct outward;

enum {
	LISTING_PLACES = 256,
};

/* What lists of rooms' members may still cost in a tick. Half of it is for those who have had none
 * lately, so that who lists without a pause leaves some to others.
 * Owner:  one worker. */
struct listing {
	uint32_t tick;
	uint32_t left;                 /* members that may be looked at, for anybody */
	uint32_t left_fresh;           /* for who has had no list lately */
	uint8_t ticks[LISTING_PLACES]; /* of the last list, by connection: the low bits */
};

/* What conns->owner points to.
 * Owner:  one worker.
 * Shared: never; the user table is. */
struct sessions {
	struct conns *conns;
	struct fanout *fanout;
	struct say say;
	struct user_table *users;
	struct mailbox **mailboxes; /* of all workers, by id */
	uint32_t kick_kind;         /* of the mail that carries a kick */
	bool logs_each;             /* logins and ends, one by one */
	struct ended *ended;        /* where ends are kept; NULL: nowhere */
	struct presences presences; /* logins and ends, for the registrar */
	struct identity identity;   /* what tokens are held against */
	struct waiting waiting;     /* for their tokens to be judged */
	uint32_t judging_us;        /* that slow tokens took since events were last all seen to */
	uint32_t rooms_max;         /* that a session may be in */
	bool may_broadcast;         /* users may send texts to everybody */
	struct listing listing;
	struct unanswered unanswered; /* what other threads are to answer */
	struct outward *outward;      /* the way to them */
};

/* Whether slow tokens have been judged since events were last all seen to, or wait to be. */
static inline bool sessions_judge_tokens(const struct sessions *sessions)
{
	return (sessions->judging_us | sessions->waiting.count) != 0;
}

static inline struct rooms *sessions_rooms(const struct sessions *sessions)
{
	return fanout_node(sessions->fanout)->rooms;
}

static inline uint64_t sessions_id(const struct sessions *sessions, const struct conn *conn)
{
	return conn_table_handle(sessions->conns->table, conn);
}

/* Sends a packet of tidegate.v1 to one session alone: its payload stands from packet +
 * PACKET_HEADER_LEN to `end`. Inside a visit. */
static inline void sessions_send_packet(struct sessions *sessions, struct conn *conn,
	uint16_t command, uint8_t *packet, const uint8_t *end)
{
	const size_t len = (size_t)(end - packet);
	packet_header_write(packet, command, (uint32_t)(len - PACKET_HEADER_LEN));
	conn_send(sessions->conns, conn, FRAME_BINARY, packet, len, 0);
	stats_add(&sessions->conns->stats->answers, 1);
}

#endif
