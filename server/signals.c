#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	HANGUP_MS = 5000, /* after a SIGHUP in which the terminal may go */
};

/* Whether there is a terminal that this process belongs to. */
static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		return false;
	}
	close(fd);
	return true;
}

static bool is_ignored(int number)
{
	struct sigaction action;
	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int signals_catch(struct signals *signals, bool has_file)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR2);
	signals->ends_at_hangup = !has_file && !is_ignored(SIGHUP) && has_terminal();
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signals->fd < 0 ? -errno : 0;
}

static bool has_hung_up(struct signals *signals)
{
	return signals->ends_at_hangup && clock_ms() < signals->hangup_until_ms && !has_terminal();
}

int signals_take(struct signals *signals)
{
	struct signalfd_siginfo info = {0};
	if (read(signals->fd, &info, sizeof(info)) != sizeof(info)) {
		info.ssi_signo = 0;
	}
	if (info.ssi_signo == SIGHUP) {
		signals->hangup_until_ms = clock_ms() + HANGUP_MS;
	}
	if ((info.ssi_signo == SIGHUP || info.ssi_signo == 0) && has_hung_up(signals)) {
		signals->ends_at_hangup = false; /* once */
		log_info(0, "the terminal has gone: ending");
		return SIGTERM;
	}
	return (int)info.ssi_signo;
}

bool signals_have_end(void)
{
	sigset_t pending;
	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT));
}

void signals_finish(struct signals *signals)
{
	if (signals->fd >= 0) {
		close(signals->fd);
	}
	*signals = SIGNALS_EMPTY;
}
