#include "park.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../../proto/assert.h"

enum {
	NS_PER_S = 1000000000,
};

/* --- life --------------------------------------------------------------------------------------
 */

void park_init(struct park *park)
{
	pthread_condattr_t attributes;
	*park = (struct park){.first = NULL};
	pthread_mutex_init(&park->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&park->came, &attributes);
	pthread_cond_init(&park->opened, &attributes);
	pthread_condattr_destroy(&attributes);
}

void park_finish(struct park *park)
{
	pthread_cond_destroy(&park->opened);
	pthread_cond_destroy(&park->came);
	pthread_mutex_destroy(&park->lock);
}

void park_seat_init(struct park_seat *seat, const char *name)
{
	*seat = (struct park_seat){.state = PARK_GOES};
	snprintf(seat->name, sizeof(seat->name), "%s", name);
}

/* --- the keeper --------------------------------------------------------------------------------
 */

void park_ask(struct park *park, struct park_seat *seat, struct mailbox *mailbox, uint32_t kind)
{
	pthread_mutex_lock(&park->lock);
	/* One that was asked, and let go before it came, still has the mail of then. */
	const bool posts = !seat->is_posted;
	seat->is_posted = true;
	if (seat->state == PARK_GOES) {
		seat->state = PARK_ASKED;
		seat->next = park->first;
		park->first = seat;
	}
	pthread_mutex_unlock(&park->lock);
	if (posts) {
		seat->mail.kind = kind;
		mailbox_post(mailbox, &seat->mail);
	}
}

/* Under the lock. Adds a name to what is said. */
static void name_one(const struct park_seat *seat, char *text)
{
	const size_t len = strlen(text);
	snprintf(text + len, PARK_MISSING_MAX - len, "%s%s", len > 0 ? ", " : "", seat->name);
}

/* Under the lock. Returns how many do not stand; names them unless `text` is NULL. */
static uint32_t count_missing(const struct park *park, char *text)
{
	uint32_t missing = 0;
	for (const struct park_seat *seat = park->first; seat; seat = seat->next) {
		if (seat->state == PARK_ASKED) {
			missing++;
			if (text) {
				name_one(seat, text);
			}
		}
	}
	return missing;
}

static struct timespec in_ms(uint32_t ms)
{
	struct timespec due;
	clock_gettime(CLOCK_MONOTONIC, &due);
	due.tv_sec += ms / 1000;
	due.tv_nsec += (long)(ms % 1000) * 1000000;
	if (due.tv_nsec >= NS_PER_S) {
		due.tv_sec++;
		due.tv_nsec -= NS_PER_S;
	}
	return due;
}

uint32_t park_await(struct park *park, uint32_t ms, char ret_missing[PARK_MISSING_MAX])
{
	const struct timespec due = in_ms(ms);
	int err = 0;
	ret_missing[0] = '\0';
	pthread_mutex_lock(&park->lock);
	while (err != ETIMEDOUT && count_missing(park, NULL) > 0) {
		err = pthread_cond_timedwait(&park->came, &park->lock, &due);
	}
	const uint32_t missing = count_missing(park, ret_missing);
	pthread_mutex_unlock(&park->lock);
	return missing;
}

bool park_has(struct park *park, const struct park_seat *seat)
{
	pthread_mutex_lock(&park->lock);
	const bool stands = seat->state == PARK_STANDS;
	pthread_mutex_unlock(&park->lock);
	return stands;
}

/* Under the lock. One goes on, or ends. */
static void release(struct park *park, struct park_seat *seat, enum park_state state)
{
	struct park_seat **link = &park->first;
	while (*link && *link != seat) {
		link = &(*link)->next;
	}
	if (*link) {
		*link = seat->next;
		seat->next = NULL;
		seat->state = state;
	}
}

void park_open(struct park *park)
{
	pthread_mutex_lock(&park->lock);
	while (park->first) {
		release(park, park->first, PARK_GOES);
	}
	pthread_cond_broadcast(&park->opened);
	pthread_mutex_unlock(&park->lock);
}

void park_let_go(struct park *park, struct park_seat *seat)
{
	pthread_mutex_lock(&park->lock);
	release(park, seat, PARK_GOES);
	pthread_cond_broadcast(&park->opened);
	pthread_mutex_unlock(&park->lock);
}

void park_dismiss(struct park *park, struct park_seat *seat)
{
	pthread_mutex_lock(&park->lock);
	ASSERT(seat->state == PARK_STANDS);
	release(park, seat, PARK_DISMISSED);
	pthread_cond_broadcast(&park->opened);
	pthread_mutex_unlock(&park->lock);
}

/* --- a thread ----------------------------------------------------------------------------------
 */

bool park_is_wanted(struct park *park, const struct park_seat *seat)
{
	pthread_mutex_lock(&park->lock);
	const bool is_wanted = seat->state == PARK_ASKED;
	pthread_mutex_unlock(&park->lock);
	return is_wanted;
}

bool park_stand(struct park *park, struct park_seat *seat)
{
	seat->is_told = false;
	pthread_mutex_lock(&park->lock);
	seat->is_posted = false;
	if (seat->state == PARK_ASKED) {
		seat->state = PARK_STANDS;
		pthread_cond_signal(&park->came);
	}
	while (seat->state == PARK_STANDS) {
		pthread_cond_wait(&park->opened, &park->lock);
	}
	/* It may have been asked anew by now: then the mail is on its way. */
	const bool goes_on = seat->state != PARK_DISMISSED;
	pthread_mutex_unlock(&park->lock);
	return goes_on;
}
