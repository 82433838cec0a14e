/* The certificates that are in force, while the files that they come from change.
 *
 * One thread looks at the files, once a minute and at SIGHUP. Where one has changed it reads all of
 * them, a second apart, until they were twice alike, so that nothing half-written is taken; and
 * then puts them in the place of the old, all or none. One that has ended, or has not begun, does
 * not come into force. Who begins a handshake borrows what is in force by then.
 */
#ifndef TIDEGATE_TLS_STORE_H
#define TIDEGATE_TLS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../config/config.h"
#include "../config/findings.h"
#include "certificate.h"
#include "tls_contexts.h"

enum {
	TLS_NEWS_MAX = 320, /* bytes of what has changed, NUL included; fits a line of the log */
	TLS_EXPIRY_WARN_DAYS = 14, /* before the end of a certificate, each day */
};

/* Owner:  the node.
 * Shared: by all threads, as the functions say.
 * Freed:  behind the last of them. */
struct tls_store;

enum tls_news {
	TLS_NEWS_NONE,    /* nothing to say */
	TLS_NEWS_CHANGED, /* others are in force */
	TLS_NEWS_FAULT,   /* they cannot be taken: those of before are still in force */
	TLS_NEWS_AGAIN,   /* behind a fault the files are those in force again */
};

/* The end of what is served under a name. */
struct tls_expiry {
	char name[CERTIFICATE_NAME_MAX];
	int64_t left_s; /* seconds; below 0 when it is over */
};

/* Loads the pairs that the config names, one at least. `wall_s`: seconds since 1970. Warns of those
 * that have ended or end soon. Thread: one
 * that is the first. Errors: -EINVAL with findings, -ENOMEM. */
int tls_store_create(const struct config *config, int64_t wall_s, struct findings *findings,
	struct tls_store **ret_store);

/* NULL is fine. Thread: one that is the last. */
void tls_store_destroy(struct tls_store **store);

/* What is in force; the caller gives the reference back by tls_contexts_unref. Thread: any. */
struct tls_contexts *tls_store_borrow(struct tls_store *store);

/* Has the next look read the files that the config names by now. Thread: the one that looks. */
void tls_store_reload(struct tls_store *store, const struct config *config);

/* To be called every second or so: where nothing has changed one comparison, and once a minute one
 * system call for each file. `now_ms` is of clock_ms, `wall_s` seconds since 1970. With
 * TLS_NEWS_CHANGED `ret_text` says what is in force, as tls_store_describe does. With
 * TLS_NEWS_FAULT the findings have said what is wrong, once. They also warn, once a day, of what
 * ends within TLS_EXPIRY_WARN_DAYS. Thread: the one that looks. */
enum tls_news tls_store_look(struct tls_store *store, uint64_t now_ms, int64_t wall_s,
	struct findings *findings, char ret_text[TLS_NEWS_MAX]);

/* What is in force, as `2 certificates, chat.example.org until 2027-02-27, example.net until
 * 2027-01-03`. Thread: any. */
void tls_store_describe(struct tls_store *store, char ret_text[TLS_NEWS_MAX]);

/* Whether the files were at fault when they were last read. Thread: any. */
bool tls_store_is_at_fault(const struct tls_store *store);

/* When what is in force ends, each name once: of several of one name the one that ends first.
 * Returns how many there are. Thread: any. */
size_t tls_store_expiries(
	struct tls_store *store, int64_t wall_s, struct tls_expiry ret_expiries[CONFIG_TLS_MAX]);

/* Tells of the pairs in the config the faults and warnings that a start would. Thread: any. */
void tls_store_check(const struct config *config, int64_t wall_s, struct findings *findings);

#endif
