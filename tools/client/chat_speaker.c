#include "chat_speaker.h"

#include <inttypes.h>
#include <stdio.h>

#include "../../proto/packet.h"

/* --- texts ----------------------------------------------------------------------------------- */

/* The gateway's answer is waited for where there is one: it tells more than that the kernel took
 * the text. */
static enum tg_status say_to(struct speaker *speaker, const char *audience, struct slice text)
{
	speaker->waits = SPEAKER_ANSWER;
	speaker->is_to_all = !*audience;
	return tg_client_say(speaker->client, audience, text.data, text.len, &speaker->id);
}

static enum tg_status say_to_all(struct speaker *speaker, struct slice text)
{
	const bool is_v1 = tg_client_protocol(speaker->client) == TG_PROTOCOL_V1;

	if (is_v1 && !speaker->uses_packets) {
		return say_to(speaker, "", text);
	}
	speaker->waits = SPEAKER_KERNEL;
	return speaker->uses_packets
		       ? tg_client_send_packet(speaker->client, PACKET_TEXT, text.data, text.len)
		       : tg_client_send_text(speaker->client, text.data, text.len);
}

static enum tg_status say(struct speaker *speaker, struct slice text)
{
	return *speaker->audience ? say_to(speaker, speaker->audience, text)
				  : say_to_all(speaker, text);
}

/* --- commands -------------------------------------------------------------------------------- */

/* Writes an audience, or a room without its mark. Whoever is called longer than anybody can be is
 * nobody. */
static enum tg_status write_name(
	const struct audience *audience, bool has_mark, char *ret_name, size_t size)
{
	const char *mark = !has_mark || audience->kind == AUDIENCE_EVERYBODY ? ""
			   : audience->kind == AUDIENCE_USER                 ? "@"
									     : "#";
	const int len = snprintf(
		ret_name, size, "%s%.*s", mark, (int)audience->name.len, audience->name.data);
	return (size_t)len < size ? TG_OK : TG_ERR_BAD_NAME;
}

static enum tg_status say_to_named(struct speaker *speaker, const struct command *command)
{
	char audience[AUDIENCE_MAX + 1];
	const enum tg_status status =
		write_name(&command->audience, true, audience, sizeof(audience));
	return status == TG_OK ? say_to(speaker, audience, command->text) : status;
}

static enum tg_status join(struct speaker *speaker, const struct audience *audience)
{
	char room[USER_NAME_MAX + 1];
	const enum tg_status status = write_name(audience, false, room, sizeof(room));
	return status == TG_OK ? tg_client_join(speaker->client, room, true, NULL) : status;
}

static void speak_to(struct speaker *speaker, const char *audience)
{
	snprintf(speaker->audience, sizeof(speaker->audience), "%s", audience);
	show_reply(speaker->show, "what is typed goes to %s", *audience ? audience : "everybody");
}

static enum tg_status speak_in(struct speaker *speaker, const struct command *command)
{
	char audience[AUDIENCE_MAX + 1];
	enum tg_status status = write_name(&command->audience, true, audience, sizeof(audience));

	if (status == TG_OK &&
		audience_of((struct slice){audience, strlen(audience)}).kind == AUDIENCE_INVALID) {
		status = TG_ERR_BAD_NAME;
	}
	if (status == TG_OK && *audience && tg_client_protocol(speaker->client) != TG_PROTOCOL_V1) {
		status = TG_ERR_NOT_SPOKEN;
	}
	if (status == TG_OK && command->audience.kind == AUDIENCE_ROOM) {
		status = join(speaker, &command->audience);
	}
	if (status == TG_OK) {
		speak_to(speaker, audience);
	}
	return status;
}

static enum tg_status leave(struct speaker *speaker, const struct command *command)
{
	char room[USER_NAME_MAX + 1];
	enum tg_status status = write_name(&command->audience, false, room, sizeof(room));

	if (status == TG_OK && tg_client_protocol(speaker->client) != TG_PROTOCOL_V1) {
		status = TG_ERR_NOT_SPOKEN;
	}
	if (status == TG_OK) {
		speaker->waits = SPEAKER_LEAVE;
		status = tg_client_leave(speaker->client, room, &speaker->id);
	}
	if (status == TG_OK && speaker->audience[0] == '#' &&
		strcmp(speaker->audience + 1, room) == 0) {
		speak_to(speaker, "");
	}
	return status;
}

/* Without a room it is the one that is spoken in. */
static enum tg_status list(struct speaker *speaker, const struct command *command)
{
	enum tg_status status =
		write_name(&command->audience, false, speaker->listed, sizeof(speaker->listed));

	if (command->audience.kind == AUDIENCE_EVERYBODY && speaker->audience[0] != '#') {
		show_error(speaker->show, "which room? /who ROOM");
		return TG_ERR_ARGUMENT;
	}
	if (command->audience.kind == AUDIENCE_EVERYBODY) {
		snprintf(speaker->listed, sizeof(speaker->listed), "%s", speaker->audience + 1);
	}
	if (status == TG_OK) {
		speaker->waits = SPEAKER_PAGES;
		status = tg_client_list(speaker->client, speaker->listed, NULL, &speaker->id);
	}
	return status;
}

static enum tg_status request(struct speaker *speaker, struct slice text)
{
	speaker->waits = SPEAKER_ANSWER;
	speaker->is_to_all = false;
	return tg_client_request(speaker->client, text.data, text.len, &speaker->id);
}

static enum tg_status help(struct speaker *speaker)
{
	const char *line;
	for (size_t i = 0; (line = command_help(i)); i++) {
		show_reply(speaker->show, "%s", line);
	}
	return TG_OK;
}

