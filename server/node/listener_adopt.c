#include "listener_adopt.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp_address.h"

/* --- of the one that goes ----------------------------------------------------------------------
 */

static int list_row(const struct listeners *listeners, size_t row, struct inherited *inherited)
{
	const struct listener_row *from = &listeners->rows[row];
	struct inherited_socket socket = {
		.is_all = from->is_all,
		.is_proxied = from->is_proxied,
		.is_tls = from->is_tls,
		.is_passed = listeners->are_passed,
		.path = from->path,
	};
	int err = 0;
	memcpy(socket.text, from->text, sizeof(socket.text));
	for (uint32_t column = 0; column < listeners->columns && !err; column++) {
		socket.fd = *listeners_cell(listeners, row, column);
		err = socket.fd >= 0 ? inherited_add(inherited, &socket) : 0;
	}
	return err;
}

int listeners_list(const struct listeners *listeners, struct inherited *inherited)
{
	int err = 0;
	for (size_t row = 0; row < listeners_all(listeners) && !err; row++) {
		err = list_row(listeners, row, inherited);
	}
	return err;
}

void listeners_forget_paths(struct listeners *listeners)
{
	for (size_t row = 0; row < listeners_all(listeners); row++) {
		listeners->rows[row].path.text[0] = '\0';
	}
}

/* --- rows of sockets that are there ------------------------------------------------------------
 */

/* The named row that is bound to the same address; `count` for none. */
static size_t row_like(const struct listeners *listeners, int fd)
{
	size_t row = 0;
	while (row < listeners->count &&
		!inherited_are_alike(*listeners_cell(listeners, row, 0), fd)) {
		row++;
	}
	return row;
}

static struct tcp_address address_of(const struct inherited_socket *socket)
{
	struct tcp_address address = {.len = sizeof(address.at)};
	getsockname(socket->fd, (struct sockaddr *)&address.at, &address.len);
	address.is_dual = socket->is_all && address.at.ss_family == AF_INET6;
	return address;
}

/* What systemd has passed, and a Unix socket, is one for all acceptors. */
static bool is_for_all(const struct inherited_socket *socket)
{
	return socket->is_passed || socket->path.text[0] != '\0';
}

static void take(struct listeners *listeners, size_t row, uint32_t column, size_t at)
{
	struct inherited_socket *socket = &listeners->inherited->sockets[at];
	*listeners_cell(listeners, row, column) = socket->fd;
	socket->fd = -1;
}

/* Fills the cells of a row with the sockets from `first` on that are bound alike, one for each
 * acceptor, and binds those that are missing. */
static int fill(struct listeners *listeners, size_t row, size_t first)
{
	struct inherited *inherited = listeners->inherited;
	const struct tcp_address address = address_of(&inherited->sockets[first]);
	uint32_t column = 0;
	int err = 0;
	for (size_t at = first; at < inherited->count && column < listeners->columns; column++) {
		take(listeners, row, column, at);
		at = inherited_find_like(inherited, at + 1, *listeners_cell(listeners, row, 0));
	}
	for (; column < listeners->columns && !err; column++) {
		err = tcp_address_bind(&address, listeners_cell(listeners, row, column));
	}
	return err;
}

static int adopt(struct listeners *listeners, size_t first)
{
	struct inherited_socket *socket = &listeners->inherited->sockets[first];
	int err = listeners_add_row(listeners);
	if (err) {
		return err;
	}
	const size_t row = listeners->count - 1;
	listeners->rows[row].is_all = socket->is_all;
	listeners->rows[row].path = socket->path;
	listeners->rows[row].is_lent = true;
	if (is_for_all(socket)) {
		take(listeners, row, 0, first);
		return 0;
	}
	return fill(listeners, row, first);
}

int listeners_adopt_text(struct listeners *listeners, const char *text)
{
	const struct inherited *inherited = listeners->inherited;
	int rows = 0;
	size_t at = inherited ? inherited_find_text(inherited, 0, text) : 0;
	while (inherited && at < inherited->count) {
		/* More than there are acceptors for: listeners_adopt_rest has them. */
		const bool is_more =
			row_like(listeners, inherited->sockets[at].fd) < listeners->count;
		const int err = is_more ? 0 : adopt(listeners, at);
		if (err) {
			return err;
		}
		rows += !is_more;
		at = inherited_find_text(inherited, at + 1, text);
	}
	return rows;
}

