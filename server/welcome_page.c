#include "welcome_page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../proto/assert.h"

/* Where the console's URL belongs; once in the page. */
static const char MARK[] = "{{console}}";

int welcome_page_make(struct welcome *welcome, const char *console_url)
{
	const char *body = (const char *)welcome_page_body;
	const char *mark = memmem(body, welcome_page_body_len, MARK, strlen(MARK));
	ASSERT(mark);
	const char *behind = mark + strlen(MARK);
	const int before_len = (int)(mark - body);
	const int behind_len = (int)(body + welcome_page_body_len - behind);
	char *answer;
	int len = asprintf(&answer,
		"HTTP/1.1 200 OK\r\n"
		"Connection: close\r\n"
		"Content-Type: text/html; charset=utf-8\r\n"
		"Content-Length: %zu\r\n"
		"Content-Security-Policy: %s\r\n"
		"X-Content-Type-Options: nosniff\r\n"
		"Referrer-Policy: no-referrer\r\n"
		"Cache-Control: no-store\r\n"
		"Vary: Accept\r\n"
		"\r\n"
		"%.*s%s%.*s",
		(size_t)before_len + strlen(console_url) + (size_t)behind_len, welcome_page_policy,
		before_len, body, console_url, behind_len, behind);
	if (len < 0) {
		return -ENOMEM;
	}
	welcome->answer = answer;
	welcome->len = (size_t)len;
	welcome->head_len = (size_t)(strstr(answer, "\r\n\r\n") + 4 - answer);
	return 0;
}

void welcome_page_finish(struct welcome *welcome)
{
	free(welcome->answer);
	*welcome = (struct welcome){.answer = NULL};
}
