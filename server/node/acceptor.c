#include "acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../proto/assert.h"
#include "../../proto/handshake.h"
#include "../base/clock.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "../conn/tls_alert.h"
#include "listener_adopt.h"
#include "newcomers.h"
#include "worker.h"

#define STOP UINT64_MAX /* what the stop bell is watched as; listeners are by their row */

enum {
	ACCEPT_MAX = 64, /* newcomers of one batch */
	EVENTS = 32,
	SCRAP_MAX = 16384, /* bytes of a request that is not read */
	REST_MS = 50,      /* when the kernel has nothing to accept with */
	LOG_EVERY_MS = 1000,
	STORM_MS = 1,    /* newcomers closer together than that are a storm */
	GATHER_US = 500, /* for the next ones to gather */
};

/* Owner:  the gateway; the thread's own once it runs, but for the counters and the stop bell. */
struct acceptor {
	struct node *node;
	const struct listeners *listeners;
	uint32_t column;
	bool is_started;
	pthread_t thread;
	struct loop loop;
	int stop_fd;  /* eventfd: end */
	int spare_fd; /* given up to accept and refuse a newcomer when there is no other */
	_Atomic uint64_t refused;
	_Atomic uint64_t too_fast; /* of them, those beyond the rate of openings */
	_Atomic uint64_t errors;
	bool is_short;   /* in this round: of descriptors or memory, which asking does not help */
	uint32_t handed; /* newcomers of this round who go to workers */
	struct spread spread;  /* of those refused here, when they come back */
	uint64_t accepted_ms;  /* when the last newcomer came */
	bool is_proxied;       /* the listener at hand is for the PROXY protocol */
	bool is_tls;           /* TLS is spoken there */
	uint64_t logged_ms;    /* when refusals were last logged */
	uint64_t logged_count; /* how many there were then */
	struct socket_batch *batches[HANDLE_WORKERS_MAX]; /* of this round, by worker */
};

