#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "build_config.h"
#include "config/cli.h"
#include "config/explain.h"
#include "gateway.h"
#include "rehearsal.h"
#include "token_command.h"

#if HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>

/* Read by jemalloc before main: huge pages for its own tables; freed memory goes back to the kernel
 * after five seconds, so that a storm of logins does not stay on the bill. */
extern const char *malloc_conf;
const char *malloc_conf = "metadata_thp:auto,dirty_decay_ms:5000,muzzy_decay_ms:0";

static void set_up_allocator(void)
{
	/* In the name of threads that are asleep: else their freed memory is kept until they wake.
	 */
	bool on = true;
	mallctl("background_thread", NULL, NULL, &on, sizeof(on));
}
#else
static void set_up_allocator(void)
{
}
#endif

/* Whoever started us may have closed them. Else a socket would have the number of standard error,
 * and the log be written to it. */
static void hold_standard_streams(void)
{
	int fd;
	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0) {
		close(fd);
	}
}

int main(int argc, char **argv)
{
	hold_standard_streams();
	if (argc > 1 && strcmp(argv[1], "token") == 0) {
		return token_command_run(argc - 1, argv + 1);
	}
	struct command command;
	cli_parse(argc, argv, &command);
	switch (command.action) {
	case CLI_TEST:
		return rehearsal_run(&command.config, &command.sources);
	case CLI_EXPLAIN:
		return explain_print(&command.config, &command.sources, command.only_changed);
	case CLI_RUN:
		break;
	}
	set_up_allocator();
	return gateway_run(&command.config, &command.sources, argc, argv);
}
