/* A NATS server of a test's own, and nodes on it, for tests of the line to it. NATS_SERVER is where
 * the build has found the program. */
#ifndef TIDEGATE_NATS_RIG_H
#define TIDEGATE_NATS_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../server/base/mailbox.h"
#include "../../server/cluster/link.h"
#include "../../server/cluster/link_message.h"
#include "../../server/cluster/link_nats.h"

enum {
	RIG_GIVE_UP_MS = 60000, /* what has not come by then does not come */
	RIG_TEXT_MAX = 512,
};

static uint64_t rig_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Between two looks at a condition. */
static void rig_nap(void)
{
	const struct timespec nap = {.tv_nsec = 2000000};
	nanosleep(&nap, NULL);
}

/* --- the server --------------------------------------------------------------------------------
 */

/* Owner: the test. */
struct rig_server {
	uint16_t port;
	pid_t pid; /* 0: it does not run */
	char config[64];
};

/* A listening socket on 127.0.0.1; *port is chosen where it is 0. */
static int rig_listen(uint16_t *port, int backlog)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static bool rig_greets(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	char byte;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool greets = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		      read(fd, &byte, 1) == 1;
	close(fd);
	return greets;
}

/* What it says goes to a file beside its configuration. */
static void rig_start_only(struct rig_server *server)
{
	char log[sizeof(server->config) + 4];

	snprintf(log, sizeof(log), "%s.log", server->config);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* where a test ends without a word */
		execl(NATS_SERVER, NATS_SERVER, "-c", server->config, (char *)NULL);
		_exit(127);
	}
}

static void rig_show_log(const struct rig_server *server)
{
	char line[RIG_TEXT_MAX];

	snprintf(line, sizeof(line), "%s.log", server->config);
	FILE *log = fopen(line, "r");
	while (log && fgets(line, sizeof(line), log)) {
		fputs(line, stderr);
	}
	if (log) {
		fclose(log);
	}
}

/* Starts it, and waits until it greets. */
static void rig_start(struct rig_server *server)
{
	uint64_t until = rig_now_ms() + RIG_GIVE_UP_MS;

	rig_start_only(server);
	while (!rig_greets(server->port)) {
		if (rig_now_ms() > until || waitpid(server->pid, NULL, WNOHANG) != 0) {
			rig_show_log(server);
			fail_msg("the server does not run");
		}
		rig_nap();
	}
}

/* `more` stands in its configuration. */
static void rig_configure(struct rig_server *server, const char *more)
{
	FILE *file = fopen(server->config, "w");

	assert_non_null(file);
	fprintf(file, "listen: 127.0.0.1:%u\n%s\n", server->port, more);
	assert_int_equal(fclose(file), 0);
}

static void rig_server_init(struct rig_server *server, const char *more)
{
	*server = (struct rig_server){.config = "/tmp/tidegate-nats-XXXXXX"};
	int fd = mkstemp(server->config);

	assert_true(fd >= 0);
	close(fd);
	/* Below the ephemeral ports, so that no socket of others has it while it is restarted. */
	do {
		server->port = (uint16_t)(10000 + rand() % 20000);
	} while (rig_greets(server->port));
	rig_configure(server, more);
}

static void rig_signal(struct rig_server *server, int number)
{
	int status;

	assert_int_equal(kill(server->pid, number), 0);
	if (number == SIGSTOP) {
		assert_int_equal(waitpid(server->pid, &status, WUNTRACED), server->pid);
		assert_true(WIFSTOPPED(status));
	}
}

static void rig_kill(struct rig_server *server)
{
	if (server->pid > 0) {
		kill(server->pid, SIGKILL);
		waitpid(server->pid, NULL, 0);
		server->pid = 0;
	}
}

static void rig_server_finish(struct rig_server *server)
{
	char log[sizeof(server->config) + 4];

	rig_kill(server);
	snprintf(log, sizeof(log), "%s.log", server->config);
	unlink(log);
	unlink(server->config);
}

