#include "handover_status.h"

#include <errno.h>
#include <stdio.h>

#include "../base/clock.h"

void handover_status_init(struct handover_status *status)
{
	pthread_mutex_init(&status->lock, NULL);
	status->figures = (struct handover_figures){.state = HANDOVER_NONE};
}

void handover_status_finish(struct handover_status *status)
{
	pthread_mutex_destroy(&status->lock);
}

bool handover_status_begin(struct handover_status *status)
{
	pthread_mutex_lock(&status->lock);
	const bool begins = status->figures.state == HANDOVER_NONE;
	if (begins) {
		status->figures.state = HANDOVER_PREPARING;
	}
	pthread_mutex_unlock(&status->lock);
	return begins;
}

void handover_status_set(struct handover_status *status, enum handover_state state, uint32_t pid)
{
	pthread_mutex_lock(&status->lock);
	status->figures.state = state;
	status->figures.pid = pid;
	pthread_mutex_unlock(&status->lock);
}

/* Under the lock. */
static void end(struct handover_figures *figures)
{
	figures->state = HANDOVER_NONE;
	figures->pid = 0;
	figures->attempts++;
	figures->ended_ms = clock_wall_ms();
}

void handover_status_refuse(struct handover_status *status, const char *why)
{
	pthread_mutex_lock(&status->lock);
	end(&status->figures);
	status->figures.refused++;
	snprintf(status->figures.why, sizeof(status->figures.why), "%s", why);
	pthread_mutex_unlock(&status->lock);
}

void handover_status_take(
	struct handover_status *status, uint64_t lines, uint64_t lost, uint64_t frozen_us)
{
	pthread_mutex_lock(&status->lock);
	end(&status->figures);
	if (lost > 0) {
		status->figures.broken++;
	} else {
		status->figures.done++;
	}
	status->figures.lines = lines;
	status->figures.lost += lost;
	status->figures.frozen_us = frozen_us;
	status->figures.why[0] = '\0';
	pthread_mutex_unlock(&status->lock);
}

void handover_status_look(struct handover_status *status, struct handover_figures *ret_figures)
{
	pthread_mutex_lock(&status->lock);
	*ret_figures = status->figures;
	pthread_mutex_unlock(&status->lock);
}

void handover_status_pack(struct handover_status *status, struct pack *pack)
{
	struct handover_figures figures;
	handover_status_look(status, &figures);
	pack_u64(pack, figures.attempts);
	pack_u64(pack, figures.done);
	pack_u64(pack, figures.refused);
	pack_u64(pack, figures.broken);
	pack_u64(pack, figures.lost);
}

int handover_status_unpack(struct handover_status *status, struct unpack *unpack)
{
	struct handover_figures figures = {.state = HANDOVER_NONE};
	figures.attempts = unpack_u64(unpack);
	figures.done = unpack_u64(unpack);
	figures.refused = unpack_u64(unpack);
	figures.broken = unpack_u64(unpack);
	figures.lost = unpack_u64(unpack);
	if (unpack->failed) {
		return -EINVAL;
	}
	pthread_mutex_lock(&status->lock);
	status->figures = figures;
	pthread_mutex_unlock(&status->lock);
	return 0;
}
