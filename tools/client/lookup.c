#include "lookup.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Owner:  who created it and the thread, together.
 * Shared: both, under `lock`.
 * Freed:  by the one that leaves last. */
struct lookup {
	pthread_mutex_t lock;
	bool is_left;     /* nobody waits for the answer; `event_fd` is closed */
	bool is_answered; /* the thread is done with it */
	int event_fd;
	int error; /* of getaddrinfo(3) */
	struct addrinfo *list;
	char *service; /* behind the host's end */
	char host[];
};

static void free_lookup(struct lookup *lookup)
{
	if (lookup->list) {
		freeaddrinfo(lookup->list);
	}
	pthread_mutex_destroy(&lookup->lock);
	free(lookup);
}

static void *ask(void *data)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG,
	};
	struct lookup *lookup = data;
	struct addrinfo *list = NULL;

	pthread_setname_np(pthread_self(), "tidegate-lookup");
	const int error = getaddrinfo(lookup->host, lookup->service, &hints, &list);
	pthread_mutex_lock(&lookup->lock);
	lookup->error = error;
	lookup->list = error == 0 ? list : NULL;
	lookup->is_answered = true;
	const bool is_left = lookup->is_left;
	if (!is_left) {
		/* Under the lock: afterwards the number may be another file's. */
		eventfd_write(lookup->event_fd, 1);
	}
	pthread_mutex_unlock(&lookup->lock);
	if (is_left) {
		free_lookup(lookup);
	}
	return NULL;
}

/* The application's signals are none of the thread's business. */
static int start_thread(struct lookup *lookup)
{
	pthread_attr_t detached;
	pthread_t thread;
	sigset_t all;
	sigset_t before;

	int error = pthread_attr_init(&detached);
	if (error) {
		return -error;
	}
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &detached, ask, lookup);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&detached);
	return -error;
}

int lookup_create(const char *host, const char *service, struct lookup **ret_lookup)
{
	const size_t host_size = strlen(host) + 1;
	const size_t service_size = strlen(service) + 1;
	struct lookup *lookup = calloc(1, sizeof(*lookup) + host_size + service_size);
	if (!lookup) {
		return -ENOMEM;
	}
	pthread_mutex_init(&lookup->lock, NULL);
	lookup->service = lookup->host + host_size;
	memcpy(lookup->host, host, host_size);
	memcpy(lookup->service, service, service_size);
	lookup->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (lookup->event_fd < 0) {
		const int err = -errno;
		free_lookup(lookup);
		return err;
	}
	const int err = start_thread(lookup);
	if (err < 0) {
		close(lookup->event_fd);
		free_lookup(lookup);
		return err;
	}
	*ret_lookup = lookup;
	return 0;
}

bool lookup_is_for(const struct lookup *lookup, const char *host, const char *service)
{
	return strcmp(lookup->host, host) == 0 && strcmp(lookup->service, service) == 0;
}

int lookup_fd(const struct lookup *lookup)
{
	return lookup->event_fd;
}

bool lookup_is_answered(struct lookup *lookup)
{
	pthread_mutex_lock(&lookup->lock);
	const bool is_answered = lookup->is_answered;
	pthread_mutex_unlock(&lookup->lock);
	return is_answered;
}

bool lookup_take(struct lookup *lookup, int *ret_error, struct addrinfo **ret_list)
{
	pthread_mutex_lock(&lookup->lock);
	const bool is_answered = lookup->is_answered;
	if (is_answered) {
		*ret_error = lookup->error;
		*ret_list = lookup->list;
		lookup->list = NULL;
	}
	pthread_mutex_unlock(&lookup->lock);
	return is_answered;
}

void lookup_destroy(struct lookup **lookup)
{
	struct lookup *left = *lookup;

	if (!left) {
		return;
	}
	*lookup = NULL;
	pthread_mutex_lock(&left->lock);
	close(left->event_fd);
	left->is_left = true;
	const bool is_answered = left->is_answered;
	pthread_mutex_unlock(&left->lock);
	if (is_answered) {
		free_lookup(left);
	}
}
