/* A client in a libuv loop: one descriptor to watch, and nothing else.
 *
 *	example_uv URL USER [TEXT]    says TEXT to everybody, shows what it hears; Ctrl-C logs out
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "tidegate-client.h"

struct example {
	uv_poll_t poll;
	uv_signal_t interrupt;
	struct tg_client *client;
	const char *text;
};

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct example *example = poll->data;
	tg_client_process(example->client);
}

static void on_interrupt(uv_signal_t *interrupt, int number)
{
	struct example *example = interrupt->data;
	tg_client_logout(example->client);
}

static void on_state(struct tg_client *client, const struct tg_state_change *change, void *data)
{
	struct example *example = data;

	printf("%s: %s\n", tg_state_name(change->to), tg_status_text(change->status));
	fflush(stdout);
	if (change->to == TG_STATE_CONNECTED && example->text) {
		tg_client_send_text(client, example->text, strlen(example->text));
	} else if (change->to == TG_STATE_CLOSED) {
		uv_close((uv_handle_t *)&example->poll, NULL);
		uv_close((uv_handle_t *)&example->interrupt, NULL);
	}
}

static void on_message(struct tg_client *client, const struct tg_message *message, void *data)
{
	printf("%.*s: %.*s\n", (int)message->from_len, message->from ? message->from : "",
		(int)message->text_len, message->data);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct example example = {.text = argc > 3 ? argv[3] : NULL};
	uv_loop_t *loop = uv_default_loop();

	if (argc < 3 || tg_client_create(&example.client) != TG_OK ||
		tg_client_set_url(example.client, argv[1]) != TG_OK ||
		tg_client_set_user(example.client, argv[2]) != TG_OK) {
		fprintf(stderr, "usage: example_uv URL USER [TEXT]\n");
		return 2;
	}
	tg_client_set_user_data(example.client, &example);
	tg_client_on_state(example.client, on_state);
	tg_client_on_message(example.client, on_message);
	uv_poll_init(loop, &example.poll, tg_client_fd(example.client));
	uv_signal_init(loop, &example.interrupt);
	example.poll.data = example.interrupt.data = &example;
	uv_poll_start(&example.poll, UV_READABLE, on_readable);
	uv_signal_start(&example.interrupt, on_interrupt, SIGINT);
	tg_client_connect(example.client);
	uv_run(loop, UV_RUN_DEFAULT);
	const enum tg_status status = tg_client_status(example.client);
	tg_client_destroy(example.client);
	return status == TG_OK ? 0 : 1;
}
