/* Clients that mean harm, for bench/fairness: what one of them can do to all others. Bounded in
 * number and time, on one thread, and only against servers on this machine. */
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../server/base/clock.h"
#include "address.h"
#include "attack_kinds.h"
#include "hellos.h"
#include "opening.h"
#include "schedule.h"

enum {
	DISCARD = 1 << 20, /* bytes read at once, and thrown away */
	EVENTS = 512,
	CONNECTIONS_MAX = 16384,
	SECONDS_MAX = 600,
	TURN_MS = 2,
	NAME_LEN = 64, /* the longest there is: what others get of an empty text */
	REQUEST_MAX = 512,
	SPARE_FILES = 64, /* descriptors that are no connections */
};

/* Owner:  the table. All zero but fd: not connected. */
struct attacker {
	int fd; /* -1: not connected */
	uint32_t number;
	bool has_opened;  /* its request has left, as far as it goes */
	bool is_done;     /* said what it has to say, once */
	uint32_t at;      /* of its words, where the next send begins */
	uint64_t next_ns; /* when it dials, or hangs up */
};

/* What has come of it. */
struct tally {
	uint64_t dials;
	uint64_t refused; /* dials that failed at once */
	uint64_t cuts;    /* ends that were the server's */
	uint64_t sent;
	uint64_t received;
};

static struct address address;
static const struct attack_kind *kind;
static uint32_t count = 64;
static double seconds = 10;
static double dials_per_s = 2000;
static double back_s = -1;
static const char *url;

static int epoll_fd;
static struct attacker attackers[CONNECTIONS_MAX];
static uint8_t block[ATTACK_BLOCK];
static size_t block_len;
static struct hellos hellos;
static struct tally tally;
static volatile sig_atomic_t is_over;

/* --- one of them ---------------------------------------------------------------------------------
 */

static void hang_up(struct attacker *attacker, uint64_t next_ns)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	setsockopt(attacker->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(attacker->fd);
	*attacker = (struct attacker){.fd = -1, .number = attacker->number, .next_ns = next_ns};
}

/* What it says behind its opening. */
static struct hello words_of(const struct attacker *attacker)
{
	return kind->hello ? hellos.list[attacker->number % hellos.count]
			   : (struct hello){block, block_len};
}

static uint32_t events_of(const struct attacker *attacker)
{
	const bool has_words =
		!attacker->has_opened || (words_of(attacker).len > 0 && !attacker->is_done);
	return EPOLLRDHUP | (kind->reads ? EPOLLIN : 0) | (has_words ? EPOLLOUT : 0);
}

static bool watch(struct attacker *attacker, int operation)
{
	struct epoll_event event = {.events = events_of(attacker), .data.ptr = attacker};
	return epoll_ctl(epoll_fd, operation, attacker->fd, &event) == 0;
}

static void dial(struct attacker *attacker, uint64_t now_ns)
{
	tally.dials++;
	if (address_connect(&address, attacker->number, &attacker->fd) < 0) {
		attacker->fd = -1;
		tally.refused++;
		attacker->next_ns = now_ns + NS_PER_S / 10;
		return;
	}
	attacker->next_ns = back_s > 0 ? now_ns + (uint64_t)(back_s * 1e9) : UINT64_MAX;
	if (!watch(attacker, EPOLL_CTL_ADD)) {
		hang_up(attacker, now_ns + NS_PER_S / 10);
	}
}