int listeners_adopt_address(struct listeners *listeners, const struct tcp_address *address)
{
	const struct inherited *inherited = listeners->inherited;
	for (size_t i = 0; inherited && i < inherited->count; i++) {
		if (inherited->sockets[i].fd < 0) {
			continue;
		}
		const struct tcp_address bound = address_of(&inherited->sockets[i]);
		if (tcp_address_is_same(&bound, address)) {
			const int err = adopt(listeners, i);
			return err ? err : 1;
		}
	}
	return 0;
}

int listeners_adopt_path(struct listeners *listeners, const char *path)
{
	const struct inherited *inherited = listeners->inherited;
	for (size_t i = 0; inherited && i < inherited->count; i++) {
		const struct inherited_socket *socket = &inherited->sockets[i];
		if (socket->fd >= 0 && strcmp(socket->path.text, path) == 0) {
			const int err = adopt(listeners, i);
			return err ? err : 1;
		}
	}
	return 0;
}

int listeners_adopt_passed(struct listeners *listeners)
{
	const struct inherited *inherited = listeners->inherited;
	int rows = 0;
	for (size_t i = 0; inherited && i < inherited->count; i++) {
		const struct inherited_socket *socket = &inherited->sockets[i];
		if (socket->fd < 0 || !socket->is_passed) {
			continue;
		}
		listeners->is_proxied = socket->is_proxied;
		listeners->is_tls = socket->is_tls;
		listeners->are_passed = true;
		const int err = adopt(listeners, i);
		if (err) {
			return err;
		}
		rows++;
	}
	return rows;
}

bool listeners_is_in_their_way(const struct listeners *listeners, const struct tcp_address *address)
{
	const struct inherited *inherited = listeners->inherited;
	for (size_t i = 0; inherited && i < inherited->count; i++) {
		const struct tcp_address bound = address_of(&inherited->sockets[i]);
		if (inherited->sockets[i].fd >= 0 && (tcp_address_covers(&bound, address) ||
							     tcp_address_covers(address, &bound))) {
			return true;
		}
	}
	return false;
}

/* --- what is left ------------------------------------------------------------------------------
 */

/* A row behind the named ones: one more socket of theirs, or of an address that is gone. */
static int keep(struct listeners *listeners, size_t at)
{
	const struct inherited_socket *socket = &listeners->inherited->sockets[at];
	const size_t like = row_like(listeners, socket->fd);
	const bool is_gone = like == listeners->count;
	listeners->is_proxied = is_gone ? socket->is_proxied : listeners->rows[like].is_proxied;
	listeners->is_tls = is_gone ? socket->is_tls : listeners->rows[like].is_tls;
	memcpy(listeners->text, is_gone ? socket->text : listeners->rows[like].text,
		sizeof(listeners->text));
	int err = listeners_add_row(listeners);
	if (err) {
		return err;
	}
	listeners->count--;
	listeners->extra++;
	struct listener_row *row = &listeners->rows[listeners_all(listeners) - 1];
	row->is_all = socket->is_all;
	row->is_gone = is_gone;
	row->path = socket->path;
	row->is_lent = true;
	take(listeners, listeners_all(listeners) - 1, 0, at);
	return 0;
}

int listeners_adopt_rest(struct listeners *listeners)
{
	int err = 0;
	for (size_t at = 0; at < listeners->inherited->count && !err; at++) {
		err = listeners->inherited->sockets[at].fd >= 0 ? keep(listeners, at) : 0;
	}
	return err;
}

/* --- from here on it is ours -------------------------------------------------------------------
 */

static int begin_row(struct listeners *listeners, size_t row)
{
	int err = 0;
	for (uint32_t column = 0; column < listeners->columns && !err; column++) {
		const int fd = *listeners_cell(listeners, row, column);
		int is_listening = 0;
		socklen_t len = sizeof(is_listening);
		if (fd >= 0 &&
			getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) == 0 &&
			!is_listening) {
			err = listen(fd, LISTENER_BACKLOG) < 0 ? -errno : 0;
		}
	}
	return err;
}

int listeners_begin(struct listeners *listeners)
{
	int err = 0;
	for (size_t row = 0; row < listeners_all(listeners) && !err; row++) {
		struct listener_row *at = &listeners->rows[row];
		at->is_lent = false;
		err = begin_row(listeners, row);
		if (at->is_gone) {
			unix_path_remove(&at->path);
		}
	}
	return err;
}

bool listeners_is_gone(const struct listeners *listeners, size_t row)
{
	return listeners->rows[row].is_gone;
}

void listeners_end_gone(const struct listeners *listeners, size_t row)
{
	int *fd = listeners_cell(listeners, row, 0);
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}
