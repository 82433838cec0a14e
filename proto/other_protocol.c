#include "other_protocol.h"

#define SIGN(literal) literal, sizeof(literal) - 1

static const struct {
	const char *sign;
	size_t len;
	size_t enough; /* bytes of it that nothing else begins with */
	const char *advice;
} protocols[] = {
	{SIGN("\x16\x03"), 1, "TLS on a plain port: use ws://, or a port for wss://."},
	{SIGN("PROXY "), 6, "A PROXY header: the proxy protocol is not spoken here."},
	{SIGN("\r\n\r\n\0\r\nQUIT\n"), 5, "A PROXY header: the proxy protocol is not spoken here."},
	{SIGN("PRI * HTTP/2.0\r\n"), 14, "HTTP/2 is not spoken here: use HTTP/1.1."},
	{SIGN("SSH-"), 4, "SSH on a port for WebSockets."},
};

const char *other_protocol_advice(struct slice begun)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		const size_t len = begun.len < protocols[i].len ? begun.len : protocols[i].len;
		if (len >= protocols[i].enough && memcmp(begun.data, protocols[i].sign, len) == 0) {
			return protocols[i].advice;
		}
	}
	return NULL;
}