/* Returns false when the connection is gone. */
static bool send_some(struct attacker *attacker, const void *data, size_t len, size_t *ret_sent)
{
	ssize_t sent = send(attacker->fd, data, len, MSG_NOSIGNAL);
	*ret_sent = sent > 0 ? (size_t)sent : 0;
	tally.sent += *ret_sent;
	return sent >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool open_up(struct attacker *attacker)
{
	char request[REQUEST_MAX];
	size_t sent;
	int len = snprintf(request, sizeof(request),
		"GET %s?user=%s-%0*u HTTP/1.1\r\n"
		"Host: %s\r\n"
		"Upgrade: websocket\r\n"
		"Connection: Upgrade\r\n"
		"Sec-WebSocket-Key: " OPENING_KEY "\r\n"
		"Sec-WebSocket-Version: 13\r\n%s",
		address.path, kind->name, NAME_LEN - 1 - (int)strlen(kind->name), attacker->number,
		address.host, kind->opening == ATTACK_OPENING_WHOLE ? "\r\n" : "");
	attacker->has_opened = true;
	return kind->opening == ATTACK_OPENING_NONE ||
	       send_some(attacker, request, (size_t)len, &sent);
}

/* Returns false when the connection is gone. */
static bool speak(struct attacker *attacker)
{
	size_t sent;
	if (!attacker->has_opened) {
		return open_up(attacker);
	}
	const struct hello words = words_of(attacker);
	if (!send_some(attacker, words.bytes + attacker->at, words.len - attacker->at, &sent)) {
		return false;
	}
	attacker->at += (uint32_t)sent;
	if (attacker->at == words.len) {
		attacker->at = 0;
		attacker->is_done = !kind->repeats;
	}
	return true;
}

/* Returns how much came; -errno when the connection is gone. */
static ssize_t hear(struct attacker *attacker)
{
	ssize_t got = recv(attacker->fd, NULL, DISCARD, MSG_TRUNC);
	if (got > 0) {
		tally.received += (uint64_t)got;
		return got;
	}
	return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -ECONNRESET;
}

static void on_events(struct attacker *attacker, uint32_t events, uint64_t now_ns)
{
	if (attacker->fd < 0) {
		return;
	}
	bool is_there =
		!(events & (EPOLLERR | EPOLLHUP)) && (kind->reads || !(events & EPOLLRDHUP));
	if (is_there && events & EPOLLOUT && kind->drops) {
		hang_up(attacker, now_ns);
		return;
	}
	const uint32_t before = events_of(attacker);
	if (is_there && events & EPOLLOUT) {
		is_there = speak(attacker);
	}
	if (is_there && events & EPOLLIN) {
		const ssize_t heard = hear(attacker);
		if (heard > 0 && kind->leaves) {
			hang_up(attacker, now_ns);
			return;
		}
		is_there = heard >= 0;
	}
	if (!is_there) {
		tally.cuts++;
		hang_up(attacker, now_ns);
	} else if (events_of(attacker) != before) {
		watch(attacker, EPOLL_CTL_MOD);
	}
}

/* --- all of them ---------------------------------------------------------------------------------
 */

/* Those whose time has come hang up, or dial, no faster than allowed. */
static void dial_due(const struct schedule *dials, uint64_t now_ns)
{
	static uint32_t cursor;
	uint64_t due = schedule_due(dials, now_ns);
	for (uint32_t i = 0; i < count && tally.dials < due; i++) {
		struct attacker *attacker = &attackers[cursor];
		cursor = (cursor + 1) % count;
		if (attacker->next_ns > now_ns) {
			continue;
		}
		if (attacker->fd >= 0) {
			hang_up(attacker, now_ns);
		}
		dial(attacker, now_ns);
	}
}

/* All are at work. Some may never be so at once: who leaves by himself, or whom the server cuts off
 * as soon as he comes. */
static bool is_in_place(void)
{
	static bool was_in_place;
	for (uint32_t i = 0; i < count && !was_in_place; i++) {
		if (attackers[i].fd < 0 || !attackers[i].has_opened) {
			return tally.dials >= (kind->drops || kind->leaves ? count : 2 * count);
		}
	}
	was_in_place = true;
	return true;
}

static void attack(void)
{
	static struct epoll_event events[EVENTS];
	const uint64_t start_ns = clock_ns();
	const uint64_t end_ns = start_ns + (uint64_t)(seconds * 1e9);
	const struct schedule dials = schedule_make(start_ns, dials_per_s, 0, 1, UINT64_MAX);
	bool is_told = false;
	uint64_t now_ns = start_ns;
	while (!is_over && now_ns < end_ns) {
		dial_due(&dials, now_ns);
		int found = epoll_wait(epoll_fd, events, EVENTS, TURN_MS);
		now_ns = clock_ns();
		for (int i = 0; i < found; i++) {
			on_events(events[i].data.ptr, events[i].events, now_ns);
		}
		if (!is_told && is_in_place()) {
			is_told = true;
			puts("in place");
			fflush(stdout);
		}
	}
}

static void print_tally(void)
{
	struct rusage used;
	getrusage(RUSAGE_SELF, &used);
	printf("{\"dials\": %llu, \"refused\": %llu, \"cuts\": %llu, \"sent\": %llu, "
	       "\"received\": %llu, \"cpu_s\": %.3f}\n",
		(unsigned long long)tally.dials, (unsigned long long)tally.refused,
		(unsigned long long)tally.cuts, (unsigned long long)tally.sent,
		(unsigned long long)tally.received,
		(double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
			(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
}

/* --- start ---------------------------------------------------------------------------------------
 */

enum {
	KEY_DIALS = 256,
	KEY_BACK,
};

static const struct argp_option options[] = {
	{"connections", 'c', "N", 0, "at once, 1 to 16384 (default 64)", 0},
	{"duration", 't', "S", 0, "seconds until it ends, at most 600 (default 10)", 0},
	{"dials", KEY_DIALS, "N", 0, "most dials a second (default 2000)", 0},
	{"back", KEY_BACK, "S", 0, "hang up and come back after S seconds (default: the kind's)",
		0},
	{0},
};

static double number(struct argp_state *state, const char *text, double max)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end || !(value > 0 && value <= max)) {
		argp_error(state, "\"%s\" is no number above 0 and up to %g", text, max);
	}
	return value;
}

static bool is_of_this_machine(const struct address *given)
{
	switch (given->target.any.sa_family) {
	case AF_INET:
		return ntohl(given->target.in.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&given->target.in6.sin6_addr);
	default:
		return given->target.any.sa_family == AF_UNIX;
	}
}

/* Hellos are for TLS; what others have to say it would never let through. */
static bool speaks(const struct attack_kind *attacker, const struct address *given)
{
	if (attacker->hello) {
		return given->is_secure;
	}
	return !given->is_secure || attacker->opening == ATTACK_OPENING_NONE;
}

static void take_argument(struct argp_state *state, const char *argument)
{
	char error[ADDRESS_ERROR_MAX];
	if (!kind) {
		for (kind = attack_kinds; kind->name && strcmp(kind->name, argument) != 0; kind++) {
		}
		if (!kind->name) {
			argp_error(state, "\"%s\" is no kind of attacker: see --help", argument);
		}
		return;
	}
	url = argument;
	if (address_parse(argument, &address, error) < 0) {
		argp_error(state, "%s", error);
	} else if (!is_of_this_machine(&address)) {
		argp_error(state, "%s is another machine: this attacks its own only", argument);
	}
}

static error_t parse_key(int key, char *argument, struct argp_state *state)
{
	switch (key) {
	case 'c':
		count = (uint32_t)ceil(number(state, argument, CONNECTIONS_MAX));
		return 0;
	case 't':
		seconds = number(state, argument, SECONDS_MAX);
		return 0;
	case KEY_DIALS:
		dials_per_s = number(state, argument, 1e5);
		return 0;
	case KEY_BACK:
		back_s = number(state, argument, SECONDS_MAX);
		return 0;
	case ARGP_KEY_ARG:
		take_argument(state, argument);
		return 0;
	case ARGP_KEY_END:
		if (!url) {
			argp_error(state, "a kind and a URL are needed");
		} else if (!speaks(kind, &address)) {
			argp_error(state, "%s attacks %s", kind->name,
				address.is_secure ? "ws://HOST:PORT/" : "wss://HOST:PORT/");
		}
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static char *list_kinds(int key, const char *text, void *input)
{
	char *list = NULL;
	size_t size;
	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC) {
		return (char *)text;
	}
	FILE *file = open_memstream(&list, &size);
	if (!file) {
		return NULL;
	}
	fputs("Kinds:\n", file);
	for (const struct attack_kind *row = attack_kinds; row->name; row++) {
		fprintf(file, "  %-12s %s\n", row->name, row->help);
	}
	fclose(file);
	return list;
}

static void on_signal(int number)
{
	(void)number;
	is_over = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "tidegate-attack: %s: %s\n", what, strerrordesc_np(errno));
	exit(EXIT_FAILURE);
}

static void prepare(void)
{
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur < count + SPARE_FILES) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (kind->say) {
		block_len = kind->say(block);
	}
	if (kind->hello && hellos_make(kind->hello == ATTACK_HELLO_EACH_GROUP, &hellos) < 0) {
		errno = ENOMEM;
		die("hellos");
	}
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0) {
		die("epoll");
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {.options = options,
		.parser = parse_key,
		.args_doc = "KIND URL",
		.doc = "Clients that mean harm, for bench/fairness; only against this machine.\v",
		.help_filter = list_kinds};
	const struct sigaction action = {.sa_handler = on_signal};
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (back_s < 0) {
		back_s = kind->back_s;
	}
	prepare();
	for (uint32_t i = 0; i < count; i++) {
		attackers[i] = (struct attacker){.fd = -1, .number = i};
	}
	attack();
	print_tally();
	hellos_finish(&hellos);
	return EXIT_SUCCESS;
}
