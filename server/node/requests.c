#include "requests.h"

#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "../base/stats.h"
#include "../cluster/link.h"
#include "../session/late.h"

#define NOBODY UINT32_MAX

enum {
	FIRST = 64, /* places at first */
};

/* One under way, or a free place. */
struct place {
	struct outward_request *request; /* NULL: it is free */
	uint64_t until_ms;
	uint32_t generation; /* another one each time that it is taken, and in each run */
	/* Among those under way by time; of a free one `next` is the next free one. */
	uint32_t next;
	uint32_t before;
};

/* Owner: the registrar's thread. */
struct requests {
	struct requests_setup setup;
	struct requests_stats stats;
	struct place *places;
	uint32_t capacity;
	uint32_t free;
	uint32_t oldest; /* of those under way: all wait equally long */
	uint32_t newest;
};

/* --- life --------------------------------------------------------------------------------------
 */

int requests_create(const struct requests_setup *setup, struct requests **ret_requests)
{
	struct requests *requests = malloc(sizeof(*requests));
	if (!requests) {
		return -ENOMEM;
	}
	*requests = (struct requests){
		.setup = *setup,
		.free = NOBODY,
		.oldest = NOBODY,
		.newest = NOBODY,
	};
	*ret_requests = requests;
	return 0;
}

void requests_destroy(struct requests **requests)
{
	struct requests *given = *requests;
	*requests = NULL;
	if (!given) {
		return;
	}
	for (uint32_t at = given->oldest; at != NOBODY; at = given->places[at].next) {
		outward_request_free(given->setup.outward, &given->places[at].request);
	}
	free(given->places);
	free(given);
}

void requests_set_reply_max(struct requests *requests, size_t bytes)
{
	requests->setup.reply_max = bytes;
}

bool requests_are_under_way(const struct requests *requests)
{
	return requests->oldest != NOBODY;
}

struct requests_stats *requests_counts(struct requests *requests)
{
	return &requests->stats;
}

const struct requests_stats *requests_stats(const struct requests *requests)
{
	return &requests->stats;
}

/* --- places ------------------------------------------------------------------------------------
 */

static int grow(struct requests *requests)
{
	const uint32_t capacity = requests->capacity ? requests->capacity * 2 : FIRST;
	struct place *grown = realloc(requests->places, capacity * sizeof(*grown));
	if (!grown) {
		return -ENOMEM;
	}
	for (uint32_t at = requests->capacity; at < capacity; at++) {
		/* A late answer to an earlier run of this node is for nobody of this one. */
		grown[at] = (struct place){.generation = randombytes_random(),
			.next = at + 1 < capacity ? at + 1 : NOBODY};
	}
	requests->places = grown;
	requests->free = requests->capacity;
	requests->capacity = capacity;
	return 0;
}

/* Takes a place at the end. Errors: -ENOMEM. */
static int take_place(struct requests *requests, struct outward_request *request, uint64_t until_ms,
	uint32_t *ret_at)
{
	if (requests->free == NOBODY && grow(requests) < 0) {
		return -ENOMEM;
	}
	const uint32_t at = requests->free;
	struct place *place = &requests->places[at];
	requests->free = place->next;
	*place = (struct place){
		.request = request,
		.until_ms = until_ms,
		.generation = place->generation + 1,
		.next = NOBODY,
		.before = requests->newest,
	};
	if (requests->newest == NOBODY) {
		requests->oldest = at;
	} else {
		requests->places[requests->newest].next = at;
	}
	requests->newest = at;
	*ret_at = at;
	return 0;
}

/* Returns the request that it held. */
static struct outward_request *free_place(struct requests *requests, uint32_t at)
{
	struct place *place = &requests->places[at];
	struct outward_request *request = place->request;
	if (place->before == NOBODY) {
		requests->oldest = place->next;
	} else {
		requests->places[place->before].next = place->next;
	}
	if (place->next == NOBODY) {
		requests->newest = place->before;
	} else {
		requests->places[place->next].before = place->before;
	}
	place->request = NULL;
	place->next = requests->free;
	requests->free = at;
	return request;
}

static uint64_t number_of(const struct requests *requests, uint32_t at)
{
	return (uint64_t)requests->places[at].generation << 32 | at;
}

/* --- answers -----------------------------------------------------------------------------------
 */

