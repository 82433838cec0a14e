#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "build_config.h"
#include "config/cli.h"
#include "config/explain.h"
#include "gateway.h"
#include "handover/process.h"
#include "handover/taker.h"
#include "rehearsal.h"
#include "tls/tls_memory.h"
#include "token_command.h"
#include "upgrade_command.h"

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

static int run(const struct command *command, int argc, char **argv, struct taker *taker)
{
	set_up_allocator();
	tls_memory_set_up(); /* what comes of it the log says once there is one */
	return gateway_run(&command->config, &command->sources, argc, argv, taker);
}

/* The other end of a process that hands over to this one. */
static struct taker the_taker;

/* The process ends before it was ready to take over, as for a config that is at fault. */
static void refuse_at_exit(void)
{
	const char *complaint = log_complaint();
	taker_refuse(&the_taker,
		complaint[0] ? complaint : "the new process cannot start: its last lines say why");
}

/* In the place of another process, which goes on where this one cannot. */
static int take_over(int argc, char **argv, int channel_fd)
{
	struct command command;
	if (taker_begin(&the_taker, channel_fd) < 0) {
		return EXIT_FAILURE;
	}
	atexit(refuse_at_exit);
	cli_parse(argc, argv, &command);
	return run(&command, argc, argv, &the_taker);
}

int main(int argc, char **argv)
{
	hold_standard_streams();
	process_note_start();
	const int channel_fd = process_take_channel();
	clock_read_test_offset();
	if (channel_fd >= 0) {
		return take_over(argc, argv, channel_fd);
	}
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
	case CLI_UPGRADE:
		return upgrade_command_run(&command.config);
	case CLI_RUN:
		break;
	}
	return run(&command, argc, argv, NULL);
}
