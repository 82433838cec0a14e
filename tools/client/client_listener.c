/* From the login to the application: each callback is that of the same name, if there is one. */
#include "client.h"

static void tell_state(void *data, const struct tg_state_change *change)
{
	struct tg_client *client = data;
	if (client->on_state) {
		client->on_state(client, change, client->user_data);
	}
}

static void tell_message(void *data, const struct tg_message *message)
{
	struct tg_client *client = data;
	if (client->on_message) {
		client->on_message(client, message, client->user_data);
	}
}

static void tell_session(void *data, const struct tg_session *session)
{
	struct tg_client *client = data;
	if (client->on_session) {
		client->on_session(client, session, client->user_data);
	}
}

static void tell_answer(void *data, const struct tg_answer *answer)
{
	struct tg_client *client = data;
	if (client->on_answer) {
		client->on_answer(client, answer, client->user_data);
	}
}

static void tell_members(void *data, const struct tg_members *members)
{
	struct tg_client *client = data;
	if (client->on_members) {
		client->on_members(client, members, client->user_data);
	}
}

static void tell_page(void *data, const struct tg_page *page)
{
	struct tg_client *client = data;
	if (client->on_page) {
		client->on_page(client, page, client->user_data);
	}
}

static void tell_reply(void *data, const struct tg_reply *reply)
{
	struct tg_client *client = data;
	if (client->on_reply) {
		client->on_reply(client, reply, client->user_data);
	}
}

static void tell_gap(void *data, const struct tg_gap *gap)
{
	struct tg_client *client = data;
	if (client->on_gap) {
		client->on_gap(client, gap, client->user_data);
	}
}

static void tell_error(void *data, const struct tg_error *error)
{
	struct tg_client *client = data;
	if (client->on_error) {
		client->on_error(client, error, client->user_data);
	}
}

static void tell_event(void *data, const struct tg_event *event)
{
	struct tg_client *client = data;
	if (client->on_event) {
		client->on_event(client, event, client->user_data);
	}
}

static void tell_writable(void *data)
{
	struct tg_client *client = data;
	if (client->on_writable) {
		client->on_writable(client, client->user_data);
	}
}

static void ask_token(void *data, enum tg_token_need need)
{
	struct tg_client *client = data;
	if (client->on_token) {
		client->on_token(client, need, client->user_data);
	}
}

static bool ask_auth(void *data)
{
	struct tg_client *client = data;
	return client->on_auth && client->on_auth(client, client->user_data) &&
	       !client->is_doomed && login_set_token(&client->login, client->token) == 0;
}

const struct listener client_listener = {
	.state = tell_state,
	.message = tell_message,
	.session = tell_session,
	.answer = tell_answer,
	.members = tell_members,
	.page = tell_page,
	.reply = tell_reply,
	.gap = tell_gap,
	.error = tell_error,
	.event = tell_event,
	.writable = tell_writable,
	.token = ask_token,
	.auth = ask_auth,
};