static void open_spare(struct acceptor *acceptor)
{
	acceptor->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Refusals come in floods: one line a second says how many. */
static void note_refusal(struct acceptor *acceptor, const char *why)
{
	uint64_t refused = acceptor->refused + 1;
	acceptor->refused = refused;
	if (acceptor->logged_count > 0 &&
		acceptor->loop.now_ms - acceptor->logged_ms < LOG_EVERY_MS) {
		return;
	}
	log_warn(0, "%s: %llu refused so far", why, (unsigned long long)refused);
	acceptor->logged_ms = acceptor->loop.now_ms;
	acceptor->logged_count = refused;
}

/* --- handing over ------------------------------------------------------------------------------
 */

static uint32_t load_of(const struct node *node, uint32_t worker)
{
	return atomic_load_explicit(worker_load(node->workers[worker]), memory_order_relaxed);
}

static uint32_t least_loaded(const struct node *node)
{
	uint32_t best = 0;
	for (uint32_t i = 1; i < node->worker_count; i++) {
		if (load_of(node, i) < load_of(node, best)) {
			best = i;
		}
	}
	return best;
}

static struct socket_batch *batch_for(struct acceptor *acceptor, uint32_t worker)
{
	struct socket_batch **batch = &acceptor->batches[worker];
	if (!*batch) {
		*batch = malloc(sizeof(**batch) + ACCEPT_MAX * sizeof((*batch)->sockets[0]));
		if (*batch) {
			(*batch)->count = 0;
		}
	}
	return *batch;
}

static void hand_over(
	struct acceptor *acceptor, int fd, const struct sockaddr_storage *address, bool is_beyond)
{
	struct node *node = acceptor->node;
	uint32_t worker = least_loaded(node);
	struct socket_batch *batch = batch_for(acceptor, worker);
	if (!batch) {
		acceptor->errors++;
		close(fd);
		places_give(&node->places, is_beyond);
		return;
	}
	struct accepted_socket *socket = &batch->sockets[batch->count++];
	socket->fd = fd;
	socket->is_beyond = is_beyond;
	socket->is_proxied = acceptor->is_proxied;
	socket->is_tls = acceptor->is_tls;
	socket->epoch = epoch_next(&node->epochs, clock_wall_us());
	remote_from_sockaddr(&socket->remote, address);
	atomic_fetch_add_explicit(worker_load(node->workers[worker]), 1, memory_order_relaxed);
	acceptor->handed++;
}

static void post_batches(struct acceptor *acceptor)
{
	for (uint32_t i = 0; i < acceptor->node->worker_count; i++) {
		struct socket_batch *batch = acceptor->batches[i];
		if (batch) {
			acceptor->batches[i] = NULL;
			worker_post(acceptor->node->workers[i], SERVING_MAIL_SOCKETS, &batch->mail);
		}
	}
}

/* --- refusing ----------------------------------------------------------------------------------
 */

/* Answers without having read the request, and without waiting for anything. What has come is taken
 * from the socket, as a close with bytes unread is a reset, which can overtake the answer; what
 * comes later makes it one all the same. */
static void answer_unavailable(struct acceptor *acceptor, int fd)
{
	char answer[HANDSHAKE_ANSWER_MAX];
	char scrap[SCRAP_MAX];
	uint32_t retry_s =
		places_retry_s(&acceptor->node->places, &acceptor->spread, acceptor->loop.now_ms);
	size_t len = handshake_refusal(503, retry_s, answer);
	send(fd, answer, len, MSG_NOSIGNAL);
	recv(fd, scrap, sizeof(scrap), 0);
}

static void refuse_here(struct acceptor *acceptor, int fd, const char *why)
{
	note_refusal(acceptor, why);
	if (acceptor->is_tls) {
		tls_alert_refuse(fd);
	} else {
		answer_unavailable(acceptor, fd);
	}
	close(fd);
}

/* --- accepting ---------------------------------------------------------------------------------
 */

static int accept_one(int listen_fd, struct sockaddr_storage *ret_address)
{
	socklen_t len = sizeof(*ret_address);
	*ret_address = (struct sockaddr_storage){.ss_family = AF_UNSPEC};
	return accept4(
		listen_fd, (struct sockaddr *)ret_address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* Away where they come too fast; to a place, where there is one; else to those few whose request a
 * worker reads before it refuses them; else away. */
static void admit(struct acceptor *acceptor, int fd, const struct sockaddr_storage *address)
{
	struct places *places = &acceptor->node->places;
	if (!places_take_opening(places, acceptor->loop.now_us)) {
		acceptor->too_fast++;
		refuse_here(acceptor, fd, "over the rate of openings");
	} else if (places_take(places)) {
		hand_over(acceptor, fd, address, false);
	} else if (places_take_refusal(places)) {
		note_refusal(acceptor, "at the connection limit");
		hand_over(acceptor, fd, address, true);
	} else {
		refuse_here(acceptor, fd, "over the connection limit");
	}
}

/* No descriptor was left: the spare one makes room for one newcomer. If another one can be had in
 * its stead by now, the newcomer comes in like all others. Returns whether there was one. */
static bool admit_with_spare(struct acceptor *acceptor, int listen_fd)
{
	struct sockaddr_storage address;
	if (acceptor->spare_fd >= 0) {
		close(acceptor->spare_fd);
	}
	int fd = accept_one(listen_fd, &address);
	open_spare(acceptor);
	if (fd < 0) {
		return false;
	}
	if (acceptor->spare_fd >= 0) {
		admit(acceptor, fd, &address);
	} else {
		refuse_here(acceptor, fd, "out of file descriptors");
		open_spare(acceptor);
	}
	return true;
}

/* What accept has said; returns whether to go on at once. */
static bool on_accept_error(struct acceptor *acceptor, int listen_fd, int err)
{
	switch (err) {
	case EAGAIN:
		return false;
	case EINTR:
		return true;
	case ECONNABORTED:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENETDOWN:
	case ENETUNREACH:
	case ENONET:
	case ENOPROTOOPT:
	case EPERM:
	case EPROTO:
		/* The newcomer's own: he is gone from the queue, and the next one is none the
		 * worse. */
		return true;
	case EMFILE:
	case ENFILE:
		acceptor->errors++;
		acceptor->is_short = !admit_with_spare(acceptor, listen_fd);
		return !acceptor->is_short;
	default:
		acceptor->errors++;
		acceptor->is_short = true;
		log_warn(0, "accept: %s", strerrordesc_np(err));
		return false;
	}
}

/* Returns whether nobody waits there any more. */
static bool accept_batch(struct acceptor *acceptor, uint64_t row)
{
	bool is_empty = false;
	int listen_fd = listeners_fd(acceptor->listeners, row, acceptor->column);
	acceptor->is_proxied = listeners_is_proxied(acceptor->listeners, row);
	acceptor->is_tls = listeners_is_tls(acceptor->listeners, row);
	if (acceptor->spare_fd < 0) {
		open_spare(acceptor);
	}
	for (int i = 0; i < ACCEPT_MAX && !is_empty; i++) {
		struct sockaddr_storage address;
		int fd = accept_one(listen_fd, &address);
		if (fd >= 0) {
			admit(acceptor, fd, &address);
		} else if (!on_accept_error(acceptor, listen_fd, errno)) {
			is_empty = !acceptor->is_short;
			break;
		}
	}
	post_batches(acceptor);
	return is_empty;
}

/* At an address that the config does not name any more: who waits there already is let in, as far
 * as there are descriptors, and then it is closed. Where there is no TLS any more nobody is. */
static void accept_last(struct acceptor *acceptor, size_t row)
{
	const bool is_mute =
		listeners_is_tls(acceptor->listeners, row) && !acceptor->node->tls_threads;
	if (listeners_fd(acceptor->listeners, row, 0) < 0) {
		return;
	}
	while (!is_mute && !accept_batch(acceptor, row)) {
		if (acceptor->is_short) {
			return;
		}
	}
	/* The process before may have it a little longer, and its events would go on. */
	loop_unwatch(&acceptor->loop, listeners_fd(acceptor->listeners, row, 0));
	listeners_end_gone(acceptor->listeners, row);
}

static void accept_at(struct acceptor *acceptor, size_t row)
{
	if (listeners_is_gone(acceptor->listeners, row)) {
		accept_last(acceptor, row);
	} else {
		accept_batch(acceptor, row);
	}
}

static void accept_all_last(struct acceptor *acceptor)
{
	for (size_t row = acceptor->listeners->count; row < listeners_all(acceptor->listeners);
		row++) {
		if (acceptor->column == 0 && listeners_is_gone(acceptor->listeners, row)) {
			accept_last(acceptor, row);
		}
	}
}

/* --- the thread --------------------------------------------------------------------------------
 */

/* In a storm newcomers come one by one, and each would wake this thread and then a worker. A
 * moment's pause lets them gather; the first of a storm, and who comes alone, do not wait. */
static void gather(struct acceptor *acceptor)
{
	const struct timespec moment = {.tv_nsec = GATHER_US * 1000};
	bool is_storm = acceptor->handed > 0 && acceptor->handed < ACCEPT_MAX &&
			acceptor->loop.now_ms - acceptor->accepted_ms <= STORM_MS;
	acceptor->accepted_ms = acceptor->loop.now_ms;
	if (is_storm) {
		nanosleep(&moment, NULL);
	}
}

/* When accept fails for all, asking on would only burn time; an end is heard all the same. It is
 * the only wait there is between two looks at the listeners, but for the moment of a storm. */
static void rest(struct acceptor *acceptor)
{
	struct pollfd stop = {.fd = acceptor->stop_fd, .events = POLLIN};
	if (acceptor->is_short) {
		poll(&stop, 1, REST_MS);
	}
}

static bool is_told_to_stop(const struct loop *loop, int count)
{
	for (int i = 0; i < count; i++) {
		if (loop->events[i].data.u64 == STOP) {
			return true;
		}
	}
	return false;
}

static void *run(void *context)
{
	struct acceptor *acceptor = context;
	struct loop *loop = &acceptor->loop;
	loop_look(loop);
	accept_all_last(acceptor);
	for (;;) {
		int count = loop_wait(loop, -1);
		if (is_told_to_stop(loop, count)) {
			return NULL;
		}
		acceptor->is_short = false;
		acceptor->handed = 0;
		for (int i = 0; i < count; i++) {
			accept_at(acceptor, loop->events[i].data.u64);
		}
		rest(acceptor);
		gather(acceptor);
	}
}

/* --- life --------------------------------------------------------------------------------------
 */

static int init(struct acceptor *acceptor)
{
	int err = loop_init(&acceptor->loop, EVENTS);
	if (err) {
		return err;
	}
	open_spare(acceptor);
	acceptor->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (acceptor->spare_fd < 0 || acceptor->stop_fd < 0) {
		return -errno;
	}
	err = loop_watch(&acceptor->loop, acceptor->stop_fd, EPOLLIN, STOP);
	for (size_t row = 0; row < listeners_all(acceptor->listeners) && !err; row++) {
		if (acceptor->column > 0 && listeners_is_gone(acceptor->listeners, row)) {
			continue;
		}
		uint32_t exclusive =
			listeners_is_shared(acceptor->listeners, row) ? EPOLLEXCLUSIVE : 0;
		err = loop_watch(&acceptor->loop,
			listeners_fd(acceptor->listeners, row, acceptor->column),
			EPOLLIN | exclusive, row);
	}
	return err;
}

int acceptor_create(struct node *node, const struct listeners *listeners, uint32_t column,
	struct acceptor **ret_acceptor)
{
	struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
	if (!acceptor) {
		return -ENOMEM;
	}
	acceptor->node = node;
	acceptor->listeners = listeners;
	acceptor->column = column;
	acceptor->loop = LOOP_EMPTY;
	acceptor->stop_fd = acceptor->spare_fd = -1;
	acceptor->spread = spread_begin(HANDLE_WORKERS_MAX + column);
	int err = init(acceptor);
	if (err) {
		acceptor_destroy(&acceptor);
		return err;
	}
	*ret_acceptor = acceptor;
	return 0;
}

int acceptor_start(struct acceptor *acceptor)
{
	char name[16];
	ASSERT(!acceptor->is_started);
	int err = pthread_create(&acceptor->thread, NULL, run, acceptor);
	if (err) {
		return -err;
	}
	acceptor->is_started = true;
	snprintf(name, sizeof(name), "acceptor-%u", acceptor->column);
	pthread_setname_np(acceptor->thread, name);
	return 0;
}

void acceptor_stop(struct acceptor *acceptor)
{
	eventfd_t rung;
	if (acceptor->is_started) {
		eventfd_write(acceptor->stop_fd, 1);
		pthread_join(acceptor->thread, NULL);
		eventfd_read(acceptor->stop_fd, &rung);
		acceptor->is_started = false;
	}
}

void acceptor_destroy(struct acceptor **acceptor)
{
	struct acceptor *given = *acceptor;
	if (!given) {
		return;
	}
	*acceptor = NULL;
	acceptor_stop(given);
	if (given->spare_fd >= 0) {
		close(given->spare_fd);
	}
	if (given->stop_fd >= 0) {
		close(given->stop_fd);
	}
	loop_finish(&given->loop);
	free(given);
}

uint64_t acceptor_refused(const struct acceptor *acceptor)
{
	return acceptor->refused;
}

uint64_t acceptor_too_fast(const struct acceptor *acceptor)
{
	return acceptor->too_fast;
}

uint64_t acceptor_errors(const struct acceptor *acceptor)
{
	return acceptor->errors;
}

void acceptor_count_on(
	struct acceptor *acceptor, uint64_t refused, uint64_t too_fast, uint64_t errors)
{
	acceptor->refused += refused;
	acceptor->too_fast += too_fast;
	acceptor->errors += errors;
}
