/* The two processes of a hand-over as processes: how the one starts the other, and how each sees
 * that the other has ended.
 *
 * The taker is a child of the giver: no path, no uid to check, the same control group and sandbox.
 * It inherits standard input, output and error and its end of the channel, and nothing else.
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

enum {
	PROCESS_END_MAX = 64, /* bytes of how one has ended, NUL included */
};

/* Owner:  main.
 * Shared: never. */
struct process {
	pid_t pid;     /* 0: there is none */
	int pid_fd;    /* readable when it has ended; -1 */
	bool is_child; /* to be reaped */
};

#define PROCESS_EMPTY ((struct process){.pid_fd = -1})

/* Executes the file that stands at the path that this process was executed by, with these
 * arguments, as a child that has `channel_fd`. It begins with the signals blocked that were at the
 * start of this one, and without what systemd passes to one process only (LISTEN_*, WATCHDOG_*).
 * Errors: -ENOENT and others of posix_spawn(3), pidfd_open(2). */
int process_start(int channel_fd, char *const argv[], struct process *ret_process);

/* The parent of this process. Errors: -ESRCH: it is gone; -errno of pidfd_open(2). */
int process_open_parent(struct process *ret_process);

/* Whether it has ended, waiting for that for at most `ms`; -1: for good. True for PROCESS_EMPTY. */
bool process_has_ended(const struct process *process, int ms);

/* Has a child do nothing more, without waiting for its end: behind this call it makes no system
 * call any more. To be called before this process goes on with what the child may have got of it: a
 * child that outlived it would go on with that, and a number that both have sealed with gives plain
 * text away. Fine with one that has ended, and with PROCESS_EMPTY. */
void process_kill(const struct process *process);

/* Ends a child that has not: SIGTERM, and SIGKILL after `patience_ms`. Waits for it. */
void process_end(struct process *process, int patience_ms);

/* How a child has ended, for people, which it is asked once; false: it has not. */
bool process_reap(struct process *process, char ret_text[PROCESS_END_MAX]);

/* Forgets it; a child that has ended is reaped. Fine with PROCESS_EMPTY. */
void process_finish(struct process *process);

/* By which path this one was executed, for people; NULL: it is not known. */
const char *process_path(void);

#endif
