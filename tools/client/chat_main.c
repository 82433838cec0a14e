/* tidegate-chat: a terminal, or a script, as a user of a gateway. */
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chat.h"

/* A descriptor of 0 to 2 that is closed would be given to a socket. */
static void fill_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) {
			exit(CHAT_EXIT_LOCAL);
		}
	}
}

int main(int argc, char **argv)
{
	struct chat_options options;
	struct tg_client *client = NULL;

	fill_descriptors();
	/* For the widths of characters: what is said is UTF-8, whatever the locale. */
	setlocale(LC_CTYPE, "C.UTF-8");
	enum tg_status status = tg_client_create(&client);
	if (status == TG_OK) {
		status = chat_options_parse(argc, argv, client, &options);
	}
	if (status != TG_OK) {
		fprintf(stderr, "tidegate-chat: %s\n", tg_status_text(status));
		return CHAT_EXIT_LOCAL;
	}
	const enum chat_exit code = chat_run(client, &options);
	tg_client_destroy(client);
	return code;
}
