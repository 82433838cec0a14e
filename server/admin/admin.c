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
#include "../node/listener_adopt.h"
#include "admin_inner.h"
#include "context_pack.h"
#include "history.h"
#include "http.h"
#include "recorder.h"

enum {
	EVENTS = 16,
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
				    config->admin_plain || config_admin_has_tls(config), ret_error,
				    CONFIG_ERROR_MAX)
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

/* --- life --------------------------------------------------------------------------------------
 */

static int init(struct admin *admin, const struct admin_setup *setup)
{
	struct admin_context *context = &admin->context;
	context->config = *setup->config;
	context->node = setup->node;
	context->acceptors = setup->acceptors;
	context->listeners = setup->listeners;
	context->registrar = setup->registrar;
	/* Where it has none config_check complains before anybody is let in. */
	context->tls = config_admin_has_tls(setup->config) ? setup->node->tls : NULL;
	context->drain_fd = setup->drain_fd;
	context->upgrade_fd = setup->upgrade_fd;
	context->waits_max = (setup->clients_max + 1) / 2;
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
	park_seat_init(&admin->seat, "requests to the admin port");
	int err = setup->inherited ? listeners_adopt_admin(&admin->listeners, setup->config->admin,
					     setup->inherited, ret_error)
				   : listeners_open_admin(
					     &admin->listeners, setup->config->admin, ret_error);
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

void admin_pack(const struct admin *admin, struct pack *pack)
{
	admin_context_pack(&admin->context, pack);
}

int admin_unpack(struct admin *admin, struct unpack *unpack)
{
	return admin_context_unpack(&admin->context, unpack);
}

int admin_start(struct admin *admin)
{
	/* Clients who are there already have come from another process. */
	admin->context.files_base = machine_used_files() - worker_load_of_all(admin->context.node);
	/* What the history counts from: before anybody is told that he may come, and not whenever
	 * the thread gets to it. */
	loop_look(&admin->loop);
	admin_recorder_run(&admin->context, admin->loop.now_ms);
	int err = listeners_begin(&admin->listeners);
	err = err ? -err : pthread_create(&admin->thread, NULL, admin_thread_run, admin);
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
	struct admin_reload *reload = malloc(sizeof(*reload));
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

struct listeners *admin_listeners(struct admin *admin)
{
	return &admin->listeners;
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
	char name[LISTENERS_NAME_MAX];
	listeners_name_row(&admin->listeners, 0, name, sizeof(name));
	address_url(admin->context.tls ? "https" : "http", name, ret_name);
}

void admin_park(struct admin *admin)
{
	park_ask(&admin->context.node->park, &admin->seat, admin->mailbox, ADMIN_MAIL_PARK);
}

void admin_leave(struct admin *admin)
{
	admin->context.has_left = true;
	atomic_store_explicit(&admin->is_stopping, true, memory_order_release);
	park_let_go(&admin->context.node->park, &admin->seat);
	pthread_join(admin->thread, NULL);
	admin->is_started = false;
	admin_stop(admin);
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
		if (mail->kind == ADMIN_MAIL_RELOAD) {
			admin_reload_drop((struct admin_reload *)mail);
		}
	}
	mailbox_destroy(&given->mailbox);
	loop_finish(&given->loop);
	admin_history_destroy(&given->context.history);
	admin_tokens_wipe(&given->tokens);
	admin_tokens_wipe(&given->context.origin.tokens);
	free(given);
}
