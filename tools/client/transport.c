#include "transport.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "wire.h"

enum {
	BUFFER_SIZE = 16384,
	READS_MAX = 16, /* in one step, so that other work of the loop gets its turn */
	PART_READS_MAX = 64,
};

_Static_assert((int)EPOLLIN == POLLIN && (int)EPOLLOUT == POLLOUT, "one set of bits");

int transport_init(struct transport *transport, struct login *login, int epoll_fd)
{
	*transport = (struct transport){
		.login = login,
		.epoll_fd = epoll_fd,
		.watched_fd = -1,
		.buffer = malloc(BUFFER_SIZE),
	};
	return transport->buffer ? 0 : -ENOMEM;
}

/* --- watching -------------------------------------------------------------------------------- */

static void unwatch(struct transport *transport)
{
	if (transport->watched_fd >= 0) {
		/* It may have been closed already, which takes it out as well. */
		epoll_ctl(transport->epoll_fd, EPOLL_CTL_DEL, transport->watched_fd, NULL);
		transport->watched_fd = -1;
		transport->is_watch_lasting = false;
	}
}

static void watch(struct transport *transport, int fd, short events)
{
	struct epoll_event event = {.events = (uint32_t)events};

	if (fd != transport->watched_fd) {
		unwatch(transport);
	} else if (transport->is_watch_lasting && events == transport->watched_events) {
		return;
	}
	/* While connecting, the same number may be another file. */
	if (epoll_ctl(transport->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0) {
		epoll_ctl(transport->epoll_fd, EPOLL_CTL_ADD, fd, &event);
	}
	transport->watched_fd = fd;
	transport->watched_events = events;
	transport->is_watch_lasting = transport->is_connected;
}

void transport_watch(struct transport *transport)
{
	const uint8_t *data;
	short wanted = 0;

	if (!transport->line) {
		return;
	}
	const int fd = transport->io.fd(transport->line);
	if (fd < 0) {
		unwatch(transport);
		return;
	}
	if (transport->is_connected) {
		wanted = POLLIN;
		if (!transport->write_error && wire_peek(transport->login, &data) > 0) {
			wanted |= POLLOUT;
		}
	}
	watch(transport, fd, transport->io.events(transport->line, wanted));
}

/* --- opening and closing --------------------------------------------------------------------- */

static void close_line(struct transport *transport)
{
	if (transport->line) {
		unwatch(transport);
		transport->io.close(transport->line);
		transport->line = NULL;
		transport->is_connected = false;
		transport->write_error = 0;
	}
}

void transport_finish(struct transport *transport)
{
	close_line(transport);
	free(transport->buffer);
	transport->buffer = NULL;
}

/* Writes whom a dial is for: HOST:PORT, the path of a socket, or HOST alone. */
static void describe(const struct url *url, bool has_port, char *ret_text, size_t size)
{
	const bool is_ipv6 = strchr(url->host, ':') != NULL;

	if (url->path) {
		snprintf(ret_text, size, "%s", url->path);
	} else if (has_port) {
		snprintf(ret_text, size, is_ipv6 ? "[%s]:%s" : "%s:%s", url->host, url->service);
	} else {
		snprintf(ret_text, size, "%s", url->host);
	}
}

/* What the transport says of what failed last; NULL: nothing. */
static const char *error_text(const struct transport *transport)
{
	return transport->line && transport->io.error_text
		       ? transport->io.error_text(transport->line)
		       : NULL;
}

static enum tg_status error_status(const struct transport *transport)
{
	return transport->line && transport->io.error_status
		       ? transport->io.error_status(transport->line)
		       : TG_OK;
}

/* `err` ended the dial, of which `status` is told unless the transport knows better. */
static void tell_failure(struct transport *transport, uint32_t number, enum tg_status status,
	int err, uint64_t now_ms)
{
	const bool is_unknown = status == TG_ERR_RESOLVE;
	char whom[URL_HOST_MAX + URL_SERVICE_MAX + 4];
	char words[NOTICE_TEXT_MAX] = "not known";
	char detail[NOTICE_TEXT_MAX];
	const char *why = error_text(transport);
	const enum tg_status known = error_status(transport);

	if (!why) {
		/* The GNU form, which returns the text. */
		why = is_unknown ? words : strerror_r(-err, words, sizeof(words));
	}
	describe(&transport->url, !is_unknown, whom, sizeof(whom));
	const int len = snprintf(detail, sizeof(detail), "%.90s: ", whom);
	snprintf(detail + len, sizeof(detail) - (size_t)len, "%s", why);
	wire_failed(transport->login, number, known != TG_OK ? known : status,
		is_unknown ? 0 : -err, detail, now_ms);
}

static void open_line(struct transport *transport, uint32_t number, uint64_t now_ms)
{
	const struct tg_target target = {
		.scheme = transport->url.scheme,
		.host = transport->url.host,
		.service = transport->url.service,
		.path = transport->url.path,
	};
	void *line = NULL;

	transport->io = transport->next_io;
	const int err = transport->io.open(transport->next_data, &target, &line);
	if (err < 0) {
		tell_failure(transport, number,
			err == -EHOSTUNREACH ? TG_ERR_RESOLVE : TG_ERR_UNREACHABLE, err, now_ms);
	} else {
		transport->line = line;
		transport->number = number;
		transport->is_connected = false;
		transport->write_error = 0;
	}
}

/* Returns whether there is more to do at once. */
static bool connect_line(struct transport *transport, uint64_t now_ms)
{
	struct login *login = transport->login;
	const bool give_up = login->wants_next_address;
	const int err = transport->io.connect(transport->line, give_up);

	if (err == 0) {
		transport->is_connected = true;
		wire_opened(login, transport->number, now_ms);
		return true;
	}
	if (err == -EINPROGRESS || (err == -EAGAIN && give_up)) {
		wire_trying(login, transport->number, now_ms);
		return false;
	}
	if (err == -EAGAIN) {
		return false;
	}
	tell_failure(transport, transport->number,
		err == -ENODATA     ? TG_ERR_RESOLVE
		: err == -ETIMEDOUT ? TG_ERR_CONNECT_TIMEOUT
				    : TG_ERR_UNREACHABLE,
		err, now_ms);
	return true;
}

/* --- bytes ----------------------------------------------------------------------------------- */

static bool serves(const struct transport *transport, const bool *is_doomed)
{
	return !*is_doomed && wire_wanted_line(transport->login) == transport->number;
}

static void write_line(struct transport *transport, const bool *is_doomed)
{
	const uint8_t *data;
	size_t len;

	while (!transport->write_error && serves(transport, is_doomed) &&
		(len = wire_peek(transport->login, &data)) > 0) {
		const ssize_t sent = transport->io.write(transport->line, data, len);
		if (sent == -EAGAIN || sent == 0) {
			break;
		}
		if (sent < 0) {
			transport->write_error = (int)-sent;
			break;
		}
		wire_advance(transport->login, transport->number, (size_t)sent);
	}
}

/* Returns whether there may be more to read. */
static bool read_line(struct transport *transport, uint64_t now_ms)
{
	struct login *login = transport->login;
	const ssize_t got = transport->io.read(transport->line, transport->buffer, BUFFER_SIZE);

	if (got > 0) {
		wire_feed(login, transport->number, transport->buffer, (size_t)got, now_ms);
		return true;
	}
	if (got == 0) {
		wire_ended(login, transport->number, now_ms);
	} else if (got != -EAGAIN) {
		wire_failed(login, transport->number, TG_ERR_LOST, (int)-got, error_text(transport),
			now_ms);
	} else if (transport->write_error) {
		wire_failed(login, transport->number, TG_ERR_LOST, transport->write_error,
			error_text(transport), now_ms);
	}
	return got != -EAGAIN;
}

bool transport_step(
	struct transport *transport, bool may_read, const bool *is_doomed, uint64_t now_ms)
{
	unsigned reads = 0;

	while (!*is_doomed) {
		const uint32_t wanted = wire_wanted_line(transport->login);
		if (transport->line && transport->number != wanted) {
			close_line(transport);
		}
		if (wanted == 0) {
			return false;
		}
		if (!transport->line) {
			open_line(transport, wanted, now_ms);
		} else if (!transport->is_connected) {
			if (!connect_line(transport, now_ms)) {
				return false;
			}
		} else {
			write_line(transport, is_doomed);
			if (!serves(transport, is_doomed)) {
				continue;
			}
			if (!may_read) {
				return transport->write_error != 0;
			}
			if (reads++ == READS_MAX) {
				return true;
			}
			if (!read_line(transport, now_ms)) {
				return false;
			}
		}
	}
	return false;
}

void transport_part(struct transport *transport)
{
	const bool is_doomed = false;

	if (!transport->line || !transport->is_connected ||
		wire_wanted_line(transport->login) != transport->number) {
		return;
	}
	write_line(transport, &is_doomed);
	for (unsigned reads = 0; reads < PART_READS_MAX; reads++) {
		if (transport->io.read(transport->line, transport->buffer, BUFFER_SIZE) <= 0) {
			break;
		}
	}
}
