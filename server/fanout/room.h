/* One room, as those see it who speak in it and who tell of it: that the caller's worker has a
 * member of, or under RCU, as rooms_find_begin gives it. */
#ifndef TIDEGATE_ROOM_H
#define TIDEGATE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/slice.h"

struct room;

struct slice room_name(const struct room *room);
uint32_t room_hash(const struct room *room);

/* With the hash, tells a room from all others, those that had its name before included: what is
 * under way to one of them is not for this one. */
uint32_t room_serial(const struct room *room);

uint32_t room_users(const struct room *room);
uint32_t room_sessions(const struct room *room);

/* Sessions that have asked to be told who comes and goes. */
uint32_t room_told(const struct room *room);

/* One session in it begins to lag, or lags no more. Thread: any. */
void room_note_lag(struct room *room, bool lags);

/* Whether some session in it lags; and more than half of them. */
bool room_lags(const struct room *room);
bool room_most_lag(const struct room *room);

/* Notes that the number of users is to be told. Returns whether that was not so before: then it is
 * the caller's to do. */
bool room_claim_count(struct room *room);

/* Notes that somebody outside is to look how many users there are. Returns whether that was not so
 * before: then it is the caller's to tell him; and taken back by who looks, before he does so. */
bool room_claim_look(struct room *room);
void room_take_look(struct room *room);

/* The caller tells it now, unless that was done less than `every_ticks` ago; with 0 in any case.
 * Returns whether it may. */
bool room_tell_count(struct room *room, uint32_t now_tick, uint32_t every_ticks);

/* The number of users that was told last, on all nodes. Thread: any. */
void room_set_told_number(struct room *room, uint32_t users);
uint32_t room_told_number(const struct room *room);

/* A worker tells something of who is there. Returns whether another one has done so less than
 * `ticks` ago: receivers may get what the two tell in either order. */
bool room_note_telling(struct room *room, uint8_t worker, uint32_t now_tick, uint32_t ticks);

enum {
	ROOM_STEP =
		64, /* numbers of what is said, so that who comes need not keep all their bits */
};

/* The number of something that is said now; they go up by one. Who comes to the room begins a step:
 * the next number is a multiple of ROOM_STEP. Thread: any. */
uint32_t room_say(struct room *room);

/* Marks those workers in a set of 256 that have members. Thread: registered. */
void room_mark_workers(struct room *room, uint64_t workers[4]);

/* A member asks to be told who comes and goes, or does so no more. Returns the users in the room:
 * whoever changes that number from then on sees by room_told that somebody wants to hear of it.
 * Thread: any. */
uint32_t room_set_told(struct room *room, bool is_told);

#endif
