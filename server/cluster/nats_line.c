#include "nats_line.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats_ear_inner.h"
#include "nats_options.h"
#include "nats_status.h"

enum {
	FLUSH_MS = 1000, /* for the server to have taken the subscriptions */
	DRAIN_MS = 300,  /* for what has come of a subscription that is given up */
};

/* Owner: the thread that sends. */
struct nats_line {
	natsConnection *connection;
	struct nats_ear *ear;
	natsSubscription *topics[NATS_TOPIC_COUNT]; /* NULL: not subscribed to */
	uint64_t dropped;                           /* told already */
	char why[LINK_TEXT_MAX];                    /* it cannot be used any more; empty: it can */
};

/* --- connecting --------------------------------------------------------------------------------
 */

static natsStatus subscribe(struct nats_line *line, enum nats_topic topic)
{
	return nats_ear_subscribe(line->ear, line->connection, topic, &line->topics[topic]);
}

static natsStatus subscribe_all(struct nats_line *line)
{
	natsStatus status = subscribe(line, NATS_TOPIC_ALL);

	if (status == NATS_OK) {
		status = subscribe(line, NATS_TOPIC_NODE);
	}
	if (status == NATS_OK) {
		status = subscribe(line, NATS_TOPIC_ANSWERS);
	}
	if (status == NATS_OK) {
		status = natsConnection_FlushTimeout(line->connection, FLUSH_MS);
	}
	return status;
}

/* What the server refuses it has said before the flush was over: a node that may not hear the
 * others must not think that it is one of them. */
static int judge_refusal(const struct nats_line *line, char ret_why[LINK_TEXT_MAX])
{
	const char *text = NULL;

	if (natsConnection_GetLastError(line->connection, &text) != NATS_NOT_PERMITTED) {
		return 0;
	}
	snprintf(ret_why, LINK_TEXT_MAX, "%s", text);
	return -EACCES;
}

static int connect_it(
	struct nats_line *line, const struct nats_line_setup *setup, char ret_why[LINK_TEXT_MAX])
{
	natsOptions *options;

	int err = nats_options_make(setup, line->ear, ret_why, &options);
	if (err) {
		return err;
	}
	nats_ear_give_to_library(line->ear);
	natsStatus status = natsConnection_Connect(&line->connection, options);
	natsOptions_Destroy(options);
	if (status == NATS_OK) {
		status = subscribe_all(line);
	}
	return status == NATS_OK ? judge_refusal(line, ret_why)
				 : nats_options_refuse(ret_why, status);
}

int nats_line_try(
	const struct nats_line_setup *setup, struct nats_ear *ear, char ret_why[LINK_TEXT_MAX])
{
	natsOptions *options;

	int err = nats_options_make(setup, ear, ret_why, &options);
	if (!err) {
		natsOptions_Destroy(options);
	}
	return err;
}

int nats_line_open(const struct nats_line_setup *setup, struct nats_ear *ear,
	char ret_why[LINK_TEXT_MAX], struct nats_line **ret_line)
{
	struct nats_line *line = calloc(1, sizeof(*line));

	if (!line) {
		snprintf(ret_why, LINK_TEXT_MAX, "out of memory");
		return -ENOMEM;
	}
	line->ear = ear;
	int err = connect_it(line, setup, ret_why);
	if (err) {
		nats_line_close(&line);
		return err;
	}
	*ret_line = line;
	return 0;
}

void nats_line_close(struct nats_line **line)
{
	struct nats_line *given = *line;

	*line = NULL;
	if (!given) {
		return;
	}
	if (given->connection) {
		natsConnection_Close(given->connection);
	}
	for (int i = 0; i < NATS_TOPIC_COUNT; i++) {
		natsSubscription_Destroy(given->topics[i]);
	}
	natsConnection_Destroy(given->connection);
	free(given);
}

/* --- how it is ---------------------------------------------------------------------------------
 */

bool nats_line_has_ended(const struct nats_line *line)
{
	return natsConnection_IsClosed(line->connection);
}

