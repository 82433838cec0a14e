#include "admin.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../proto/assert.h"
#include "../base/clock.h"
#include "../base/handle.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "../base/machine.h"
#include "../base/watched_file.h"
#include "../user/user_table.h"
#include "asks.h"
#include "context.h"
#include "history.h"
#include "http.h"
#include "recorder.h"

enum {
	EVENTS = 16,
	MAIL_MAX = 8,       /* items of a turn: a request may go on by mail to itself */
	LATER_MS = 1,       /* until a mailbox is looked at again whose producer was preempted */
	FAREWELL_MS = 1000, /* at the end, for answers that are under way */
};

/* Owner:  main until posted, then the admin thread, which frees it. */
struct reload {
	struct mail mail;
	struct config config;
	struct admin_tokens tokens;
};

/* Owner:  main; all but the mailbox, is_stopping and what is said to be main's is the thread's own
 *         once it runs.
 * Shared: as said there. */
struct admin {
	struct admin_context context;
	struct admin_tokens tokens;     /* main's: as they were read last */
	struct watched_file token_file; /* main's */
	struct listeners listeners;
	struct loop loop;
	struct admin_http *http;
	struct mailbox *mailbox;
	uint32_t clients_max;
	atomic_bool is_stopping;
	bool is_started;
	pthread_t thread;
};

/* --- the tokens and the address ----------------------------------------------------------------
 */

/* What is asked of requests, beside the tokens. The listeners are open. */
static int make_origin(
	struct admin *admin, const struct config *config, char ret_error[CONFIG_ERROR_MAX])
{
	struct admin_origin *origin = &admin->context.origin;
	int err = admin_is_for_others(admin)
			  ? admin_origin_check_reach(config->admin, admin->tokens.count,
				    config->admin_plain, ret_error, CONFIG_ERROR_MAX)
			  : 0;
	origin->tokens = admin->tokens;
	origin->is_unix = listeners_port(&admin->listeners, 0) == 0;
	if (!origin->is_unix && admin_origin_host(config->admin, origin->host) < 0) {
		origin->host[0] = '\0'; /* All addresses: no name is ours. */
	}
	return err;
}

/* Reads the file of the tokens, where there is one. What it is like is noted before, so that a
 * change meanwhile is seen later. */
static int read_tokens(struct admin *admin, const struct config *config,
	struct admin_tokens *ret_tokens, char ret_error[CONFIG_ERROR_MAX])
{
	if (config->admin_token[0] == '\0') {
		return 0;
	}
	watched_file_note(&admin->token_file, config->admin_token);
	return admin_tokens_read(config->admin_token, ret_tokens, ret_error, CONFIG_ERROR_MAX);
}

/* Takes what stands in the file now; where that is no good what was there before stays. `cause` is
 * why it was looked at. */
static void renew_tokens(struct admin *admin, const struct config *config, const char *cause)
{
	struct admin_tokens fresh = {.count = 0};
	char error[CONFIG_ERROR_MAX];
	if (read_tokens(admin, config, &fresh, error) < 0) {
		log_error(0, "%s: %s; %s valid", cause, error,
			admin->tokens.count == 1 ? "the token of before stays"
						 : "the tokens of before stay");
		return;
	}
	if (!admin_tokens_are_same(&fresh, &admin->tokens)) {
		log_info(0, "%s: admin_token: %s: %s", cause, config->admin_token,
			fresh.count == 1 ? "one token is valid now" : "two tokens are valid now");
	}
	admin->tokens = fresh;
	admin_tokens_wipe(&fresh);
}

/* --- mail --------------------------------------------------------------------------------------
 */

static void drop(struct reload *reload)
{
	admin_tokens_wipe(&reload->tokens);
	free(reload);
}

static void on_reload(struct admin *admin, struct reload *reload)
{
	admin->context.config = reload->config;
	admin->context.origin.tokens = reload->tokens;
	drop(reload);
}

static void on_mail(struct admin *admin, struct mail *mail)
{
	switch ((enum admin_mail)mail->kind) {
	case ADMIN_MAIL_RELOAD:
		on_reload(admin, (struct reload *)mail);
		break;
	case ADMIN_MAIL_ORDER:
		admin_asks_on_mail(mail);
		break;
	}
}

/* Returns in how many ms to come back: -1 when the bell will tell. */
static int take_mail(struct admin *admin)
{
	for (int taken = 0; taken < MAIL_MAX; taken++) {
		struct mail *mail;
		switch (mailbox_take(admin->mailbox, &mail)) {
		case MAILBOX_MAIL:
			on_mail(admin, mail);
			break;
		case MAILBOX_EMPTY:
			return -1;
		case MAILBOX_LATER:
			return LATER_MS;
		}
	}
	return 0;
}

/* --- the thread --------------------------------------------------------------------------------
 */

static void turn(struct admin *admin, int *wait_ms)
{
	loop_wait(&admin->loop, *wait_ms);
	int later_ms = take_mail(admin);
	int record_ms = admin_recorder_run(&admin->context, admin->loop.now_ms);
	admin_http_run(admin->http, admin->loop.now_ms);
	*wait_ms = loop_sooner(later_ms, admin_http_wait_ms(admin->http));
	*wait_ms = loop_sooner(*wait_ms, record_ms);
}

/* Nobody new is let in; answers that are under way go out, as far as their askers take them. */
static void say_farewell(struct admin *admin)
{
	int wait_ms = 0;
	uint64_t end_ms = admin->loop.now_ms + FAREWELL_MS;
	admin_http_close(admin->http);
	while (admin->context.orders > 0 ||
		(admin_http_requests(admin->http) > 0 && admin->loop.now_ms < end_ms)) {
		turn(admin, &wait_ms);
		wait_ms = loop_sooner(wait_ms, FAREWELL_MS / 10);
	}
}

