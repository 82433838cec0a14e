#include "tls_store.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/x509.h>

#include "tls_files.h"

enum {
	LOOK_MS = 60000, /* between looks at the files */
	SETTLE_MS = 500, /* between two times that they are read, at least */
	DAY_S = 24 * 60 * 60,
	DATE_MAX = 24,     /* bytes of a date, NUL included */
	DESCRIBED_MAX = 3, /* certificates that a line names */
};

struct tls_store {
	pthread_mutex_t lock;          /* of `contexts` */
	struct tls_contexts *contexts; /* those in force */
	atomic_bool is_at_fault;       /* what was read last could not be taken */
	/* Of the thread that looks. */
	struct tls_files files;
	uint64_t looked_ms;
	int64_t warned_s;                /* of what ends */
	bool is_suspect;                 /* the files are to be read, until they were twice alike */
	bool is_read;                    /* once; `last` is what they were */
	uint64_t read_ms;                /* when that was */
	uint8_t last[TLS_DIGEST_LEN];    /* of what was read last */
	uint8_t known[TLS_DIGEST_LEN];   /* of those in force */
	uint8_t refused[TLS_DIGEST_LEN]; /* of those whose faults were told; 0: of none */
};

/* --- dates -------------------------------------------------------------------------------------
 */

static void write_date(int64_t wall_s, char ret_date[DATE_MAX])
{
	const time_t time = (time_t)wall_s;
	struct tm parts = {.tm_year = 0};
	gmtime_r(&time, &parts);
	strftime(ret_date, DATE_MAX, "%Y-%m-%d", &parts);
}

static bool is_in_time(const struct certificate *certificate, int64_t wall_s)
{
	return certificate->begins_s <= wall_s && wall_s <= certificate->ends_s;
}

/* Of one that is not in time. */
static void tell_of_time(const struct certificate *certificate, int64_t wall_s, enum finding kind,
	struct findings *findings)
{
	char date[DATE_MAX];
	const bool is_early = wall_s < certificate->begins_s;
	write_date(is_early ? certificate->begins_s : certificate->ends_s, date);
	findings_add(findings, kind, "tls_cert: %s: it %s %s: clients refuse it", certificate->name,
		is_early ? "does not begin before" : "has ended on", date);
}

/* Of one that is, but not for long. */
static void warn_of_end(
	const struct certificate *certificate, int64_t wall_s, struct findings *findings)
{
	char date[DATE_MAX];
	char when[32] = "within a day";
	const int days = (int)((certificate->ends_s - wall_s) / DAY_S);
	if (days > 0) {
		snprintf(when, sizeof(when), "in %d day%s", days, days == 1 ? "" : "s");
	}
	write_date(certificate->ends_s, date);
	findings_add(findings, FINDING_WARNING, "tls_cert: %s: it ends on %s, %s",
		certificate->name, date, when);
}

static void warn_of_dates(
	const struct tls_contexts *contexts, int64_t wall_s, struct findings *findings)
{
	for (size_t i = 0; i < tls_contexts_count(contexts); i++) {
		const struct certificate *certificate = tls_contexts_certificate(contexts, i);
		if (!is_in_time(certificate, wall_s)) {
			tell_of_time(certificate, wall_s, FINDING_WARNING, findings);
		} else if (certificate->ends_s - wall_s < (int64_t)TLS_EXPIRY_WARN_DAYS * DAY_S) {
			warn_of_end(certificate, wall_s, findings);
		}
	}
}

static bool has(const struct tls_contexts *contexts, const struct certificate *certificate)
{
	for (size_t i = 0; i < tls_contexts_count(contexts); i++) {
		const struct certificate *one = tls_contexts_certificate(contexts, i);
		if (X509_cmp(one->chain[0], certificate->chain[0]) == 0) {
			return true;
		}
	}
	return false;
}

/* Whether clients would take those now that are not in force already; tells of the others. One that
 * nobody renews keeps no other from being renewed. */
static bool check_dates(const struct tls_contexts *fresh, const struct tls_contexts *old,
	int64_t wall_s, struct findings *findings)
{
	bool are_in_time = true;
	for (size_t i = 0; i < tls_contexts_count(fresh); i++) {
		const struct certificate *certificate = tls_contexts_certificate(fresh, i);
		if (!is_in_time(certificate, wall_s) && !has(old, certificate)) {
			tell_of_time(certificate, wall_s, FINDING_FAULT, findings);
			are_in_time = false;
		}
	}
	return are_in_time;
}

