/* What a backend wants done, as orders to the workers of this node, and what has come of it, as
 * JSON. For requests over HTTP and over the cluster alike. */
#ifndef TIDEGATE_DEEDS_H
#define TIDEGATE_DEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "../../proto/close_reason.h"
#include "../../proto/slice.h"
#include "api_body.h"
#include "errand.h"
#include "problem.h"

/* --- orders; what they point to is the giver's --- */

/* A message to each session of a user: in somebody's name it is a 112 for who speaks tidegate.v1,
 * as if that one had said it. Takes over message->payload, or what takes its place: *message then
 * points to what is to be freed when the errand is over. Errors: -ENOMEM; it is to be freed all the
 * same. */
int deed_push(struct errand *errand, struct slice user, struct api_message *message);

void deed_broadcast(struct errand *errand, const struct api_message *message);
void deed_say(struct errand *errand, struct slice room, const struct api_words *words);

/* A Close of that code and reason. `payload` has room for CLOSE_PAYLOAD_MAX bytes. */
void deed_close(struct errand *errand, uint16_t code, struct slice reason, uint8_t *payload);

/* The Close of one that a backend ends without saying why. */
void deed_close_plainly(struct errand *errand, uint8_t *payload);

/* Into a room, or with `is_out` out of it. */
void deed_move(struct errand *errand, struct slice room, bool is_out);

/* Each session of a user. `users` has room for ERRAND_MAX of them. */
void deed_show(struct errand *errand, struct order_user *users);

/* Whether a backend may give that code in a Close. PROTOCOL section 5. */
bool deed_may_close_with(uint32_t code);

enum {
	DEED_CODES_TEXT_MAX = 128,
};

/* Those that it may give, for people. */
void deed_name_codes(char ret_text[DEED_CODES_TEXT_MAX]);

/* --- what has come of them: an object, or one with a "problem" and its "detail" --- */

/* Errors of all: NULL: no memory. */
json_t *deed_pushed(const struct errand *errand);
json_t *deed_broadcasted(const struct errand *errand);
json_t *deed_said(const struct errand *errand);
json_t *deed_closed(const struct errand *errand);

/* `rooms_max`: rooms that a session may be in. */
json_t *deed_moved_in(const struct errand *errand, uint64_t rooms_max);
json_t *deed_moved_out(const struct errand *errand);

/* "user" and "sessions", each with the name of this node; empty: none is given. */
json_t *deed_shown(const struct errand *errand, const char *node);

/* The first `limit` members of a room behind `after`: with "more", which is not 0 where others come
 * behind them. Thread: registered. */
json_t *deed_list(struct rooms *rooms, struct slice room, struct slice after, uint32_t limit);

/* One that is a problem; of format and arguments the detail is made. */
json_t *deed_problem(enum problem problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A session, without its user's name. */
json_t *deed_session_to_json(const struct order_user *user);

#endif
