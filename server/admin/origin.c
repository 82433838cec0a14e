#include "origin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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

static enum admin_verdict judge_token(
	const struct admin_origin *origin, const struct admin_origin_head *head)
{
	static const char SCHEME[] = "Bearer ";
	size_t len = sizeof(SCHEME) - 1;
	if (head->is_open || origin->tokens.count == 0) {
		return ADMIN_WELCOME;
	}
	if (!head->authorization || strncasecmp(head->authorization, SCHEME, len) != 0) {
		return ADMIN_NO_TOKEN;
	}
	const char *given = head->authorization + len;
	given += strspn(given, " ");
	return admin_tokens_have(&origin->tokens, given) ? ADMIN_WELCOME : ADMIN_WRONG_TOKEN;
}

/* Whether it asks under a name that it may. */
static enum admin_verdict judge_host(
	const struct admin_origin *origin, const struct admin_origin_head *head)
{
	char name[ADMIN_HOST_MAX];
	/* With a token a name of somebody else is of no use to him: his page does not know it. */
	bool is_trusting = origin->tokens.count == 0 && !origin->is_unix;
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

/* --- who reaches the port ----------------------------------------------------------------------
 */

int admin_origin_check_reach(
	const char *address, uint32_t tokens, bool may_travel, char *ret_error, size_t error_size)
{
	if (tokens > 0 && may_travel) {
		return 0;
	}
	snprintf(ret_error, error_size, "admin: %s can be reached from other machines%s%s", address,
		tokens > 0 ? "" : ", so it needs a token: --admin-token FILE",
		may_travel ? ""
			   : ", and requests with their token would travel in clear: give it TLS "
			     "by --admin-tls, listen on a loopback address or unix:PATH, behind a "
			     "reverse proxy that has TLS, or accept it by --admin-plain");
	return -EINVAL;
}
