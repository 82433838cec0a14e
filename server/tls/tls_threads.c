#include "tls_threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "../../proto/assert.h"

struct tls_threads {
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t bell;
	struct tls_step *first;                  /* those that wait, the oldest first */
	struct tls_step **last;                  /* where the next is linked to */
	uint8_t waiting[HANDLE_WORKERS_MAX + 1]; /* of them, those of each worker */
	uint32_t under_way;                      /* those that wait, and those that are worked on */
	bool ends;
	/* Of the thread that creates and destroys. */
	int count; /* that were started */
	pthread_t threads[TLS_THREADS];
};

/* --- the threads -------------------------------------------------------------------------------
 */

/* NULL: it is over. */
static struct tls_step *await(struct tls_threads *threads)
{
	pthread_mutex_lock(&threads->lock);
	while (!threads->first && !threads->ends) {
		pthread_cond_wait(&threads->bell, &threads->lock);
	}
	struct tls_step *step = threads->first;
	if (step) {
		threads->first = step->next;
		if (!threads->first) {
			threads->last = &threads->first;
		}
		threads->waiting[handle_worker(step->handle)]--;
	}
	pthread_mutex_unlock(&threads->lock);
	return step;
}

static void note_done(struct tls_threads *threads)
{
	pthread_mutex_lock(&threads->lock);
	threads->under_way--;
	pthread_mutex_unlock(&threads->lock);
}

static void *run(void *arg)
{
	struct tls_threads *threads = arg;
	for (struct tls_step *step; (step = await(threads)) != NULL;) {
		step->progress =
			tls_handshake_feed(step->handshake, step->data, step->len, &step->used);
		mailbox_post(step->back, &step->mail);
		/* Behind that: who finds none under way finds all in the mailboxes. */
		note_done(threads);
	}
	return NULL;
}

/* --- life --------------------------------------------------------------------------------------
 */

int tls_threads_create(struct tls_threads **ret_threads)
{
	struct tls_threads *threads = calloc(1, sizeof(*threads));
	if (!threads) {
		return -ENOMEM;
	}
	pthread_mutex_init(&threads->lock, NULL);
	pthread_cond_init(&threads->bell, NULL);
	threads->last = &threads->first;
	while (threads->count < TLS_THREADS) {
		int err = pthread_create(&threads->threads[threads->count], NULL, run, threads);
		if (err) {
			tls_threads_destroy(&threads);
			return -err;
		}
		pthread_setname_np(threads->threads[threads->count], "handshakes");
		threads->count++;
	}
	*ret_threads = threads;
	return 0;
}

void tls_threads_destroy(struct tls_threads **threads)
{
	struct tls_threads *given = *threads;
	if (!given) {
		return;
	}
	*threads = NULL;
	pthread_mutex_lock(&given->lock);
	given->ends = true;
	pthread_cond_broadcast(&given->bell);
	pthread_mutex_unlock(&given->lock);
	for (int i = 0; i < given->count; i++) {
		pthread_join(given->threads[i], NULL);
	}
	ASSERT(!given->first);
	pthread_cond_destroy(&given->bell);
	pthread_mutex_destroy(&given->lock);
	free(given);
}

/* --- posting -----------------------------------------------------------------------------------
 */

bool tls_threads_have_room(struct tls_threads *threads, uint8_t worker)
{
	pthread_mutex_lock(&threads->lock);
	const bool have = threads->waiting[worker] < TLS_THREADS_WAITING;
	pthread_mutex_unlock(&threads->lock);
	return have;
}

uint32_t tls_threads_under_way(struct tls_threads *threads)
{
	pthread_mutex_lock(&threads->lock);
	const uint32_t under_way = threads->under_way;
	pthread_mutex_unlock(&threads->lock);
	return under_way;
}

bool tls_threads_post(struct tls_threads *threads, struct tls_step *step)
{
	pthread_mutex_lock(&threads->lock);
	uint8_t *waiting = &threads->waiting[handle_worker(step->handle)];
	const bool takes = *waiting < TLS_THREADS_WAITING;
	if (takes) {
		step->next = NULL;
		*threads->last = step;
		threads->last = &step->next;
		++*waiting;
		threads->under_way++;
		pthread_cond_signal(&threads->bell);
	}
	pthread_mutex_unlock(&threads->lock);
	return takes;
}
