#include "chat.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../proto/close_reason.h"
#include "chat_delivery.h"
#include "chat_exit.h"
#include "chat_input.h"
#include "chat_show.h"
#include "chat_signals.h"
#include "chat_speaker.h"
#include "chat_token.h"
#include "chat_typing.h"

/* What is waited for, in the order of the poll set. */
enum {
	WAIT_SIGNAL,
	WAIT_CLIENT,
	WAIT_INPUT,
	WAIT_OUT,
	WAIT_ERR,
	WAIT_COUNT,
};

enum {
	LOOK_MS = 500, /* between two looks whether the terminal is ours by now */
};

/* Owner:  chat_run.
 * Shared: never. */
struct chat {
	struct tg_client *client;
	const struct chat_options *options;
	struct show show;
	struct input *input;
	struct speaker speaker;
	struct delivery delivery;
	struct typing *typing; /* NULL: nobody types */
	int signal_fd;
	bool was_connected; /* at least once */
	bool is_leaving;    /* it was logged out */
	bool is_hung_up;    /* SIGHUP has come */
};

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- the terminal ---------------------------------------------------------------------------- */

/* Whether the terminal is wanted and somebody else's. */
static bool has_to_look(const struct chat *chat)
{
	return chat->typing && !chat->is_leaving && typing_has_to_wait(chat->typing);
}

static void take_terminal(struct chat *chat)
{
	if (chat->typing && !chat->is_leaving) {
		typing_begin(chat->typing);
	}
}

static void give_terminal_back(struct chat *chat)
{
	if (chat->typing) {
		typing_end(chat->typing);
	}
}

/* --- leaving --------------------------------------------------------------------------------- */

static void leave(struct chat *chat)
{
	chat->is_leaving = true;
	give_terminal_back(chat);
	tg_client_logout(chat->client);
}

/* Whether it is the first one that asks to leave. A terminal that goes away is an end of the input
 * and a SIGHUP, in either order, and means one thing. */
static bool is_first(struct chat *chat, int number)
{
	const bool is_echo = number == SIGHUP && !chat->is_hung_up;

	chat->is_hung_up |= number == SIGHUP;
	return is_echo || (!chat->is_leaving && tg_client_state(chat->client) != TG_STATE_CLOSED);
}

static void on_signal(struct chat *chat)
{
	const int number = signals_read(chat->signal_fd);

	switch (number) {
	case 0:
		break;
	case SIGCONT:
		/* It may have been stopped for long. */
		tg_client_probe(chat->client);
		take_terminal(chat);
		break;
	case SIGTSTP:
		give_terminal_back(chat);
		signals_stop(number);
		take_terminal(chat); /* it need not have stopped: nobody could continue it */
		break;
	case SIGWINCH:
		typing_resize(chat->typing);
		break;
	default:
		if (is_first(chat, number)) {
			leave(chat);
			break;
		}
		give_terminal_back(chat);
		show_flush(&chat->show);
		signals_die(number);
	}
}

/* At the end of the input it is time to go, unless the first login is still under way: whether that
 * succeeds is worth knowing. */
static bool is_done(const struct chat *chat)
{
	return chat->input->is_at_end && !chat->options->stays && chat->was_connected;
}

static void say(struct chat *chat)
{
	if (!chat->is_leaving && !delivery_advance(&chat->delivery, now_ms()) && is_done(chat)) {
		leave(chat);
	}
}

/* --- what the client tells ------------------------------------------------------------------- */

static void on_message(struct tg_client *client, const struct tg_message *message, void *data)
{
	struct chat *chat = data;
	show_message(&chat->show, message);
}

static void on_answer(struct tg_client *client, const struct tg_answer *answer, void *data)
{
	struct chat *chat = data;
	delivery_on_finding(&chat->delivery, speaker_on_answer(&chat->speaker, answer));
}

static void on_page(struct tg_client *client, const struct tg_page *page, void *data)
{
	struct chat *chat = data;
	delivery_on_finding(&chat->delivery, speaker_on_page(&chat->speaker, page));
}

static void on_reply(struct tg_client *client, const struct tg_reply *reply, void *data)
{
	struct chat *chat = data;
	delivery_on_finding(&chat->delivery, speaker_on_reply(&chat->speaker, reply));
}

