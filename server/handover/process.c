#include "process.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../proto/slice.h"

enum {
	CHANNEL_FD = 3, /* of the taker, behind the standard ones: all others are closed */
	CHANNEL_TEXT_MAX = 32,
};

/* As it was at the start. Thread: main. */
static struct {
	char path[PATH_MAX]; /* empty: not known */
	sigset_t blocked;
} start;

void process_note_start(void)
{
	ssize_t len = readlink("/proc/self/exe", start.path, sizeof(start.path) - 1);
	start.path[len > 0 ? len : 0] = '\0';
	sigprocmask(SIG_BLOCK, NULL, &start.blocked);
}

const char *process_path(void)
{
	return start.path[0] ? start.path : NULL;
}

int process_take_channel(void)
{
	const char *text = getenv(PROCESS_CHANNEL_ENV);
	char *end;
	if (!text) {
		return -1;
	}
	long fd = strtol(text, &end, 10);
	bool is_number = end != text && *end == '\0' && fd >= 0 && fd <= INT_MAX;
	unsetenv(PROCESS_CHANNEL_ENV);
	return is_number ? (int)fd : -1;
}

/* --- starting ----------------------------------------------------------------------------------
 */

/* Of what systemd passes: it names one process by its pid, or descriptors that only that one has.
 */
static bool is_inherited(const char *variable)
{
	static const char *const not[] = {"LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=",
		"WATCHDOG_PID=", "WATCHDOG_USEC=", PROCESS_CHANNEL_ENV "="};
	for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++) {
		if (slice_begins(slice_of(variable), slice_of(not[i]))) {
			return false;
		}
	}
	return true;
}

/* The environment of the taker; the array is the caller's to free. NULL: no memory. */
static char **make_environment(char *channel)
{
	size_t count = 0;
	while (environ && environ[count]) {
		count++;
	}
	char **made = calloc(count + 2, sizeof(char *));
	size_t at = 0;
	for (size_t i = 0; made && i < count; i++) {
		if (is_inherited(environ[i])) {
			made[at++] = environ[i];
		}
	}
	if (made) {
		made[at] = channel;
	}
	return made;
}

static int set_files(posix_spawn_file_actions_t *files, int channel_fd)
{
	int err = posix_spawn_file_actions_adddup2(files, channel_fd, CHANNEL_FD);
	return err ? err : posix_spawn_file_actions_addclosefrom_np(files, CHANNEL_FD + 1);
}

static int set_signals(posix_spawnattr_t *attributes)
{
	int err = posix_spawnattr_setsigmask(attributes, &start.blocked);
	return err ? err : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK);
}

/* Returns an errno. */
static int spawn(int channel_fd, char *const argv[], char **environment, pid_t *ret_pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int err = posix_spawn_file_actions_init(&files);
	if (err) {
		return err;
	}
	err = posix_spawnattr_init(&attributes);
	if (!err) {
		err = set_files(&files, channel_fd);
		if (!err) {
			err = set_signals(&attributes);
		}
		if (!err) {
			err = posix_spawn(
				ret_pid, start.path, &files, &attributes, argv, environment);
		}
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return err;
}

static int open_process(pid_t pid, bool is_child, struct process *ret_process)
{
	int pid_fd = pidfd_open(pid, 0);
	if (pid_fd < 0) {
		return -errno;
	}
	*ret_process = (struct process){.pid = pid, .pid_fd = pid_fd, .is_child = is_child};
	return 0;
}

int process_start(int channel_fd, char *const argv[], struct process *ret_process)
{
	char channel[CHANNEL_TEXT_MAX];
	pid_t pid;
	if (!start.path[0]) {
		return -ENOENT;
	}
	snprintf(channel, sizeof(channel), PROCESS_CHANNEL_ENV "=%d", CHANNEL_FD);
	char **environment = make_environment(channel);
	if (!environment) {
		return -ENOMEM;
	}
	int err = -spawn(channel_fd, argv, environment, &pid);
	free(environment);
	if (err) {
		return err;
	}
	err = open_process(pid, true, ret_process);
	if (err) {
		/* Nobody would see it end. */
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return err;
}

int process_open_parent(struct process *ret_process)
{
	pid_t parent = getppid();
	int err = open_process(parent, false, ret_process);
	/* It may have ended between the two calls, and another process have its number. */
	if (!err && getppid() != parent) {
		process_finish(ret_process);
		err = -ESRCH;
	}
	return err;
}

/* --- ending ------------------------------------------------------------------------------------
 */

bool process_has_ended(const struct process *process, int ms)
{
	struct pollfd ready = {.fd = process->pid_fd, .events = POLLIN};
	int count = process->pid_fd < 0 ? 1 : 0;
	while (count == 0) {
		count = poll(&ready, 1, ms);
		if (count == 0) {
			return false;
		}
		/* A signal that comes meanwhile says nothing of it: it is asked anew. */
		count = count < 0 && errno == EINTR ? 0 : count;
	}
	return count > 0;
}

void process_kill(const struct process *process)
{
	if (process->pid_fd >= 0) {
		pidfd_send_signal(process->pid_fd, SIGKILL, NULL, 0);
	}
}

void process_end(struct process *process, int patience_ms)
{
	if (process->pid_fd < 0) {
		return;
	}
	pidfd_send_signal(process->pid_fd, SIGTERM, NULL, 0);
	if (!process_has_ended(process, patience_ms)) {
		process_kill(process);
	}
	while (!process_has_ended(process, -1)) {
	}
}

static void say_end(const siginfo_t *end, char ret_text[PROCESS_END_MAX])
{
	if (end->si_code == CLD_EXITED) {
		snprintf(ret_text, PROCESS_END_MAX, "it ended with exit status %d", end->si_status);
	} else {
		snprintf(ret_text, PROCESS_END_MAX, "it was killed by signal %d (%s)",
			end->si_status, sigabbrev_np(end->si_status));
	}
}

bool process_reap(struct process *process, char ret_text[PROCESS_END_MAX])
{
	siginfo_t end = {0};
	if (!process->is_child ||
		waitid(P_PIDFD, (id_t)process->pid_fd, &end, WEXITED | WNOHANG) < 0 ||
		end.si_pid == 0) {
		return false;
	}
	process->is_child = false;
	say_end(&end, ret_text);
	return true;
}

void process_finish(struct process *process)
{
	char unused[PROCESS_END_MAX];
	if (process->pid_fd >= 0) {
		process_reap(process, unused);
		close(process->pid_fd);
	}
	*process = PROCESS_EMPTY;
}
