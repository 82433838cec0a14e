/* The two processes of a hand-over as processes: how the one starts the other, and how each sees
 * that the other has ended.
 *
 * The giver executes the taker: no path, no uid to check, the same control group and sandbox. It
 * inherits standard input, output and error and its end of the channel, and nothing else.
 *
 * It is no child of the giver's but of the giver's own parent, from the first moment on. For
 * systemd takes a main process that is not its child for one whose end it may not see, and never
 * looks again: `systemctl stop` would kill it at once, instead of waiting for its drain. It is that
 * parent's to reap, so that how it has ended is not known here: its last lines say why.
 *
 * Thread: main. Nothing here logs. */
#ifndef TIDEGATE_PROCESS_H
#define TIDEGATE_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* In the environment of a taker: the descriptor of its end of the channel. */
#define PROCESS_CHANNEL_ENV "TIDEGATE_HANDOVER_FD"

/* Notes by which path this process was executed, which /proc/self/exe does not tell any more once
 * another file has taken its place, and with which signals blocked. First thing in main, before
 * threads and signals_catch. */
void process_note_start(void);

/* Takes the descriptor of the channel out of the environment, so that nobody inherits it. Returns
 * -1: this process is no taker. Before there are threads. */
int process_take_channel(void);

/* Owner:  main.
 * Shared: never. */
struct process {
	pid_t pid;  /* 0: there is none */
	int pid_fd; /* readable when it has ended; -1 */
};

#define PROCESS_EMPTY ((struct process){.pid_fd = -1})

/* Executes the file that stands at the path that this process was executed by, with these
 * arguments, as a process that has `channel_fd`. It begins with the signals blocked that were at
 * the start of this one, and without what systemd passes to one process only (LISTEN_*,
 * WATCHDOG_*). Errors: -ENOENT and others of execve(2), clone(2). */
int process_start(int channel_fd, char *const argv[], struct process *ret_process);

/* The one that has made the channel, for who has its other end. Errors: -ESRCH: it is gone; -errno
 * of pidfd_open(2). */
int process_open_peer(int channel_fd, struct process *ret_process);

/* Whether it has ended, waiting for that for at most `ms`; -1: for good. True for PROCESS_EMPTY. */
bool process_has_ended(const struct process *process, int ms);

/* Has it do nothing more, without waiting for its end: behind this call it makes no system
 * call any more. To be called before this process goes on with what the other may have got of it:
 * if that outlived it, it would go on with that, and a number that both have sealed with gives
 * plain text away. Fine with one that has ended, and with PROCESS_EMPTY. */
void process_kill(const struct process *process);

/* Ends one that has not: SIGTERM, and SIGKILL after `patience_ms`. Waits for it. */
void process_end(struct process *process, int patience_ms);

/* Forgets it. Fine with PROCESS_EMPTY. */
void process_finish(struct process *process);

/* By which path this one was executed, for people; NULL: it is not known. */
const char *process_path(void);

#endif
