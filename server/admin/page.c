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

/* The page may load what is served beside it, and connect to the gateway's own port. */
static void set_policy(struct admin_request *request)
{
	char policy[1024];
	char host[ADMIN_HOST_MAX];
	char sockets[2 * ADMIN_HOST_MAX + 64] = "";
	const struct listeners *listeners = request->context->listeners;
	const char *given = admin_request_header(request, "Host");
	unsigned port = 0;
	for (size_t row = 0; row < listeners->count && port == 0; row++) {
		port = listeners_port(listeners, row);
	}
	if (port && given && admin_origin_host(given, host) == 0) {
		snprintf(sockets, sizeof(sockets), " ws://%s:%u wss://%s:%u", host, port, host,
			port);
	}
	snprintf(policy, sizeof(policy),
		"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
		"connect-src 'self'%s; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
		sockets);
	admin_answer_header(&request->answer, "Content-Security-Policy", policy);
}

void admin_page_console(struct admin_request *request)
{
	const struct admin_asset *page = admin_asset_find("/");
	if (!page) {
		admin_answer_text(&request->answer, 200, NO_CONSOLE);
		return;
	}
	serve(request, page);
	set_policy(request);
}

void admin_page_file(struct admin_request *request)
{
	const struct admin_asset *asset = admin_asset_find(request->head.path);
	if (!asset) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_NOT_FOUND,
			"this gateway was built without its console");
		return;
	}
	serve(request, asset);
	admin_answer_header(&request->answer, "Content-Security-Policy",
		"default-src 'none'; frame-ancestors 'none'");
}
