#include "doubles.h"

#include "../../proto/assert.h"

/* Whether `a` is the later login. */
static bool is_above(const struct directory_user *a, const struct directory_user *b)
{
	if (a->epoch != b->epoch) {
		return a->epoch > b->epoch;
	}
	return a->rank != b->rank ? a->rank > b->rank : a->device > b->device;
}

/* Whether another session of its device is above it. */
static bool is_replaced(
	const struct directory_user *users, uint32_t count, const struct directory_user *session)
{
	for (uint32_t i = 0; i < count; i++) {
		if (users[i].device == session->device && is_above(&users[i], session)) {
			return true;
		}
	}
	return false;
}

/* Other devices whose latest session is above it. */
static uint32_t devices_above(
	const struct directory_user *users, uint32_t count, const struct directory_user *session)
{
	uint32_t devices = 0;
	for (uint32_t i = 0; i < count; i++) {
		devices += users[i].device != session->device && is_above(&users[i], session) &&
			   !is_replaced(users, count, &users[i]);
	}
	return devices;
}

bool doubles_must_go(const struct directory_user *users, uint32_t count, uint32_t devices_max,
	const struct directory_user *session)
{
	return is_replaced(users, count, session) ||
	       devices_above(users, count, session) >= devices_max;
}

uint32_t doubles_find_own(const struct directory_user *users, uint32_t count, uint32_t devices_max,
	uint32_t ret_places[DOUBLES_MOST])
{
	uint32_t found = 0;
	ASSERT(count <= DOUBLES_MOST);
	for (uint32_t i = 0; i < count; i++) {
		if (users[i].node == DIRECTORY_SELF &&
			doubles_must_go(users, count, devices_max, &users[i])) {
			ret_places[found++] = i;
		}
	}
	return found;
}

/* Whether an own session is a reason for the newcomer to go. */
static bool is_why(const struct directory_user *users, uint32_t count,
	const struct directory_user *session, const struct directory_user *newcomer)
{
	return session->node == DIRECTORY_SELF && is_above(session, newcomer) &&
	       !is_replaced(users, count, session);
}

uint32_t doubles_find_claims(const struct directory_user *users, uint32_t count,
	uint32_t devices_max, const struct directory_user *newcomer,
	uint32_t ret_places[DOUBLES_MOST])
{
	uint32_t found = 0;
	ASSERT(count <= DOUBLES_MOST);
	if (!doubles_must_go(users, count, devices_max, newcomer)) {
		return 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (is_why(users, count, &users[i], newcomer)) {
			ret_places[found++] = i;
		}
	}
	return found;
}
