/* The client of the public header: a login, its transport, and the descriptor to wait on. */
#ifndef TIDEGATE_CLIENT_CLIENT_H
#define TIDEGATE_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "login.h"
#include "socket_io.h"
#include "tidegate-client.h"
#include "tls_io.h"
#include "transport.h"

/* Owner:  the application.
 * Shared: never.
 * Freed:  tg_client_destroy, or by the outermost call when that comes from inside a callback. */
struct tg_client {
	struct login login;
	struct transport transport;
	struct listener listener;
	int epoll_fd; /* watches `timer_fd` and the transport */
	int timer_fd;
	uint64_t timer_at; /* what it is set to; MOMENT_NEVER: off */
	unsigned depth;    /* calls of the library under way, one inside of the other */
	bool is_doomed;    /* destroyed inside a callback */

	/* Options, as they are to be copied at the next connect. */
	char *url;
	char *user;
	char *device;
	char *token;
	char *ca_file;
	char *insecure; /* why any certificate is taken; NULL: it is not */
	struct login_options options;
	struct tg_io io;
	void *io_data;
	struct socket_memory sockets; /* the data of the library's own */

	/* As they were at the last: what `transport` borrows. */
	char *connected_url;
	char *connected_ca_file;
	struct tls_memory tls;

	tg_state_fn *on_state;
	tg_message_fn *on_message;
	tg_session_fn *on_session;
	tg_answer_fn *on_answer;
	tg_members_fn *on_members;
	tg_page_fn *on_page;
	tg_reply_fn *on_reply;
	tg_gap_fn *on_gap;
	tg_error_fn *on_error;
	tg_event_fn *on_event;
	tg_writable_fn *on_writable;
	tg_token_fn *on_token;
	tg_auth_fn *on_auth;
	void *user_data;
};

/* TG_ERR_ARGUMENT, with the words for tg_client_detail(). They hold nothing of what was given: a
 * URL may hold a token. */
enum tg_status client_refuse(struct tg_client *client, const char *detail);

/* Whether a text may be a token; what one is, for people. */
bool client_is_token(const char *token);
#define CLIENT_TOKEN_RULE "a token has 1 to 4096 bytes: letters, digits and -._~+/="

/* Tells the application; its data is the client. */
extern const struct listener client_listener;

/* The target of the request for that of a URL, with who logs in; the caller's to free.
 * Errors: -ENOMEM. */
int client_target(const struct tg_client *client, const char *target, char **ret_target);

/* Around what a function of the public header does with the login: the outermost call carries out
 * what came of it. Whoever is held back is told later, not before he knows: with
 * TG_ERR_WOULD_BLOCK nothing is sent now. Returns what that function does. */
void client_begin_call(struct tg_client *client);
enum tg_status client_finish_send(struct tg_client *client, enum tg_status status);

#endif
