#include "tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum {
	DUE_FIRST = 700, /* thousandths of what is left of a session */
	DUE_SPREAD = 200,
};

void tokens_init(struct tokens *tokens)
{
	*tokens = (struct tokens){.answer_by = MOMENT_NEVER, .due_at = MOMENT_NEVER};
}

void tokens_finish(struct tokens *tokens)
{
	free(tokens->token);
	free(tokens->refused);
	tokens_init(tokens);
}

int tokens_take(struct tokens *tokens, const char *token)
{
	if (token && tokens->refused && strcmp(token, tokens->refused) == 0) {
		return -EALREADY;
	}
	const int err = text_replace(&tokens->token, token);
	if (err == 0) {
		tokens->is_unshown = token != NULL;
	}
	return err;
}

bool tokens_ask(struct tokens *tokens, uint64_t now_ms)
{
	const bool is_new = !tokens->is_asked;
	if (is_new) {
		tokens->is_asked = true;
		tokens->answer_by = now_ms + TOKENS_ANSWER_MS;
	}
	tokens->due_at = MOMENT_NEVER;
	return is_new;
}

bool tokens_end_asking(struct tokens *tokens)
{
	const bool dial_waits = tokens->dial_waits;
	tokens->is_asked = false;
	tokens->dial_waits = false;
	tokens->answer_by = MOMENT_NEVER;
	return dial_waits;
}

void tokens_refuse(struct tokens *tokens)
{
	if (text_replace(&tokens->refused, tokens->token) < 0) {
		text_replace(&tokens->refused, NULL);
	}
}

void tokens_show(struct tokens *tokens, uint64_t now_ms)
{
	tokens->is_unshown = false;
	tokens->due_at = MOMENT_NEVER;
	tokens->not_before = now_ms + TOKENS_APART_MS;
}

void tokens_accept(struct tokens *tokens)
{
	tokens->failures = 0;
	text_replace(&tokens->refused, NULL);
}

void tokens_plan(struct tokens *tokens, uint32_t seconds_left, uint32_t random, uint64_t now_ms)
{
	const uint64_t part = DUE_FIRST + ((uint64_t)random * DUE_SPREAD >> 32);
	tokens_put_off(tokens, 0, now_ms);
	if (tokens->due_at < now_ms + seconds_left * part) {
		tokens->due_at = now_ms + seconds_left * part;
	}
}

void tokens_put_off(struct tokens *tokens, uint32_t delay_ms, uint64_t now_ms)
{
	tokens->due_at = now_ms + delay_ms;
	if (tokens->due_at < tokens->not_before) {
		tokens->due_at = tokens->not_before;
	}
}
