#include "opening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../proto/subprotocol.h"
#include "options.h"
#include "scenario.h"

size_t opening_write(
	const struct options *options, uint32_t number, char ret_request[OPENING_REQUEST_MAX])
{
	const struct tokens *tokens = &options->tokens;
	const bool has_token = tokens->count > 0;
	const struct slice subprotocol = subprotocol_name(options->scenario->subprotocol);
	return (size_t)snprintf(ret_request, OPENING_REQUEST_MAX,
		"GET %s?user=u%0*u HTTP/1.1\r\n"
		"Host: %s\r\n"
		"Upgrade: websocket\r\n"
		"Connection: Upgrade\r\n"
		"Sec-WebSocket-Key: " OPENING_KEY "\r\n"
		"%s%.*s%s"
		"%s%s%s"
		"Sec-WebSocket-Version: 13\r\n\r\n",
		options->address.path, (int)options->name_len - 1, options->first_user + number,
		options->address.host, subprotocol.len ? "Sec-WebSocket-Protocol: " : "",
		(int)subprotocol.len, subprotocol.data, subprotocol.len ? "\r\n" : "",
		has_token ? "Authorization: Bearer " : "",
		has_token ? tokens_at(tokens, number) : "", has_token ? "\r\n" : "");
}

bool opening_has_value(const char *head, size_t len, struct slice value)
{
	char end[64];
	int end_len = snprintf(end, sizeof(end), "%.*s\r\n", (int)value.len, value.data);
	const char *found = memmem(head, len, end, (size_t)end_len);
	return found && (found[-1] == ' ' || found[-1] == ':');
}

int opening_status(const char *head, size_t len)
{
	static const char version[] = "HTTP/1.1 ";
	if (len < sizeof(version) + 3 || memcmp(head, version, sizeof(version) - 1) != 0) {
		return 0;
	}
	int status = atoi(head + sizeof(version) - 1);
	const bool fits = opening_has_value(head, len, SLICE(OPENING_ACCEPT));
	return status == OPENING_SWITCHED && !fits ? 0 : status;
}
