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
#include "newcomers.h"
#include "worker.h"

#define STOP UINT64_MAX /* what the stop bell is watched as; listeners are by their row */

enum {
	ACCEPT_MAX = 64, /* newcomers of one batch */
	EVENTS = 32,
	REFUSE_WAIT_MS = 50, /* for a refused newcomer to take its answer */
	REFUSE_READS = 2,    /* of what it sends meanwhile */
	SHORT_WAIT_MS = 50,  /* when the kernel is short of memory or of sockets */
	REFUSE_RETRY_S = 5,
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
	_Atomic uint64_t errors;
	uint64_t accepted_ms;                             /* when the last newcomer came */
	uint64_t logged_ms;                               /* when refusals were last logged */
	uint64_t logged_count;                            /* how many there were then */
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
	log_warn(0, "%s: %llu refused with 503 so far", why, (unsigned long long)refused);
	acceptor->logged_ms = acceptor->loop.now_ms;
	acceptor->logged_count = refused;
}

/* --- handing over ------------------------------------------------------------------------------
 */

static uint32_t load_of(const struct node *node, uint32_t worker)
{
	return atomic_load_explicit(worker_load(node->workers[worker]), memory_order_relaxed);
}

static uint32_t refusals_of(const struct node *node)
{
	return atomic_load_explicit(&node->refusals, memory_order_relaxed);
}

