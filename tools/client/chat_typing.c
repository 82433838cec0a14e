#include "chat_typing.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	READ_SIZE = 4096, /* bytes: what a terminal holds at most */
};

/* Bracketed paste: the terminal marks what is pasted, which then is no key. */
#define MARK_PASTES   "\033[?2004h"
#define UNMARK_PASTES "\033[?2004l"

bool typing_is_possible(const struct input *input, const struct show *show)
{
	return input->is_tty && show->out.is_smart;
}

int typing_create(struct input *input, struct show *show, struct typing **ret_typing)
{
	struct typing *typing = calloc(1, sizeof(*typing));
	if (!typing) {
		return -ENOMEM;
	}
	typing->input = input;
	typing->show = show;
	typing->terminal.fd = input->fd;
	input->is_fed = true;
	show->prompt.edit = &typing->edit;
	show->prompt.output = &show->out;
	*ret_typing = typing;
	return 0;
}

void typing_destroy(struct typing *typing)
{
	if (typing) {
		edit_finish(&typing->edit);
		free(typing);
	}
}

/* --- the terminal ---------------------------------------------------------------------------- */

void typing_begin(struct typing *typing)
{
	struct prompt *prompt = &typing->show->prompt;

	if (typing->input->is_at_end || !terminal_take(&typing->terminal)) {
		return;
	}
	if (!prompt->is_on) {
		output_text(prompt->output, MARK_PASTES);
	}
	prompt->is_on = true;
	prompt->is_stale = true;
	prompt_resize(prompt, terminal_columns(prompt->output->fd));
}

bool typing_has_to_wait(const struct typing *typing)
{
	return !typing->show->prompt.is_on && !typing->input->is_at_end;
}

void typing_end(struct typing *typing)
{
	struct prompt *prompt = &typing->show->prompt;

	if (!prompt->is_on) {
		return;
	}
	if (typing->edit.len > 0) {
		show_typed(typing->show, typing->edit.text, typing->edit.len);
	}
	prompt_hide(prompt);
	prompt->is_on = false;
	output_text(prompt->output, UNMARK_PASTES);
	show_flush(typing->show);
	terminal_give_back(&typing->terminal);
}

void typing_resize(struct typing *typing)
{
	struct prompt *prompt = &typing->show->prompt;
	if (prompt->is_on) {
		prompt_resize(prompt, terminal_columns(prompt->output->fd));
	}
}

/* --- keys ------------------------------------------------------------------------------------ */

bool typing_wants_input(const struct typing *typing)
{
	return typing->show->prompt.is_on && !typing->input->is_at_end &&
	       input_space(typing->input) >= EDIT_SIZE + READ_SIZE;
}

/* Returns whether more may follow. */
static bool take_key(struct typing *typing, const struct key *key)
{
	struct edit *edit = &typing->edit;

	if (key->kind == KEY_ENTER) {
		input_put_line(typing->input, edit->text, edit->len);
		show_typed(typing->show, edit->text, edit->len);
		edit_enter(edit);
	} else if (key->kind == KEY_LEAVE && edit->len == 0) {
		typing->input->is_at_end = true;
		return false;
	} else {
		edit_apply(edit, key);
	}
	typing->show->prompt.is_stale = true;
	return true;
}

void typing_read(struct typing *typing)
{
	char data[READ_SIZE];
	struct key key;

	const ssize_t len = read(typing->input->fd, data, sizeof(data));
	if (len <= 0) {
		input_note_end(typing->input, len < 0 ? errno : 0);
	} else {
		keys_feed(&typing->keys, data, (size_t)len);
	}
	while (keys_next(&typing->keys, &key) && take_key(typing, &key)) {
	}
	if (typing->input->is_at_end) {
		typing_end(typing);
	}
}
