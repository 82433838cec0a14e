#include "page.h"

#include <stdio.h>
#include <string.h>

#include "assets.h"

static const char NO_CONSOLE[] =
	"This gateway was built without its console: esbuild was missing (Debian: esbuild), or meson was "
	"told -Dconsole=disabled.\n"
	"The rest of the admin port is here: /metrics, /v1/status and what /openapi.json describes.\n";

static void serve(struct admin_request *request, const struct admin_asset *asset)
{
	const char *known = admin_request_header(request, "If-None-Match");
	if (known && strstr(known, asset->etag)) {
		admin_answer_static(&request->answer, 304, NULL, NULL, 0);
	} else {
		admin_answer_static(&request->answer, 200, asset->type, asset->data, asset->len);
	}
	admin_answer_header(&request->answer, "ETag", asset->etag);
	admin_answer_header(&request->answer, "Cache-Control", "no-cache");
}

/* Where the page's WebSockets may go: to the gateway's own port, by the name that the page is open
 * under and by those of this machine, which people type in its developer tools. In a demonstration
 * of several nodes to those of the same machine too. */
static void name_sockets(const struct admin_request *request, char *ret_sources, size_t size)
{
	char host[ADMIN_HOST_MAX];
	const char *given = admin_request_header(request, "Host");
	const char *names[] = {"localhost", "127.0.0.1", host};
	const struct config *config = &request->context->config;
	bool is_tls;
	const unsigned port = listeners_browser_port(
		request->context->listeners, request->context->tls != NULL, &is_tls);
	char which[8] = "*";
	bool is_another = given && admin_origin_host(given, host) == 0 &&
			  strcmp(host, names[0]) != 0 && strcmp(host, names[1]) != 0;
	size_t count = port == 0 ? 0 : is_another ? 3 : 2;
	size_t at = 0;
	ret_sources[0] = '\0';
	if (!config->demo || config->cluster[0] == '\0') {
		snprintf(which, sizeof(which), "%u", port);
	}
	for (size_t i = 0; i < count; i++) {
		at += (size_t)snprintf(ret_sources + at, size - at, " ws://%s:%s wss://%s:%s",
			names[i], which, names[i], which);
	}
}

/* The page may load what is served beside it. */
static void set_policy(struct admin_request *request)
{
	char policy[1280];
	char sockets[2 * ADMIN_HOST_MAX + 256];
	name_sockets(request, sockets, sizeof(sockets));
	snprintf(policy, sizeof(policy),
		"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
		"connect-src 'self'%s; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
		sockets);
	admin_answer_header(&request->answer, "Content-Security-Policy", policy);
}

/* Chromium takes no IPv6 address in a policy, however it is spelled: a page at `[::1]` would not
 * reach the gateway. The same machine has another name, to which it is sent on. */
static bool send_on(struct admin_request *request)
{
	static const char LOOPBACK[] = "[::1]";
	char location[ADMIN_HOST_MAX];
	const char *host = admin_request_header(request, "Host");
	if (!host || strncmp(host, LOOPBACK, strlen(LOOPBACK)) != 0) {
		return false;
	}
	snprintf(location, sizeof(location), "//localhost%s/", host + strlen(LOOPBACK));
	admin_answer_text(&request->answer, 307, "");
	admin_answer_header(&request->answer, "Location", location);
	return true;
}

void admin_page_console(struct admin_request *request)
{
	const struct admin_asset *page = admin_asset_find("/");
	if (!page) {
		admin_answer_text(&request->answer, 200, NO_CONSOLE);
	} else if (!send_on(request)) {
		serve(request, page);
		set_policy(request);
	}
}

void admin_page_file(struct admin_request *request)
{
	const struct admin_asset *asset = admin_asset_find(request->head.path);
	if (!asset) {
		admin_answer_problem(&request->answer, PROBLEM_NOT_FOUND,
			"this gateway was built without its console");
		return;
	}
	serve(request, asset);
	admin_answer_header(&request->answer, "Content-Security-Policy",
		"default-src 'none'; frame-ancestors 'none'");
}
