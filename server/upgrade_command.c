#include "upgrade_command.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "admin_asker.h"
#include "base/clock.h"
#include "base/log.h"
#include "service_notify.h"

enum {
	LOOK_MS = 100,      /* between looks how far it is */
	TELL_MS = 1000,     /* between lines of progress */
	SILENCE_MS = 15000, /* without an answer, while one process takes the other's place */
};

/* --- what is answered --------------------------------------------------------------------------
 */

/* Of /v1/status, as far as it is of use here. Plain data. */
struct progress {
	char state[16];
	uint64_t attempts;
	uint64_t lines;
	double seconds;
	char refused[CONFIG_ERROR_MAX]; /* empty: it was not */
};

static int read_progress(const char *body, struct progress *ret_progress)
{
	const char *state = "";
	json_t *refused = NULL; /* null where it was not */
	json_int_t attempts = 0;
	json_int_t lines = 0;
	double seconds = 0;
	json_t *status = json_loads(body, 0, NULL);
	int err = json_unpack(status, "{s:{s:s, s:I, s:I, s:F, s:o}}", "handover", "state", &state,
			  "attempts", &attempts, "lines", &lines, "seconds", &seconds, "refused",
			  &refused) < 0
			  ? -EPROTO
			  : 0;
	if (!err) {
		*ret_progress = (struct progress){.attempts = (uint64_t)attempts,
			.lines = (uint64_t)lines,
			.seconds = seconds};
		snprintf(ret_progress->state, sizeof(ret_progress->state), "%s", state);
		snprintf(ret_progress->refused, sizeof(ret_progress->refused), "%s",
			json_is_string(refused) ? json_string_value(refused) : "");
	}
	json_decref(status);
	return err;
}

/* The detail of a problem, or the whole. */
static void complain_of(int status, const char *body)
{
	const char *detail = NULL;
	json_t *problem = json_loads(body, 0, NULL);
	json_unpack(problem, "{s:s}", "detail", &detail);
	log_complain("not handed over: %s%s", detail ? detail : "the gateway answers ",
		detail ? "" : body);
	if (!detail) {
		log_complain("its status is %d", status);
	}
	json_decref(problem);
}

/* --- asking ------------------------------------------------------------------------------------
 */

/* Returns the number of the attempt, 0 when there is none, which has been said. */
static uint64_t begin(struct admin_asker *asker)
{
	char error[CONFIG_ERROR_MAX];
	char *body = NULL;
	json_int_t attempt = 0;
	int status = admin_asker_ask(asker, "POST", "/v1/upgrade", &body, error);
	if (status < 0) {
		log_complain("%s", error);
		return 0;
	}
	json_t *answer = json_loads(body, 0, NULL);
	if (status != 202 || json_unpack(answer, "{s:I}", "attempt", &attempt) < 0) {
		complain_of(status, body);
	}
	json_decref(answer);
	free(body);
	return (uint64_t)attempt;
}

/* Errors: -errno, and ret_error. */
static int look(struct admin_asker *asker, struct progress *ret_progress, char *ret_error)
{
	char *body = NULL;
	int status = admin_asker_ask(asker, "GET", "/v1/status", &body, ret_error);
	if (status < 0) {
		return status;
	}
	int err = status == 200 ? read_progress(body, ret_progress) : -EPROTO;
	if (err) {
		snprintf(ret_error, CONFIG_ERROR_MAX, "the gateway answers %d to /v1/status",
			status);
	}
	free(body);
	return err;
}

/* Until the attempt has ended. */
static int follow(struct admin_asker *asker, uint64_t attempt, struct progress *ret_progress)
{
	const struct timespec moment = {.tv_nsec = LOOK_MS * 1000000};
	const uint64_t began_ms = clock_ms();
	uint64_t heard_ms = began_ms;
	uint64_t told_ms = began_ms;
	char error[CONFIG_ERROR_MAX];
	for (;;) {
		int err = look(asker, ret_progress, error);
		const uint64_t now_ms = clock_ms();
		if (!err && ret_progress->attempts >= attempt) {
			return 0;
		}
		heard_ms = err ? heard_ms : now_ms;
		if (now_ms - heard_ms > SILENCE_MS) {
			log_complain("%s", error);
			return err;
		}
		if (now_ms - told_ms >= TELL_MS) {
			told_ms = now_ms;
			printf("tidegate: %s, %llu s\n",
				err ? "no answer yet" : ret_progress->state,
				(unsigned long long)(now_ms - began_ms) / 1000);
			fflush(stdout);
		}
		nanosleep(&moment, NULL);
	}
}

static int say_end(const struct progress *progress)
{
	if (progress->refused[0]) {
		log_complain("not handed over: %s", progress->refused);
		return EXIT_FAILURE;
	}
	printf("tidegate: handed over: %llu line%s in %.0f ms\n",
		(unsigned long long)progress->lines, progress->lines == 1 ? "" : "s",
		progress->seconds * 1000);
	return EXIT_SUCCESS;
}

static int say_signal(void)
{
	const int pid = (int)service_main_pid();
	if (pid > 0) {
		log_complain("the configuration has no admin port to ask by (--admin): "
			     "kill -USR2 %d does the same, and the log says what comes of it",
			pid);
	} else {
		log_complain("the configuration has no admin port to ask by (--admin): kill -USR2 "
			     "of the running gateway does the same, and its log says what comes "
			     "of it");
	}
	return EXIT_FAILURE;
}

int upgrade_command_run(const struct config *config)
{
	struct admin_asker asker;
	struct progress progress;
	char error[CONFIG_ERROR_MAX];
	if (config->admin[0] == '\0') {
		return say_signal();
	}
	if (admin_asker_init(&asker, config, error) < 0) {
		log_complain("%s", error);
		return EXIT_FAILURE;
	}
	uint64_t attempt = begin(&asker);
	int err = attempt > 0 ? follow(&asker, attempt, &progress) : -ECANCELED;
	admin_asker_finish(&asker);
	return err ? EXIT_FAILURE : say_end(&progress);
}
