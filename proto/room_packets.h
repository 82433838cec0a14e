/* Who comes to a room and goes: the payloads of packets 120 to 124 of tidegate.v1, both ways.
 * PROTOCOL section 6.
 *
 * Decoders look at the form only: names and flags are judged by who acts on them. Strings are
 * borrowed from the payload. Errors of a decoder: -EBADMSG when the payload does not fit its
 * packet. Writers write `..._len` bytes and return where they end. Thread: any. */
#ifndef TIDEGATE_ROOM_PACKETS_H
#define TIDEGATE_ROOM_PACKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "fields.h"

enum {
	JOIN_TELL_MEMBERS = 1 << 0, /* a flag of 120: tell me who comes and goes */
	PAGE_USERS_MAX = 256,
};

/* 120 */
struct join_packet {
	uint32_t id;
	uint8_t flags;
	struct slice room;
};

static inline size_t join_packet_len(const struct join_packet *join)
{
	return 4 + 1 + fields_str_len(join->room);
}

uint8_t *join_packet_write(uint8_t *to, const struct join_packet *join);
int join_packet_decode(const uint8_t *payload, size_t len, struct join_packet *ret_join);

/* 121 */
struct leave_packet {
	uint32_t id;
	struct slice room;
};

static inline size_t leave_packet_len(const struct leave_packet *leave)
{
	return 4 + fields_str_len(leave->room);
}

uint8_t *leave_packet_write(uint8_t *to, const struct leave_packet *leave);
int leave_packet_decode(const uint8_t *payload, size_t len, struct leave_packet *ret_leave);

enum members_change {
	MEMBERS_COUNTED, /* only the count is told */
	MEMBERS_CAME,
	MEMBERS_WENT,
	MEMBERS_TAKEN_OUT, /* whoever is told so */
};

/* 122 */
struct members_packet {
	struct slice room;
	uint32_t count;    /* users that there are now */
	uint8_t change;    /* enum members_change */
	struct slice user; /* who came or went; else empty */
};

static inline size_t members_packet_len(const struct members_packet *members)
{
	return fields_str_len(members->room) + 4 + 1 + fields_str_len(members->user);
}

uint8_t *members_packet_write(uint8_t *to, const struct members_packet *members);
int members_packet_decode(const uint8_t *payload, size_t len, struct members_packet *ret_members);

/* 123 */
struct list_packet {
	uint32_t id;
	struct slice room;
	struct slice after; /* the last user of the page before; empty: from the beginning */
};

static inline size_t list_packet_len(const struct list_packet *list)
{
	return 4 + fields_str_len(list->room) + fields_str_len(list->after);
}

uint8_t *list_packet_write(uint8_t *to, const struct list_packet *list);
int list_packet_decode(const uint8_t *payload, size_t len, struct list_packet *ret_list);

/* 124; the users follow, one string each. */
struct page_packet {
	uint32_t id;
	uint8_t result;
	bool is_last;
	uint16_t count; /* users, at most PAGE_USERS_MAX */
};

enum {
	PAGE_PACKET_HEAD_LEN = 8, /* bytes in front of the users */
};

/* Writes what stands in front of the users; each is written by fields_put_str(). */
uint8_t *page_packet_write_head(uint8_t *to, const struct page_packet *page);

/* Reads all of it: ret_users[0] to [count - 1]. */
int page_packet_decode(const uint8_t *payload, size_t len, struct page_packet *ret_page,
	struct slice ret_users[PAGE_USERS_MAX]);

#endif
