#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../proto/slice.h"

enum {
	CHANNEL_FD = 3, /* of the taker, behind the standard ones: all others are closed */
	CHANNEL_TEXT_MAX = 32,
	STACK_LEN = 1 << 15, /* until the file is executed */
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

/* What a taker is executed with. */
struct execution {
	int channel_fd;
	char *const *argv;
	char **environment;
	int err; /* an errno; 0: it has been executed */
};

/* dup2(2) by the name that no sanitizer takes for one of the giver's own: the table of descriptors
 * is the taker's. */
extern int __dup2(int from, int to);

/* Of the taker, in memory that is the giver's, who waits meanwhile. */
static int execute(void *data)
{
	struct execution *execution = data;
	/* The flag too: dup2 leaves it where both are the same. */
	if (__dup2(execution->channel_fd, CHANNEL_FD) == CHANNEL_FD &&
		fcntl(CHANNEL_FD, F_SETFD, 0) == 0 && close_range(CHANNEL_FD + 1, ~0U, 0) == 0 &&
		sigprocmask(SIG_SETMASK, &start.blocked, NULL) == 0) {
		execve(start.path, execution->argv, execution->environment);
	}
	execution->err = errno;
	_exit(EXIT_FAILURE);
}

/* clone(3) by the name that no sanitizer takes for fork(2), which this is not. */
extern int __clone(int (*run)(void *data), void *stack, int flags, void *data, int *ret_pid_fd);

/* As posix_spawn(3), which knows no CLONE_PARENT. Returns an errno. */
static int spawn(struct execution *execution, struct process *ret_process)
{
	static _Alignas(max_align_t) char stack[STACK_LEN];
	int pid_fd = -1;
	pid_t pid = __clone(execute, stack + STACK_LEN,
		CLONE_PARENT | CLONE_PIDFD | CLONE_VM | CLONE_VFORK | SIGCHLD, execution, &pid_fd);
	if (pid < 0) {
		return errno;
	}
	*ret_process = (struct process){.pid = pid, .pid_fd = pid_fd};
	if (execution->err) {
		process_finish(ret_process);
	}
	return execution->err;
}

int process_start(int channel_fd, char *const argv[], struct process *ret_process)
{
	char channel[CHANNEL_TEXT_MAX];
	struct execution execution = {.channel_fd = channel_fd, .argv = argv};
	if (!start.path[0]) {
		return -ENOENT;
	}
	snprintf(channel, sizeof(channel), PROCESS_CHANNEL_ENV "=%d", CHANNEL_FD);
	execution.environment = make_environment(channel);
	if (!execution.environment) {
		return -ENOMEM;
	}
	int err = -spawn(&execution, ret_process);
	free(execution.environment);
	return err;
}

static bool is_hung_up(int fd)
{
	struct pollfd end = {.fd = fd};
	return poll(&end, 1, 0) > 0;
}

int process_open_peer(int channel_fd, struct process *ret_process)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	if (getsockopt(channel_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		return -errno;
	}
	int pid_fd = pidfd_open(peer.pid, 0);
	if (pid_fd < 0) {
		return -errno;
	}
	*ret_process = (struct process){.pid = peer.pid, .pid_fd = pid_fd};
	/* It may have ended between the two calls, and another process have its number. */
	if (is_hung_up(channel_fd)) {
		process_finish(ret_process);
		return -ESRCH;
	}
	return 0;
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

void process_finish(struct process *process)
{
	if (process->pid_fd >= 0) {
		close(process->pid_fd);
	}
	*process = PROCESS_EMPTY;
}
