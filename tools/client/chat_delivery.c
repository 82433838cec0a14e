#include "chat_delivery.h"

#include <inttypes.h>
#include <poll.h>

enum {
	BUSY_MS = 1000, /* until a line that was refused for it is said again */
	/* What may be on its way without a sign that the gateway has read it. */
	PORTION_LINES = 64,
	PORTION_LEN = 16384, /* bytes */
};

static enum tg_status hand_over(struct delivery *delivery, const struct input_line *line)
{
	return line->is_too_long ? TG_ERR_TOO_BIG : speaker_say(delivery->speaker, line);
}

/* Says why, and goes on with the next. */
static void refuse_line(
	struct delivery *delivery, const struct input_line *line, enum tg_status status)
{
	if (status == TG_ERR_ARGUMENT) {
		/* It was shown. */
	} else if (line->is_too_long) {
		show_error(delivery->show,
			"line %" PRIu64 " is not sent: it has more than %zu bytes", line->number,
			delivery->input->line_max);
	} else {
		show_error(delivery->show, "line %" PRIu64 " is not sent: %s", line->number,
			tg_status_text(status));
	}
	delivery->was_refused = true;
	speaker_forget(delivery->speaker);
	input_drop(delivery->input);
}

static void send_line(struct delivery *delivery, const struct input_line *line)
{
	if (delivery->input->is_tty && line->len == 0 && !line->is_too_long) {
		input_drop(delivery->input); /* a mere stroke of the Enter key */
		return;
	}
	/* Before the call, in whose course the line to the gateway may be lost. */
	delivery->is_in_flight = true;
	const enum tg_status status = hand_over(delivery, line);
	if (status == TG_OK && delivery->speaker->waits != SPEAKER_NOTHING) {
		return;
	}
	delivery->is_in_flight = false;
	if (status == TG_OK) {
		input_drop(delivery->input); /* a command that is carried out here */
		return;
	}
	if (status != TG_ERR_WOULD_BLOCK && status != TG_ERR_NOT_CONNECTED) {
		refuse_line(delivery, line, status);
	}
}

/* The kernel, or the gateway, has the line that was in flight. */
static void finish_line(struct delivery *delivery)
{
	struct input_line line;

	if (input_peek(delivery->input, &line)) {
		delivery->portion_len += line.len;
	}
	delivery->is_in_flight = false;
	speaker_forget(delivery->speaker);
	delivery->sent++;
	input_drop(delivery->input);
}

static void finish_line_if_taken(struct delivery *delivery)
{
	if (delivery->is_in_flight && delivery->speaker->waits == SPEAKER_KERNEL &&
		tg_client_queued_len(delivery->client) == 0) {
		finish_line(delivery);
	}
}

/* All that was sent is read. */
static void end_portion(struct delivery *delivery)
{
	if (delivery->confirmed == delivery->sent) {
		delivery->portion_len = 0;
		delivery->is_asking = false;
	}
}

static void ask(struct delivery *delivery)
{
	if (!delivery->is_asking) {
		delivery->is_asking = true;
		delivery->has_waited = true;
		tg_client_ping(delivery->client);
	}
}

/* Whether a portion is out and not read yet. */
static bool has_to_wait(struct delivery *delivery)
{
	if (delivery->sent - delivery->confirmed < PORTION_LINES &&
		(delivery->portion_len < PORTION_LEN || delivery->confirmed == delivery->sent)) {
		return false;
	}
	ask(delivery);
	return true;
}

/* Whoever had to wait before waits for the last portion too: a log-out has little time. */
static bool has_to_wait_at_last(struct delivery *delivery)
{
	if (!delivery->has_waited || !delivery->input->is_at_end ||
		delivery->confirmed == delivery->sent) {
		return false;
	}
	ask(delivery);
	return true;
}

/* Whether the gateway is left alone for now. */
static bool is_put_off(struct delivery *delivery, uint64_t now_ms)
{
	if (delivery->is_busy) {
		delivery->is_busy = false;
		delivery->resume_at = now_ms + BUSY_MS;
	}
	return now_ms < delivery->resume_at;
}

int delivery_wait_ms(const struct delivery *delivery, uint64_t now_ms)
{
	return now_ms < delivery->resume_at ? (int)(delivery->resume_at - now_ms) : -1;
}