static void *run(void *context)
{
	struct admin *admin = context;
	int wait_ms = 0;
	user_table_thread_begin();
	while (!atomic_load_explicit(&admin->is_stopping, memory_order_acquire)) {
		turn(admin, &wait_ms);
	}
	say_farewell(admin);
	admin_http_destroy(&admin->http);
	user_table_thread_end();
	return NULL;
}

/* --- life --------------------------------------------------------------------------------------
 */

static int init(struct admin *admin, const struct admin_setup *setup)
{
	struct admin_context *context = &admin->context;
	context->config = *setup->config;
	context->node = setup->node;
	context->acceptors = setup->acceptors;
	context->listeners = setup->listeners;
	context->drain_fd = setup->drain_fd;
	context->started_ms = clock_ms();
	context->started_boot_ms = clock_boot_ms();
	clock_gettime(CLOCK_REALTIME, &context->started_at);
	context->history = admin_history_create(context->node->worker_count);
	int err = context->history ? loop_init(&admin->loop, EVENTS) : -ENOMEM;
	if (!err) {
		err = mailbox_create(&admin->mailbox);
	}
	if (!err) {
		context->mailbox = admin->mailbox;
		err = loop_watch(&admin->loop, mailbox_bell_fd(admin->mailbox), EPOLLIN | EPOLLET,
			handle_make(HANDLE_WORKER_RESERVED, 0, 0));
	}
	if (!err) {
		err = admin_http_create(
			context, &admin->listeners, setup->clients_max, &admin->loop, &admin->http);
	}
	return err;
}

int admin_create(
	const struct admin_setup *setup, struct admin **ret_admin, char ret_error[CONFIG_ERROR_MAX])
{
	struct admin *admin = calloc(1, sizeof(*admin));
	snprintf(ret_error, CONFIG_ERROR_MAX, "cannot open the admin port: out of memory");
	if (!admin) {
		return -ENOMEM;
	}
	admin->loop = LOOP_EMPTY;
	admin->listeners = LISTENERS_EMPTY;
	int err = listeners_open_admin(&admin->listeners, setup->config->admin, ret_error);
	if (!err) {
		err = read_tokens(admin, setup->config, &admin->tokens, ret_error);
	}
	if (!err) {
		err = make_origin(admin, setup->config, ret_error);
	}
	if (!err) {
		err = init(admin, setup);
		if (err) {
			snprintf(ret_error, CONFIG_ERROR_MAX, "cannot open the admin port: %s",
				strerrordesc_np(-err));
		}
	}
	if (err) {
		admin_destroy(&admin);
		return err;
	}
	*ret_admin = admin;
	return 0;
}

int admin_start(struct admin *admin)
{
	admin->context.files_base = machine_used_files();
	/* What the history counts from: before anybody is told that he may come, and not whenever
	 * the thread gets to it. */
	loop_look(&admin->loop);
	admin_recorder_run(&admin->context, admin->loop.now_ms);
	int err = pthread_create(&admin->thread, NULL, run, admin);
	if (err) {
		return -err;
	}
	admin->is_started = true;
	pthread_setname_np(admin->thread, "admin");
	return 0;
}

/* Hands config and tokens over to the thread. */
static void pass_on(struct admin *admin, const struct config *config)
{
	struct reload *reload = malloc(sizeof(*reload));
	if (!reload) {
		log_error(0, "out of memory: the admin port is not told");
		return;
	}
	reload->config = *config;
	reload->tokens = admin->tokens;
	reload->mail.kind = ADMIN_MAIL_RELOAD;
	mailbox_post(admin->mailbox, &reload->mail);
}

void admin_reload(struct admin *admin, const struct config *config)
{
	renew_tokens(admin, config, "reload");
	pass_on(admin, config);
}

void admin_housekeep(struct admin *admin, const struct config *config)
{
	if (config->admin_token[0] &&
		watched_file_has_changed(&admin->token_file, config->admin_token)) {
		renew_tokens(admin, config, "changed file");
		pass_on(admin, config);
	}
}

bool admin_is_for_others(const struct admin *admin)
{
	for (size_t row = 0; row < admin->listeners.count; row++) {
		if (!listeners_is_local(&admin->listeners, row)) {
			return true;
		}
	}
	return false;
}

void admin_name(const struct admin *admin, char ret_name[ADDRESS_URL_MAX])
{
	char name[ADDRESS_MAX + 8];
	listeners_name_row(&admin->listeners, 0, name, sizeof(name));
	address_url("http", name, ret_name);
}

void admin_stop(struct admin *admin)
{
	if (!admin) {
		return;
	}
	if (admin->is_started) {
		atomic_store_explicit(&admin->is_stopping, true, memory_order_release);
		mailbox_ring(admin->mailbox);
		pthread_join(admin->thread, NULL);
		admin->is_started = false;
	}
	ASSERT(admin->context.orders == 0);
	admin_http_destroy(&admin->http);
	listeners_close(&admin->listeners);
}

void admin_destroy(struct admin **admin)
{
	struct admin *given = *admin;
	struct mail *mail;
	if (!given) {
		return;
	}
	*admin = NULL;
	admin_stop(given);
	while (given->mailbox && mailbox_take(given->mailbox, &mail) == MAILBOX_MAIL) {
		drop((struct reload *)mail);
	}
	mailbox_destroy(&given->mailbox);
	loop_finish(&given->loop);
	admin_history_destroy(&given->context.history);
	admin_tokens_wipe(&given->tokens);
	admin_tokens_wipe(&given->context.origin.tokens);
	free(given);
}
