/* A client of the library's public face, and what its callbacks saw. */
#ifndef TIDEGATE_TESTS_CLIENT_SEEN_H
#define TIDEGATE_TESTS_CLIENT_SEEN_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../tools/client/tidegate-client.h"

/* What a test wants of the callbacks, and what they saw. */
struct seen {
	unsigned states[TG_STATE_CLOSED + 1];
	unsigned messages;
	unsigned errors;
	unsigned pings;
	unsigned pongs;
	unsigned writables;
	unsigned auths;
	char last[256];          /* message */
	enum tg_status status;   /* of the last change */
	const char *greeting;    /* sent when CONNECTED; NULL: nothing */
	unsigned logout_after;   /* messages; 0: never */
	unsigned logout_at_line; /* 0: never */
};

static inline void on_state(
	struct tg_client *client, const struct tg_state_change *change, void *data)
{
	struct seen *seen = data;
	seen->states[change->to]++;
	seen->status = change->status;
	if (change->to == TG_STATE_CONNECTED) {
		if (seen->greeting) {
			assert_int_equal(
				tg_client_send_text(client, seen->greeting, strlen(seen->greeting)),
				TG_OK);
		}
		if (seen->logout_at_line == seen->states[TG_STATE_CONNECTED]) {
			tg_client_logout(client);
		}
	}
}

static inline void on_message(
	struct tg_client *client, const struct tg_message *message, void *data)
{
	struct seen *seen = data;
	seen->messages++;
	snprintf(seen->last, sizeof(seen->last), "%.*s", (int)message->len, message->data);
	if (seen->messages == seen->logout_after) {
		tg_client_logout(client);
	}
}

static inline void on_error(struct tg_client *client, const struct tg_error *error, void *data)
{
	struct seen *seen = data;
	seen->errors++;
}

static inline void on_event(struct tg_client *client, const struct tg_event *event, void *data)
{
	struct seen *seen = data;
	seen->pings += event->kind == TG_EVENT_PING;
	seen->pongs += event->kind == TG_EVENT_PONG;
}

static inline void on_writable(struct tg_client *client, void *data)
{
	struct seen *seen = data;
	seen->writables++;
}

static inline bool on_auth(struct tg_client *client, void *data)
{
	struct seen *seen = data;
	seen->auths++;
	return tg_client_set_token(client, "fresh") == TG_OK;
}

/* A client of bob's that tells `seen`. */
static inline struct tg_client *make_client(const char *url, struct seen *seen)
{
	struct tg_client *client;

	assert_int_equal(tg_client_create(&client), TG_OK);
	assert_int_equal(tg_client_set_url(client, url), TG_OK);
	assert_int_equal(tg_client_set_user(client, "bob"), TG_OK);
	assert_int_equal(tg_client_set_reconnect_delay_ms(client, 1, 5), TG_OK);
	tg_client_set_close_timeout_ms(client, 10000); /* for machines under load */
	tg_client_set_user_data(client, seen);
	tg_client_on_state(client, on_state);
	tg_client_on_message(client, on_message);
	tg_client_on_error(client, on_error);
	tg_client_on_event(client, on_event);
	tg_client_on_writable(client, on_writable);
	tg_client_on_auth(client, on_auth);
	return client;
}

#endif
