#include "admin_asker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../proto/http_head.h"
#include "admin/tokens.h"
#include "node/tcp_address.h"
#include "tls/tls_asker.h"

enum {
	PATIENCE_S = 10, /* with an answer, and with whoever does not take the question */
	HEAD_MAX = 1024, /* bytes of the question */
};

_Static_assert(sizeof(((struct admin_asker *)0)->token) > ADMIN_TOKEN_MAX, "it has room");

int admin_asker_init(
	struct admin_asker *asker, const struct config *config, char ret_error[CONFIG_ERROR_MAX])
{
	struct admin_tokens tokens = {.count = 0};
	*asker = (struct admin_asker){.config = config};
	if (config->admin_token[0] == '\0') {
		return 0;
	}
	int err = admin_tokens_read(config->admin_token, &tokens, ret_error, CONFIG_ERROR_MAX);
	if (!err) {
		snprintf(asker->token, sizeof(asker->token), "%s", tokens.texts[0]);
	}
	admin_tokens_wipe(&tokens);
	return err;
}

void admin_asker_finish(struct admin_asker *asker)
{
	explicit_bzero(asker->token, sizeof(asker->token));
}

/* --- the line ----------------------------------------------------------------------------------
 */

/* Owner: the call of admin_asker_ask. */
struct line {
	int fd;
	struct tls_asker *tls; /* NULL: none is spoken */
};

static int dial(const struct sockaddr *address, socklen_t len, int *ret_fd)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, address, len) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static int dial_path(const char *path, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, path, strlen(path) + 1);
	return dial((const struct sockaddr *)&address, sizeof(address), ret_fd);
}

/* The first of a name's addresses at which somebody listens. */
static int dial_host(const struct address *wanted, int *ret_fd)
{
	struct tcp_address found[TCP_FOUND_MAX];
	const char *why;
	const char *host = wanted->host[0] ? wanted->host : "localhost";
	int count = tcp_address_find(host, wanted->port, found, &why);
	int err = count < 0 ? count : -EADDRNOTAVAIL;
	for (int i = 0; i < count && err; i++) {
		err = dial((const struct sockaddr *)&found[i].at, found[i].len, ret_fd);
	}
	return err;
}

static int open_line(const struct config *config, struct line *ret_line)
{
	const char *certificates[CONFIG_TLS_MAX];
	struct address address;
	int err = address_parse(config->admin, &address);
	if (!err) {
		err = address.path ? dial_path(address.path, &ret_line->fd)
				   : dial_host(&address, &ret_line->fd);
	}
	for (size_t i = 0; i < config->tls_cert_count; i++) {
		certificates[i] = config->tls_cert[i];
	}
	if (!err && config_admin_has_tls(config)) {
		err = tls_asker_create(
			ret_line->fd, certificates, config->tls_cert_count, &ret_line->tls);
	}
	return err;
}

static void close_line(struct line *line)
{
	tls_asker_destroy(&line->tls);
	if (line->fd >= 0) {
		close(line->fd);
	}
}

static int write_line(struct line *line, const char *data, size_t len)
{
	if (line->tls) {
		return tls_asker_write(line->tls, data, len);
	}
	ssize_t taken = send(line->fd, data, len, MSG_NOSIGNAL);
	return taken < 0 ? -errno : (size_t)taken == len ? 0 : -EAGAIN;
}

static ssize_t read_line(struct line *line, char *data, size_t len)
{
	if (line->tls) {
		return tls_asker_read(line->tls, data, len);
	}
	ssize_t got = recv(line->fd, data, len, 0);
	return got < 0 ? -errno : got;
}

/* --- question and answer -----------------------------------------------------------------------
 */

/* In HTTP/1.0, so that the answer is all that comes. */
static int write_question(
	const struct admin_asker *asker, struct line *line, const char *method, const char *path)
{
	char head[HEAD_MAX];
	int len = snprintf(head, sizeof(head),
		"%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n%s%s%s\r\n", method,
		path, asker->token[0] ? "Authorization: Bearer " : "", asker->token,
		asker->token[0] ? "\r\n" : "");
	int err = write_line(line, head, (size_t)len);
	explicit_bzero(head, sizeof(head));
	return err;
}

/* All that comes, with a NUL. */
static int read_answer(struct line *line, char **ret_answer)
{
	char *answer = malloc(ADMIN_ASKER_ANSWER_MAX + 1);
	size_t len = 0;
	ssize_t got = answer ? 1 : -ENOMEM;
	while (got > 0) {
		got = len < ADMIN_ASKER_ANSWER_MAX
			      ? read_line(line, answer + len, ADMIN_ASKER_ANSWER_MAX - len)
			      : -EMSGSIZE;
		len += got > 0 ? (size_t)got : 0;
	}
	if (got < 0) {
		free(answer);
		return (int)got;
	}
	answer[len] = '\0';
	*ret_answer = answer;
	return 0;
}

/* Takes the head away. Returns the status, or -EPROTO. */
static int split_answer(char *answer)
{
	struct http_head_scan scan = {.state = HTTP_HEAD_ANSWER};
	const size_t len = strlen(answer);
	struct slice head;
	struct slice parts[3];
	if (http_head_scan(&scan, answer, len, len, &head) != HTTP_HEAD_COMPLETE) {
		return -EPROTO;
	}
	const size_t head_len = head.len;
	http_head_cut_line(&head, parts);
	int status = slice_begins(parts[0], SLICE("HTTP/1.")) ? atoi(parts[1].data) : 0;
	memmove(answer, answer + head_len, len - head_len + 1);
	return status >= 100 && status < 600 ? status : -EPROTO;
}

int admin_asker_ask(struct admin_asker *asker, const char *method, const char *path,
	char **ret_body, char ret_error[CONFIG_ERROR_MAX])
{
	struct line line = {.fd = -1};
	char *answer = NULL;
	int err = open_line(asker->config, &line);
	if (!err) {
		err = write_question(asker, &line, method, path);
	}
	if (!err) {
		err = read_answer(&line, &answer);
	}
	close_line(&line);
	const int status = err ? err : split_answer(answer);
	if (status < 0) {
		free(answer);
		snprintf(ret_error, CONFIG_ERROR_MAX, "the gateway at %s: %s", asker->config->admin,
			strerrordesc_np(-status));
		return status;
	}
	*ret_body = answer;
	return status;
}