static enum tg_status refuse(struct speaker *speaker, const struct command *command)
{
	if (command->kind == COMMAND_MISUSED) {
		show_error(speaker->show, "usage: %s", command->usage);
	} else {
		show_error(speaker->show,
			"no command is called %.*s: /help shows them, and a line that begins with "
			"// says /...",
			(int)command->word.len, command->word.data);
	}
	return TG_ERR_ARGUMENT;
}

enum tg_status speaker_say(struct speaker *speaker, const struct input_line *line)
{
	const struct slice text = {line->data, line->len};

	speaker_forget(speaker);
	if (!speaker->takes_commands) {
		return say(speaker, text);
	}
	const struct command command = command_of(line->data, line->len);
	switch (command.kind) {
	case COMMAND_SAY:
		return say(speaker, command.text);
	case COMMAND_TO:
		return say_to_named(speaker, &command);
	case COMMAND_IN:
		return speak_in(speaker, &command);
	case COMMAND_JOIN:
		return join(speaker, &command.audience);
	case COMMAND_LEAVE:
		return leave(speaker, &command);
	case COMMAND_WHO:
		return list(speaker, &command);
	case COMMAND_REQUEST:
		return request(speaker, command.text);
	case COMMAND_HELP:
		return help(speaker);
	case COMMAND_NONE:
	case COMMAND_MISUSED:
		break;
	}
	return refuse(speaker, &command);
}

void speaker_forget(struct speaker *speaker)
{
	speaker->waits = SPEAKER_NOTHING;
	speaker->id = 0;
}

/* --- what comes of it ------------------------------------------------------------------------ */

/* The line to the gateway has ended: what becomes of it is told by the change of state. */
static bool is_left_open(const struct speaker *speaker, const struct tg_answer *answer)
{
	const enum tg_state state = tg_client_state(speaker->client);
	return answer->status == TG_ERR_UNKNOWN && state != TG_STATE_CONNECTED &&
	       state != TG_STATE_CLOSING;
}

static bool is_good(const struct speaker *speaker, const struct tg_answer *answer)
{
	return answer->status == TG_OK ||
	       (answer->status == TG_ERR_NOBODY_THERE && speaker->is_to_all &&
		       speaker->waits == SPEAKER_ANSWER);
}

static enum speaker_finding on_join(struct speaker *speaker, const struct tg_answer *answer)
{
	if (answer->status == TG_OK) {
		show_state(speaker->show, "in #%.*s (%" PRIu32 " there)", (int)answer->room.len,
			answer->room.data, answer->count);
		return SPEAKER_GOES_ON;
	}
	show_error(speaker->show, "not in #%.*s: %s", (int)answer->room.len, answer->room.data,
		tg_status_text(answer->status));
	return SPEAKER_REFUSED_ANOTHER;
}

enum speaker_finding speaker_on_answer(struct speaker *speaker, const struct tg_answer *answer)
{
	if (answer->room.len > 0) {
		return on_join(speaker, answer);
	}
	if (answer->id == 0) { /* a text that went as a packet */
		show_error(
			speaker->show, "a text to everybody: %s", tg_status_text(answer->status));
		return SPEAKER_REFUSED_ANOTHER;
	}
	if (answer->id != speaker->id || is_left_open(speaker, answer)) {
		return SPEAKER_GOES_ON;
	}
	speaker->refusal = answer->status;
	return is_good(speaker, answer) ? SPEAKER_DONE : SPEAKER_REFUSED;
}

enum speaker_finding speaker_on_reply(struct speaker *speaker, const struct tg_reply *reply)
{
	if (reply->id != speaker->id) {
		return SPEAKER_GOES_ON;
	}
	show_reply(speaker->show, "reply: %.*s", (int)reply->len, reply->data);
	return SPEAKER_DONE;
}

enum speaker_finding speaker_on_page(struct speaker *speaker, const struct tg_page *page)
{
	char last[USER_NAME_MAX + 1] = "";

	if (page->id != speaker->id) {
		return SPEAKER_GOES_ON;
	}
	for (size_t i = 0; i < page->count; i++) {
		show_reply(speaker->show, "in #%s: %.*s", speaker->listed, (int)page->users[i].len,
			page->users[i].data);
	}
	if (page->is_last || page->count == 0) {
		return SPEAKER_DONE;
	}
	const struct tg_name *user = &page->users[page->count - 1];
	snprintf(last, sizeof(last), "%.*s", (int)user->len, user->data);
	speaker->refusal = tg_client_list(speaker->client, speaker->listed, last, &speaker->id);
	return speaker->refusal == TG_OK ? SPEAKER_GOES_ON : SPEAKER_REFUSED;
}

void speaker_on_members(struct speaker *speaker, const struct tg_members *members)
{
	const int room_len = (int)members->room.len;
	const char *room = members->room.data;
	const int user_len = (int)members->user.len;
	const char *user = members->user.data;

	switch (members->change) {
	case TG_MEMBERS_CAME:
		show_state(speaker->show, "%.*s came to #%.*s (%" PRIu32 " there)", user_len, user,
			room_len, room, members->count);
		break;
	case TG_MEMBERS_WENT:
		show_state(speaker->show, "%.*s left #%.*s (%" PRIu32 " there)", user_len, user,
			room_len, room, members->count);
		break;
	case TG_MEMBERS_COUNTED:
		show_state(
			speaker->show, "#%.*s: %" PRIu32 " there", room_len, room, members->count);
		break;
	case TG_MEMBERS_TAKEN_OUT:
		show_reply(speaker->show, "taken out of #%.*s", room_len, room);
		break;
	}
}