/* --- a node ------------------------------------------------------------------------------------
 */

/* Owner: the test. */
struct rig_node {
	struct mailbox *mailbox;
	struct link *link;
	char urls[RIG_TEXT_MAX];
	struct link_nats_setup setup;
};

enum {
	RIG_MAIL_KIND = 7,
};

/* Where and how, until it is started; the test may change what it likes. */
static void rig_node_init(struct rig_node *node, const char *id, uint16_t port)
{
	*node = (struct rig_node){.mailbox = NULL};
	assert_int_equal(mailbox_create(&node->mailbox), 0);
	snprintf(node->urls, sizeof(node->urls), "nats://127.0.0.1:%u", port);
	node->setup = (struct link_nats_setup){
		.urls = node->urls,
		.prefix = "tidegate",
		.id = id,
		.creds = "",
		.ca = "",
		.payload_needed = 65536 + 4096,
		.out_limit = 64 << 20,
		.in_limit = 64 << 20,
		.mailbox = node->mailbox,
		.mail_kind = RIG_MAIL_KIND,
	};
}

static void rig_node_start(struct rig_node *node)
{
	char why[LINK_TEXT_MAX];

	assert_int_equal(link_nats_create(&node->setup, why, &node->link), 0);
}

/* What has come; NULL when nothing more has come until then. The caller frees it. */
static struct link_message *rig_take_until(struct rig_node *node, uint64_t until_ms)
{
	struct mail *mail;
	struct pollfd bell = {.fd = mailbox_bell_fd(node->mailbox), .events = POLLIN};
	uint64_t rings;

	for (;;) {
		if (mailbox_take(node->mailbox, &mail) == MAILBOX_MAIL) {
			assert_int_equal(mail->kind, RIG_MAIL_KIND);
			return (struct link_message *)mail;
		}
		uint64_t now = rig_now_ms();
		if (now >= until_ms) {
			return NULL;
		}
		/* A producer may be half-way: its bell has rung then. */
		int wait_ms = until_ms - now < 20 ? (int)(until_ms - now) : 20;
		if (poll(&bell, 1, wait_ms) > 0) {
			assert_int_equal(read(bell.fd, &rings, sizeof(rings)), sizeof(rings));
		}
	}
}

/* The next of that kind; the others are thrown away. The caller frees it. */
static struct link_message *rig_wait(struct rig_node *node, enum link_about about)
{
	uint64_t until = rig_now_ms() + RIG_GIVE_UP_MS;

	for (;;) {
		struct link_message *message = rig_take_until(node, until);
		assert_non_null(message);
		if (message->about == about) {
			return message;
		}
		link_message_free(&message);
	}
}

static void rig_expect(struct rig_node *node, enum link_about about)
{
	struct link_message *message = rig_wait(node, about);
	link_message_free(&message);
}

static void rig_empty(struct rig_node *node)
{
	struct mail *mail;

	while (mailbox_take(node->mailbox, &mail) == MAILBOX_MAIL) {
		struct link_message *message = (struct link_message *)mail;
		link_message_free(&message);
	}
}

/* Returns how many ms the stop has taken. */
static uint64_t rig_node_stop(struct rig_node *node)
{
	uint64_t begin = rig_now_ms();

	link_stop(node->link);
	uint64_t taken = rig_now_ms() - begin;
	rig_empty(node);
	link_destroy(&node->link);
	mailbox_destroy(&node->mailbox);
	return taken;
}

static struct link_status rig_look(struct rig_node *node)
{
	struct link_status status;

	link_look(node->link, &status);
	return status;
}

static int rig_send(
	struct rig_node *node, enum link_to to, const char *name, const void *data, size_t len)
{
	return link_send(node->link,
		&(struct link_parcel){.to = to, .name = name, .data = data, .len = len});
}

#endif
