/* A request of a backend over the cluster, in JSON: what is asked of one node, or by it of others.
 *
 *   push          "user" ("device"), "room" or "all": true; "text" or "packet", "from"; "id"
 *   kick          "user" ("device"); "code", "reason"
 *   where         "user" ("device")
 *   rooms.list    "after", "limit"; "room": its members, else the rooms that there are
 *   rooms.join    "user" ("device"), "room"
 *   rooms.leave   likewise
 *
 * Strict: nothing else, nothing twice. */
#ifndef TIDEGATE_API_REQUEST_H
#define TIDEGATE_API_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "../../proto/slice.h"
#include "api_body.h"

/* Numbers that nodes send each other: none is ever given to anything else. */
enum api_op {
	API_PUSH = 1,
	API_KICK = 2,
	API_WHERE = 3,
	API_ROOMS_LIST = 4,
	API_ROOMS_JOIN = 5,
	API_ROOMS_LEAVE = 6,
};

enum {
	API_ID_MAX = 128,     /* bytes of the id of a push */
	API_REASON_MAX = 123, /* of a Close */
	API_LIST_MAX = 256,   /* names of a page */
	API_LIST_DEFAULT = 100,
};

/* What it is about. */
enum api_aim {
	API_NOBODY,
	API_USER,
	API_ROOM,
	API_ALL,
};

/* Owner: who reads it; the strings are its document's. */
struct api_request {
	enum api_op op;
	enum api_aim aim; /* of a join or leave: API_USER */
	bool has_device;
	bool has_close; /* a code or a reason */
	uint16_t code;
	uint32_t limit;
	struct slice user;
	struct slice room; /* without data: none */
	struct slice device;
	struct slice id; /* likewise */
	struct slice reason;
	struct slice after;
	struct api_message message; /* of a push to a user or all */
	struct api_words words;     /* of one to a room */
	json_t *document;
};

/* The op of that name, as the subject has it: "rooms.list". Errors: -ENOENT. Thread: any. */
int api_op_find(const char *name, enum api_op *ret_op);

/* Reads one. `message_max` is for the message, in bytes. Thread: any. Errors, in which nothing is
 * left to be freed: -EINVAL with ret_fault, -EMSGSIZE for the message, -ENOMEM. */
int api_request_read(enum api_op op, struct slice body, size_t message_max,
	struct api_request *ret_request, char ret_fault[API_FAULT_MAX]);

/* Frees what it holds. Fine for one that is all zero. */
void api_request_finish(struct api_request *request);

#endif
