/* Sockets that another process has listened at, and that this one serves on: who waits in their
 * queues is not lost. Beside listener.h, whose rows they become. */
#ifndef TIDEGATE_LISTENER_ADOPT_H
#define TIDEGATE_LISTENER_ADOPT_H

#include "inherited.h"
#include "listener_rows.h"

struct tcp_address;

/* --- of the one that goes --- */

/* Adds all sockets of the rows, of all acceptors, to a list; the descriptors are lent.
 * Thread: main, while no acceptor runs. Errors: -ENOMEM. */
int listeners_list(const struct listeners *listeners, struct inherited *inherited);

/* Unix sockets are another's from here on: their paths stay. Thread: main. */
void listeners_forget_paths(struct listeners *listeners);

/* --- of the one that comes --- */

/* While listeners_adopt opens them; each takes nothing where nothing is inherited. Makes rows of
 * all sockets that were opened for a text of the config, of those that are bound to an address, or
 * have a path, or were passed by systemd. Returns how many rows, or -errno. */
int listeners_adopt_text(struct listeners *listeners, const char *text);
int listeners_adopt_address(struct listeners *listeners, const struct tcp_address *address);
int listeners_adopt_path(struct listeners *listeners, const char *path);
int listeners_adopt_passed(struct listeners *listeners);

/* At the end: what is left are more sockets of those rows, or of addresses that are gone. Errors:
 * -ENOMEM. */
int listeners_adopt_rest(struct listeners *listeners);

/* Whether a socket that is not taken leaves no place for an address. */
bool listeners_is_in_their_way(
	const struct listeners *listeners, const struct tcp_address *address);

/* Newcomers come here from now on: listens where there was only a bound socket, and takes the
 * paths away that nobody is to come by any more. Thread: main, before the acceptors run.
 * Errors: -errno of listen(2). */
int listeners_begin(struct listeners *listeners);

/* --- of the acceptors --- */

/* Whether the config does not name a row any more: who waits there is let in, then it is closed. */
bool listeners_is_gone(const struct listeners *listeners, size_t row);

/* Closes such a row. Thread: the first acceptor. */
void listeners_end_gone(const struct listeners *listeners, size_t row);

#endif