void nats_line_why(const struct nats_line *line, char ret_why[LINK_TEXT_MAX])
{
	const char *text = line->why;
	natsStatus status = NATS_OK;

	if (text[0] == '\0') {
		status = natsConnection_GetLastError(line->connection, &text);
	}
	if (!text || text[0] == '\0') {
		text = natsStatus_GetText(status == NATS_OK ? NATS_CONNECTION_CLOSED : status);
	}
	snprintf(ret_why, LINK_TEXT_MAX, "%s", text);
}

size_t nats_line_max_payload(const struct nats_line *line)
{
	int64_t max = natsConnection_GetMaxPayload(line->connection);

	return max > 0 ? (size_t)max : 0;
}

uint64_t nats_line_dropped(struct nats_line *line)
{
	uint64_t dropped = 0;

	for (int i = 0; i < NATS_TOPIC_COUNT; i++) {
		int64_t here = 0;
		if (line->topics[i] &&
			natsSubscription_GetDropped(line->topics[i], &here) == NATS_OK) {
			dropped += (uint64_t)here;
		}
	}
	uint64_t more = dropped > line->dropped ? dropped - line->dropped : 0;
	line->dropped = dropped;
	return more;
}

/* --- sending -----------------------------------------------------------------------------------
 */

static natsStatus send_with_headers(struct nats_line *line, const struct parcel *parcel)
{
	natsMsg *message = NULL;
	natsStatus status = natsMsg_Create(&message, parcel->subject,
		parcel->reply[0] != '\0' ? parcel->reply : NULL, parcel->data, (int)parcel->len);

	for (size_t i = 0; status == NATS_OK && i < parcel->header_count; i++) {
		status = natsMsgHeader_Add(
			message, parcel->headers[i].name, parcel->headers[i].value);
	}
	if (status == NATS_OK) {
		status = natsConnection_PublishMsg(line->connection, message);
	}
	natsMsg_Destroy(message);
	return status;
}

static natsStatus send_it(struct nats_line *line, const struct parcel *parcel)
{
	if (parcel->len > INT_MAX) {
		return NATS_MAX_PAYLOAD;
	}
	if (parcel->header_count > 0) {
		return send_with_headers(line, parcel);
	}
	if (parcel->reply[0] != '\0') {
		return natsConnection_PublishRequest(line->connection, parcel->subject,
			parcel->reply, parcel->data, (int)parcel->len);
	}
	return natsConnection_Publish(
		line->connection, parcel->subject, parcel->data, (int)parcel->len);
}

int nats_line_send(struct nats_line *line, const struct parcel *parcel)
{
	natsStatus status = send_it(line, parcel);
	int err = nats_status_errno(status);

	if (err == -EPIPE) {
		snprintf(line->why, sizeof(line->why), "%s", nats_status_text(status));
	}
	return err;
}

void nats_line_flush(struct nats_line *line, int ms)
{
	natsConnection_FlushTimeout(line->connection, ms);
}

/* Gives a subscription up when the ear has been told of all that came before the server knew of
 * that; and, since one thread delivers all messages, of what came by others before. Nulls the
 * giver's pointer. */
static natsStatus drain(natsSubscription **subscription, int ms)
{
	natsStatus status = natsSubscription_DrainTimeout(*subscription, ms);

	if (status == NATS_OK) {
		status = natsSubscription_WaitForDrainCompletion(*subscription, ms);
	}
	if (status == NATS_OK) {
		status = natsSubscription_DrainCompletionStatus(*subscription);
	}
	natsSubscription_Destroy(*subscription);
	*subscription = NULL;
	return status;
}

bool nats_line_settle(struct nats_line *line, int ms)
{
	natsSubscription **mark = &line->topics[NATS_TOPIC_MARK];

	return subscribe(line, NATS_TOPIC_MARK) == NATS_OK && drain(mark, ms) == NATS_OK;
}

int nats_line_serve(struct nats_line *line, bool serves)
{
	natsSubscription **requests = &line->topics[NATS_TOPIC_REQUESTS];

	if (serves == (*requests != NULL)) {
		return 0;
	}
	if (serves) {
		return nats_status_errno(subscribe(line, NATS_TOPIC_REQUESTS));
	}
	const natsStatus status = drain(requests, DRAIN_MS);
	return status == NATS_TIMEOUT ? 0 : nats_status_errno(status);
}

void nats_line_thread_end(void)
{
	nats_ReleaseThreadMemory();
}