bool delivery_advance(struct delivery *delivery, uint64_t now_ms)
{
	struct input_line line;

	finish_line_if_taken(delivery);
	while (!delivery->is_in_flight && input_peek(delivery->input, &line)) {
		const uint64_t before = delivery->input->dropped;
		if (tg_client_state(delivery->client) == TG_STATE_CONNECTED &&
			!is_put_off(delivery, now_ms) && !has_to_wait(delivery)) {
			send_line(delivery, &line);
			finish_line_if_taken(delivery);
		}
		if (delivery->input->dropped == before) {
			return true;
		}
	}
	return delivery->is_in_flight || has_to_wait_at_last(delivery);
}

void delivery_on_ping(struct delivery *delivery)
{
	delivery->pinged = delivery->sent;
}

void delivery_on_pong(struct delivery *delivery)
{
	delivery->confirmed = delivery->pinged;
	end_portion(delivery);
}

void delivery_on_farewell(struct delivery *delivery)
{
	finish_line_if_taken(delivery);
	delivery->confirmed = delivery->sent;
}

/* It is said again: nothing was sent. */
static void be_busy(struct delivery *delivery)
{
	delivery->is_in_flight = false;
	delivery->is_busy = true;
	speaker_forget(delivery->speaker);
	if (!delivery->was_busy) {
		show_state(delivery->show,
			"the gateway is busy, or takes no more so fast: what follows waits");
	}
	delivery->was_busy = true;
}

void delivery_on_finding(struct delivery *delivery, enum speaker_finding finding)
{
	struct input_line line;

	switch (finding) {
	case SPEAKER_GOES_ON:
		break;
	case SPEAKER_DONE:
		finish_line(delivery);
		delivery->confirmed = delivery->sent;
		delivery->was_busy = false;
		end_portion(delivery);
		break;
	case SPEAKER_REFUSED:
		if (delivery->speaker->refusal == TG_ERR_BUSY) {
			be_busy(delivery);
			break;
		}
		delivery->is_in_flight = false;
		if (input_peek(delivery->input, &line)) {
			refuse_line(delivery, &line, delivery->speaker->refusal);
		}
		break;
	case SPEAKER_REFUSED_ANOTHER:
		delivery->was_refused = true;
		break;
	}
}

/* What the line to the gateway took with it. A list is asked for again; nobody is in a room that he
 * was to leave. */
static void settle_line(struct delivery *delivery, size_t unsent_len)
{
	switch (delivery->speaker->waits) {
	case SPEAKER_NOTHING:
	case SPEAKER_PAGES:
		break;
	case SPEAKER_LEAVE:
		input_drop(delivery->input);
		break;
	case SPEAKER_KERNEL:
	case SPEAKER_ANSWER:
		if (unsent_len == 0) {
			finish_line(delivery);
		}
		break;
	}
}

void delivery_on_end(struct delivery *delivery, size_t unsent_len)
{
	if (delivery->is_in_flight) {
		settle_line(delivery, unsent_len);
	}
	speaker_forget(delivery->speaker);
	delivery->is_in_flight = false;
	const uint64_t doubtful = delivery->sent - delivery->confirmed;
	if (doubtful > 0) {
		show_error(delivery->show, "the last %" PRIu64 " line%s sent may not have arrived",
			doubtful, doubtful == 1 ? "" : "s");
	}
	delivery->doubtful += doubtful;
	delivery->sent = 0;
	delivery->pinged = 0;
	delivery->confirmed = 0;
	delivery->has_waited = false;
	end_portion(delivery);
}

bool delivery_finish(struct delivery *delivery)
{
	struct input *input = delivery->input;
	struct pollfd ready = {.fd = input->fd, .events = POLLIN};
	struct input_line line;

	if (!input->is_fed && !input->is_at_end && !input_peek(input, &line) &&
		poll(&ready, 1, 0) > 0) {
		input_read(input);
	}
	input->is_at_end = true; /* a line without an end counts */
	if (!input_peek(input, &line)) {
		return false;
	}
	show_error(delivery->show, "line %" PRIu64 " and what follows was not sent", line.number);
	return true;
}
