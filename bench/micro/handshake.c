/* A login's request head, found and judged; the Sec-WebSocket-Accept is computed too. */
#include <string.h>

#include "../../proto/handshake.h"
#include "../measure.h"

enum {
	HEADS = 1024,
	HEAD_MAX = 16384, /* bytes */
};

#define UPGRADE                                                                                    \
	"Connection: Upgrade\r\n"                                                                  \
	"Upgrade: websocket\r\n"                                                                   \
	"Sec-WebSocket-Version: 13\r\n"                                                            \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static const char plain[] = "GET /?user=user000042 HTTP/1.1\r\n"
			    "Host: 127.0.0.1:8000\r\n" UPGRADE "\r\n";

static const char browser[] =
	"GET /?user=alice HTTP/1.1\r\n"
	"Host: localhost:8000\r\n"
	"Pragma: no-cache\r\n"
	"Cache-Control: no-cache\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
	"Chrome/126.0.0.0 Safari/537.36\r\n"
	"Origin: http://localhost:8080\r\n"
	"Accept-Encoding: gzip, deflate, br, zstd\r\n"
	"Accept-Language: en-US,en;q=0.9\r\n"
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" UPGRADE "\r\n";

struct login {
	struct slice data;
	size_t piece; /* bytes that come at once */
	uint64_t accepted;
};

static void take_head(struct login *login)
{
	struct http_head_scan scan = {.state = HTTP_HEAD_REQUEST};
	struct handshake_request request;
	struct slice head;
	size_t fed = 0;
	enum http_head_progress progress;
	do {
		size_t left = login->data.len - fed;
		fed += left < login->piece ? left : login->piece;
		progress = http_head_scan(&scan, login->data.data, fed, HEAD_MAX, &head);
	} while (progress == HTTP_HEAD_MORE);
	handshake_judge(head, &request);
	login->accepted += request.status == 101 && request.user_valid;
}

static void take_heads(void *context)
{
	struct login *login = context;
	login->accepted = 0;
	for (int i = 0; i < HEADS; i++) {
		take_head(login);
	}
}

static void check_accepted(void *context)
{
	const struct login *login = context;
	CHECK(login->accepted == HEADS);
}

static void measure_head(const char *name, struct slice data, size_t piece)
{
	struct login login = {.data = data, .piece = piece};
	measure_run(&(struct measure){.name = name,
		.ops = HEADS,
		.bytes = data.len,
		.run = take_heads,
		.verify = check_accepted,
		.context = &login});
}

int main(void)
{
	measure_begin("handshake");
	measure_head("a plain client's head", SLICE(plain), SIZE_MAX);
	measure_head("a browser's head", SLICE(browser), SIZE_MAX);
	measure_head("a browser's head, byte by byte", SLICE(browser), 1);
	return 0;
}
