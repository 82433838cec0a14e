/* This node as one of a cluster: what is brought together on the registrar's thread. The line to
 * the others, who is where, what comes from users elsewhere and goes to them, what backends ask.
 *
 *   registrar's mailbox ──> member ─┬─> cluster ──> link ──> other nodes
 *                                   ├─> egress ──> cluster
 *   workers <── ingress <───────────┤
 *                                   └─> api ──> link ──> backends
 */
#ifndef TIDEGATE_MEMBER_H
#define TIDEGATE_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/incarnation.h"
#include "../base/loop.h"
#include "../base/mailbox.h"
#include "../cluster/cluster_key.h"
#include "../cluster/link.h"
#include "../config/config.h"
#include "event_rules.h"
#include "member_stats.h"
#include "node.h"

struct api;
struct cluster;
struct member;

/* Borrowed until member_destroy, but for `config` and `address`. */
struct member_setup {
	struct node *node; /* with its elsewhere */
	const struct config *config;
	const struct cluster_key *key;
	const char *address; /* of the admin port, for people; empty: there is none */
	uint16_t ws_port;    /* on which browsers reach the clients' port; 0: on none */
	bool ws_tls;         /* is spoken there */
	struct incarnation incarnation;
	struct mailbox *mailbox; /* the registrar's */
	const struct loop *loop; /* likewise */
	struct event_rules *rules;
	/* The node was another process's, whose line goes by that server (empty: by none): it goes
	 * on with what comes of that, and until then leaves lying what its own line brings.
	 * member_pack.h. NULL: it begins. */
	const char *takes_over_from;
	/* The node cannot go on; `why` is a line for people. Once. */
	void (*end)(void *context, const char *why);
	void *context;
};

/* Before the workers run. The line begins to come up. Thread: main, registered. Errors: -errno;
 * ret_why says what is wrong. */
int member_create(const struct member_setup *setup, struct member **ret_member,
	char ret_why[CONFIG_ERROR_MAX]);

/* Frees it and nulls the giver's pointer. The workers are gone, it has left, and its mail has been
 * disposed of. *member may be NULL. Thread: main, registered. */
void member_destroy(struct member **member);

/* Frees what has come by mail for a member that has left. */
void member_dispose(struct member *member, struct mail *mail);

/* --- thread: the registrar's --- */

/* The begin of a turn. `is_resting`: a hand-over to another process is under way; member_pack.h. */
void member_begin_turn(struct member *member, uint64_t wall_ms, bool is_resting);

/* What is no mail of the registrar's own. */
void member_on_mail(struct member *member, struct mail *mail);

/* A session has come or gone; the record stays the caller's. */
void member_on_presence(struct member *member, const struct presence *presence);

/* Something of it was not told. */
void member_rescan(struct member *member);

/* Whether a user has a session on another node from that device, of a higher epoch. */
bool member_has_elsewhere(
	struct member *member, struct slice user, struct slice device, uint64_t epoch);

/* An event, for those who listen. */
void member_publish(struct member *member, const char *json, size_t len);

/* The end of a turn. Returns for how many ms the next one may wait. */
int member_end_turn(struct member *member, uint64_t wall_ms);

void member_configure(struct member *member, const struct config *config);

/* Takes nothing more on that workers have to carry out: neither asks nor kicks. */
void member_end_service(struct member *member);

/* Whether orders of its are with workers. */
bool member_is_busy(const struct member *member);

/* Says farewell and closes the line. Once its thread is to end; where it never ran, by main. */
void member_leave(struct member *member);

/* --- thread: any --- */

struct cluster *member_cluster(const struct member *member);
struct link *member_link(const struct member *member);
struct api *member_api(const struct member *member);
const struct member_stats *member_stats(const struct member *member);

#endif
