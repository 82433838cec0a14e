/* What users ask of a backend (packets 130): sent on as requests to PREFIX.up, of which one of the
 * backend's processes answers each; the reply goes back as packet 131. */
#ifndef TIDEGATE_REQUESTS_H
#define TIDEGATE_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../base/mailbox.h"
#include "../session/outward.h"

struct link;
struct requests;

enum {
	REQUESTS_MS = 10000, /* how long a reply is awaited */
};

/* Borrowed until requests_destroy, but for what is copied. */
struct requests_setup {
	struct link *link;
	struct outward *outward;
	struct mailbox *const *mailboxes; /* of the workers, by id */
	uint32_t late_kind;               /* of mail to them that is a struct late */
	const char *node;                 /* the name of this one */
	size_t reply_max;                 /* bytes that a reply may have */
};

/* What it has counted. Thread: any reads. */
struct requests_stats {
	_Atomic uint64_t asked;     /* sent on */
	_Atomic uint64_t answered;  /* by a backend */
	_Atomic uint64_t nobody;    /* there was no backend, or no way to one */
	_Atomic uint64_t refused;   /* too much waits to be sent */
	_Atomic uint64_t late;      /* not answered in time */
	_Atomic uint64_t too_large; /* answered with more than a reply may have */
};

/* Errors: -ENOMEM. */
int requests_create(const struct requests_setup *setup, struct requests **ret_requests);

/* Forgets those under way and nulls the giver's pointer. *requests may be NULL. */
void requests_destroy(struct requests **requests);

/* --- thread: the registrar's --- */

void requests_set_reply_max(struct requests *requests, size_t bytes);

/* A session asks; the request is freed when it is over. */
void requests_on_mail(struct requests *requests, struct mail *mail, uint64_t now_ms);

/* The answer to what was sent with that number, or the word that nobody takes requests. One that is
 * too late is ignored. */
void requests_on_answer(
	struct requests *requests, uint64_t ask, bool is_nobody, struct slice bytes);

/* Answers those that have waited for too long. Returns the ms until the next one has, or -1. */
int requests_turn(struct requests *requests, uint64_t now_ms);

/* Whether any are under way. */
bool requests_are_under_way(const struct requests *requests);

/* To go on with what another process has counted. */
struct requests_stats *requests_counts(struct requests *requests);

/* Answers all under way as unknown: a reply that still comes is for nobody. Before another process
 * goes on with those who have asked. */
void requests_answer_unknown(struct requests *requests);

/* Thread: any. */
const struct requests_stats *requests_stats(const struct requests *requests);

#endif