static uint32_t least_loaded(const struct node *node, uint64_t *ret_total)
{
	uint32_t best = 0;
	uint64_t total = 0;
	for (uint32_t i = 0; i < node->worker_count; i++) {
		total += load_of(node, i);
		if (load_of(node, i) < load_of(node, best)) {
			best = i;
		}
	}
	*ret_total = total;
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

static void hand_over(struct acceptor *acceptor, int fd, const struct sockaddr_storage *address)
{
	struct node *node = acceptor->node;
	uint64_t total;
	uint32_t worker = least_loaded(node, &total);
	/* Signed: the two are counted one after the other. */
	bool refuse = (int64_t)(total - refusals_of(node)) >=
		      atomic_load_explicit(&node->max_connections, memory_order_relaxed);
	struct socket_batch *batch = batch_for(acceptor, worker);
	if (!batch) {
		acceptor->errors++;
		close(fd);
		return;
	}
	if (refuse) {
		atomic_fetch_add_explicit(&node->refusals, 1, memory_order_relaxed);
		note_refusal(acceptor, "at the connection limit");
	}
	struct accepted_socket *socket = &batch->sockets[batch->count++];
	socket->fd = fd;
	socket->refuse = refuse;
	socket->epoch = epoch_next(&node->epochs, clock_wall_ms());
	remote_from_sockaddr(&socket->remote, address);
	atomic_fetch_add_explicit(worker_load(node->workers[worker]), 1, memory_order_relaxed);
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

/* Answers without having read the request, then gives the peer a moment to take the answer: a close
 * with bytes unread is a reset, which would overtake it. */
static void refuse_here(int fd)
{
	char answer[HANDSHAKE_ANSWER_MAX];
	char scrap[4096];
	size_t len = handshake_refusal(503, REFUSE_RETRY_S, answer);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	if (send(fd, answer, len, MSG_NOSIGNAL) == (ssize_t)len && shutdown(fd, SHUT_WR) == 0) {
		for (int i = 0; i < REFUSE_READS && poll(&wait, 1, REFUSE_WAIT_MS) > 0 &&
				recv(fd, scrap, sizeof(scrap), 0) > 0;
			i++) {
		}
	}
	close(fd);
}

/* Whether there is room among the refused for one more, whom a worker can wait for. */
static bool may_hand_over(const struct acceptor *acceptor)
{
	return refusals_of(acceptor->node) <
	       atomic_load_explicit(&acceptor->node->refusals_max, memory_order_relaxed);
}

/* No descriptor is left: the spare one makes room for one newcomer, who is refused. */
static bool refuse_with_spare(struct acceptor *acceptor, int listen_fd)
{
	if (acceptor->spare_fd >= 0) {
		close(acceptor->spare_fd);
		acceptor->spare_fd = -1;
	}
	int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	bool accepted = fd >= 0;
	if (accepted) {
		note_refusal(acceptor, "out of file descriptors");
		refuse_here(fd);
	}
	open_spare(acceptor);
	return accepted;
}

/* --- accepting ---------------------------------------------------------------------------------
 */

/* What accept has said; returns whether to go on at once. */
static bool on_accept_error(struct acceptor *acceptor, int listen_fd, int err)
{
	struct pollfd stop = {.fd = acceptor->stop_fd, .events = POLLIN};
	switch (err) {
	case EAGAIN:
		return false;
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
		return true;
	case EMFILE:
	case ENFILE:
		acceptor->errors++;
		if (refuse_with_spare(acceptor, listen_fd)) {
			return true;
		}
		/* Somebody else has taken what the spare one left: asking on would only burn time.
		 */
		poll(&stop, 1, SHORT_WAIT_MS);
		return false;
	default:
		acceptor->errors++;
		log_warn(0, "accept: %s", strerrordesc_np(err));
		poll(&stop, 1, SHORT_WAIT_MS);
		return false;
	}
}

/* Returns how many newcomers there were. */
static int accept_batch(struct acceptor *acceptor, int listen_fd)
{
	int count = 0;
	if (acceptor->spare_fd < 0) {
		open_spare(acceptor);
	}
	for (int i = 0; i < ACCEPT_MAX; i++) {
		struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
		socklen_t len = sizeof(address);
		int fd = accept4(
			listen_fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (!on_accept_error(acceptor, listen_fd, errno)) {
				break;
			}
		} else if (!may_hand_over(acceptor)) {
			note_refusal(acceptor, "over the connection limit");
			refuse_here(fd);
		} else {
			hand_over(acceptor, fd, &address);
			count++;
		}
	}
	post_batches(acceptor);
	return count;
}

/* In a storm newcomers come one by one, and each would wake this thread and then a worker. A
 * moment's pause lets them gather; the first of a storm, and who comes alone, do not wait. */
static void gather(struct acceptor *acceptor, int accepted)
{
	const struct timespec moment = {.tv_nsec = GATHER_US * 1000};
	bool is_storm = accepted > 0 && accepted < ACCEPT_MAX &&
			acceptor->loop.now_ms - acceptor->accepted_ms <= STORM_MS;
	acceptor->accepted_ms = acceptor->loop.now_ms;
	if (is_storm) {
		nanosleep(&moment, NULL);
	}
}

static void *run(void *context)
{
	struct acceptor *acceptor = context;
	for (;;) {
		int count = loop_wait(&acceptor->loop, -1);
		int accepted = 0;
		for (int i = 0; i < count; i++) {
			uint64_t row = acceptor->loop.events[i].data.u64;
			if (row == STOP) {
				return NULL;
			}
			accepted += accept_batch(
				acceptor, listeners_fd(acceptor->listeners, row, acceptor->column));
		}
		gather(acceptor, accepted);
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
	for (size_t row = 0; row < acceptor->listeners->count && !err; row++) {
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
	int err = pthread_create(&acceptor->thread, NULL, run, acceptor);
	if (err) {
		return -err;
	}
	acceptor->is_started = true;
	snprintf(name, sizeof(name), "acceptor-%u", acceptor->column);
	pthread_setname_np(acceptor->thread, name);
	return 0;
}

void acceptor_destroy(struct acceptor **acceptor)
{
	struct acceptor *given = *acceptor;
	if (!given) {
		return;
	}
	*acceptor = NULL;
	if (given->is_started) {
		eventfd_write(given->stop_fd, 1);
		pthread_join(given->thread, NULL);
	}
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

uint64_t acceptor_errors(const struct acceptor *acceptor)
{
	return acceptor->errors;
}