static void describe(const struct tls_contexts *contexts, char ret_text[TLS_NEWS_MAX])
{
	const size_t count = tls_contexts_count(contexts);
	size_t len = (size_t)snprintf(
		ret_text, TLS_NEWS_MAX, "%zu certificate%s", count, count == 1 ? "" : "s");
	for (size_t i = 0; i < count && i < DESCRIBED_MAX; i++) {
		const struct certificate *certificate = tls_contexts_certificate(contexts, i);
		char date[DATE_MAX];
		write_date(certificate->ends_s, date);
		len += (size_t)snprintf(ret_text + len, TLS_NEWS_MAX - len, ", %s until %s",
			certificate->name, date);
	}
	if (count > DESCRIBED_MAX) {
		snprintf(ret_text + len, TLS_NEWS_MAX - len, ", ...");
	}
}

/* --- the store ---------------------------------------------------------------------------------
 */

int tls_store_create(const struct config *config, int64_t wall_s, struct findings *findings,
	struct tls_store **ret_store)
{
	struct tls_store *store = calloc(1, sizeof(*store));
	struct tls_texts texts;
	if (!store) {
		return -ENOMEM;
	}
	pthread_mutex_init(&store->lock, NULL);
	tls_files_name(&store->files, config);
	int err = tls_files_read(&store->files, &texts);
	if (!err) {
		memcpy(store->known, texts.digest, sizeof(store->known));
		err = tls_files_parse(&store->files, &texts, findings, &store->contexts);
		tls_texts_finish(&texts);
	}
	if (err) {
		tls_store_destroy(&store);
		return err;
	}
	warn_of_dates(store->contexts, wall_s, findings);
	store->warned_s = wall_s;
	*ret_store = store;
	return 0;
}

void tls_store_destroy(struct tls_store **store)
{
	struct tls_store *given = *store;
	if (!given) {
		return;
	}
	*store = NULL;
	tls_contexts_unref(&given->contexts);
	pthread_mutex_destroy(&given->lock);
	free(given);
}

struct tls_contexts *tls_store_borrow(struct tls_store *store)
{
	pthread_mutex_lock(&store->lock);
	struct tls_contexts *contexts = tls_contexts_ref(store->contexts);
	pthread_mutex_unlock(&store->lock);
	return contexts;
}

static void put(struct tls_store *store, struct tls_contexts *fresh)
{
	pthread_mutex_lock(&store->lock);
	struct tls_contexts *old = store->contexts;
	store->contexts = fresh;
	pthread_mutex_unlock(&store->lock);
	tls_contexts_unref(&old);
}

/* --- looking -----------------------------------------------------------------------------------
 */

static bool is_same(const uint8_t *digest, const struct tls_texts *texts)
{
	return memcmp(digest, texts->digest, TLS_DIGEST_LEN) == 0;
}

static void tell_nobody(void *user, enum finding kind, const char *line)
{
}

/* Makes what was read ready to be put in force. Errors: -EINVAL with findings, -ENOMEM. */
static int make(struct tls_store *store, const struct tls_texts *texts, int64_t wall_s,
	struct findings *findings, struct tls_contexts **ret_fresh)
{
	struct tls_contexts *fresh;
	int err = tls_files_parse(&store->files, texts, findings, &fresh);
	if (err) {
		return err;
	}
	if (!check_dates(fresh, store->contexts, wall_s, findings)) {
		tls_contexts_unref(&fresh);
		return -EINVAL;
	}
	*ret_fresh = fresh;
	return 0;
}

/* What was read twice alike. */
static enum tls_news judge(struct tls_store *store, const struct tls_texts *texts, int64_t wall_s,
	struct findings *findings, char ret_text[TLS_NEWS_MAX])
{
	struct findings told_before = {.tell = tell_nobody};
	const bool is_told = is_same(store->refused, texts);
	struct tls_contexts *fresh;
	if (is_same(store->known, texts)) {
		memset(store->refused, 0, sizeof(store->refused));
		return atomic_exchange(&store->is_at_fault, false) ? TLS_NEWS_AGAIN : TLS_NEWS_NONE;
	}
	if (make(store, texts, wall_s, is_told ? &told_before : findings, &fresh)) {
		memcpy(store->refused, texts->digest, sizeof(store->refused));
		store->is_at_fault = true;
		return is_told ? TLS_NEWS_NONE : TLS_NEWS_FAULT;
	}
	put(store, fresh);
	memcpy(store->known, texts->digest, sizeof(store->known));
	memset(store->refused, 0, sizeof(store->refused));
	store->is_at_fault = false;
	store->warned_s = 0;
	describe(fresh, ret_text);
	return TLS_NEWS_CHANGED;
}

