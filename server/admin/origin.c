#include "origin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "../config/address.h"

/* --- Host --------------------------------------------------------------------------------------
 */

int admin_origin_host(const char *host, char ret_name[ADMIN_HOST_MAX])
{
	uint16_t port;
	size_t len = address_host_len(host);
	bool is_whole =
		host[len] == '\0' || (host[len] == ':' && address_port(host + len + 1, &port) == 0);
	if (len == 0 || len >= ADMIN_HOST_MAX || !is_whole) {
		return -EINVAL;
	}
	memcpy(ret_name, host, len);
	ret_name[len] = '\0';
	return 0;
}

/* Names that stand for this machine wherever they are looked up. */
static bool is_loopback(const char *name)
{
	struct in_addr in;
	struct in6_addr in6;
	char address[INET6_ADDRSTRLEN];
	size_t len = strlen(name);
	if (strcasecmp(name, "localhost") == 0) {
		return true;
	}
	if (inet_pton(AF_INET, name, &in) == 1) {
		return ntohl(in.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	if (name[0] != '[' || len - 2 >= sizeof(address)) {
		return false;
	}
	memcpy(address, name + 1, len - 2);
	address[len - 2] = '\0';
	return inet_pton(AF_INET6, address, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
}

/* --- Origin ------------------------------------------------------------------------------------
 */

/* Whether an Origin is that of the page this host itself has served, by us or a proxy with TLS. */
static bool is_own_origin(const char *origin, const char *host)
{
	static const char *const schemes[] = {"http://", "https://"};
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i]);
		if (strncmp(origin, schemes[i], len) == 0 && strcasecmp(origin + len, host) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_own_page(const struct admin_origin_head *head)
{
	if (head->origin && (!head->host || !is_own_origin(head->origin, head->host))) {
		return false;
	}
	if (!head->fetch_site || strcmp(head->fetch_site, "same-origin") == 0 ||
		strcmp(head->fetch_site, "none") == 0) {
		return true;
	}
	/* Followed by a person, a link may lead here from anywhere. */
	return head->is_page && head->fetch_mode && strcmp(head->fetch_mode, "navigate") == 0;
}

/* --- the token ---------------------------------------------------------------------------------
 */

/* Both are laid out in full, so that the time taken tells nothing of either. */
static bool is_token(const struct admin_origin *origin, const char *given)
{
	char ours[ADMIN_TOKEN_MAX + 1] = "";
	char theirs[ADMIN_TOKEN_MAX + 1] = "";
	size_t len = strnlen(given, ADMIN_TOKEN_MAX + 1);
	memcpy(ours, origin->token, origin->token_len);
	memcpy(theirs, given, len <= ADMIN_TOKEN_MAX ? len : 0);
	return sodium_memcmp(ours, theirs, sizeof(ours)) == 0;
}

static enum admin_verdict judge_token(
	const struct admin_origin *origin, const struct admin_origin_head *head)
{
	static const char SCHEME[] = "Bearer ";
	size_t len = sizeof(SCHEME) - 1;
	if (head->is_open || origin->token_len == 0) {
		return ADMIN_WELCOME;
	}
	if (!head->authorization || strncasecmp(head->authorization, SCHEME, len) != 0) {
		return ADMIN_NO_TOKEN;
	}
	const char *given = head->authorization + len;
	return is_token(origin, given + strspn(given, " ")) ? ADMIN_WELCOME : ADMIN_WRONG_TOKEN;
}

/* Whether it asks under a name that it may. */
static enum admin_verdict judge_host(
	const struct admin_origin *origin, const struct admin_origin_head *head)
{
	char name[ADMIN_HOST_MAX];
	/* With a token a name of somebody else is of no use to him: his page does not know it. */
	bool is_trusting = origin->token_len == 0 && !origin->is_unix;
	if (!head->host && head->may_lack_host) {
		return is_trusting && !head->is_open ? ADMIN_BAD_HOST : ADMIN_WELCOME;
	}
	bool is_one = head->host_count == 1 || (head->host_count == 0 && head->may_lack_host);
	if (!is_one || admin_origin_host(head->host, name) < 0) {
		return ADMIN_BAD_HOST;
	}
	bool is_ours = is_loopback(name) || strcasecmp(name, origin->host) == 0;
	return is_trusting && !is_ours ? ADMIN_WRONG_HOST : ADMIN_WELCOME;
}

enum admin_verdict admin_origin_judge(
	const struct admin_origin *origin, const struct admin_origin_head *head)
{
	enum admin_verdict verdict = judge_host(origin, head);
	if (verdict != ADMIN_WELCOME) {
		return verdict;
	}
	if (!is_own_page(head)) {
		return ADMIN_FOREIGN_ORIGIN;
	}
	return judge_token(origin, head);
}

static int fail(char *ret_error, size_t size, const char *path, const char *what)
{
	snprintf(ret_error, size, "admin_token: %.200s: %s", path, what);
	return -EINVAL;
}

static int take_line(struct admin_origin *origin, const char *line, size_t len)
{
	size_t token_len = 0;
	while (token_len < len && isgraph((unsigned char)line[token_len])) {
		token_len++;
	}
	size_t rest = token_len;
	rest += rest < len && line[rest] == '\r';
	bool is_line = rest == len || line[rest] == '\n';
	if (!is_line || token_len < ADMIN_TOKEN_MIN || token_len > ADMIN_TOKEN_MAX) {
		return -EINVAL;
	}
	memcpy(origin->token, line, token_len);
	origin->token[token_len] = '\0';
	origin->token_len = token_len;
	return 0;
}

int admin_origin_read_token(
	struct admin_origin *origin, const char *path, char *ret_error, size_t error_size)
{
	char line[ADMIN_TOKEN_MAX + 2];
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0) {
		int err = -errno;
		if (fd >= 0) {
			close(fd);
		}
		fail(ret_error, error_size, path, strerrordesc_np(-err));
		return err;
	}
	ssize_t len = read(fd, line, sizeof(line));
	close(fd);
	if (status.st_mode & S_IRWXO) {
		return fail(ret_error, error_size, path,
			"others may read or write it: chmod o-rwx takes that from them");
	}
	if (len < 0 || take_line(origin, line, (size_t)len) < 0) {
		return fail(ret_error, error_size, path,
			"its first line must be a token of 16 to 256 printable characters without a space "
			"(head -c 24 /dev/urandom | base64 makes one)");
	}
	return 0;
}

void admin_origin_ask_for_token(const char *address, char *ret_error, size_t error_size)
{
	snprintf(ret_error, error_size,
		"admin: %s can be reached from other machines, so it needs a token: --admin-token "
		"FILE",
		address);
}