/* Whoever reads along is to know that he has not read all: quiet or not. */
static void on_gap(struct tg_client *client, const struct tg_gap *gap, void *data)
{
	struct chat *chat = data;
	show_reply(&chat->show,
		"%" PRIu32 " batch%s of messages from other nodes of the gateway got lost",
		gap->batches, gap->batches == 1 ? "" : "es");
}

static void on_members(struct tg_client *client, const struct tg_members *members, void *data)
{
	struct chat *chat = data;
	speaker_on_members(&chat->speaker, members);
}

static void show_verbose(struct chat *chat, const char *text)
{
	if (chat->options->is_verbose) {
		show_note(&chat->show, text);
	}
}

static void show_connected(struct chat *chat)
{
	const bool is_manned = chat->input->is_tty && chat->show.err.is_tty;
	const bool is_v1 = tg_client_protocol(chat->client) == TG_PROTOCOL_V1;

	show_state(&chat->show, "connected%s%s", is_manned ? "; Ctrl-D logs out" : "",
		is_manned && is_v1 ? ", /help shows commands" : "");
	show_verbose(chat, "readloop started");
	if (chat->options->has_heartbeat) {
		show_verbose(chat, "heartbeatloop started");
	}
}

static void show_retry(struct chat *chat, uint64_t delay_ms)
{
	const char *rest = chat->input->is_at_end ? ""
			   : chat->input->is_tty  ? "; what is typed waits until then"
						  : "; the input waits until then";
	struct tg_stats stats;

	tg_client_stats(chat->client, &stats, sizeof(stats));
	if (chat->options->attempts == TG_ATTEMPTS_INFINITE) {
		show_state(&chat->show, "reconnecting in %.1f s (attempt %" PRIu32 ")%s",
			(double)delay_ms / 1000, stats.attempt, rest);
	} else {
		show_state(&chat->show, "reconnecting in %.1f s (attempt %" PRIu32 " of %d)%s",
			(double)delay_ms / 1000, stats.attempt, chat->options->attempts, rest);
	}
}

static void on_state(struct tg_client *client, const struct tg_state_change *change, void *data)
{
	struct chat *chat = data;

	switch (change->to) {
	case TG_STATE_CONNECTING:
		/* Without its query, which may hold a token. */
		show_state(&chat->show, "connecting to %.*s as %s",
			(int)strcspn(chat->options->url, "?"), chat->options->url,
			chat->options->user ? chat->options->user : "the token's user");
		if (chat->options->insecure) {
			show_reply(&chat->show, "any certificate is taken: %s",
				chat->options->insecure);
		}
		break;
	case TG_STATE_CONNECTED:
		chat->was_connected = true;
		show_connected(chat);
		break;
	case TG_STATE_RECONNECTING:
		delivery_on_end(&chat->delivery, change->unsent_len);
		break;
	case TG_STATE_CLOSING:
		show_state(&chat->show, "logging out");
		break;
	case TG_STATE_CLOSED:
		delivery_on_end(&chat->delivery, change->unsent_len);
		show_state(&chat->show, "closed");
		break;
	case TG_STATE_INIT:
		break;
	}
}

static void on_error(struct tg_client *client, const struct tg_error *error, void *data)
{
	struct chat *chat = data;
	const char *text = tg_status_text(error->status);

	/* Whoever only happens to be at a terminal hears of it when he gives a command. */
	if (error->status == TG_ERR_NOT_SPOKEN && chat->options->protocol != CHAT_PROTOCOL_V1) {
		return;
	}
	if (*error->detail && strcmp(error->detail, text) != 0) {
		show_error(&chat->show, "%s (%s)", text, error->detail);
	} else {
		show_error(&chat->show, "%s", text);
	}
}

static void on_event(struct tg_client *client, const struct tg_event *event, void *data)
{
	struct chat *chat = data;

	switch (event->kind) {
	case TG_EVENT_PING:
		delivery_on_ping(&chat->delivery);
		show_verbose(chat, "ping...");
		break;
	case TG_EVENT_PONG:
		delivery_on_pong(&chat->delivery);
		show_verbose(chat, "recv a pong...");
		break;
	case TG_EVENT_RETRY:
		show_retry(chat, event->value);
		break;
	case TG_EVENT_CLOSE:
		/* Another code is the gateway's own, sent before it saw ours. */
		if (chat->is_leaving &&
			(event->value == CLOSE_CODE_NORMAL || event->value == CLOSE_CODE_NONE)) {
			delivery_on_farewell(&chat->delivery);
		}
		break;
	case TG_EVENT_HANGUP:
		show_verbose(chat, "connection closed");
		break;
	case TG_EVENT_DIAL:
	case TG_EVENT_PROBE:
	case TG_EVENT_PACKET:
		break;
	}
}

