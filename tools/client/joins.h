/* Asks a line for rooms. PROTOCOL section 6. */
#ifndef TIDEGATE_CLIENT_JOINS_H
#define TIDEGATE_CLIENT_JOINS_H

#include "line.h"
#include "rooms.h"

/* Queues a join for an open line that speaks tidegate.v1. Errors: of line_send_packet(). */
int joins_ask_for(const struct wanted_room *room, struct line *line);

/* For all rooms: an empty send queue holds that. */
int joins_ask_for_all(const struct rooms *rooms, struct line *line);

#endif
