#include "chat_terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

enum {
	DEFAULT_COLUMNS = 80,
};

/* To change its modes from there would stop the process. */
static bool is_in_background(int fd)
{
	const pid_t group = tcgetpgrp(fd);
	return group >= 0 && group != getpgrp();
}

bool terminal_take(struct terminal *terminal)
{
	struct termios modes;

	if (is_in_background(terminal->fd) || tcgetattr(terminal->fd, &modes) < 0) {
		return false;
	}
	if (!terminal->is_taken) {
		terminal->found = modes;
	}
	/* Ctrl-C and Ctrl-Z, Ctrl-S and Ctrl-Q stay the terminal's, and Enter a line feed. */
	modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
	modes.c_cc[VMIN] = 1;
	modes.c_cc[VTIME] = 0;
	terminal->is_taken = tcsetattr(terminal->fd, TCSANOW, &modes) == 0;
	return terminal->is_taken;
}

void terminal_give_back(struct terminal *terminal)
{
	if (terminal->is_taken && !is_in_background(terminal->fd)) {
		tcsetattr(terminal->fd, TCSANOW, &terminal->found);
	}
	terminal->is_taken = false;
}

unsigned terminal_columns(int fd)
{
	struct winsize size;
	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : DEFAULT_COLUMNS;
}