/* Whatever is wrong with the file is told here: the client only knows that there is no token. */
static void on_token(struct tg_client *client, enum tg_token_need need, void *data)
{
	struct chat *chat = data;
	const char *path = chat->options->token_file;
	char token[CHAT_TOKEN_MAX + 1];
	char why[CHAT_TOKEN_WHY_MAX];

	if (chat_token_read(path, token, why) < 0) {
		show_error(&chat->show, "no token in %s: %s", path, why);
		tg_client_give_token(client, NULL);
	} else if (tg_client_give_token(client, token) == TG_ERR_ARGUMENT) {
		show_error(&chat->show, "no token in %s: %s", path, tg_client_detail(client));
		tg_client_give_token(client, NULL);
	}
	explicit_bzero(token, sizeof(token));
}

static void follow(struct chat *chat)
{
	if (chat->options->token_file) {
		tg_client_on_token(chat->client, on_token);
	}
	tg_client_set_user_data(chat->client, chat);
	tg_client_on_message(chat->client, on_message);
	tg_client_on_answer(chat->client, on_answer);
	tg_client_on_page(chat->client, on_page);
	tg_client_on_reply(chat->client, on_reply);
	tg_client_on_gap(chat->client, on_gap);
	tg_client_on_members(chat->client, on_members);
	tg_client_on_state(chat->client, on_state);
	tg_client_on_error(chat->client, on_error);
	tg_client_on_event(chat->client, on_event);
}

/* --- running --------------------------------------------------------------------------------- */

/* Logged out or lost for good, the last Close answered or given up, and everything shown. */
static bool is_over(const struct chat *chat)
{
	return tg_client_state(chat->client) == TG_STATE_CLOSED &&
	       tg_client_timeout_ms(chat->client) < 0 && output_len(&chat->show.out) == 0 &&
	       output_len(&chat->show.err) == 0;
}

/* Who does not take what comes in is not read for: the gateway then sees a slow reader. */
static bool is_output_full(const struct chat *chat)
{
	return output_len(&chat->show.out) > OUTPUT_FULL ||
	       output_len(&chat->show.err) > OUTPUT_FULL;
}

/* Waits until something is to be done. Returns 0 or -errno. */
static int wait_for(struct chat *chat, struct pollfd set[WAIT_COUNT], bool wants_input)
{
	const struct output *out = &chat->show.out;
	const struct output *err = &chat->show.err;
	const bool wants_client = chat->is_leaving || !is_output_full(chat);

	set[WAIT_SIGNAL] = (struct pollfd){.fd = chat->signal_fd, .events = POLLIN};
	set[WAIT_CLIENT] = (struct pollfd){
		.fd = wants_client ? tg_client_fd(chat->client) : -1,
		.events = tg_client_events(chat->client),
	};
	set[WAIT_INPUT] =
		(struct pollfd){.fd = wants_input ? chat->input->fd : -1, .events = POLLIN};
	set[WAIT_OUT] = (struct pollfd){.fd = output_len(out) ? out->fd : -1, .events = POLLOUT};
	set[WAIT_ERR] = (struct pollfd){.fd = output_len(err) ? err->fd : -1, .events = POLLOUT};
	int limit_ms = delivery_wait_ms(&chat->delivery, now_ms());
	if (has_to_look(chat) && (limit_ms < 0 || limit_ms > LOOK_MS)) {
		limit_ms = LOOK_MS;
	}
	return poll(set, WAIT_COUNT, limit_ms) < 0 && errno != EINTR ? -errno : 0;
}

static void check_output(struct chat *chat)
{
	if (chat->show.out.error && !chat->is_leaving) {
		show_error(&chat->show, "standard output: %s", strerror(-chat->show.out.error));
		leave(chat);
	}
}

