#include "session_rest.h"

#include "session.h"

bool session_rest_step(struct sessions *sessions)
{
	struct telling *telling = &sessions->say.telling;
	if (telling_has_due(telling)) {
		telling_numbers_now(telling, sessions->conns->loop->now_tick);
	}
	return session_answer_waiting(sessions) || telling_has_due(telling);
}

const char *session_rest_busy(const struct sessions *sessions)
{
	if (sessions->waiting.count > 0) {
		return "logins whose tokens are not judged";
	}
	if (sessions->unanswered.count > 0) {
		return "requests of users that a backend or another node has not answered";
	}
	if (telling_has_due(&sessions->say.telling)) {
		return "rooms whose number of users is to be told";
	}
	return sessions->presences.first ? "sessions that came or went" : NULL;
}