static void answer(struct requests *requests, struct outward_request *request,
	enum packet_result result, struct slice bytes)
{
	struct late *late = outward_reply(request, result, bytes);
	late_post(&late, requests->setup.mailboxes, requests->setup.late_kind);
	outward_request_free(requests->setup.outward, &request);
}

static void answer_backend(
	struct requests *requests, struct outward_request *request, struct slice bytes)
{
	static struct log_tally tally = LOG_TALLY(1);
	if (bytes.len <= requests->setup.reply_max) {
		stats_add(&requests->stats.answered, 1);
		answer(requests, request, PACKET_DONE, bytes);
		return;
	}
	stats_add(&requests->stats.too_large, 1);
	if (log_admits(&tally, LOG_LEVEL_WARN, "replies too large")) {
		log_write(LOG_LEVEL_WARN, request->session,
			"a backend's reply of %zu bytes is refused: %zu may be sent "
			"(--max-message)",
			bytes.len, requests->setup.reply_max);
	}
	answer(requests, request, PACKET_NOT_ALLOWED, SLICE(""));
}

void requests_on_answer(struct requests *requests, uint64_t ask, bool is_nobody, struct slice bytes)
{
	const uint32_t at = (uint32_t)ask;
	if (at >= requests->capacity || !requests->places[at].request ||
		number_of(requests, at) != ask) {
		return;
	}
	struct outward_request *request = free_place(requests, at);
	if (is_nobody) {
		stats_add(&requests->stats.nobody, 1);
		answer(requests, request, PACKET_UNREACHABLE, SLICE(""));
	} else {
		answer_backend(requests, request, bytes);
	}
}

/* --- requests ----------------------------------------------------------------------------------
 */

/* Names are without control characters, as headers have to be. */
static int send_on(struct requests *requests, const struct outward_request *request, uint64_t ask)
{
	char user[USER_NAME_MAX + 1] = "";
	char device[DEVICE_NAME_MAX + 1] = "";
	char address[REMOTE_NAME_MAX];
	const struct link_header headers[] = {
		{"Tidegate-User", user},
		{"Tidegate-Device", device},
		{"Tidegate-Node", requests->setup.node},
		{"Tidegate-Address", address},
	};
	const struct slice bytes = outward_request_bytes(request);
	const struct link_parcel parcel = {
		.to = LINK_TO_UP,
		.ask = ask,
		.headers = headers,
		.header_count = sizeof(headers) / sizeof(headers[0]),
		.data = bytes.data,
		.len = bytes.len,
	};
	memcpy(user, request->data, request->user_len);
	memcpy(device, outward_request_device(request).data, request->device_len);
	remote_name(&request->remote, address);
	return link_send(requests->setup.link, &parcel);
}

static void refuse(struct requests *requests, struct outward_request *request, int err)
{
	if (err == -ENOTCONN) {
		stats_add(&requests->stats.nobody, 1);
		answer(requests, request, PACKET_UNREACHABLE, SLICE(""));
	} else {
		stats_add(&requests->stats.refused, 1);
		answer(requests, request, PACKET_BUSY, SLICE(""));
	}
}

void requests_on_mail(struct requests *requests, struct mail *mail, uint64_t now_ms)
{
	struct outward_request *request = outward_request_of(mail);
	uint32_t at;
	outward_request_arrived(requests->setup.outward, request);
	int err = take_place(requests, request, now_ms + REQUESTS_MS, &at);
	if (!err) {
		err = send_on(requests, request, number_of(requests, at));
		if (err) {
			free_place(requests, at);
		}
	}
	if (err) {
		refuse(requests, request, err);
		return;
	}
	requests->places[at].request = outward_request_shrink(request);
	stats_add(&requests->stats.asked, 1);
}

static void give_up_oldest(struct requests *requests)
{
	stats_add(&requests->stats.late, 1);
	answer(requests, free_place(requests, requests->oldest), PACKET_UNKNOWN, SLICE(""));
}

int requests_turn(struct requests *requests, uint64_t now_ms)
{
	while (requests->oldest != NOBODY) {
		const struct place *place = &requests->places[requests->oldest];
		if (place->until_ms > now_ms) {
			return (int)(place->until_ms - now_ms);
		}
		give_up_oldest(requests);
	}
	return -1;
}

void requests_answer_unknown(struct requests *requests)
{
	while (requests->oldest != NOBODY) {
		give_up_oldest(requests);
	}
}