static int run(struct chat *chat)
{
	struct pollfd set[WAIT_COUNT];
	int err = 0;

	while (err == 0 && !is_over(chat)) {
		struct input_line line;
		const bool wants_input = chat->typing
						 ? typing_wants_input(chat->typing)
						 : !chat->is_leaving && !chat->input->is_at_end &&
							   !chat->delivery.is_in_flight &&
							   !input_peek(chat->input, &line);
		err = wait_for(chat, set, wants_input);
		if (err < 0) {
			break;
		}
		if (set[WAIT_SIGNAL].revents) {
			on_signal(chat);
		}
		if (set[WAIT_CLIENT].revents) {
			tg_client_process(chat->client);
		}
		if (set[WAIT_INPUT].revents && chat->typing) {
			typing_read(chat->typing);
		} else if (set[WAIT_INPUT].revents) {
			input_read(chat->input);
		}
		if (has_to_look(chat)) {
			take_terminal(chat);
		}
		say(chat);
		show_flush(&chat->show);
		check_output(chat);
	}
	return err;
}

static int open_input(size_t line_max, struct input **ret_input)
{
	struct input *input = calloc(1, sizeof(*input));
	if (!input) {
		return -ENOMEM;
	}
	input->fd = STDIN_FILENO;
	input->is_tty = isatty(STDIN_FILENO);
	input->line_max = line_max;
	*ret_input = input;
	return 0;
}

/* A script keeps what it has: lines that begin with a slash are texts, and none is marked. */
static void prepare(struct chat *chat)
{
	const struct chat_options *options = chat->options;
	const bool is_v1 = options->protocol == CHAT_PROTOCOL_V1 ||
			   (options->protocol == CHAT_PROTOCOL_BY_INPUT && chat->input->is_tty);

	tg_client_set_protocol(chat->client, is_v1 ? TG_PROTOCOL_V1 : TG_PROTOCOL_CLASSIC);
	chat->show.marks_audiences = is_v1;
	chat->speaker = (struct speaker){
		.client = chat->client,
		.show = &chat->show,
		.takes_commands = is_v1,
		.uses_packets = options->uses_packets,
	};
	chat->delivery = (struct delivery){
		.client = chat->client,
		.input = chat->input,
		.show = &chat->show,
		.speaker = &chat->speaker,
	};
}

static enum chat_exit judge(struct chat *chat)
{
	enum chat_exit code = chat_exit_of(tg_client_status(chat->client));
	const bool is_unsent = delivery_finish(&chat->delivery);

	if (chat->input->error) {
		show_error(&chat->show, "standard input: %s", strerror(-chat->input->error));
	}
	show_flush(&chat->show);
	if (code == CHAT_EXIT_OK && (is_unsent || chat->delivery.doubtful > 0)) {
		code = CHAT_EXIT_LOST;
	}
	if (code == CHAT_EXIT_OK &&
		(chat->delivery.was_refused || chat->input->error || chat->show.out.error)) {
		code = CHAT_EXIT_LOCAL;
	}
	return code;
}

enum chat_exit chat_run(struct tg_client *client, const struct chat_options *options)
{
	struct chat chat = {
		.client = client,
		.options = options,
		.show = {.out = OUTPUT_EMPTY, .err = OUTPUT_EMPTY, .is_quiet = options->is_quiet},
		.signal_fd = -1,
	};
	const size_t line_max = options->uses_packets ? DELIVERY_PACKET_MAX : DELIVERY_TEXT_MAX;
	enum chat_exit code = CHAT_EXIT_LOCAL;
	int err = show_init(&chat.show);

	if (err == 0) {
		err = open_input(line_max, &chat.input);
	}
	if (err == 0 && typing_is_possible(chat.input, &chat.show)) {
		err = typing_create(chat.input, &chat.show, &chat.typing);
	}
	if (err == 0) {
		err = signals_open(chat.typing != NULL, &chat.signal_fd);
	}
	if (err < 0) {
		goto fail;
	}
	prepare(&chat);
	follow(&chat);
	take_terminal(&chat);
	const enum tg_status status = tg_client_connect(client);
	if (status != TG_OK) {
		show_error(&chat.show, "%s (%s)", tg_status_text(status), tg_client_detail(client));
		goto done;
	}
	err = run(&chat);
	if (err < 0) {
		goto fail;
	}
	code = judge(&chat);
	goto done;

fail:
	fprintf(stderr, "tidegate-chat: %s\n", strerror(-err));
done:
	give_terminal_back(&chat);
	if (chat.signal_fd >= 0) {
		close(chat.signal_fd);
	}
	show_finish(&chat.show);
	typing_destroy(chat.typing);
	free(chat.input);
	return code;
}