static enum tls_news read_again(struct tls_store *store, uint64_t now_ms, int64_t wall_s,
	struct findings *findings, char ret_text[TLS_NEWS_MAX])
{
	struct tls_texts texts;
	enum tls_news news = TLS_NEWS_NONE;
	if (store->is_read && now_ms - store->read_ms < SETTLE_MS) {
		return TLS_NEWS_NONE;
	}
	if (tls_files_read(&store->files, &texts) < 0) {
		return TLS_NEWS_NONE; /* without memory: a second later there may be some */
	}
	if (store->is_read && is_same(store->last, &texts)) {
		store->is_suspect = store->is_read = false;
		news = judge(store, &texts, wall_s, findings, ret_text);
	} else {
		memcpy(store->last, texts.digest, sizeof(store->last));
		store->is_read = true;
		store->read_ms = now_ms;
	}
	tls_texts_finish(&texts);
	return news;
}

/* A fault may be cured by time alone, where a certificate was not to begin yet. */
static bool has_reason_to_read(struct tls_store *store, uint64_t now_ms)
{
	if (!store->is_suspect && now_ms - store->looked_ms >= LOOK_MS) {
		store->looked_ms = now_ms;
		store->is_suspect = store->is_at_fault || tls_files_have_changed(&store->files);
	}
	return store->is_suspect;
}

void tls_store_reload(struct tls_store *store, const struct config *config)
{
	tls_files_name(&store->files, config);
	memset(store->refused, 0, sizeof(store->refused));
	store->is_suspect = true;
	store->is_read = false;
}

enum tls_news tls_store_look(struct tls_store *store, uint64_t now_ms, int64_t wall_s,
	struct findings *findings, char ret_text[TLS_NEWS_MAX])
{
	enum tls_news news = TLS_NEWS_NONE;
	ret_text[0] = '\0';
	if (has_reason_to_read(store, now_ms)) {
		news = read_again(store, now_ms, wall_s, findings, ret_text);
	}
	if (wall_s - store->warned_s >= DAY_S || wall_s < store->warned_s) {
		store->warned_s = wall_s;
		warn_of_dates(store->contexts, wall_s, findings);
	}
	return news;
}

/* --- what is said of it ------------------------------------------------------------------------
 */

void tls_store_describe(struct tls_store *store, char ret_text[TLS_NEWS_MAX])
{
	struct tls_contexts *contexts = tls_store_borrow(store);
	describe(contexts, ret_text);
	tls_contexts_unref(&contexts);
}

bool tls_store_is_at_fault(const struct tls_store *store)
{
	return store->is_at_fault;
}

/* The one of that name, made where there is none yet. */
static struct tls_expiry *expiry_of(const char *name, struct tls_expiry *expiries, size_t *count)
{
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(expiries[i].name, name) == 0) {
			return &expiries[i];
		}
	}
	struct tls_expiry *fresh = &expiries[(*count)++];
	strcpy(fresh->name, name);
	fresh->left_s = INT64_MAX;
	return fresh;
}

size_t tls_store_expiries(
	struct tls_store *store, int64_t wall_s, struct tls_expiry ret_expiries[CONFIG_TLS_MAX])
{
	struct tls_contexts *contexts = tls_store_borrow(store);
	size_t count = 0;
	for (size_t i = 0; i < tls_contexts_count(contexts); i++) {
		const struct certificate *certificate = tls_contexts_certificate(contexts, i);
		struct tls_expiry *expiry = expiry_of(certificate->name, ret_expiries, &count);
		const int64_t left_s = certificate->ends_s - wall_s;
		expiry->left_s = left_s < expiry->left_s ? left_s : expiry->left_s;
	}
	tls_contexts_unref(&contexts);
	return count;
}

void tls_store_check(const struct config *config, int64_t wall_s, struct findings *findings)
{
	struct tls_store *store;
	if (tls_store_create(config, wall_s, findings, &store) == 0) {
		tls_store_destroy(&store);
	}
}
